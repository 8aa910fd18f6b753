# cow run in the foreground: statuses, streams, signals, and every option.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

image() { run --separate-stderr cow run --rm --name "$NAME" "$@"; }
sh_of() { image "$IMAGE" /bin/sh -c "$1"; }

@test "the program's status is ours" {
	sh_of 'exit 0'
	assert_status 0
	sh_of 'exit 7'
	assert_status 7
	[ -z "$output$stderr" ]
	assert_nothing_left
}

@test "a program that is killed: 128 and the signal" {
	cow run --name "$NAME" "$IMAGE" sleep 1000 3>&- &
	local pid=$!
	eventually is_executing "$NAME" sleep
	cowrun kill "$NAME" KILL
	ends_with 137 $pid
	[ "$(inspect "$NAME" exit_status)" = 137 ]
}

@test "125, 126, 127: ours, not to be run, not there" {
	image --pull never "$IMAGE-no" true
	assert_status 125
	assert_one_line "^cow: run: no image '$IMAGE-no' in the store"
	image --nope "$IMAGE"
	assert_status 125
	assert_one_line "^cow: run: unknown option '--nope'"
	image "$IMAGE" /etc/passwd
	assert_status 126
	assert_one_line "'/etc/passwd'.*not executable"
	image "$IMAGE" /bin
	assert_status 126
	assert_one_line "'/bin'.*is a directory"
	run --separate-stderr -127 cow run --rm --name "$NAME" "$IMAGE" /bin/nope
	assert_one_line "'/bin/nope'.*not found"
	run --separate-stderr -127 cow run --rm --name "$NAME" "$IMAGE" nope
	assert_one_line "'nope'.*PATH"
	assert_nothing_left
}

@test "standard output and standard error are ours" {
	sh_of 'echo out; echo err >&2'
	assert_output out
	[ "$stderr" = err ]
}

@test "standard input only with --interactive" {
	run --separate-stderr cow run --rm -i --name "$NAME" "$IMAGE" cat <<<word
	assert_output word
	run --separate-stderr cow run --rm --name "$NAME" "$IMAGE" cat <<<word
	assert_status 0
	assert_output ''
}

@test "signals are passed on" {
	local signal pid
	for signal in TERM INT HUP USR1; do
		rm -f "$SCRATCH/out" # what the one before said
		cow run --rm --name "$NAME" "$IMAGE" /bin/sh -c \
			"trap 'echo got $signal; exit 5' $signal; echo ready; while :; do sleep 0.01; done" >"$SCRATCH/out" 3>&- &
		pid=$!
		eventually grep ready "$SCRATCH/out"
		# bash has `cow` the function in a shell of its own: the program is that shell's child
		kill -"$signal" "$(inspect "$NAME" monitor_pid)"
		ends_with 5 $pid
		grep -q "got $signal" "$SCRATCH/out"
	done
	assert_nothing_left
}

@test "without --rm it stays, with its status" {
	run cow run --name "$NAME" "$IMAGE" /bin/sh -c 'exit 3'
	assert_status 3
	run cow ps
	[ "${#lines[@]}" = 1 ]
	run cow ps -a
	assert_output_matches "$NAME .*exited \(3\) [0-9]+ seconds? ago"
	[ "$(inspect "$NAME" exit_status)" = 3 ]
	cow rm "$NAME"
	assert_nothing_left
}

