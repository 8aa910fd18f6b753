# A podman of a test file's own, with conmon below it: `load podman` behind `load helpers` and `load containers`.
#
# It runs, with all that it starts, in namespaces that a holder keeps from podman_make to podman_remove:
#
#   mount    cgroup v2 is on /sys/fs/cgroup, as podman and crun insist on it, and no other; /run is an empty tmpfs
#   cgroup   its root is a group of this test, where podman makes its own ones
#   pid      its first process is the holder's, and its end the end of all
#
# Images, containers, locks and configuration are in $PODMAN, below $SCRATCH. The image is "busy": one busybox.
# shellcheck shell=bash disable=SC2153,SC2154

need_podman() { [ "${CI:-}" = true ] || need_program podman; }

# What is not of every run. In a guest none of these is, so all are.
need_full() {
	need_length
	need_podman
}

# What the host cannot hold.
need_limits() {
	[ -n "${COWRUN_GUEST:-}" ] || skip "at full length only, in a guest: limits"
	need_podman
}

# podman_make: what setup_file calls after scratch_make, as teardown_file calls podman_remove before scratch_remove
podman_make() {
	PODMAN=$SCRATCH/podman
	PODMAN_GROUP=$CGROUP/cowrun-test.$COWRUN_TEST-podman-${SCRATCH##*.}
	export PODMAN PODMAN_GROUP PODMAN_HOLDER PODMAN_FIRST
	mkdir -p "$PODMAN" "$PODMAN_GROUP/own"
	podman_configure
	podman_hold
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -c . | podman import -q - busy >/dev/null
}

# The lines of examples/engines, and where all is. A host without the controller pids cannot hold the limit that every
# container gets, and one whose root is not all-powerful not the limits of files and processes.
podman_configure() {
	cat >"$PODMAN/engine" <<-EOT
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		lock_type = "file"
		tmp_dir = "$PODMAN/tmp"
		volume_path = "$PODMAN/volumes"
	EOT
	cat - <(sed -e "s,/usr/local/bin/cowrun,$COWRUN," -e "/^\[engine\]/r $PODMAN/engine" \
		"$BATS_TEST_DIRNAME/../../examples/engines/containers.conf") >"$PODMAN/containers.conf" <<-EOT
		[containers]
		netns = "none"
		$(grep -qw pids "$CGROUP/cgroup.controllers" || echo 'pids_limit = 0')
		default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
		volumes = []
	EOT
	cat >"$PODMAN/storage.conf" <<-EOT
		[storage]
		driver = "vfs"
		runroot = "$PODMAN/run"
		graphroot = "$PODMAN/graph"
	EOT
}

# The holder is in the group when it makes the cgroup namespace, and leaves it before podman hands controllers down.
# Its first process is a shell, which reaps.
podman_hold() {
	mkfifo "$PODMAN/never"
	# shellcheck disable=SC2016 # for the inner shells
	(
		echo $BASHPID >"$PODMAN_GROUP/cgroup.procs"
		exec setpriv --pdeathsig KILL unshare --cgroup bash -c '
			echo $$ >"$PODMAN_GROUP/own/cgroup.procs"
			exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private bash -c "
				mount -t tmpfs -o mode=755 tmpfs /run &&
				umount -R -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && touch \$PODMAN/ready && read -r _ <>\$PODMAN/never"'
	) >"$PODMAN/holder" 2>&1 3>&- &
	PODMAN_HOLDER=$!
	await test -e "$PODMAN/ready" || { cat "$PODMAN/holder" >&2; return 1; }
	PODMAN_FIRST=$(pgrep -P "$PODMAN_HOLDER")
}

# in_podman COMMAND...: in its namespaces, and in its group; bounded in time
in_podman() {
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'echo $$ >"$PODMAN_GROUP/own/cgroup.procs"
		exec nsenter --target "$PODMAN_FIRST" --mount --cgroup --pid -- timeout --foreground -k 5 120 "$@"' in_podman "$@" 3>&-
}

podman() {
	CONTAINERS_CONF=$PODMAN/containers.conf CONTAINERS_STORAGE_CONF=$PODMAN/storage.conf in_podman podman "$@"
}

# For shells below a terminal too.
export -f podman in_podman

# What there is of containers: processes (ours have a process group of no process there), groups, records, mounts.
podman_holds() {
	in_podman sh -c '
		ps -e -o pid= -o pgid= -o args= | awk "\$1 != 1 && \$2 != 0"
		find /sys/fs/cgroup -mindepth 1 -type d ! -name own ! -name libpod_parent ! -name conmon
		find /run/cowrun /run/crun -mindepth 1 -maxdepth 1 ! -name ".*" 2>/dev/null
		awk -v dir="$PODMAN/" "index(\$5, dir) == 1 { print \$5 }" /proc/self/mountinfo'
}

podman_is_empty() { [ -z "$(podman_holds)" ]; }
assert_podman_is_empty() { await podman_is_empty || { podman_holds >&2; return 1; }; }

podman_remove() {
	[ -n "${PODMAN_HOLDER:-}" ] || return 0
	kill -KILL "$PODMAN_HOLDER" 2>/dev/null || true
	await podman_remove_groups
}

podman_remove_groups() {
	[ ! -d "$PODMAN_GROUP" ] || find "$PODMAN_GROUP" -depth -type d -exec rmdir {} + 2>/dev/null
}
