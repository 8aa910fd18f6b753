#!/usr/bin/env bats
# What a service manager says in the environment: LISTEN_FDS and NOTIFY_SOCKET. And exec --process from a pipe.
load helpers
load containers

# A process that says what it is told on the socket that it has, and stays.
says() {
	bundle "$(args sh -c "echo \"\$NOTIFY_SOCKET\"; /say say \"\$NOTIFY_SOCKET\" '$1' && exec sleep 1000") | ${2:-.}"
	cp "$HELPERS/terminal" "$BUNDLE/rootfs/say"
}

# manager N: somebody at a socket, in the background; the N messages that he gets are in $SCRATCH/got
manager() {
	rm -f "$SCRATCH/manager"
	timeout 200 "$HELPERS/terminal" notify "$SCRATCH/manager" "$1" >"$SCRATCH/got" 2>&1 3>&- &
	MANAGER=$!
	await test -S "$SCRATCH/manager"
}

@test "LISTEN_FDS: sockets come first, and the program is told of them" {
	bundle "$(args sh -c 'echo "$LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES"; cat <&3; cat <&4; cat <&5; cd /proc/self/fd; for fd in *; do ! [ -e $fd ] || echo $fd; done') | .process.env += [\"LISTEN_FDS=7\"]"
	for n in three four five six; do echo "$n" >"$SCRATCH/$n"; done
	run --separate-stderr bash -c "exec 3<'$SCRATCH/three' 4<'$SCRATCH/four' 5<'$SCRATCH/five' 6<'$SCRATCH/six'
		LISTEN_FDS=2 LISTEN_FDNAMES=a:b LISTEN_PID=\$\$ exec '$COWRUN' --root '$STATE' run --preserve-fds 1 -b '$BUNDLE' '$ID'"
	assert_status 0
	assert_output $'2 1 a:b\nthree\nfour\nfive\n0\n1\n2\n3\n4\n5'
}

@test "LISTEN_FDS of another process, or without meaning, is none" {
	bundle "$(args sh -c 'echo "$LISTEN_FDS $LISTEN_PID."; ! cat <&3') | ."
	echo three >"$SCRATCH/three"
	for words in 'LISTEN_FDS=1 LISTEN_PID=1' 'LISTEN_FDS=1' 'LISTEN_FDS=x LISTEN_PID=$$' 'LISTEN_FDS=0 LISTEN_PID=$$'; do
		run --separate-stderr bash -c "exec 3<'$SCRATCH/three'; $words exec '$COWRUN' --root '$STATE' run -b '$BUNDLE' '$ID'"
		assert_status 0
		assert_output ' .'
	done
	run --separate-stderr bash -c "exec 3<&-; LISTEN_FDS=1 LISTEN_PID=\$\$ exec '$COWRUN' --root '$STATE' run -b '$BUNDLE' '$ID'"
	assert_status 1
	assert_one_line 'hand on file descriptor 3'
	assert_gone "$ID"
}

@test "NOTIFY_SOCKET: run -d and start return when the container has said that it is ready, and say so" {
	says $'STATUS=x\nREADY=1\nMAINPID=1'
	manager 3
	NOTIFY_SOCKET=$SCRATCH/manager cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >"$SCRATCH/out" 2>&1
	wait "$MANAGER"
	[ "$(<"$SCRATCH/got")" = $'READY=1\nMAINPID='"$(<"$SCRATCH/pid")"$'\nBARRIER=1' ] || { cat "$SCRATCH/got"; return 1; }
	[ "$(<"$SCRATCH/out")" = /run/notify/notify.sock ]
	cowrun delete --force "$ID"
	manager 3
	NOTIFY_SOCKET=$SCRATCH/manager cowrun create -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >"$SCRATCH/out" 2>&1
	[ ! -s "$SCRATCH/got" ]
	NOTIFY_SOCKET=$SCRATCH/manager cowrun start "$ID"
	wait "$MANAGER"
	grep -qx "MAINPID=$(<"$SCRATCH/pid")" "$SCRATCH/got"
	cowrun delete --force "$ID"
	assert_gone "$ID"
}

@test "NOTIFY_SOCKET: in the foreground it is we whom the word is about; the socket's directory is read-only" {
	says READY=1 '.process.args[2] |= sub("exec sleep 1000"; "! touch /run/notify/x")'
	manager 3
	NOTIFY_SOCKET=$SCRATCH/manager "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 3>&- >"$SCRATCH/out" 2>&1 &
	local runner=$!
	wait "$MANAGER"
	ends_with 0 "$runner"
	grep -qx "MAINPID=$runner" "$SCRATCH/got"
}

@test "NOTIFY_SOCKET: who ends without a word, or says another, is not announced" {
	says READY=0 '.process.args[2] |= sub("exec sleep 1000"; "exit 0")'
	manager 1
	NOTIFY_SOCKET=$SCRATCH/manager cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	[ ! -s "$SCRATCH/got" ]
	"$HELPERS/terminal" say "$SCRATCH/manager" end
	wait "$MANAGER"
	[ "$(<"$SCRATCH/got")" = end ]
	# nobody asks: nothing is made
	rm -r "$BUNDLE/rootfs/run"
	bundle "$(args sh -c 'ls -d /run; echo "$NOTIFY_SOCKET."')"
	run cowrun run -b "$BUNDLE" "$ID-a"
	assert_output_matches $'No such file or directory\n\\.$'
}

@test "exec --process reads a pipe and standard input" {
	sleeper
	local process='{"args": ["echo", "hello"], "cwd": "/", "env": ["PATH=/bin"]}'
	run cowrun exec --process <(echo "$process") "$ID"
	assert_output hello
	run cowrun exec --process /dev/stdin "$ID" <<<"$process"
	assert_output hello
	fails "read '$SCRATCH': is a directory" cowrun exec --process "$SCRATCH" "$ID"
	fails 'file too large' cowrun exec --process /dev/zero "$ID"
}

@test "NOTIFY_SOCKET: a start that is refused leaves the socket of the one before alone" {
	local socket before
	says READY=1
	manager 3
	NOTIFY_SOCKET=$SCRATCH/manager cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	wait "$MANAGER"
	socket=$STATE/$ID/notify/notify.sock
	before=$(stat -c "%i %z" "$socket")
	NOTIFY_SOCKET=$SCRATCH/manager fails "cannot start container '$ID'" cowrun start "$ID"
	[ "$(stat -c "%i %z" "$socket")" = "$before" ]
}
