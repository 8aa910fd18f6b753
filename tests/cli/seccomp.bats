# linux.seccomp: what a filter answers, when it is loaded, that it is compiled once, and who is asked.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

teardown() {
	containers_remove
	agent_end
}

# seccomp SECTION: a jq filter that puts the section there; $calls is a rule's list of system calls
seccomp() { echo ".linux.seccomp = $1"; }
deny() { seccomp "{defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: ${1:-[\"mkdir\", \"mkdirat\"]}, action: \"SCMP_ACT_ERRNO\"}]}"; }

# with_programs: the bundle of the file has the static helpers
with_programs() {
	bundle
	cp "$HELPERS/syscall" "$BUNDLE/rootfs/bin/syscall"
}

# kept: the files of filters that are kept
kept() { find "$STATE/.seccomp" -type f -printf '%i %f\n' 2>/dev/null | sort; }

# --- what it answers --------------------------------------------------------------------------------------------
@test "a filter holds for the program, its children and exec, with and without no_new_privs" {
	local nnp
	for nnp in true false; do
		gives "2 $([ $nnp = true ] && echo 1 || echo 0) mkdir: can't create directory '/x': Operation not permitted" \
			'set -- $(sed -n "s/^Seccomp:\t//p; s/^NoNewPrivs:\t//p" /proc/self/status); echo $2 $1 "$(mkdir /x 2>&1)"' \
			"$(deny) | .process.noNewPrivileges = $nnp"
	done
	sleeper "$(deny)"
	run cowrun exec "$ID" sh -c 'grep Seccomp: /proc/self/status; mkdir /x'
	assert_status 1
	assert_output_matches "Seccomp:.2.*Operation not permitted"
}

@test "numbers, arguments and newer calls answer as the section says" {
	with_programs
	inside 'syscall 155; syscall 272 5; syscall 272 6; syscall 310 100; syscall 310 9001; syscall 310 7; syscall 4000; syscall 0x3fffffff' \
		"$(seccomp '{defaultAction: "SCMP_ACT_ERRNO", syscalls: [
			{names: [$allowed[]], action: "SCMP_ACT_ALLOW"},
			{names: ["pivot_root"], action: "SCMP_ACT_ERRNO", errnoRet: 100},
			{names: ["unshare"], action: "SCMP_ACT_ERRNO", errnoRet: 55, args: [{index: 0, value: 5, op: "SCMP_CMP_EQ"}]},
			{names: ["process_vm_readv"], action: "SCMP_ACT_ERRNO", errnoRet: 77, args: [
				{index: 0, value: 100, op: "SCMP_CMP_EQ"}, {index: 0, value: 9001, op: "SCMP_CMP_EQ"}]}]}')" \
		--argjson allowed "$(allowed)"
	assert_status 0
	[ "$(uname -m)" != x86_64 ] || assert_output $'-100\n-55\n-1\n-77\n-77\n-1\n-38\n-38'
}

# What a shell, busybox and the helper need.
allowed() {
	jq -nc '"access arch_prctl brk clone clone3 close dup2 dup3 execve exit exit_group faccessat faccessat2 fcntl fork fstat
		futex getcwd getdents64 getegid geteuid getgid getpgrp getpid getppid getrandom getuid ioctl lseek mmap mprotect munmap
		newfstatat open openat pipe pipe2 poll prctl prlimit64 read readlink readlinkat rseq rt_sigaction rt_sigprocmask
		rt_sigreturn set_robust_list set_tid_address sigaltstack stat uname vfork wait4 write writev" | [splits("\\s+")]'
}

@test "a call that kills ends the program with its signal, and TRAP is a signal" {
	local action
	for action in KILL KILL_PROCESS KILL_THREAD TRAP; do
		inside 'exec mkdir /x' "$(seccomp "{defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"mkdir\", \"mkdirat\"], action: \"SCMP_ACT_$action\"}]}") |
			.process.rlimits = [{type: \"RLIMIT_CORE\", soft: 0, hard: 0}]"
		assert_status 159
	done
}

@test "a section that asks for nothing is no filter" {
	gives 0 'sed -n "s/^Seccomp:\t//p" /proc/self/status' '.linux.seccomp = {}'
	gives 0 'sed -n "s/^Seccomp:\t//p" /proc/self/status' '.linux.seccomp = {architectures: ["SCMP_ARCH_X86"]}'
}

@test "what no filter can be made of is refused, and leaves nothing" {
	local before
	before=$(kept)
	refuses '^cowrun: run: linux.seccomp.defaultAction: .SCMP_ACT_MAYBE. is unknown' "$(seccomp '{defaultAction: "SCMP_ACT_MAYBE"}')"
	refuses 'linux.seccomp.architectures\[0\]: SCMP_ARCH_M68K is not known to libseccomp' \
		"$(seccomp '{defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_M68K"]}')"
	refuses 'SCMP_ACT_NOTIFY cannot be used for the write syscall' \
		"$(seccomp '{defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/x", syscalls: [{names: ["write"], action: "SCMP_ACT_NOTIFY"}]}')"
	[ "$(kept)" = "$before" ]
}