@test "the environment: the image's, then ours, nothing of the host's" {
	cow import -q -e FROM=image -e KEPT=1 "$TAR" "$IMAGE-env" >/dev/null
	export GIVEN=host HIDDEN=host
	image -e FROM=option -e GIVEN -e ABSENT -e EMPTY= "$IMAGE-env" env
	[ "$(grep -vE '^(PATH|HOME|HOSTNAME|SHLVL|PWD)=' <<<"$output" | sort)" = "EMPTY=
FROM=option
GIVEN=host
KEPT=1" ]
	assert_output_matches $'(^|\n)PATH='
}

@test "the working directory: --workdir, else the image's, else /" {
	image "$IMAGE" pwd
	assert_output /
	image -w /tmp "$IMAGE" pwd
	assert_output /tmp
	cow import -q -w /var "$TAR" "$IMAGE-dir" >/dev/null
	image "$IMAGE-dir" pwd
	assert_output /var
	image -w /tmp "$IMAGE-dir" pwd
	assert_output /tmp
	image -w tmp "$IMAGE" pwd
	assert_status 125
	assert_one_line "'tmp'.*absolute"
}

@test "the user: by name or number of the image's files, else the image's" {
	local who='echo $(id -u) $(id -g) $(id -G)'
	image -u app "$IMAGE" sh -c "$who"
	assert_output '1000 1000 1000 1001'
	image -u 1000 "$IMAGE" sh -c "$who"
	assert_output '1000 1000 1000 1001'
	image -u app:extra "$IMAGE" sh -c "$who"
	assert_output_matches '^1000 1001'
	image -u 77:88 "$IMAGE" sh -c "$who"
	assert_output '77 88 88'
	cow import -q -u app "$TAR" "$IMAGE-user" >/dev/null
	image "$IMAGE-user" sh -c "$who"
	assert_output '1000 1000 1000 1001'
	image -u root "$IMAGE-user" id -u
	assert_output 0
	image -u nobody-here "$IMAGE" id
	assert_status 125
	assert_one_line "'nobody-here'"
	image -u 4294967296 "$IMAGE" id
	assert_status 125
	assert_nothing_left
}

@test "volumes: to be written, or not" {
	mkdir -p "$SCRATCH/shared"
	echo below >"$SCRATCH/shared/file"
	image -v "$SCRATCH/shared:/mnt" "$IMAGE" sh -c 'cat /mnt/file; echo new >/mnt/made'
	assert_output below
	[ "$(cat "$SCRATCH/shared/made")" = new ]
	image -v "$SCRATCH/shared:/mnt:ro" "$IMAGE" sh -c 'cat /mnt/file; echo new >/mnt/no'
	assert_status 1
	assert_one_line 'Read-only file system'
	[ ! -e "$SCRATCH/shared/no" ]
	image -v "$SCRATCH/shared/file:/etc/one" -v "$SCRATCH/shared:/made/for/it" "$IMAGE" cat /etc/one /made/for/it/file
	assert_output $'below\nbelow'
	image -v "$SCRATCH/nope:/mnt" "$IMAGE" true
	assert_status 125
	assert_one_line "'$SCRATCH/nope'"
	image -v relative:/mnt "$IMAGE" true
	assert_status 125
	assert_one_line "'relative"
	assert_nothing_left
}

@test "what a container writes is its own" {
	image "$IMAGE" sh -c 'echo mine >/etc/passwd; rm /bin/cat; cat /etc/passwd || busybox cat /etc/passwd'
	assert_output mine
	image "$IMAGE" grep -c root /etc/passwd
	assert_output 1
}

@test "--read-only: the root file system, and not /dev/shm" {
	image --read-only "$IMAGE" sh -c 'echo x >/dev/shm/x && echo x >/x'
	assert_status 1
	assert_one_line 'Read-only file system'
}

@test "--net: loopback alone, or the host's" {
	image "$IMAGE" ls /sys/class/net
	assert_output lo
	image --net none "$IMAGE" sh -c 'ip addr show lo | grep -c "inet 127.0.0.1"'
	assert_output 1
	image --net host "$IMAGE" sh -c 'readlink /proc/self/ns/net'
	assert_output "$(readlink /proc/self/ns/net)"
	image --net bridge "$IMAGE" true
	assert_status 125
	assert_one_line "'bridge' is not none|host|user"
}

@test "the host name: the container's, or as asked" {
	run cow run --rm --name "c-$BATS_TEST_NUMBER" "$IMAGE" hostname
	assert_output "c-$BATS_TEST_NUMBER"
	image --hostname other "$IMAGE" hostname
	assert_output other
}

@test "entrypoint and command" {
	cow import -q --entrypoint /bin/echo --cmd from --cmd image "$TAR" "$IMAGE-entry" >/dev/null
	image "$IMAGE-entry"
	assert_output 'from image'
	image "$IMAGE-entry" from words
	assert_output 'from words'
	image --entrypoint /bin/sh "$IMAGE-entry" -c 'echo shell'
	assert_output shell
}

@test "names: taken, bad, or made of the image's" {
	cow run --name "$NAME" "$IMAGE" true
	image "$IMAGE" true
	assert_status 125
	assert_one_line "^cow: run: container '$NAME' already exists"
	run --separate-stderr cow run --name a/b "$IMAGE" true
	assert_status 125
	assert_one_line "'a/b'"
	run --separate-stderr cow run --name .. "$IMAGE" true
	assert_status 125
	assert_one_line "'\.\.'"
	cow run "$IMAGE" true
	run cow ps -aq
	assert_output_matches "(^|"$'\n'")${IMAGE%:*}-[0-9a-f]{4}($|"$'\n'")"
}

@test "the profile of a container: no new privileges, few capabilities, none for users" {
	image "$IMAGE" grep -E '^(NoNewPrivs|CapInh|CapEff|CapBnd|CapAmb)' /proc/self/status
	assert_output $'CapInh:\t0000000000000000\nCapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1'
	image -u app "$IMAGE" grep -E '^(CapPrm|CapEff)' /proc/self/status
	assert_output $'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000'
	image "$IMAGE" sh -c 'cat /proc/kcore | wc -c; echo x >/proc/sys/kernel/domainname'
	assert_status 1
	assert_output 0
}

@test "--ulimit: limits of each process, over the usual ones" {
	image --ulimit nofile=100:200 --ulimit CORE=-1 "$IMAGE" sh -c 'echo $(ulimit -n; ulimit -Hn; ulimit -c)'
	assert_output "100 200 unlimited"
	local bad
	for bad in nofile=2:1 nofile nofile= nofile=x nofile=-2 nofiles=1 =1; do
		fails "^cow: run: option --ulimit: '$bad': " cow run --ulimit "$bad" "$IMAGE" true
	done
}

@test "--oom-score-adj: who is killed first" {
	image --oom-score-adj 500 "$IMAGE" cat /proc/self/oom_score_adj
	assert_output 500
	for bad in 1001 -1001 x -; do
		fails "^cow: run: option --oom-score-adj: '$bad' is not" cow run --oom-score-adj "$bad" "$IMAGE" true
	done
}

@test "--device: a device of the host, under its name or another, for what was said" {
	[ -c /dev/loop-control ] || skip "needs a device that every root may open: /dev/loop-control"
	local script='stat -c "%n %t:%T" "$1"; (: <"$1") 2>&1 && echo read; (: <>"$1") 2>&1 && echo both; true'
	image --device /dev/loop-control "$IMAGE" sh -c "$script" - /dev/loop-control
	assert_output $'/dev/loop-control a:ed\nread\nboth'
	image --device /dev/loop-control:/dev/mine/c:r "$IMAGE" sh -c "$script" - /dev/mine/c
	assert_output $'/dev/mine/c a:ed\nread\n-: line 0: can\'t create /dev/mine/c: Operation not permitted'
	image --device /dev/loop-control:m "$IMAGE" sh -c "$script" - /dev/loop-control
	[ "$(grep -c 'Operation not permitted' <<<"$output")" = 2 ]
	fails "option --device: open '/dev/none': no such file or directory" cow run --device /dev/none "$IMAGE" true
	fails "option --device: '/etc/passwd' is not a device" cow run --device /etc/passwd "$IMAGE" true
	fails "option --device: 'null': not the absolute path" cow run --device null "$IMAGE" true
	fails "option --device: '/dev/null:rx': access 'rx' is not" cow run --device /dev/null:rx "$IMAGE" true
}

@test "--shm-size: of /dev/shm" {
	image --shm-size 3m "$IMAGE" sh -c 'df -k /dev/shm | awk "NR == 2 { print \$2 }"'
	assert_output 3072
	image "$IMAGE" sh -c 'df -k /dev/shm | awk "NR == 2 { print \$2 }"'
	assert_output 65536
	fails "^cow: run: option --shm-size: -1 is not a size" cow run --shm-size -1 "$IMAGE" true
}

@test "--cgroup-parent: the container's group is made in that one, and both go" {
	local parent=/cowrun-test.$COWRUN_TEST-parent
	cow run -d --name "$NAME" --cgroup-parent "$parent/a/" "$IMAGE" sleep 1000 >/dev/null
	[ -d "$CGROUP$parent/a/cowrun-$NAME" ]
	cow rm -f "$NAME"
	[ ! -e "$CGROUP$parent" ]
	fails "linux.cgroupsPath: '../x/cowrun-$NAME' has a component" cow run --name "$NAME" --cgroup-parent ../x "$IMAGE" true
}

@test "limits that exclude each other, or are none" {
	fails "^cow: run: options --cpus and --cpu-quota exclude each other" cow run --cpus 1 --cpu-quota 5000 "$IMAGE" true
	fails "^cow: run: options --cpus and --cpu-period exclude each other" cow run --cpu-period 5000 --cpus 1 "$IMAGE" true
	fails "^cow: run: linux.resources.cpu.cpus: '1-x'" cow run --cpuset-cpus 1-x "$IMAGE" true
	image --pids-limit 0 "$IMAGE" true
	assert_status 0
	fails "^cow: run: option --pids-limit: 'x' is neither a number nor -1" cow run --pids-limit x "$IMAGE" true
}

@test "no file of ours is open in a container" {
	image "$IMAGE" sh -c 'ls /proc/1/fd'
	[ "$(grep -vcxE '[012]' <<<"$output")" -le 1 ] # ls has the directory open in its own
	image "$IMAGE" readlink /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/9
	assert_output ''
}

@test "a reader that goes away, and no standard output at all" {
	run bash -c '"$COW" --root "$STATE" --store "$STORE" run --rm --name "$NAME" "$IMAGE" yes 2>/dev/null | head -n 1'
	assert_output y
	eventually assert_nothing_left
	run bash -c '"$COW" --root "$STATE" --store "$STORE" run --rm --name "$NAME" "$IMAGE" sh -c "echo x" >&-'
	assert_status 0
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
	fails 'no space left on device' bash -c '"$COW" --root "$STATE" --store "$STORE" ps >/dev/full'
	fails 'no space left on device' bash -c '"$COW" --root "$STATE" --store "$STORE" images --json >/dev/full'
}

@test "contradictions are refused" {
	image -d -i "$IMAGE" true
	assert_status 125
	assert_one_line 'exclude each other'
}

@test "help comes from the table" {
	run cow run --help
	assert_status 0
	for word in --detach --rm --name --interactive --env --workdir --user --volume --memory --memory-swap --cpus \
		--pids-limit --hostname --read-only --net --entrypoint; do
		assert_output_matches "$word"
	done
	run cow --help
	for word in load import images rmi run ps exec logs attach stop wait rm inspect mem doctor; do
		assert_output_matches "  $word "
	done
}
