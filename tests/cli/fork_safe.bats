# What a fork has of its template: its memory, and nothing that the kernel keeps beside it.
load helpers
load containers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/heir" "$SCRATCH/rootfs/bin/"
	mkdir -p "$SCRATCH/rootfs/etc"
	echo 'other:x:1234:1234::/:/bin/sh' >"$SCRATCH/rootfs/etc/passwd"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" "$IMAGE" >/dev/null
}
teardown() {
	local name
	for name in $(cow ps -aq | grep -v "^$ID-t"); do cow rm -f "$name" >/dev/null; done
	for name in $(cow ps -aq); do cow rm -f "$name" >/dev/null; done
}
teardown_file() { scratch_remove; }

# template [OPTIONS] -- WORDS: of heir
template() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	cow template create "${options[@]}" "$ID-t" "$IMAGE" heir "$@" >/dev/null
}

# told NAME: what it printed, once it has ended
told() {
	cow wait "$1" >/dev/null
	cow logs "$1"
}

# standing NAME: the same, its mounts sorted: the kernel lists them by when each was made, in there or by us (6.8)
standing() {
	told "$1" >"$SCRATCH/told"
	grep -v '^mount:' "$SCRATCH/told"
	grep '^mount:' "$SCRATCH/told" | sort
}

# shellcheck disable=SC2153 # NAME is from cow.bash
# same [OPTIONS]: heir's state, of a container that was executed and of a fork of $ID-t, each with these options
same() {
	cow run -d --name "$NAME" "$@" "$IMAGE" heir state >/dev/null
	standing "$NAME" >"$SCRATCH/run"
	cow rm "$NAME" >/dev/null
	cow fork --name "$NAME" "$@" "$ID-t" heir state >/dev/null
	standing "$NAME" >"$SCRATCH/fork"
	cow rm "$NAME" >/dev/null
	[ "$(wc -l <"$SCRATCH/fork")" -gt 90 ]
	run diff "$SCRATCH/run" "$SCRATCH/fork"
	[ -z "$output" ] || { say "options: $*; executed and forked: $output"; return 1; }
}

@test "a fork and the same program executed: the kernel tells no difference" {
	template --
	same
	same -e A=1 -e SECRET= -w /tmp -u 1234:77 --hostname elsewhere --read-only
	same --ulimit nofile=99:100 --ulimit nproc=50 --security-opt seccomp=unconfined
}

@test "... of a template that has changed all that a process can" {
	template -- before:spoil
	same
	same --security-opt seccomp=unconfined
	same -u 1234 --ulimit core=0 --ulimit fsize=77777
	# And so has it: the template is not what its forks are.
	local pid
	pid=$(inspect "$ID-t" pid)
	grep -q '^Max pending signals *64 ' "/proc/$pid/limits"
	[ "$(cat "/proc/$pid/timerslack_ns")" = 123456 ]
	[ "$(cat "/proc/$pid/oom_score_adj")" = 500 ]
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q before:spoil
}

@test "... and of one that was started by somebody else: under other limits" {
	(
		ulimit -Sn 200 -Ss 4096 -St 1000
		nice -n 3 "$COW" --root "$STATE" --store "$STORE" template create "$ID-t" "$IMAGE" heir 3>&- >/dev/null
	)
	same
	[[ $(cat "$SCRATCH/fork") == *"Max stack size            $(ulimit -Ss | awk '{ print $1 * 1024 }') "* ]] ||
		[ "$(ulimit -Ss)" = unlimited ]
	[[ $(cat "$SCRATCH/fork") == *"nice $(nice) "* ]]
}

@test "a fork's words are its own, for whoever looks from outside" {
	local pid
	template -e SECRET=1 --
	cow fork --name "$NAME" -e OWN=2 "$ID-t" called "by another name" >/dev/null
	eventually has_line "$NAME" waits
	pid=$(inspect "$NAME" pid)
	[ "$(tr '\0' '|' <"/proc/$pid/cmdline")" = "called|by another name|" ]
	[ "$(cat "/proc/$pid/comm")" = heir ]
	tr '\0' '\n' <"/proc/$pid/environ" >"$SCRATCH/environ"
	grep -qx OWN=2 "$SCRATCH/environ"
	run grep -E 'SECRET|COW_TEMPLATE' "$SCRATCH/environ"
	assert_status 1
}

@test "its namespaces are its own, and so are its descriptors" {
	local pid its kind
	template --
	cow fork --name "$NAME" "$ID-t" >/dev/null
	eventually has_line "$NAME" waits
	pid=$(inspect "$NAME" pid)
	its=$(inspect "$ID-t" pid)
	for kind in pid mnt uts ipc net cgroup; do
		[ "$(readlink "/proc/$pid/ns/$kind")" != "$(readlink "/proc/$its/ns/$kind")" ] || { say "$kind"; return 1; }
		[ "$(readlink "/proc/$pid/ns/$kind")" != "$(readlink "/proc/self/ns/$kind")" ] || { say "$kind"; return 1; }
	done
	[ "$(cut -d : -f 3 "/proc/$pid/cgroup" | tail -1)" != "$(cut -d : -f 3 "/proc/$its/cgroup" | tail -1)" ]
	[ "$(find "/proc/$pid/fd" -type l -printf '%f ' | tr ' ' '\n' | sort | tr -d '\n')" = 012 ]
	[ "$(readlink "/proc/$pid/root")" = / ]
	grep -q "^NSpid:.*$pid.1$" "/proc/$pid/status"
}