@test "a system call that nobody knows is passed over, with a debug line" {
	bundle "$(deny '["no_such_call", "mkdir", "mkdirat"]')"
	run --separate-stderr cowrun --debug run -b "$BUNDLE" "$ID"
	assert_status 0
	[[ $stderr == *"linux.seccomp.syscalls[0].names[0]: unknown system call 'no_such_call', ignored"* ]]
}

# --- other ways into the kernel ---------------------------------------------------------------------------------
# need_calls OPTION NUMBER: a kernel that has that table of system calls, in which this is getpid()
need_calls() {
	[ "$(uname -m)" = x86_64 ] || skip "needs x86-64"
	[[ $("$HELPERS/syscall" "$@") == [1-9]* ]] || skip "needs a kernel with the calls of $1"
}
SECTION='{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat", "getpid"], action: "SCMP_ACT_ERRNO", errnoRet: 77}]}'

@test "x32 calls are filtered where they are listed, and kill where they are not" {
	[ "$(uname -m)" = x86_64 ] || skip "needs x86-64"
	need_host "the guest's kernel passes on no such numbers"
	with_programs
	gives $'-77\n-77' 'syscall 39; syscall --x32 39' "$(seccomp "$SECTION + {architectures: [\"SCMP_ARCH_X32\"]}")"
	gives $'-77\nkilled 31' 'syscall 39; syscall --x32 39' \
		"$(seccomp "$SECTION") | .process.rlimits = [{type: \"RLIMIT_CORE\", soft: 0, hard: 0}]"
}

@test "32-bit calls are filtered where they are listed, and kill where they are not" {
	need_calls --i386 20
	with_programs
	gives $'-77\n-77' 'syscall 39; syscall --i386 20' "$(seccomp "$SECTION + {architectures: [\"SCMP_ARCH_X86\"]}")"
	gives $'-77\nkilled 31' 'syscall 39; syscall --i386 20' \
		"$(seccomp "$SECTION") | .process.rlimits = [{type: \"RLIMIT_CORE\", soft: 0, hard: 0}]"
}

# --- when it is loaded ------------------------------------------------------------------------------------------
# A profile that kills for everything that a runtime does at the end and this program does not.
HOSTILE='{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{action: "SCMP_ACT_KILL_PROCESS", names: ["capset", "setresuid", "setresgid", "setgroups", "prctl", "chdir", "fchdir", "umask", "accept4", "sendto", "recvmsg", "sendmsg", "close_range",
	"mount", "umount2", "pivot_root", "setsid", "keyctl", "clone3", "seccomp", "dup3", "execveat", "unshare", "setns",
	"faccessat2", "statx", "setrlimit", "ppoll", "waitid", "pidfd_send_signal"]}]}'
CAPS='(.process.args = ["/bin/syscall", "--caps"])'

@test "a profile need not allow what a runtime does: no call of ours comes after it" {
	local nnp user caps expected
	with_programs
	for nnp in true false; do
		for user in 0 1000; do
			for caps in '[]' '["CAP_KILL", "CAP_CHOWN"]'; do
				local config=".process.noNewPrivileges = $nnp | .process.user.uid = $user | $CAPS |
					(.process.capabilities | .bounding, .effective, .permitted, .inheritable, .ambient) = $caps"
				bundle "$config"
				expected=$(cowrun run -b "$BUNDLE" "$ID")
				bundle "$config | $(seccomp "$HOSTILE")"
				run cowrun run -b "$BUNDLE" "$ID"
				assert_status 0
				assert_output "$expected"
			done
		done
	done
}

@test "exec needs no more of a profile, and gives the same capabilities" {
	local nnp
	with_programs
	for nnp in true false; do
		# busybox names itself by prctl()
		sleeper ".process.noNewPrivileges = $nnp | $(seccomp "${HOSTILE/\"prctl\", /}")"
		run cowrun exec "$ID" /bin/syscall --caps
		assert_status 0
		assert_output "$(grep Cap "/proc/$PID/status")"
		cowrun delete --force "$ID"
	done
}

