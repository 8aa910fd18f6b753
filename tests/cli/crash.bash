# What sweeps over system calls have in common: `load crash` behind `load containers`.
#
# A sweep takes a baseline by strace, of which every system call is a point "name k" (its k-th use); at a point the
# command is run anew, and something happens to that call. `make test` tries a few points of each sweep, `make test-all`
# (COWRUN_ALL) every one. SEED repeats a choice; a test that fails names it.
# shellcheck shell=bash disable=SC2154

# seed_and_bundles: for setup_file, behind scratch_make
# shellcheck disable=SC2016 # $ENV is for jq
seed_and_bundles() {
	SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
	export SEED
	# the mark by which what is left of a container is found, besides its cgroup
	local mark='.process.env += ["CRASH=\($ENV.SCRATCH)"] | '
	make_bundle "$SCRATCH/brief" "$mark$(args true)"
	make_bundle "$SCRATCH/long" "$mark$(args sleep 1000)"
	make_bundle "$SCRATCH/other" "$(args sleep 1000)"
	# all that takes a step, a word between the processes, or a file of its own
	local whole='.process.oomScoreAdj = 100 | .linux.sysctl = {"kernel.domainname": "x"} | .root.readonly = true |
		.linux.devices = [{path: "/dev/sub/null", type: "c", major: 1, minor: 3}] |
		.linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"}] |
		.hooks = ([{path: "/bin/true"}] | {createRuntime: ., createContainer: ., poststart: ., poststop: .}) |
		.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "\($ENV.SCRATCH)/agent", syscalls: [
			{names: ["acct"], action: "SCMP_ACT_ERRNO"}, {names: ["swapon"], action: "SCMP_ACT_NOTIFY"}]}'
	[ ! -e /proc/self/ns/time ] ||
		whole+=' | .linux.namespaces += [{type: "time"}] | .linux.timeOffsets.monotonic = {secs: 7}'
	make_bundle "$SCRATCH/whole" "$mark$(args true) | $whole"
	make_bundle "$SCRATCH/terminal" "$mark$(args sleep 1000) | $whole | .process.terminal = true"
}

# ends_of_sockets: the seccomp agent, and who takes terminals (and drops them), in $ENDS
ends_of_sockets() {
	rm -f "$SCRATCH/agent" "$SCRATCH/console"
	"$HELPERS/agent" "$SCRATCH/agent" 123 >/dev/null 3>&- &
	ENDS=$!
	perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => "$ARGV[0].new", Listen => 9) or die; rename "$ARGV[0].new", $ARGV[0] or die;
		while ($c = $s->accept) { sysread $c, $x, 99 }' \
		"$SCRATCH/console" 3>&- &
	ENDS+=" $!"
	await test -S "$SCRATCH/agent" && await test -S "$SCRATCH/console"
}

# --- points -------------------------------------------------------------------------------------------------------------
need_injection() {
	need_static "a leak sanitizer does not work under strace"
	need_program strace
	strace -qq -o /dev/null -e trace=getpid -e inject=getpid:signal=KILL true 2>/dev/null ||
		need_host "strace does not work here: $(strace -qq -o /dev/null true 2>&1 | head -n 1)"
}

# calls FILE: the points of a baseline in their order, as "pid name k"; pid is 0 where strace did not follow forks.
# The first execve is strace's own.
calls() {
	awk '
		!/^[0-9]+ / { $0 = "0 " $0 }
		match($2, /^[a-z][a-z0-9_]*\(/) {
			name = substr($2, 1, RLENGTH - 1)
			if (++n[$1, name] > 1 || name != "execve" || ran++) print $1, name, n[$1, name]
		}' "$1"
}

# choose N: so many of the lines of the input, by SEED, in their order; all of them under COWRUN_ALL
choose() {
	[ -z "${COWRUN_ALL:-}" ] || { cat; return; }
	awk -v n="$1" -v seed="$SEED" '
		BEGIN { srand(seed) }
		{ line[NR] = $0 }
		END { for (i = 1; i <= NR; i++) if (rand() * (NR - i + 1) < n) { print line[i]; n-- } }'
}

# killed NAME K COMMAND...: the command, killed as it uses that system call for the k-th time. Its status is strace's.
killed() {
	local name=$1 k=$2
	shift 2
	# the inner shell would say "Killed", to its own standard error
	(strace "${FOLLOW[@]}" -qq -o /dev/null -e "trace=$name" -e "inject=$name:signal=KILL:when=$k" "$@" 2>&4; exit $?) \
		3>&- 4>&2 2>/dev/null
}

# --- what is left -------------------------------------------------------------------------------------------------------
# processes ID: the pids of that container's group, and those with the mark; a zombie is none
processes() {
	local file
	{ grep -lsE "/cowrun-$1(/| |\$)" /proc/[0-9]*/cgroup; grep -lszxF "CRASH=$SCRATCH" /proc/[0-9]*/environ; } | cut -d/ -f3 | sort -u |
		while read -r file; do ! alive "$file" || echo "$file"; done
}

# await_end ID: fails when none is left; one that has left its group may be some instants from being a zombie
await_end() {
	local left
	local end=$((SECONDS + 30))
	while left=$(processes "$1"); [ -n "$left" ]; do
		[ $SECONDS -lt $end ] || { echo "${left//$'\n'/ }"; return; }
		sleep 0.02
	done
	return 1
}

# leaks ID: a line for each thing that is left of it
leaks() {
	local room living
	[ ! -e "$STATE/$1" ] || echo "state: $(ls -A "$STATE/$1")"
	[ ! -e "$CGROUP/cowrun-$1" ] || echo "cgroup"
	! living=$(await_end "$1") || echo "processes: $living"
	grep -F "$SCRATCH" /proc/self/mountinfo || true
	for room in containers tmp trash; do
		[ ! -d "$STORE/$room" ] || find "$STORE/$room" -mindepth 1 -maxdepth 1 -printf 'store: %P\n'
	done
}

# So that the points behind one that leaks can be judged.
mop() {
	local pid
	for pid in $(processes "$1"); do kill -KILL "$pid"; done
	[ ! -e "$CGROUP/cowrun-$1" ] || until rmdir "$CGROUP/cowrun-$1"; do sleep 0.01; done
	rm -rf "${STATE:?}/$1" "${STORE:?}"/{containers,tmp,trash}/*
}
