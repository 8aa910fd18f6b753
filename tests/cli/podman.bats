# A real engine on top: podman, and below it conmon, with a store of its own. At full length only, where podman is
# installed (Debian: podman, without what it recommends).
load helpers
load containers

setup_file() {
	scratch_make
	[ -n "${COWRUN_ALL:-}" ] && command -v podman >/dev/null || return 0
	cat >"$SCRATCH/containers.conf" <<-EOT
		[containers]
		netns = "none"
		pids_limit = 0
		default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
		volumes = []
		[engine]
		runtime = "cowrun"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		static_dir = "$SCRATCH/static"
		tmp_dir = "$SCRATCH/tmp"
		volume_path = "$SCRATCH/volumes"
		runtime_supports_json = ["cowrun"]
		runtime_supports_nocgroup = ["cowrun"]
		[engine.runtimes]
		cowrun = ["$COWRUN"]
	EOT
	printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$SCRATCH/run" "$SCRATCH/graph" >"$SCRATCH/storage.conf"
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -c . | podman import -q - busy 3>&- 2>&1
}

teardown() { podman rm --all --force --time 0 >/dev/null 2>&1 || true; }

podman() {
	CONTAINERS_CONF=$SCRATCH/containers.conf CONTAINERS_STORAGE_CONF=$SCRATCH/storage.conf command podman "$@" 3>&-
}

need_podman() {
	[ -n "${COWRUN_ALL:-}" ] || skip "at full length only (COWRUN_ALL)"
	need_program podman
}

@test "podman: run, and what it ends by" {
	need_podman
	run podman run --rm busy echo hello
	assert_output hello
	run podman run --rm busy sh -c 'exit 3'
	assert_status 3
	run -127 podman run --rm busy nosuch
	assert_output_matches "executable file 'nosuch' not found in .PATH"
	run podman run --rm busy /bin
	assert_status 126
	run podman run --rm --cgroups=disabled --read-only --user 1000 --hostname here busy sh -c 'id -u; hostname; echo x >/x'
	assert_status 1
	assert_output_matches $'^1000\nhere\n.*Read-only'
	run podman run --rm --uidmap 0:100000:65536 --gidmap 0:100000:65536 -v "$SCRATCH:/mnt:ro" busy awk '{ print $2 }' /proc/self/uid_map
	assert_output 100000
	run podman run --rm -t busy readlink /proc/self/fd/0
	assert_output_matches '^/dev/pts/[0-9]+'
}

@test "podman: in the background, from run to rm" {
	need_podman
	podman run -d --name "$ID" busy sleep 1000
	run podman exec "$ID" sh -c 'echo inside; exit 4'
	assert_status 4
	assert_output inside
	run -127 podman exec "$ID" nosuch
	run -127 podman exec -w /nosuch "$ID" true
	podman exec -d "$ID" sleep 1001
	podman top "$ID" | grep -q 'sleep 1001'
	podman pause "$ID"
	[ "$(podman inspect "$ID" --format '{{.State.Status}}')" = paused ]
	podman unpause "$ID"
	podman stop -t 0 "$ID"
	podman start "$ID"
	podman kill "$ID"
	run podman wait "$ID"
	assert_output 137
	podman rm "$ID"
}