# without_privilege COMMAND...: root, by name
without_privilege() { setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@" 2>/dev/null; }

@test "a fork that waits for its start cannot be looked into" {
	template --
	export TEMPLATE=$ID-t
	bundle "$(args heir)"' | .annotations["org.cowrun.template"] = $ENV.TEMPLATE | .process.capabilities = {}'
	cowrun create -b "$BUNDLE" "$ID-e" >"$SCRATCH/out" 2>&1
	run without_privilege cat "/proc/$(state "$ID-e" pid)/environ"
	assert_status 1
	cowrun start "$ID-e"
	eventually grep -q waits "$SCRATCH/out"
	without_privilege cat "/proc/$(state "$ID-e" pid)/environ" >/dev/null
	cowrun delete --force "$ID-e"
}

@test "its program file is the template's, and it cannot write to that" {
	template --
	cow fork --name "$NAME" "$ID-t" heir try /proc/self/exe >/dev/null
	run told "$NAME"
	assert_output_matches '^/proc/self/exe: (Text file busy|Read-only file system)$'
}

@test "what the program has set for itself stays: signals, name" {
	template -- before:signals
	cow fork --name "$NAME" "$ID-t" heir signal 10 >/dev/null
	cow fork --name "$ID-b" "$ID-t" heir signal 12 >/dev/null
	cow fork --name "$ID-c" "$ID-t" heir signal 15 >/dev/null
	cow fork --name "$ID-d" "$ID-t" heir state >/dev/null
	run told "$NAME"
	assert_output "signal 10: not blocked, handled"
	run told "$ID-b"
	assert_output "signal 12: not blocked, ignored"
	run told "$ID-c"
	assert_output "signal 15: blocked, default"
	run told "$ID-d"
	assert_output_matches 'comm: renamed'
}

@test "libc knows the CPU that a fork runs on, wherever it is moved" {
	[ "$(nproc)" -gt 1 ] || skip "needs two CPUs"
	template --
	cow fork --name "$NAME" "$ID-t" heir cpus >/dev/null
	run told "$NAME"
	assert_output "$(yes "knows a CPU" | head -n "$(nproc)")"
}

@test "what a fork would share or lose makes no template, and nothing is left of it" {
	local what why
	while read -r what why; do
		fails "^cow: template create: template '$ID-t': it cannot be a template: $why" \
			cow template create "$ID-t" "$IMAGE" heir "before:$what"
		assert_nothing_left
	done <<-'EOT'
		thread it has another thread \([0-9]+ 'heir'\), which a fork would not have
		child it has child processes, which a fork would not have
		socket its file descriptor 4 is a socket \('socket:
		epoll its file descriptor 4 is an epoll instance \('anon_inode:
		file its file descriptor 4 is a file \('/etc/passwd'\)
		memory some of its memory is anonymous shared memory
		sysv some of its memory is System V shared memory
		filter it has loaded a seccomp filter
		user it has given up CAP_SYS_ADMIN
		writer make its root read-only: another process has a file of it open for writing
	EOT
}

@test "a fork that is asked for more than its template may give is not made" {
	(
		ulimit -i 64
		"$COW" --root "$STATE" --store "$STORE" template create "$ID-t" "$IMAGE" heir 3>&- >/dev/null
	)
	if capable sys_resource; then
		same
	else
		fails 'set RLIMIT_SIGPENDING: cannot raise the hard limit from 64 to' cow fork "$ID-t"
		[ "$(cow ps -q)" = "$ID-t" ]
	fi
}

@test "a template's root may be read-only already" {
	template --read-only --
	same
}

@test "a fork begins in a mount namespace with nothing in it, which its template keeps" {
	template --
	run python3 - "$(inspect "$ID-t" pid)" <<'END'
import ctypes, os, sys
fds = "/proc/%s/fd/" % sys.argv[1]
proc = os.open("/proc", os.O_RDONLY)
kept = [f for f in os.listdir(fds) if os.readlink(fds + f).startswith("mnt:")]
assert len(kept) == 1, kept
assert ctypes.CDLL(None).setns(os.open(fds + kept[0], os.O_RDONLY), 0x20000) == 0
with open(os.open("self/mountinfo", os.O_RDONLY, dir_fd=proc)) as f:
    print(f.read().count("\n"), "mount", os.listdir("/"))
END
	assert_status 0
	[ "$output" = "1 mount []" ]
}

@test "a template whose helper of a fork is killed half way ends: its locks may be held" {
	template -- before:killer
	fails 'fork the template: its helper was killed' timeout -k 1 20 "$COW" --root "$STATE" --store "$STORE" fork "$ID-t"
	eventually is_status "$ID-t" stopped
	[ "$(inspect "$ID-t" exit_status)" = 1 ]
	has_line "$ID-t" 'the helper of a fork was killed by signal 9: it may have held locks'
	fails "template '$ID-t' is not running" cow fork "$ID-t"
	[ -z "$(cow ps -q)" ]
}

# capable NAME: this shell holds that capability
capable() { setpriv -d | grep '^Capability bounding set' | grep -qw "$1"; }
