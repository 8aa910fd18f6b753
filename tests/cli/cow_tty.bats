#!/usr/bin/env bats
# Terminals of cow: run -it, exec -it, run -dt, attach. tests/programs/terminal.c plays who is in front of them.
load helpers
load containers
load cow
load fork

setup_file() {
	scratch_make
	image_make
	cp "$HELPERS/warm" "$SCRATCH/rootfs/bin/"
	tar -C "$SCRATCH/rootfs" -cf "$TAR" .
	cow import -q "$TAR" "${IMAGE%:*}:warm" >/dev/null
}

teardown() {
	local id
	for id in $(cow ps -aq); do cow rm -f "$id"; done >/dev/null
}

front() { timeout 200 "$HELPERS/terminal" run "$@" 3>&-; }

# term SIZE STEP... -- COW'S WORDS...
term() {
	local words=()
	while [ "$1" != -- ]; do words+=("$1") && shift; done
	shift
	run --separate-stderr front "${words[@]}" -- "$COW" --root "$STATE" --store "$STORE" "$@"
	output=${output//$'\r'/}
}

kept=$'\nattributes: kept'

@test "run -it: a terminal of our size, our keys, its status, and its log" {
	term 33x99 $'wait:ready\r\n' raw 'send:word\n' ends -- run -it --name "$NAME" "$IMAGE" \
		sh -c 'tty; stty size; echo $TERM; echo ready; read x; echo "got $x"; exit 7'
	assert_status 7
	assert_output "/dev/pts/0
33 99
xterm
ready
word
got word
$kept"
	has_line "$NAME" 'got word'
	[ "$(inspect "$NAME" exit_status)" = 7 ]
	cow rm "$NAME"
	assert_nothing_left
}

@test "run -it: its end is seen here, whatever it was, and our terminal is as it was" {
	term 24x80 wait:ready raw 'send:\003' ends -- run --rm -it --name "$NAME" "$IMAGE" sh -c 'trap "exit 130" INT; echo ready; while :; do sleep 0.1; done'
	assert_status 130
	assert_output_matches 'attributes: kept'
	term 24x80 wait:ready raw kill:TERM ends -- run --rm -it --name "$NAME" "$IMAGE" \
		sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'
	assert_status 9
	assert_output_matches 'attributes: kept'
	term 24x80 ends -- run --rm -it --name "$NAME" "$IMAGE" /etc/passwd
	assert_status 126
	assert_output_matches 'permission denied.*attributes: kept'
	term 24x80 ends -- run --rm -it --name "$NAME" "$IMAGE" true
	assert_status 0
	assert_nothing_left
}

@test "a change of size is passed on" {
	term 24x80 wait:ready size:50x132 'wait:50 132' kill:TERM ends -- run --rm -it --name "$NAME" "$IMAGE" \
		sh -c 'trap "stty size" WINCH; trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	assert_status 3
}

@test "run -it is left by its keys, and attach leads back" {
	term 24x80 wait:ready raw 'send:\020\021' ends -- run --rm -it --name "$NAME" "$IMAGE" \
		sh -c 'trap "stty size" WINCH; echo ready; while ! read x; do :; done; echo "got $x"; exit 5'
	assert_status 0
	assert_output_matches "left '$NAME', which runs on.*attributes: kept"
	is_status "$NAME" running
	# The same size: it is told all the same, so that it draws anew. A ctrl-p alone is a key like others.
	term 24x80 'wait:24 80' raw 'send:\020a\n' ends -- attach "$NAME"
	assert_status 5
	assert_output_matches $'got \020a\n.*attributes: kept'
	assert_nothing_left
}

@test "run -dt: several look at one terminal, and one leaves" {
	cow run -d -t --name "$NAME" "$IMAGE" sh -c 'while read x; do echo "got $x"; done' >/dev/null
	(term 24x80 raw 'send:a\n' 'wait:got a' 'wait:got b' kill:HUP ends -- attach "$NAME" && assert_status 0 && assert_output_matches 'attributes: kept') 3>&- &
	local other=$!
	eventually has_line "$NAME" 'got a'
	term 24x80 raw 'send:b\n' 'wait:got b' 'send:\020\021' ends -- attach "$NAME"
	assert_status 0
	[[ $output != *'got a'* ]]
	wait "$other"
	is_status "$NAME" running
}

@test "keys are chosen, and what is not one is refused" {
	local keys
	cow run -dt --name "$NAME" "$IMAGE" cat >/dev/null
	term 24x80 raw 'send:\030y' ends -- attach --detach-keys=ctrl-x,y "$NAME"
	assert_status 0
	for keys in ctrl- ctrl-xy xy ',' 'a,' ctrl-1 "$(printf 'a,%.0s' {1..16})a"; do
		fails "option --detach-keys: '$keys' is not a list" cow attach --detach-keys="$keys" "$NAME"
		fails "option --detach-keys: '$keys' is not a list" cow run -t --detach-keys="$keys" "$IMAGE" true
	done
	# none: they are input like all others
	term 24x80 raw 'send:\020\021\n\004' ends -- attach --detach-keys= "$NAME"
	assert_status 0
	assert_output_matches $'\020'
}

@test "attach: who has no terminal, does not run, or is not there, is told in one line" {
	fails "container 'none' does not exist" cow attach none
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null 2>&1
	fails "'$NAME' was not started in the background with a terminal" cow attach "$NAME"
	cow stop -t 0 "$NAME" >/dev/null
	fails "'$NAME' is not running" cow attach "$NAME"
}

@test "an attached one that does not read keeps neither the end nor its record from being told" {
	cow run -dt --name "$NAME" "$IMAGE" sh -c 'read x; yes' >/dev/null
	"$COW" --root "$STATE" --store "$STORE" attach --no-stdin "$NAME" 3>&- | { read -r _ && exec sleep 1000; } 3>&- &
	local sleeper=$!
	term 24x80 raw 'send:\n' wait:y 'send:\020\021' ends -- attach "$NAME"
	cow stop -t 0 "$NAME" >/dev/null
	is_status "$NAME" stopped
	kill "$sleeper"
}

@test "nobody to show it to: what runs in front hangs up, what is attached to runs on" {
	run bash -c '"$COW" --root "$STATE" --store "$STORE" run --rm -t --name "$NAME" "$IMAGE" yes 2>/dev/null | head -n 1'
	assert_output $'y\r'
	eventually assert_nothing_left
	cow run -dt --name "$NAME" "$IMAGE" yes >/dev/null
	run bash -c '"$COW" --root "$STATE" --store "$STORE" attach --no-stdin "$NAME" 2>/dev/null | head -n 2'
	assert_output_matches y
	is_status "$NAME" running
}

@test "input that is no terminal is its input, and ends with its end" {
	run --separate-stderr bash -c 'printf "one\ntwo\n" | "$COW" --root "$STATE" --store "$STORE" run --rm -it --name "$NAME" "$IMAGE" sh -c "stty -echo; echo ready; cat; echo over"'
	assert_status 0
	assert_output_matches $'one\r\ntwo\r\n(.*)over'
}

@test "exec -it: a terminal of its own" {
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null 2>&1
	term 33x99 $'wait:ready\r\n' raw 'send:word\n' ends -- exec -it "$NAME" sh -c 'tty; stty size; echo $TERM; echo ready; read x; echo "got $x"; exit 7'
	assert_status 7
	assert_output "/dev/pts/0
33 99
xterm
ready
word
got word
$kept"
	fails 'exclude each other' cow exec -d -t "$NAME" true
}

@test "killed by a signal of its own, cow leaves our terminal as it was" {
	term 24x80 wait:ready raw kill:ABRT ends -- run --rm -it --name "$NAME" "$IMAGE" sh -c 'echo ready; sleep 1000'
	assert_status 134
	assert_output_matches 'attributes: kept'
	is_status "$NAME" running
}

@test "run -it --template: a terminal for a fork, of our size, with our keys, and its status" {
	cow template create "$ID-t" "${IMAGE%:*}:warm" warm >/dev/null
	term 33x99 wait:ready raw 'send:word\n' ends -- run --rm -it --name "$NAME" --template "$ID-t" warm ask 7
	assert_status 7
	assert_output "/dev/pts/0 33x99 xterm
ready
word
got word
$kept"
	term 24x80 wait:ready raw 'send:\004' ends -- run --rm -it --name "$NAME" --template "$ID-t" warm ask 8
	assert_status 8
	assert_output_matches 'attributes: kept'
	# Its template has none.
	[ "$(awk '{ print $7 }' "/proc/$(inspect "$ID-t" pid)/stat")" = 0 ]
	fails "the terminal of a fork is there as long as this command" cow run -dt --template "$ID-t"
	forks_remove "$ID-t"
	assert_nothing_left
}
