# cowrun checkpoint and restore. What CRIU is told, and what becomes of the container, with a program in its place that
# writes its words down; and with CRIU itself, where it can work on this kernel.
load helpers
load containers

# A stand-in for CRIU: its words are in $SCRATCH/words, a line each. It kills what it dumps, and restores a sleep.
standin() {
	mkdir -p "$SCRATCH/bin"
	cat >"$SCRATCH/bin/criu" <<-'EOT'
		#!/bin/bash
		printf '%s\n' "$@" >"$SCRATCH/words"
		while [ $# -gt 0 ]; do
			case $1 in
			dump | pre-dump | restore) verb=$1 ;;
			--work-dir) work=$2 ;;
			--images-dir) images=$2 ;;
			--log-file) log=$2 ;;
			--tree) pid=$2 ;;
			--pidfile) pidfile=$2 ;;
			--root) root=$2 ;;
			--leave-running) stay=1 ;;
			esac
			shift
		done
		if [ -n "${CRIU_FAILS:-}" ]; then
			printf '(00.1) Error (criu/x.c:1): the cause of it\n(00.2) Error (criu/x.c:2): Dumping FAILED.\n' >"$work/$log"
			exit 1
		fi
		echo fine >"$work/$log"
		case $verb in
		dump)
			touch "$images/pstree.img" "$work/stats-dump"
			[ -n "${stay:-}" ] || kill -9 "$pid"
			;;
		restore)
			cat "$root/etc/passwd" >"$SCRATCH/seen"
			sleep 1000 </dev/null >&1001 2>&1 &
			echo "$!" >"$pidfile"
			;;
		esac
	EOT
	chmod +x "$SCRATCH/bin/criu"
	PATH=$SCRATCH/bin:$PATH
}

told() {
	local word
	for word; do grep -qxF -- "$word" "$SCRATCH/words" || { say "not told '$word': $(tr '\n' ' ' <"$SCRATCH/words")"; return 1; }; done
}
told_pair() { grep -A1 -xF -- "$1" "$SCRATCH/words" | grep -qxF -- "$2" || { say "not told '$1 $2': $(tr '\n' ' ' <"$SCRATCH/words")"; return 1; }; }

# As sleeper, with its output in a pipe: CRIU asks that a file be as long as it was.
piped_sleeper() {
	bundle "$@"
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" </dev/null > >(cat >"$SCRATCH/out") 2>&1
	PID=$(<"$SCRATCH/pid")
}

@test "as podman calls it: what CRIU is told, images and log, and the container has ended" {
	standin
	sleeper '.mounts += [{"destination": "/data", "type": "bind", "source": "/etc", "options": ["rbind"]}]'
	cowrun checkpoint --image-path "$SCRATCH/image" --work-path "$SCRATCH/logs" --tcp-established --file-locks "$ID"
	told dump -v4 --tcp-established --file-locks --manage-cgroups=ignore 'mnt[/data]:/data' 'mnt[/proc/keys]:/proc/keys'
	not told --leave-running 2>"$SCRATCH/err"
	told_pair --tree "$PID"
	told_pair --images-dir "$SCRATCH/image"
	told_pair --work-dir "$SCRATCH/logs"
	told_pair --log-file dump.log
	[ "$(jq length "$SCRATCH/image/descriptors.json")" = 3 ]
	[ -e "$SCRATCH/logs/stats-dump" ]
	assert_gone "$ID"
}

@test "left running, with memory written before" {
	standin
	sleeper
	cowrun checkpoint --pre-dump --image-path "$SCRATCH/pre" "$ID"
	told pre-dump --track-mem
	status_is "$ID" running
	cowrun checkpoint --image-path "$SCRATCH/image2" --parent-path ../pre --leave-running --ext-unix-sk --shell-job --empty-ns network --page-server 127.0.0.1:99 "$ID"
	told dump --track-mem --leave-running --ext-unix-sk --shell-job --page-server
	told_pair --prev-images-dir ../pre
	told_pair --empty-ns net
	told_pair --address 127.0.0.1
	told_pair --port 99
	status_is "$ID" running
}

