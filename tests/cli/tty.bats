#!/usr/bin/env bats
# Terminals: made, shown, handed on, given back. tests/programs/terminal.c plays who is in front of one.
load helpers
load containers

# A process of the container that writes with a terminal of its own.
SHOW='(.process.terminal = true)'

# term SIZE STEP... -- COWRUN'S WORDS...
term() {
	local words=()
	while [ "$1" != -- ]; do words+=("$1") && shift; done
	shift
	run --separate-stderr timeout 200 "$HELPERS/terminal" run "${words[@]}" -- "$COWRUN" --root "$STATE" "$@"
	output=${output//$'\r'/}
}

# attached SIZE STEP... -- SCRIPT [FILTER]: a container's shell runs the script in our terminal
attached() {
	local words=() script filter
	while [ "$1" != -- ]; do words+=("$1") && shift; done
	script=$2 filter=${3:-.}
	bundle "$(args sh -c "$script") | $SHOW | $filter"
	term "${words[@]}" -- run -b "$BUNDLE" "$ID"
}

kept=$'\nattributes: kept'

# listens KIND SOCKET WORD...: somebody at a socket, in the background; what he gets is in $SCRATCH/got
listens() {
	rm -f "$2"
	timeout 200 "$HELPERS/terminal" "$@" >"$SCRATCH/got" 2>&1 3>&- &
	LISTENER=$!
	await test -S "$2"
}

@test "a terminal is the container's own, with the size of ours, and /dev/console is it" {
	attached 33x99 -- 'tty; stty size; stat -c "%t:%T %u:%g %a" $(tty) /dev/console; for fd in 0 1 2; do readlink /proc/self/fd/$fd; done'
	assert_status 0
	assert_output "/dev/pts/0
33 99
88:0 0:5 620
88:0 0:5 620
/dev/pts/0
/dev/pts/0
/dev/pts/0
$kept"
}

@test "it is the controlling terminal, and no other file descriptor is there" {
	attached 24x80 -- 'echo >/dev/tty to the tty; echo >/dev/console to the console; cd /proc/self/fd; for fd in *; do ! [ -e $fd ] || echo $fd; done'
	assert_status 0
	assert_output "to the tty
to the console
0
1
2
$kept"
}

@test "its owner is the process's user, its group the one of devpts" {
	attached 24x80 -- 'stat -c "%u:%g" $(tty); echo yes >/dev/tty' '.process.user = {uid: 1000, gid: 1000}'
	assert_output "1000:5
yes
$kept"
	bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	term 24x80 -- exec -t -u 1000:1000 "$ID" sh -c 'stat -c "%u:%g" $(tty)'
	assert_output "1000:5
$kept"
}

@test "Ctrl-C ends what runs in it, and Ctrl-D its input" {
	attached 24x80 wait:ready raw 'send:\003' $'wait:130\r\n' 'send:last words\n' 'send:\004' ends -- \
		'trap : INT; sh -c "echo ready; exec sleep 1000"; echo $?; cat; echo over'
	assert_status 0
	assert_output_matches $'130\nlast words\nlast words\nover\n\nattributes: kept'
	bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	term 24x80 raw wait:ready 'send:\003' ends -- exec -t "$ID" sh -c 'echo ready; exec sleep 1000'
	assert_status 130
	assert_output_matches 'attributes: kept'
}

@test "a change of size is passed on" {
	attached 24x80 wait:ready size:50x132 'wait:50 132' size:10x20 'wait:10 20' kill:TERM ends -- \
		'trap "stty size" WINCH; trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	assert_status 3
	assert_output_matches 'attributes: kept'
}

@test "signals to us reach the container, and our terminal is as it was, however it ends" {
	attached 24x80 wait:ready raw kill:TERM ends -- 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'
	assert_status 9
	assert_output_matches "attributes: kept"
	attached 24x80 wait:ready raw kill:HUP ends -- 'trap "exit 8" HUP; echo ready; while :; do sleep 0.1; done'
	assert_status 8
	assert_output_matches "attributes: kept"
	# a fault of our own
	attached 24x80 wait:ready raw kill:SEGV ends -- 'trap "" HUP; echo ready; sleep 1000'
	assert_status 139
	assert_output_matches "attributes: kept"
	cowrun delete --force "$ID"
	# killed from outside
	bundle "$(args sh -c 'echo ready; exec sleep 1000') | $SHOW"
	(await test -e "$SCRATCH/raw" && cowrun kill "$ID" KILL) 3>&- &
	timeout 200 "$HELPERS/terminal" run 24x80 wait:ready raw "touch:$SCRATCH/raw" ends -- "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" >"$SCRATCH/shown" || status=$?
	[ "$status" = 137 ]
	grep -q 'attributes: kept' "$SCRATCH/shown"
	# refused: not even touched
	attached 24x80 ends -- 'echo never' '.process.args = ["/no/such"]'
	assert_status 1
	assert_output_matches "not found.*attributes: kept"
}

@test "stopped, we leave our terminal as it was, and go on where we were" {
	attached 24x80 wait:ready raw kill:TSTP stop cooked kill:CONT raw size:30x90 wait:changed kill:TERM ends -- \
		'trap "echo changed" WINCH; trap "exit 4" TERM; echo ready; while :; do sleep 0.1; done'
	assert_status 4
	assert_output_matches 'attributes: kept'
}

@test "input and output may be anything: a pipe, a file, nothing at all" {
	bundle "$(args sh -c 'read a; echo "got $a"; cat; stty -a | grep -c -- -onlcr') | $SHOW | .process.consoleSize = {height: 12, width: 34}"
	run --separate-stderr bash -c 'printf "one\ntwo" | timeout 200 "$COWRUN" --root "$STATE" run -b '"$BUNDLE $ID"
	assert_status 0
	# echoed, as by any terminal, but when is not said; without carriage returns, as for any file
	assert_output_matches $'got one\n(two)?two1$'
	[[ $output == *one*one* && $output != *$'\r'* ]]
	bundle "$(args sh -c 'tty; stty size; cat; echo over') | $SHOW | .process.consoleSize = {height: 12, width: 34}"
	for input in '</dev/null' '<&-'; do
		run --separate-stderr setsid -w bash -c 'timeout 200 "$COWRUN" --root "$STATE" run -b '"$BUNDLE $ID $input"
		assert_status 0
		assert_output $'/dev/pts/0\n12 34\nover'
	done
	echo before >"$SCRATCH/file"
	bash -c '{ timeout 200 "$COWRUN" --root "$STATE" run -b '"$BUNDLE $ID"' </dev/null; echo after; } >>"$SCRATCH/file"'
	[ "$(sed -n '1p;$p' "$SCRATCH/file" | paste -sd ' ')" = 'before after' ]
	grep -q over "$SCRATCH/file"
}

@test "a slow reader gets all of it; one that goes away hangs the terminal up" {
	bundle "$(args sh -c 'seq 1 30000') | $SHOW"
	run bash -c 'timeout 200 "$COWRUN" --root "$STATE" run -b '"$BUNDLE $ID"' </dev/null | { sleep 1; md5sum; }'
	assert_output "$(seq 1 30000 | md5sum)"
	bundle "$(args yes) | $SHOW"
	run bash -c 'timeout 200 "$COWRUN" --root "$STATE" run -b '"$BUNDLE $ID"' </dev/null | head -n 1'
	assert_output y
	await eval "! cowrun list -q | grep -q '$ID'"
}

@test "--console-socket gets the terminal, and its path may be long" {
	local deep
	deep=$SCRATCH/$(printf 'd%.0s' {1..120})/$(printf 'e%.0s' {1..120})
	mkdir -p "$deep"
	bundle "$(args sh -c 'tty; stty size; read x; echo "got $x"') | $SHOW | .process.consoleSize = {height: 12, width: 34}"
	for way in "create -b $BUNDLE" "run -d -b $BUNDLE"; do
		listens console "$deep/socket" $'wait:12 34\r\n' 'send:word\n' 'wait:got word'
		# shellcheck disable=SC2086
		cowrun $way --console-socket "$deep/socket" "$ID" </dev/null >"$SCRATCH/out" 2>&1
		[[ $way == run* ]] || cowrun start "$ID"
		wait "$LISTENER"
		[ "$(tr -d '\r' <"$SCRATCH/got")" = $'name: /dev/ptmx\n/dev/pts/0\n12 34\nword\ngot word' ] || { cat "$SCRATCH/got"; return 1; }
		[ ! -s "$SCRATCH/out" ]
		await eval '[ "$(state "$ID" status)" = stopped ]'
		cowrun delete "$ID"
	done
	bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	listens console "$deep/socket" 'send:word\n' 'wait:got word'
	cowrun exec -d -t --console-socket "$deep/socket" "$ID" sh -c 'read x; echo "got $x"' >"$SCRATCH/out" 2>&1
	wait "$LISTENER"
}

@test "nobody at the console socket, and combinations that make no sense, are one line each" {
	bundle "$(args true) | $SHOW"
	fails "option --console-socket: connect to '$SCRATCH/none': no such file or directory" cowrun create -b "$BUNDLE" --console-socket "$SCRATCH/none" "$ID"
	assert_gone "$ID"
	touch "$SCRATCH/plain"
	fails "option --console-socket: connect to '$SCRATCH/plain': connection refused" cowrun run -d -b "$BUNDLE" --console-socket "$SCRATCH/plain" "$ID"
	fails "process.terminal is true, and a detached process needs --console-socket" cowrun create -b "$BUNDLE" "$ID"
	fails "process.terminal is true, and a detached process needs --console-socket" cowrun run -d -b "$BUNDLE" "$ID"
	fails "option --console-socket: the terminal of a process that is not detached" cowrun run -b "$BUNDLE" --console-socket "$SCRATCH/none" "$ID"
	bundle "$(args sleep 1000)"
	fails "option --console-socket: process.terminal is not true" cowrun create -b "$BUNDLE" --console-socket "$SCRATCH/none" "$ID"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	fails "process.terminal is true, and a detached process needs --console-socket" cowrun exec -d -t "$ID" true
	fails "option --console-socket: process.terminal is not true" cowrun exec -d --console-socket "$SCRATCH/none" "$ID" true
	bundle "$(args true) | $SHOW | .mounts |= map(select(.destination != \"/dev/pts\"))"
	fails "process.terminal: the container has no devpts on '/dev/pts'" cowrun run -b "$BUNDLE" "$ID-a"
	assert_gone "$ID-a"
}

@test "--pidfd-socket gets a pidfd of the first process, and of one of exec" {
	bundle "$(args sleep 1000)"
	for way in create 'run -d'; do
		listens pidfd "$SCRATCH/pidfd" KILL
		# shellcheck disable=SC2086
		cowrun $way -b "$BUNDLE" --pid-file "$SCRATCH/pid" --pidfd-socket "$SCRATCH/pidfd" "$ID" >"$SCRATCH/out" 2>&1
		await eval '[ "$(<"$SCRATCH/got")" = "pid: $(<"$SCRATCH/pid")" ]'
		rm "$SCRATCH/pidfd"
		wait "$LISTENER"
		await eval '[ "$(state "$ID" status)" = stopped ]'
		cowrun delete "$ID"
	done
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	listens pidfd "$SCRATCH/pidfd" TERM
	rm "$SCRATCH/pid"
	(await eval 'executes "$(cat "$SCRATCH/pid")" sleep' 2>/dev/null && await test -s "$SCRATCH/got" && rm "$SCRATCH/pidfd") 3>&- &
	run cowrun exec --pid-file "$SCRATCH/pid" --pidfd-socket "$SCRATCH/pidfd" "$ID" sleep 1000
	assert_status 143
	wait "$LISTENER"
	[ "$(<"$SCRATCH/got")" = "pid: $(<"$SCRATCH/pid")" ]
	fails "option --pidfd-socket: connect to '$SCRATCH/none'" cowrun exec --pidfd-socket "$SCRATCH/none" "$ID" true
	fails "option --pidfd-socket: connect to '$SCRATCH/none'" cowrun run -b "$BUNDLE" --pidfd-socket "$SCRATCH/none" "$ID-a"
	assert_gone "$ID-a"
}

@test "exec --process has a terminal too, of the size that is said" {
	bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	echo '{"terminal": true, "consoleSize": {"height": 10, "width": 110}, "args": ["sh", "-c", "tty; stty size"], "cwd": "/", "env": ["PATH=/bin"]}' >"$SCRATCH/process"
	run --separate-stderr setsid -w "$COWRUN" --root "$STATE" exec -p "$SCRATCH/process" "$ID" </dev/null
	assert_status 0
	assert_output $'/dev/pts/0\n10 110'
}

# --- threats: CVE-2025-52565 and its kind -----------------------------------------------------------------------
@test "whatever an image has in place of its terminals, nothing outside is made or changed" {
	local no_dev dev ro name target
	canary_make
	no_dev='(.mounts |= map(select(.destination != "/dev" and .destination != "/dev/shm" and .destination != "/dev/mqueue")))'
	for dev in "$no_dev" "$no_dev | (.mounts |= map(select(.destination != \"/dev/pts\")))"; do
		for ro in true false; do
			bundle "$(args sh -c 'tty; test -t 0 -a -t 1 -a -t 2') | $SHOW | $dev | .root.readonly = $ro | .process.user = {uid: 1000, gid: 1000}"
			for name in console null ptmx pts pts/ptmx; do
				for target in made secret; do
					rm -rf "$BUNDLE/rootfs/dev"
					mkdir -p "$BUNDLE/rootfs/dev$([ "$name" = pts/ptmx ] && echo /pts)"
					ln -s "$CANARY/$target" "$BUNDLE/rootfs/dev/$name"
					run --separate-stderr cowrun run -b "$BUNDLE" "$ID" </dev/null
					[ "$status" -ne 0 ] || [[ $output == /dev/pts/* ]] || { say "$dev, $ro, $name: $output"; return 1; }
					[ "$status" -eq 0 ] || assert_one_line .
					[ ! -e "$CANARY/made" ] || { say "$dev, $ro, $name: made"; return 1; }
				done
			done
			assert_canary_unchanged || { say "$dev, $ro"; return 1; }
		done
	done
}

@test "exec --tty in a container that has put something else in the place of its terminals is refused" {
	local way
	bundle "$(args sleep 1000) | (.mounts |= map(select(.destination != \"/dev\" and .destination != \"/dev/shm\" and .destination != \"/dev/mqueue\" and .destination != \"/dev/pts\")))"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	for way in 'ln -s /proc/1/root/dev/pts /dev/pts' 'ln -s /etc /dev/pts' 'mkdir -p /dev/pts; touch /dev/pts/ptmx' 'touch /dev/pts'; do
		cowrun exec "$ID" sh -c "rm -rf /dev/pts; $way"
		fails "'/dev/pts'" cowrun exec -t "$ID" true </dev/null
	done
}
