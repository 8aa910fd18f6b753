# cow top: the live screen, in front of a terminal that screen.py plays, and text for scripts.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow

export LC_ALL=C.UTF-8 TERM=xterm-256color
unset NO_COLOR

# Three containers of 16, 8 and 1 MiB, for all tests: A, B and C.
setup_file() {
	scratch_make
	image_make
	A=$NAME-a B=$NAME-b C=$NAME-c
	export A B C
	cow run -d --name "$A" "$IMAGE" hog 16 forever >/dev/null
	cow run -d --name "$B" "$IMAGE" hog 8 forever >/dev/null
	cow run -d --name "$C" "$IMAGE" sh -c 'hog 1 forever & exec sleep 100000' >/dev/null
	local name
	for name in "$A" "$B" "$C"; do eventually has_line "$name" ready; done
}

teardown() { :; }
teardown_file() {
	containers_remove
	scratch_remove
}

# top SIZE STEP... -- WORD...: cow top with these words and steps. Its pages are in $output, from the first to the last.
top() {
	local words=()
	[ -e /usr/lib/python3/dist-packages/pyte ] || skip "needs python3-pyte"
	while [ "$1" != -- ]; do words+=("$1") && shift; done
	shift
	run --separate-stderr timeout 200 "$BATS_TEST_DIRNAME/screen.py" "${words[@]}" -- "$COW" --root "$STATE" --store "$STORE" top "$@"
}

# page N: that one of the pages that were shown; names: in their order
page() { awk -v n="$1" 'BEGIN { n-- } /^--$/ { n--; next } n == 0 { print }' <<<"$output"; }
names() { grep -oE "^ ($A|$B|$C) " <<<"$1" | tr -d ' ' | tr '\n' ' '; }

# The terminal is as it was: its attributes, the other screen, the cursor.
assert_given_back() {
	assert_output_matches $'attributes: kept\nscreen: given back\ncursor: shown\n'
}

@test "containers are on the screen, and keys put them in order" {
	top 24x100 "wait:$A" "wait:Exact" show send:N 'wait:CONTAINER▲' send:r 'wait:CONTAINER▼' show send:T 'wait:PROCS▼' show \
		'send:>' 'wait:UNIQUE▼' send:q -- 
	assert_status 0
	local first
	first=$(page 1)
	[[ $first =~ ^' cow top: 3 containers'.*' every 3 s' ]]
	[[ $first =~ $'\n 'CONTAINER.*COST▼ ]]
	[ "$(names "$first")" = "$A $B $C " ]
	[[ $first =~ "$A"\ +1\ +1[67]\.[0-9]\ MiB\ +16\.[0-9]\ MiB ]]
	[[ $first =~ [0-9.]+\ MiB\ in\ all,\ [0-9.]+\ MiB\ without\ sharing:\ [0-9.]+\ [MK]iB\ saved ]]
	[ "$(names "$(page 2)")" = "$C $B $A " ]
	[ "$(names "$(page 3)")" = "$C $A $B " ]
	assert_given_back
}

@test "a filter shows what has it in its name, while it is typed" {
	top 24x100 "wait:$A" send:/ 'wait:Filter:' "send:-B" "gone:$A" "gone:$C" "wait:$B" show 'send:\r' 'wait:filter: -B' show \
		'send:/\x7f\x7f' "wait:$A" 'send:zz' "gone:$B" wait:'No name has that in it' 'send:\x1b' "wait:$C" show send:q --
	[[ $(page 1) =~ '1 of 3 containers' ]]
	[ "$(names "$(page 1)")" = "$B " ]
	[[ $(page 2) =~ 'Enter look into' ]]
	[[ $(page 3) =~ ' 3 containers' ]]
	assert_given_back
}