@test "as containerd calls it: restored with a record, in its cgroup, and ended as any other" {
	standin
	bundle "$(args sleep 1000)"' | .mounts += [{"destination": "/data", "type": "bind", "source": "/etc", "options": ["rbind"]}]'
	mkdir -p "$SCRATCH/image3"
	echo '["file[17:3]", "pipe:[77]", "pipe:[78]"]' >"$SCRATCH/image3/descriptors.json"
	cowrun restore --image-path "$SCRATCH/image3" --work-path "$SCRATCH/image3" --detach --pid-file "$SCRATCH/pid" \
		--no-pivot -no-subreaper --lsm-profile selinux:x --bundle "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	told restore --restore-detached --restore-sibling 'mnt[/data]:/etc' 'mnt[/proc/keys]:/dev/null' \
		'fd[1000]:file[17:3]' 'fd[1001]:pipe:[77]' 'fd[1002]:pipe:[78]'
	told_pair --lsm-profile selinux:x
	diff "$SCRATCH/seen" "$BUNDLE/rootfs/etc/passwd"
	status_is "$ID" running
	[ "$(state "$ID" pid)" = "$(<"$SCRATCH/pid")" ]
	grep -q "cowrun-$ID\$" "/proc/$(<"$SCRATCH/pid")/cgroup"
	not grep -q "$STATE" /proc/self/mountinfo
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	cowrun delete "$ID"
	assert_gone "$ID"
}

@test "a failure is told in CRIU's own words, with its log: the container goes on, a restored one is not there" {
	standin
	export CRIU_FAILS=1
	sleeper
	fails "checkpoint container '$ID': criu: Error \(criu/x.c:1\): the cause of it \(log: $SCRATCH/logs4/dump.log\)$" \
		cowrun checkpoint --image-path "$SCRATCH/image4" --work-path "$SCRATCH/logs4" "$ID"
	status_is "$ID" running
	echo '["", "", ""]' >"$SCRATCH/image4/descriptors.json"
	fails "criu: Error \(criu/x.c:1\): the cause of it \(log: $SCRATCH/logs4/restore.log\)$" \
		cowrun restore --image-path "$SCRATCH/image4" --work-path "$SCRATCH/logs4" -b "$BUNDLE" "$ID-a"
	assert_gone "$ID-a"
}

@test "what cannot be is refused before anything is made" {
	sleeper
	fails "checkpoints need the program 'criu' \(package criu\)$" env PATH=/nonexistent "$COWRUN" --root "$STATE" checkpoint --image-path "$SCRATCH/image5" "$ID"
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	fails "cannot checkpoint container '$ID'" cowrun checkpoint "$ID"
	fails "container '$ID-b' does not exist" cowrun checkpoint "$ID-b"
	fails "descriptors.json" cowrun restore --image-path /nonexistent -b "$BUNDLE" "$ID-b"
	assert_gone "$ID-b"
	bundle '.process.terminal = true'
	fails "a terminal cannot be restored" cowrun restore -b "$BUNDLE" "$ID-b"
	assert_gone "$ID-b"
}

@test "CRIU itself: a program counts on where it was; or, where it cannot work, its own reason" {
	need_program criu
	if ! criu check >"$SCRATCH/out" 2>&1; then
		sleeper
		fails "checkpoint container '$ID': criu: Error .*\(log: $SCRATCH/real/dump.log\)$" cowrun checkpoint --image-path "$SCRATCH/real" "$ID"
		status_is "$ID" running
		return
	fi
	mkdir -p "$SCRATCH/share"
	piped_sleeper "$(args sh -c 'i=0; while true; do i=$((i+1)); echo $i >>/mnt/count; sleep 0.1; done') | .mounts += [{\"destination\": \"/mnt\",
		\"type\": \"bind\", \"source\": \"$SCRATCH/share\", \"options\": [\"rbind\"]}]"
	await test -s "$SCRATCH/share/count"
	cowrun checkpoint --image-path "$SCRATCH/real" "$ID"
	assert_gone "$ID"
	local before
	before=$(tail -n 1 "$SCRATCH/share/count")
	cowrun restore --detach -b "$BUNDLE" --image-path "$SCRATCH/real" --pid-file "$SCRATCH/pid" "$ID" </dev/null > >(cat >"$SCRATCH/out") 2>&1
	await eval '[ "$(tail -n 1 "$SCRATCH/share/count")" -gt $((before + 2)) ]'
	# without a gap
	[ "$(uniq "$SCRATCH/share/count" | head -n $((before + 2)))" = "$(seq $((before + 2)))" ]
	[ "$(cowrun exec "$ID" hostname)" = test ]
	grep -q "cowrun-$ID\$" "/proc/$(<"$SCRATCH/pid")/cgroup"
	cowrun delete --force "$ID"
	assert_gone "$ID"
}