@test "create and start: the filter comes with the program, not before" {
	with_programs
	created "$CAPS | .process.noNewPrivileges = false | $(seccomp "$HOSTILE")"
	grep -q 'Seccomp:.0' "/proc/$PID/status"
	cowrun start "$ID"
	await status_is "$ID" stopped
	[ "$(wc -l <"$SCRATCH/out")" -eq 5 ]
}

@test "in a user namespace of its own too" {
	need_host "the guest has no user namespaces with maps of root" # the host's test suffices
	local map='[{containerID: 0, hostID: 100000, size: 65536}]'
	gives 'mkdir: can'"'"'t create directory '"'"'/tmp/x'"'"': Operation not permitted' 'mkdir /tmp/x 2>&1; true' \
		"$(deny) | .process.noNewPrivileges = false | .linux.namespaces += [{type: \"user\"}] | .linux.uidMappings = $map | .linux.gidMappings = $map"
}

@test "hooks in the container run under the filter, those of the runtime do not" {
	local hook='[{path: "/bin/mkdir", args: ["mkdir", "/tmp/by-hook"]}]'
	bundle "$(deny) | .hooks.startContainer = $hook"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_status 1
	[[ $stderr == *"error running startContainer hook #0: exit status 1 of '/bin/mkdir': "*"Operation not permitted" ]]
	bundle "$(deny) | .hooks.startContainer = [{path: \"/bin/true\"}]"
	cowrun run -b "$BUNDLE" "$ID"
	[ ! -e "$BUNDLE/rootfs/tmp/by-hook" ]
	mkdir -p "$SCRATCH/by"
	bundle "$(deny) | .hooks.createContainer = [{path: \"/bin/mkdir\", args: [\"mkdir\", \"$SCRATCH/by/container\"]}]"
	cowrun run -b "$BUNDLE" "$ID"
}

# --- compiled once ----------------------------------------------------------------------------------------------
@test "a filter is compiled once, and kept where only we may write" {
	rm -rf "$STATE/.seccomp"
	bundle "$(deny)"
	cowrun run -b "$BUNDLE" "$ID"
	local first
	first=$(kept)
	[ "$(wc -l <<<"$first")" -eq 1 ]
	[ "$(stat -c %a "$STATE/.seccomp" "$STATE"/.seccomp/*)" = $'700\n600' ]
	cowrun run -b "$BUNDLE" "$ID"
	sleeper "$(deny)"
	cowrun exec "$ID" true
	[ "$(kept)" = "$first" ]
	# Another text is another filter, if only by a blank.
	bundle "$(deny '["mkdir"]')"
	cowrun run -b "$BUNDLE" "$ID-a"
	[ "$(kept | wc -l)" -eq 2 ]
	[ "$(cowrun list -q)" = "$ID" ]
}