@test "one container: its kinds, partners and processes; and back" {
	top 30x100 "wait:$A" 'send:\x1bOB' 'send:\r' 'wait:SHARES WITH' 'wait:COMMAND' 'wait: hog' show 'send:\x1bOD' 'wait:CONTAINER' send:? \
		'wait:keys and columns' show send:? 'wait:CONTAINER' show send:q --
	local detail
	detail=$(page 1)
	[[ $detail =~ ^" $B: 1 process" ]]
	[[ $detail =~ private\ +8\.[0-9]\ MiB ]]
	[[ $detail =~ $'\n anon  '.*\ 8\.[0-9]\ MiB ]]
	[[ $detail =~ $'\n '\ *[0-9]+\ +8\.[0-9]\ MiB\ +8\.[0-9]\ MiB.*\ hog ]]
	[[ $detail =~ "$A"\ +[0-9.]+\ [KM]iB ]]
	[[ $detail =~ "$C"\ +[0-9.]+\ [KM]iB ]]
	[[ $(page 2) =~ 'what its end frees' ]]
	# The choice is where it was.
	[ "$(names "$(page 3)")" = "$A $B $C " ]
	assert_given_back
}

# Each row is whole: the title on the first, the keys on the last, nothing wider than the screen.
fits() {
	local rows=$1 columns=$2 text=$3 line
	[ "$(wc -l <<<"$text")" -eq "$rows" ]
	while read -r line; do [ ${#line} -le "$columns" ]; done <<<"$text"
	[[ ${text%%$'\n'*} =~ ^' ' ]] && [[ ${text##*$'\n'} =~ ^' '(Enter look into|Esc back) ]]
}

@test "it grows and shrinks with its window" {
	top 24x80 "wait:${A::8}" wait:TREND show size:15x60 gone:KERNEL wait:COST show size:40x120 wait:MAPPED show 'send:\r' wait:COMMAND \
		size:15x60 gone:COMMAND wait:SHARES show size:3x10 gone:SHARES size:1x1 size:24x80 wait:COMMAND show send:q --
	fits 24 80 "$(page 1)"
	fits 15 60 "$(page 2)"
	[ "$(grep -c 'CONTAINER' <<<"$(page 2)")" = 1 ]
	fits 40 120 "$(page 3)"
	fits 15 60 "$(page 4)"
	fits 24 80 "$(page 5)"
	assert_given_back
}

@test "the terminal is given back, whatever ends it" {
	local signal number
	for signal in INT:2 TERM:15 HUP:1 SEGV:11; do
		number=${signal#*:}
		ulimit -c 0
		top 24x80 "wait:${A::8}" "kill:${signal%:*}" ends --
		assert_given_back
		assert_output_matches "status: -$number\$"
	done
	# Ctrl-C, by the terminal itself.
	top 24x80 "wait:${A::8}" 'send:\x03' ends --
	assert_given_back
	assert_output_matches 'status: -2$'
}

@test "a shell stops it and lets it go on" {
	cat >"$SCRATCH/shell" <<-EOT
	PS1='ready> '
	top() { "$COW" --root "$STATE" --store "$STORE" top; }
	EOT
	[ -e /usr/lib/python3/dist-packages/pyte ] || skip "needs python3-pyte"
	run --separate-stderr timeout 200 "$BATS_TEST_DIRNAME/screen.py" 24x80 'wait:ready>' "send:stty -a >$SCRATCH/before; top\n" \
		'wait: every 3 s' 'send:\x1a' 'wait:Stopped' 'send:clear\n' 'gone:Stopped' "send:stty -a >$SCRATCH/stopped; fg\n" \
		'wait: every 3 s' "wait:${A::8}" show 'send:q' 'wait:ready>' "send:stty -a >$SCRATCH/after; exit 7\n" ends \
		-- bash --noprofile --rcfile "$SCRATCH/shell" -i
	assert_output_matches 'status: 7$'
	[[ $(page 1) =~ ^' cow top: 3 containers' ]]
	# (bash's own editor changes the terminal while it waits, not while it runs.)
	cmp "$SCRATCH/before" "$SCRATCH/stopped"
	cmp "$SCRATCH/before" "$SCRATCH/after"
}

@test "what comes and goes is seen; a pause is one" {
	local add="'$COW' --root '$STATE' --store '$STORE' run -d --name '$NAME-d' '$IMAGE' sleep 100000"
	local remove="'$COW' --root '$STATE' --store '$STORE' rm -f '$NAME-d'"
	top 24x100 "wait:$A" send:p wait:paused "run:$add" send:u "wait:$NAME-d" 'wait:4 containers' send:p 'wait:every 0.2 s' \
		"run:$remove" "gone:$NAME-d" 'wait:3 containers' 'send:+' 'wait:every 0.5 s' send:q -- -d 0.2
	assert_status 0
	assert_given_back
}

@test "one exact reading, for which all stand still" {
	top 24x80 'wait:Exact. Read in' 'gone:frozen' send:x 'wait:frozen for' show send:u gone:frozen send:q -- -d 600
	[[ $(page 1) =~ 'Exact. Read in '[0-9]+' ms, frozen for '[0-9.]+' ms.' ]]
	assert_given_back
}

@test "NO_COLOR is heeded, and nothing is said by colour alone" {
	top 24x80 'wait:Exact' send:q --
	assert_output_matches 'colours: used'
	NO_COLOR=1 top 24x80 'wait:Exact' send:q --
	assert_output_matches 'colours: none'
	TERM=vt220 LC_ALL=C top 24x80 'wait:Exact' 'wait:COSTv' send:q --
	assert_output_matches 'colours: none'
}

@test "names cannot command the terminal" {
	local group=$CGROUP/cowrun-test.$COWRUN_TEST-$'\033[2Jx\033]0;y\a-容器容器容器容器容器容器容器容器容器容器容器'
	mkdir "$group"
	top 24x60 'wait:?[2Jx?]0;y?' 'wait:容器' 'wait:1 container' show 'send:\r' wait:SHARES show send:q -- --cgroup "$group"
	rmdir "$group"
	fits 24 60 "$(page 2)"
	assert_given_back
}

@test "what goes wrong is said where it can be read" {
	fails "standard input and output are no terminal .hint: '-b'" cow top </dev/null
	top 24x80 ends -- "$NAME-none"
	assert_output_matches 'status: 1$'
	assert_given_back
	# (What newterm() made before it failed, it leaves.)
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 TERM=no-such-terminal top 24x80 "wait:type 'no-such-terminal'" ends --
	assert_output_matches 'status: 1$'
	fails "no column 'size' .hint: name, " cow top -o size
	fails "delay '0'" cow top -d 0
	fails "delay 'x'" cow top -d x
	fails "delay '1.2.3'" cow top -d 1.2.3
	fails "no-such" cow top -b "no-such-$NAME"
}

@test "text for scripts" {
	run --separate-stderr cow top -b -n 2 -d 0.1
	assert_status 0
	[ "$(grep -c '^CONTAINER ' <<<"$output")" = 2 ]
	[ "$(grep -oE "^($A|$B|$C) " <<<"$output" | tr -d '\n')" = "$A $B $C $A $B $C " ]
	assert_output_matches ' 3 containers: [0-9.]+ MiB in all, .* saved. Exact.'
	[[ $output != *$'\033'* ]]
	run cow top -b -n 1 -o name -r
	[ "$(grep -oE "^($A|$B|$C) " <<<"$output" | tr -d '\n')" = "$C $B $A " ]
	run cow top -b -n 1 -f "${B#cowrun-}" 
	[ "$(grep -oE "^($A|$B|$C) " <<<"$output" | tr -d '\n')" = "$B " ]
	run cow top -b -n 1 "$C" "$A"
	[ "$(grep -oE "^($A|$B|$C) " <<<"$output" | tr -d '\n')" = "$A $C " ]
	# Whoever reads it may go.
	run bash -c '"$@" | head -n 1' - "$COW" --root "$STATE" --store "$STORE" top -b -d 0.1
	assert_output_matches ' 3 containers'
}
