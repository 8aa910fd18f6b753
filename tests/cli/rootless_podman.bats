# podman of an ordinary user: it re-executes itself in a user namespace, and conmon and the runtime run as root there.
load helpers
load containers
load user

setup_file() {
	scratch_make
	[ "${CI:-}" = true ] || command -v podman >/dev/null || return 0
	user_make
	# as on a host of today: cgroup v2 alone
	in_namespace umount -R -l /sys/fs/cgroup
	in_namespace mount -t cgroup2 cgroup2 /sys/fs/cgroup
	cat >"$HOME_DIR/containers.conf" <<-EOT
		[containers]
		netns = "none"
		pids_limit = 0
		[engine]
		runtime = "cowrun"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		lock_type = "file"
		[engine.runtimes]
		cowrun = ["$USER_PROGRAMS/cowrun"]
	EOT
	printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$RUN_DIR/storage" "$HOME_DIR/graph" >"$HOME_DIR/storage.conf"
	rootfs_make "$HOME_DIR/rootfs"
	tar -C "$HOME_DIR/rootfs" -c . | upodman import -q - busy
}

teardown() { upodman rm --all --force --time 0 >/dev/null 2>&1 || true; }

teardown_file() {
	local pause="$RUN_DIR/libpod/tmp/pause.pid" # what keeps podman's user namespace
	[ ! -e "$pause" ] || kill "$(<"$pause")" || true
	[ -z "${USER_NAMESPACE:-}" ] || user_remove
	scratch_remove
}

upodman() {
	CONTAINERS_CONF=$HOME_DIR/containers.conf CONTAINERS_STORAGE_CONF=$HOME_DIR/storage.conf as_user timeout 120 podman --log-level error "$@"
}

need_podman() { [ "${CI:-}" = true ] || need_program podman; }

@test "podman of a user: run, exec, stop, rm" {
	need_podman
	upodman run -d --name "$ID" busy sh -c 'echo >/tmp/made; sleep 1000' >"$SCRATCH/out"
	run upodman exec -u 33 "$ID" sh -c 'id -u; cat /proc/self/uid_map; exit 4'
	assert_status 4
	assert_output_matches "^33[[:space:]]+0 +$USER_ID +1[[:space:]]+1 +$SUBIDS +65536$"
	upodman stop -t 0 "$ID" >"$SCRATCH/out"
	[ "$(upodman inspect "$ID" --format '{{.State.ExitCode}}')" = 137 ]
	upodman rm "$ID" >"$SCRATCH/out"
}

@test "podman of a user: as whom, with which network, read-only, by which exit codes" {
	need_length
	need_podman
	run upodman run --rm --net host --read-only -u 1000:1001 busy sh -c 'id -u; ls /sys/class/net; echo x >/x'
	assert_status 1
	assert_output_matches "^1000.lo.*Read-only|^1000.*lo.*Read-only"
	run -127 upodman run --rm busy nosuch
	run upodman run --rm busy /etc/passwd
	assert_status 126
	run upodman run --rm --cgroupns host busy test -e /sys/fs/cgroup/cgroup.procs
	assert_status 0
	run upodman run --rm -t busy readlink /proc/self/fd/0
	assert_output_matches '^/dev/pts/[0-9]+'
	run upodman run --rm --uidmap 0:1:1000 --gidmap 0:1:1000 -v "$HOME_DIR:/mnt:ro" busy stat -c %u /mnt
	assert_output 65534
	run upodman run --rm --sysctl net.ipv4.ip_forward=1 --oom-score-adj 500 busy cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj
	assert_output $'1\n500'
}
