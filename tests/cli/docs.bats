# The documents say what is: manual pages against --help, commands in code blocks against programs and Makefile,
# examples by running them.
load helpers

TOP=$(readlink -f "$BATS_TEST_DIRNAME/../..")

# --- manual pages -----------------------------------------------------------------------------------------------
# Commands, usages and options, a line each ("run: -b, --bundle DIR"): of what --help prints, whose second column
# begins at the 42nd character (on a line of its own where the first is too long), and of a manual page.
told_by_help() {
	local command
	"$1" --help | sed 's/^/: /'
	# One of two words is "template_create" here.
	# shellcheck disable=SC2086
	for command in $("$1" --help | commands_of_help); do "$1" ${command/_/ } --help | sed "s/^/$command: /"; done
}
lines_of_help() {
	told_by_help "$1" | awk '
		{ command = $1; sub(/^[^ ]* /, "") }
		command == ":" && /^commands:/ { listed = 1 }
		/^$/ { listed = 0 }
		listed && /^  [a-z-]+ / { name = substr($0, 3, 16); sub(/ +$/, "", name); sub(/ /, "_", name); print "command " name }
		command != ":" && sub(/^usage: /, "") { print command " " $0; next }
		/^  [- ][^ ]?,? *--/ {
			at = substr($0, 3)
			if (substr(at, 39, 1) == " ") at = substr(at, 1, 38)
			gsub(/^ +| +$/, "", at)
			print command " " at
		}'
}
lines_of_page() {
	awk '
		/^\.Sh / { listed = $2 == "COMMANDS"; command = "" }
		/^\.Ss / { name = NF == 3 ? $2 "_" $3 : $2; command = $2 == "General" ? ":" : name ":" }
		listed && /^\.Ss / { print "command " (name == "General_options" ? "General" : name) }
		listed && /^\.Ss / { usage = 1 }
		# "The options of run but name rm": they are told about there.
		/^\.\\" The options of run but / {
			for (i = 1; i <= n; i++) {
				split(of_run[i], w, "--"); sub(/ .*/, "", w[2])
				if (index($0 " ", " " w[2] " ") == 0) print command " " of_run[i]
			}
		}
		usage && sub(/^\.Dl /, "") { print command " " $0; usage = 0 }
		command && /^\.It Fl/ { sub(/^\.It /, ""); gsub(/Fl /, "-"); sub(/ , /, ", "); sub(/ Ar /, " "); print command " " $0
			if (command == "run:") of_run[++n] = $0 }' "$1"
}
commands_of_help() { sed -n '/^commands:/,/^$/s/^  \([a-z-]*\) \([a-z]*\) .*/\1_\2/p' | sed 's/_$//'; }
options_of_help() { sed -n 's/^  \([- ][^ ]\?,\? *--.*\)$/\1/p' | sed 's/^\(.\{38\}\) .*/\1/'; }

page_tells() {
	local page=$TOP/cmd/$1.1
	diff -u --label "$1 --help" <(lines_of_help "$1" | sort -s -k 1,1) --label "$page" <(lines_of_page "$page" | sort -s -k 1,1) >&2
	[ "$(lines_of_page "$page" | wc -l)" -gt 50 ]
}

@test "cowrun.1 has the commands and options of --help, and no others" { page_tells cowrun; }
@test "cow.1 has the commands and options of --help, and no others" { page_tells cow; }

@test "every option is told about" {
	run awk 'last && /^\.(It|El)/ { print FILENAME ": " last } { last = /^\.It Fl/ ? $0 : "" }' "$TOP"/cmd/*.1
	assert_output ''
}

# --- code blocks ------------------------------------------------------------------------------------------------
# Lines of code blocks that begin with one of our commands, without prompt and comment: FILE LINE...
code_lines() {
	local file
	for file in README.md CONTRIBUTING.md examples/README.md examples/copy-on-write/README.md examples/density/README.md; do
		awk -v file="$file" '
			/^```/ { on = !on; next }
			!on && !/^    / { next }
			{ sub(/^ *(\$ )?/, ""); sub(/ +(#|&&|\|).*/, "") }
			/^(cow|cowrun|make|(tests|examples)\/[a-z]+)( |$)/ { print file, $0 }' "$TOP/$file"
	done
}

# program_knows PROGRAM COMMAND WORD...: it has the command, and the long options that stand before all else. What
# --help says is asked for once.
declare -gA HELP
program_knows() {
	local program=$1 command=$2
	shift 2
	if [ "$command" = template ] && [[ ${1:-} == [a-z]* ]]; then command+=_$1 && shift; fi
	[ -n "${HELP[$program]:-}" ] || HELP[$program]=$'\n'$("$program" --help | commands_of_help)$'\n'
	[[ ${HELP[$program]} == *$'\n'"$command"$'\n'* ]] || { say "no command '$command'"; return 1; }
	# shellcheck disable=SC2086 # two words
	[ -n "${HELP[$program $command]:-}" ] || HELP[$program $command]=$("$program" ${command/_/ } --help | options_of_help)
	while [[ ${1:-} == -* ]]; do
		[[ $1 != --* || ${HELP[$program $command]} =~ (^|[[:space:]])"${1%%=*}"([[:space:]]|$) ]] || { say "no option '$1'"; return 1; }
		shift
	done
}

