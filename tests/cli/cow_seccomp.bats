# The system calls of `cow run`: its default profile as a container meets it, others, and none.
# What each number answers is in tests/unit/runtime_profile.c; here are the ways around it.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

# calls OPTIONS -- CALL...: runs the helper in a container for each call ("NUMBER ARGUMENTS"), prints what each returned
calls() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	cow run --rm --name "$NAME" "${options[@]}" -v "$HELPERS/syscall:/syscall:ro" "$IMAGE" sh -c 'for call; do /syscall $call; done' sh "$@"
}

need_x86_64() { [ "$(uname -m)" = x86_64 ] || skip "needs x86-64"; }

@test "every container of an image has the filter, and exec in it too" {
	run cow run --rm --name "$NAME" "$IMAGE" grep Seccomp: /proc/self/status
	assert_output $'Seccomp:\t2'
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null 2>&1
	run cow exec "$NAME" grep Seccomp: /proc/self/status
	assert_output $'Seccomp:\t2'
	cow rm -f "$NAME"
}

@test "CVE-2017-5226: nobody types for the terminal that a container got from us" {
	need_x86_64
	need_program script
	# With a terminal, without the filter, the answer would be the kernel's: 0, or EIO where it has forbidden this (6.2).
	run script -qec "'$COW' --root '$STATE' --store '$STORE' run --rm -i --name '$NAME' -v '$HELPERS/syscall:/syscall:ro' '$IMAGE' \
		sh -c 'test -t 0 && echo terminal; /syscall 16 0 0x5412 0x400000; /syscall 16 0 0x541c 0x400000; /syscall 16 0 0x100005412 0x400000; /syscall 16 0 0x5411 0'" /dev/null
	assert_status 0
	assert_output $'terminal\r\n-1\r\n-1\r\n-1\r\n-14\r'
}

@test "dangerous calls are refused, unknown ones do not exist" {
	need_x86_64
	# unshare, setns, mount, keyctl, bpf, perf_event_open, userfaultfd, io_uring_setup, open_tree, fsopen, vmsplice, cachestat,
	# pidfd_getfd, kexec_load, add_key; then clone3, and numbers that nobody has
	run calls -- '272 0x10000000' '308 0 0' '165 0 0 0' '250 0' '321 0' '298 0' '323 0' '425 1 0' '428 0 0' '430 0' '278 0' '451 0' \
		'438 0' '246 0' '248 0' '435 0 0' 4000 0x3fffffff
	assert_output "$(yes -- -1 | head -15)"$'\n-38\n-38\n-38'
}

@test "the kernel's hash and virtual-machine sockets are out of reach, others are not" {
	need_x86_64
	run calls -- '41 38 5 0' '41 40 1 0' '41 0x100000026 5 0' '41 1 1 0'
	assert_status 0
	[ "${lines[*]:0:3}" = "-1 -1 -1" ]
	[ "${lines[3]}" -ge 3 ]
}

@test "a user namespace cannot be had by clone, whatever else is in its flags" {
	need_x86_64
	run calls -- '56 0x10000000' '56 0x10000011' '56 0x60020011' '56 0x110000011'
	assert_output $'-1\n-1\n-1\n-1'
}

@test "x32 calls kill" {
	need_x86_64
	need_host "the guest's kernel passes on no such numbers"
	run calls -- '--x32 39' '--x32 272 0'
	assert_output $'killed 31\nkilled 31'
}

@test "32-bit calls are under the same profile, and have no socketcall" {
	need_x86_64
	[[ $("$HELPERS/syscall" --i386 20) == [1-9]* ]] || skip "needs a kernel with 32-bit calls"
	# mount, unshare, keyctl, socketcall, io_uring_setup, socket(AF_ALG); then clone3
	run calls -- '--i386 21' '--i386 310 0x10000000' '--i386 288' '--i386 102' '--i386 425' '--i386 359 38 5 0' '--i386 435'
	assert_output $'-1\n-1\n-1\n-1\n-1\n-1\n-38'
}

@test "programs work: threads, shells, files, sockets, debuggers" {
	# fork, pipes, sockets, signals, timers and the like, by busybox
	run --separate-stderr cow run --rm --name "$NAME" "$IMAGE" sh -c 'mkdir -p /tmp/a/b && echo x >/tmp/a/b/c && cp -a /tmp/a /tmp/d && tar -C /tmp -cf - d | tar -tf - | wc -l
		ln /tmp/a/b/c /tmp/l && chmod 600 /tmp/l && chown 1:1 /tmp/l && stat -c "%a %u" /tmp/l
		mkfifo /tmp/silent; nc -l -p 7777 <>/tmp/silent >/tmp/heard & until echo word | nc 127.0.0.1 7777; do sleep 0.02; done; wait; cat /tmp/heard
		timeout 1 sleep 1000; echo $?
		chroot / true && echo done'
	assert_output $'3\n600 1\nword\n143\ndone'
}

@test "--security-opt: none, another, the form of docker; and what is none of them" {
	need_x86_64
	run calls --security-opt seccomp=unconfined -- '250 0 0'
	[ "$output" != -1 ]
	run cow run --rm --name "$NAME" --security-opt seccomp=unconfined "$IMAGE" grep Seccomp: /proc/self/status
	assert_output $'Seccomp:\t0'
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}' >"$SCRATCH/one.json"
	run calls --security-opt "seccomp=$SCRATCH/one.json" -- 39 '272 0'
	assert_output $'-77\n0'
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
		"syscalls": [{"names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77, "includes": {"caps": ["CAP_SYS_ADMIN"]}},
		{"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 78, "excludes": {"caps": ["CAP_SYS_ADMIN"]}}]}' >"$SCRATCH/two.json"
	run calls --security-opt "seccomp=$SCRATCH/two.json" -- 110
	assert_output -78
	run cow run --rm --name "$NAME" --security-opt no-new-privileges "$IMAGE" grep Seccomp: /proc/self/status
	assert_output $'Seccomp:\t2'
	fails "^cow: run: option --security-opt: 'label=disable' is neither" cow run --security-opt label=disable "$IMAGE" true
	fails "^cow: run: option --security-opt: 'seccomp=' is neither" cow run --security-opt seccomp= "$IMAGE" true
	fails "^cow: run: option --security-opt: open '/nope': no such file" cow run --security-opt seccomp=/nope "$IMAGE" true
	echo '{"defaultAction": "SCMP_ACT_MAYBE"}' >"$SCRATCH/bad.json"
	fails "^cow: run: seccomp profile '$SCRATCH/bad.json': defaultAction: 'SCMP_ACT_MAYBE' is unknown" \
		cow run --name "$NAME" --security-opt "seccomp=$SCRATCH/bad.json" "$IMAGE" true
	[ ! -e "$STATE/$NAME" ]
}

@test "its filter is compiled once, with those of bundles" {
	rm -rf "$STATE/.seccomp"
	cow run --rm --name "$NAME" "$IMAGE" true
	local first
	first=$(ls -i "$STATE/.seccomp")
	[ "$(wc -l <<<"$first")" -eq 1 ]
	cow run --rm --name "$NAME" "$IMAGE" true
	[ "$(ls -i "$STATE/.seccomp")" = "$first" ]
}
