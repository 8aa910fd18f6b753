# The guest kernel: what tests may rely on inside it, and that nothing of it stays on the host.
load helpers

VM=$BATS_TEST_DIRNAME/../vm/run

# A guest of one's own, as when a stranger calls vm/run: only where one starts, which tests/run judges.
setup_file() {
	scratch_make
	[ -n "${COWRUN_GUEST:-}" ] || "$VM" true 2>"$SCRATCH/no-boot" || [ $? -ne 125 ] || return 0
	rm -f "$SCRATCH/no-boot"
}
need_boot() {
	need_host "a guest starts from the host"
	[ ! -e "$SCRATCH/no-boot" ] || skip "$(<"$SCRATCH/no-boot")"
}

# --- inside -------------------------------------------------------------------------------------------------------
group() {
	G=$CGROUP/$ID
	mkdir "$G"
}

teardown() {
	[ ! -d "${G:-}" ] || { echo 1 >"$G/cgroup.kill"; until rmdir "$G" 2>/dev/null; do :; done; }
}

# into COMMAND...: runs it in the group
into() { bash -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$G" "$@"; }

# event FILE KEY: a counter of the group
event() { awk -v key="$2" '$1 == key { print $2 }' "$G/$1"; }

@test "every controller can be used" {
	need_guest "the host's cgroups are its own affair"
	run cat "$CGROUP/cgroup.subtree_control"
	assert_output "cpu io memory pids"
	[ "$CGROUP" = /sys/fs/cgroup ]
}

@test "memory.max kills" {
	need_controller memory
	group
	echo 16M >"$G/memory.max"
	run into "$HELPERS/hog" 64
	assert_status 137
	[ "$(event memory.events oom_kill)" -eq 1 ]
	run into "$HELPERS/hog" 4
	assert_status 0
}

@test "pids.max refuses" {
	need_controller pids
	group
	echo 2 >"$G/pids.max"
	# the shell and one more are two; a third is refused, and the shell gives up (bash would try again)
	into sh -c '/bin/sleep 1000 & /bin/sleep 0; true' >/dev/null 2>&1 3>&- || true
	[ "$(event pids.events max)" -ge 1 ]
}

@test "cpu.max throttles" {
	need_controller cpu
	group
	echo "10000 100000" >"$G/cpu.max"
	into bash -c 'while :; do :; done' 3>&- &
	until [ "$(event cpu.stat nr_throttled)" -ge 2 ]; do :; done
}

@test "a group freezes, and dies at a word" {
	need_guest "one side is enough"
	group
	into sleep 1000 3>&- &
	until grep -q 'populated 1' "$G/cgroup.events"; do :; done
	echo 1 >"$G/cgroup.freeze"
	until grep -q 'frozen 1' "$G/cgroup.events"; do :; done
	echo 1 >"$G/cgroup.kill"
	wait $! || [ $? -eq 137 ]
}

@test "overlays can be written to on every tmpfs" {
	need_guest "the host may have another kernel"
	local at
	for at in /tmp /run /dev/shm; do
		mkdir -p $at/o/{lower,upper,work,merged}
		echo below >$at/o/lower/f
		mount -t overlay -o "lowerdir=$at/o/lower:/usr/bin,upperdir=$at/o/upper,workdir=$at/o/work" o $at/o/merged
		echo above >$at/o/merged/f
		[ -x $at/o/merged/bash ]
		umount $at/o/merged
		[ "$(cat $at/o/upper/f)" = above ]
		rm -rf $at/o
	done
}

@test "the small things of a system are there" {
	need_guest "the host has its own"
	[ "$(stat -fc %T /tmp /run /dev/shm | uniq)" = tmpfs ]
	[ "$(stat -fc %T /dev/pts /sys/fs/cgroup | xargs)" = "devpts cgroup2fs" ]
	busybox ip addr show lo | grep -q 'inet 127.0.0.1'
	script -qec 'test -t 0' /dev/null
	for file in null zero full random tty ptmx fd/0 stdout; do [ -e "/dev/$file" ]; done
	[ "$(cat /proc/1/comm)" = init ]
	unshare -UrmpfinuC --mount-proc true
}

@test "the checkout cannot be written to, the rest forgets" {
	need_guest "it is about the guest's view of the host"
	run touch "$BATS_TEST_DIRNAME/x"
	assert_status 1
	touch /etc/x && rm /etc/x
}

# --- from the host ------------------------------------------------------------------------------------------------
@test "a guest hands over arguments, variables, directory, output and status, and has a disk when asked" {
	need_boot
	need_program mkfs.ext4
	cd "$SCRATCH"
	mkdir back
	export WORD="two  words" HIDDEN=1
	VM_DISK=64M VM_RW=$SCRATCH/back VM_ENV=WORD run --separate-stderr "$VM" bash -c \
		'echo "$0|$1|$WORD|$HIDDEN|$PWD|$(id -u)"; echo problem >&2; echo result >back/file; stat -fc %T /mnt/disk; seq 20000; exit 7' "it's" '$1 "'
	assert_status 7
	[ "${lines[0]}" = "it's|\$1 \"|two  words||$SCRATCH|0" ]
	assert_one_line '^problem$'
	[ "$(cat back/file)" = result ]
	# much output arrives whole
	[ "${#lines[@]}" -eq 20002 ]
	[ "${lines[1]} ${lines[-1]}" = "ext2/ext3 20000" ]
}

@test "a guest that takes too long is ended" {
	need_boot
	VM_TIMEOUT=2 run --separate-stderr "$VM" sleep 1000
	assert_status 124
	assert_one_line 'out of time after 2 s'
}

@test "a guest leaves nothing behind, however it is ended" {
	need_boot
	local signal guest leaks=$BATS_TEST_DIRNAME/../leaks
	export COWRUN_TEST=vm$RANDOM LEAKS_GRACE=60 # a run of its own
	"$leaks" snapshot "$SCRATCH/before"
	for signal in TERM KILL; do
		rm -f "$SCRATCH/out"
		"$VM" bash -c 'echo up; sleep 1000' >"$SCRATCH/out" 3>&- &
		guest=$!
		until grep -qs up "$SCRATCH/out"; do kill -0 $guest; sleep 0.1; done
		kill -$signal $guest
		wait $guest || true
		"$leaks" compare "$SCRATCH/before"
	done
}

@test "what a guest lacks is said in one line" {
	need_host "a guest starts from the host"
	fails "^vm: usage: " "$VM"
	fails "^vm: unknown option '--nope'" "$VM" --nope true
	mkdir -p "$SCRATCH/cache"
	VM_CACHE=$SCRATCH/cache VM_MIRROR=file:/nonexistent fails \
		"^vm: cannot read the package lists of 'trixie' from 'file:/nonexistent': " "$VM" true
	assert_status 125
	need_program setpriv
	fails "^vm: the guest kernel needs root" setpriv --reuid 65534 --clear-groups "$VM" true
	fails "^vm: cannot make mount and pid namespaces" setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$VM" true
}