@test "commands in code blocks exist" {
	local file program words n=0
	while read -r file program words; do
		n=$((n + 1))
		# shellcheck disable=SC2086 # split into words on purpose
		case $program in
		cow|cowrun) program_knows "$program" $words ;;
		make) for word in $words; do [[ $word == *=* ]] || grep -q "^$word:" "$TOP/Makefile"; done ;;
		*) [ -x "$TOP/$program" ] ;;
		esac || { say "$file: $program $words"; return 1; }
	done < <(code_lines)
	[ "$n" -gt 20 ]
}

@test "links lead somewhere" {
	local file link
	while IFS=: read -r file link; do
		link=${link#*\](}
		link=${link%)}
		case $link in
		http*) continue ;;
		'#'*) continue ;;
		esac
		[[ $file != */* ]] || link=${file%/*}/$link
		[ -e "$TOP/${link%%#*}" ] || { say "$file: '$link' does not exist"; return 1; }
	done < <(cd "$TOP" && grep -oE '\]\([^)]+\)' README.md CONTRIBUTING.md CHANGELOG.md examples/README.md \
		examples/copy-on-write/README.md examples/density/README.md)
}

# --- examples ---------------------------------------------------------------------------------------------------
example() { "$TOP/examples/bundle" "$1" "$SCRATCH/$1"; }

@test "every example can be made and removed" {
	local config name
	need_program busybox
	for config in "$TOP"/examples/*/config.json; do
		name=$(basename "$(dirname "$config")")
		example "$name"
		run jq 'del(.linux.resources)' "$config" # what this host need not have
		echo "$output" >"$SCRATCH/$name/config.json"
		cowrun create --bundle "$SCRATCH/$name" "$ID" 2>/dev/null
		run cowrun state "$ID"
		assert_output_matches '"status": "created"'
		cowrun delete "$ID" 2>/dev/null
		rm -rf --one-file-system "${SCRATCH:?}/$name"
	done
}

@test "hello says what it sees" {
	need_program busybox
	example hello
	run cowrun run --bundle "$SCRATCH/hello" "$ID"
	assert_status 0
	assert_output "Hello from hello: I am process 1, root, and I see /proc/1"
}

@test "hooks run in their order, and leave nothing" {
	need_program busybox
	example hooks
	run cowrun run --bundle "$SCRATCH/hooks" "$ID"
	assert_status 0
	assert_output_matches "createRuntime: on the host, in $SCRATCH/hooks"
	assert_output_matches "createRuntime.*createContainer: in the namespaces of 'hooks'.*startContainer"
	assert_output_matches 'startContainer.*poststart.*poststop'
	assert_output_matches 'the program'
	[ ! -e "$SCRATCH/hooks/state.json" ]
}

@test "the lessons on copy-on-write can be taken" {
	run env TMPDIR="$SCRATCH" "$TOP/examples/copy-on-write/run" "$OUT" fork copyup
	assert_status 0
	assert_output_matches '1\. 64 MiB are written.*2\. forked: .*forked  .*5\. the child has ended'
	assert_output_matches '1 container: 80\.[0-9] MiB in all.*C /numbers'
	[ -z "$(find "$SCRATCH" -name 'cowrun-lessons.*')" ]
	fails "no lesson 'none'" env TMPDIR="$SCRATCH" "$TOP/examples/copy-on-write/run" "$OUT" none
}

@test "limits hold" {
	need_program busybox
	need_controller memory cpu pids
	example limits
	run --separate-stderr cowrun run --bundle "$SCRATCH/limits" "$ID"
	assert_status 137
	assert_output_matches '33554432.*16.*50000 100000.*now 64 MiB, please'
	assert_one_line 'out of memory \(limit 32 MiB, peak 32 MiB\)'
}

@test "a limit without its controller is one clear error" {
	need_program busybox
	! grep -qw memory "$CGROUP/cgroup.controllers" || skip "the memory controller is there"
	[ -d "$SCRATCH/limits" ] || example limits
	fails "cannot limit .* controller '(memory|pids|cpu)'" cowrun run --bundle "$SCRATCH/limits" "$ID"
}

@test "what engines are told is of their syntax, and the names agree" {
	local dir=$TOP/examples/engines engines=$TOP/build/engines/usr/bin
	[ "$(jq -r '.["default-runtime"], (.runtimes | keys[])' "$dir/daemon.json" | uniq)" = cowrun ]
	need_program python3
	python3 - "$dir" <<-'EOT'
	import sys, tomllib
	for file, path in (("containerd.toml", ("plugins", "io.containerd.grpc.v1.cri", "containerd")), ("crio.conf", ("crio", "runtime"))):
	    at = tomllib.load(open(sys.argv[1] + "/" + file, "rb"))
	    for key in path + ("runtimes", "cowrun"):
	        at = at[key]
	EOT
	perl -MCPAN::Meta::YAML -e '
		my ($class, $pod) = @{CPAN::Meta::YAML->read($ARGV[0]) or die};
		die unless $class->{kind} eq "RuntimeClass" && $class->{handler} eq "cowrun" && $pod->{kind} eq "Pod" &&
			$pod->{spec}{runtimeClassName} eq $class->{metadata}{name}' "$dir/runtimeclass.yaml"
	[ -x "$engines/containerd" ] || skip "needs Debian's engines: run make engines"
	"$engines/containerd" -c "$dir/containerd.toml" config dump | grep -q 'BinaryName = "/usr/local/bin/cowrun"'
}