@test "a kept filter that is damaged, ours no more or not a file is made anew, and never used" {
	local file
	bundle "$(deny) | $(args sh -c 'mkdir /tmp/x 2>/dev/null && echo BROKEN || echo denied')"
	rm -rf "$STATE/.seccomp"
	again() { # SCRIPT: what is done to $file; then the filter holds, and a good one is in its place
		rm -rf "$STATE/.seccomp"
		cowrun run -b "$BUNDLE" "$ID" >/dev/null
		file=$(echo "$STATE"/.seccomp/*)
		cp "$file" "$SCRATCH/good"
		eval "$1"
		run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
		assert_status 0
		assert_output denied
		[ -f "$file" ] && [ ! -L "$file" ] && cmp "$file" "$SCRATCH/good"
	}
	again 'truncate -s -8 "$file"'
	again ': >"$file"'
	again 'truncate -s +8 "$file"'
	again 'printf "\6\0\0\0\0\0\377\177" | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 8)) conv=notrunc status=none' # its last word: allow
	again 'tr "\0" "\1" <"$SCRATCH/good" >"$file"'
	again 'ln -sf "$SCRATCH/good" "$file"'
	again 'rm "$file"; mkdir "$file"; rmdir "$file"'
	again 'chmod 666 "$file"; rm "$file"; cp "$SCRATCH/good" "$file"; chmod 600 "$file"'
	again 'rm "$file"; mkfifo "$file"'
	[ "$(id -u)" -ne 0 ] || again 'chown 1000 "$file"; chmod 600 "$file"'
	# One that lets everything through, but that others may write:
	again 'chmod 602 "$file"'
}

@test "a directory of filters that is a symlink or a file costs time, not safety" {
	bundle "$(deny) | $(args sh -c 'mkdir /tmp/x 2>/dev/null && echo BROKEN || echo denied')"
	rm -rf "$STATE/.seccomp" "$SCRATCH/elsewhere"
	mkdir -p "$SCRATCH/elsewhere" "$STATE"
	ln -s "$SCRATCH/elsewhere" "$STATE/.seccomp"
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output denied
	[ -z "$(ls -A "$SCRATCH/elsewhere")" ]
	rm "$STATE/.seccomp"
	echo x >"$STATE/.seccomp"
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output denied
	rm "$STATE/.seccomp"
}

@test "no more than 64 filters are kept, and the oldest goes" {
	local i n=0
	rm -rf "$STATE/.seccomp"
	mkdir -p "$STATE/.seccomp"
	chmod 700 "$STATE" "$STATE/.seccomp"
	touch -d 2020-01-01 "$STATE/.seccomp/oldest"
	touch -d 2020-01-02 "$STATE/.seccomp"/old-{1..61}
	for i in 63 64 64 64; do
		n=$((n + 1))
		bundle "$(deny "[\"mkdir\", \"call_$n\"]")"
		cowrun run -b "$BUNDLE" "$ID"
		[ "$(kept | wc -l)" -eq $i ]
	done
	[ ! -e "$STATE/.seccomp/oldest" ]
	[ "$(find "$STATE/.seccomp" -name 'old-*' | wc -l)" -eq 60 ]
}

# --- an agent ---------------------------------------------------------------------------------------------------
# agent: starts one; $SOCKET is where it listens, and it answers ENOMEDIUM
agent() {
	SOCKET=$SCRATCH/agent.$BATS_TEST_NUMBER
	rm -f "$SOCKET"
	rm -f "$SCRATCH/told"
	"$HELPERS/agent" "$SOCKET" 123 >"$SCRATCH/told" 3>&- &
	AGENT=$!
	await grep -qs ready "$SCRATCH/told"
}
agent_end() {
	[ -n "${AGENT:-}" ] || return 0
	kill "$AGENT"
	wait "$AGENT" || true
	AGENT=
}
ask() { seccomp "{defaultAction: \"SCMP_ACT_ALLOW\", listenerPath: \"$SOCKET\", listenerMetadata: \"of the test\",
	syscalls: [{names: ${1:-[\"mkdir\", \"mkdirat\"]}, action: \"SCMP_ACT_NOTIFY\"}]}"; }
told() { sed -n "$(($1 + 1))p" "$SCRATCH/told" | jq -r "$2"; }

@test "an agent answers for the container, and is told who it is: run" {
	agent
	local nnp
	for nnp in true false; do
		inside 'mkdir /tmp/x' "$(ask) | .process.noNewPrivileges = $nnp | .annotations = {a: \"b\"}"
		assert_status 1
		[[ $stderr == *"No medium found"* ]]
	done
	[ "$(told 1 '[.fds[0], .metadata, .state.id, .state.status, .state.annotations.a, .state.bundle] | join(" ")')" = \
		"seccompFd of the test $ID creating b $BUNDLE" ]
	[ "$(told 1 .pid)" -eq "$(told 1 .state.pid)" ]
	[ "$(told 1 .ociVersion)" = "$(told 1 .state.ociVersion)" ]
	[ "$(wc -l <"$SCRATCH/told")" -eq 3 ]
}

@test "an agent answers for the container, and is told who it is: create, start, exec" {
	agent
	created "$(args sh -c 'mkdir /tmp/x; sleep 1000') | $(ask)"
	cowrun start "$ID"
	await grep -q "No medium found" "$SCRATCH/out"
	[ "$(told 1 '"\(.pid) \(.state.pid) \(.state.status)"')" = "$PID $PID creating" ]
	run cowrun exec --pid-file "$SCRATCH/exec.pid" "$ID" mkdir /tmp/x
	assert_status 1
	assert_output_matches "No medium found"
	[ "$(told 2 '"\(.pid) \(.state.pid) \(.state.status)"')" = "$(<"$SCRATCH/exec.pid") $PID running" ]
}

@test "an agent may be asked about what a program begins with" {
	agent
	inside 'echo never' "$(ask '["execve"]')"
	assert_status 1
	[[ $stderr == *"execute '/bin/sh'"* ]]
}

@test "no agent, no container" {
	SOCKET=$SCRATCH/nobody
	refuses "failed to connect with seccomp agent '$SOCKET': no such file or directory" "$(ask)"
	created "$(ask)"
	fails "failed to connect with seccomp agent '$SOCKET'" cowrun start "$ID"
	cowrun delete --force "$ID"
	agent
	sleeper "$(ask)"
	agent_end
	fails "failed to connect with seccomp agent '$SOCKET': connection refused" cowrun exec "$ID" true
}

@test "an agent's path without a call for it is ignored" {
	gives "" 'mkdir /tmp/x' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/no/such/agent", listenerMetadata: "x"}'
}
