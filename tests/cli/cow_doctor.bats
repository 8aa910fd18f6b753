# cow doctor: what the host can and cannot do; 0 when containers run.
load helpers
load cow

# state CHECK: of cow doctor --json in $output
state() { jq -r --arg name "$1" '.checks[] | select(.name == $name).state' <<<"$output"; }
of() { jq -r --arg name "$1" ".checks[] | select(.name == \$name).$2" <<<"$output"; }
# all that runs containers works here, as all other tests show
assert_runs() { [ "$(jq .runs <<<"$output")" = "$1" ]; }

@test "this host runs containers, and a line says of each thing whether it can" {
	run cow doctor
	assert_status 0
	[[ ${lines[0]} =~ ^CHECK\ +STATE\ +DETAIL$ ]]
	[[ ${lines[-1]} =~ ^'Containers can run here' ]]
	local word
	for word in root kernel PAGEMAP_SCAN cow-monitor cow-keeper cow-reaper cow-import network 'program in memory' 'cgroup v2' groups 'limit of memory' \
		'limit of cpus' 'limit of processes' 'state root' store overlay sharing snapshotters 'user namespaces' 'exact memory' \
		'merging of pages' swap seccomp 'security modules'; do
		assert_output_matches $'\n'"$word +(ok|lacks) +[^ ]"
	done
	assert_output_matches "cgroup v2 +ok +mounted at $CGROUP"
	[ ! -e "$STATE" ] && [ ! -e "$STORE" ]
	[ -z "$(ls -A "$SCRATCH")" ]
}

@test "who reads may leave early: it ends as by SIGPIPE, in silence, in the middle of a table too" {
	need_program stdbuf
	need_program python3
	# into a pipe that nobody reads, line by line. (stdbuf preloads a library, before the sanitizers' own.)
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 run python3 -c 'import os, subprocess, sys
r, w = os.pipe()
os.close(r)
ended = subprocess.run(sys.argv[1:], stdout=w, stderr=subprocess.PIPE)
print(ended.returncode, ended.stderr.decode())' stdbuf -oL "$COW" --root "$STATE" --store "$STORE" doctor
	[ "$output" = "141 " ] || { say "$output"; return 1; }
}

@test "for programs" {
	run cow doctor --json
	assert_status 0
	assert_runs true
	[ "$(jq '.checks | length' <<<"$output")" -gt 15 ]
	[ "$(jq -c '[.checks[] | select(.state != "ok" and .remedy == null)]' <<<"$output")" = '[]' ]
}

@test "a limit that a container can have is ok, and one that it cannot have is not" {
	run cow doctor --json
	local name
	for name in memory:memory cpus:cpu processes:pids; do
		if grep -qw "${name#*:}" "$CGROUP/cgroup.controllers"; then
			[ "$(state "limit of ${name%:*}")" = ok ]
		else
			[ "$(state "limit of ${name%:*}")" = lacks ]
		fi
	done
}

@test "not root: what a user has and what he lacks, in words" {
	need_program setpriv
	# copies, as nobody may not reach a checkout below /root
	chmod 711 "$SCRATCH"
	install -D -m 755 -t "$SCRATCH/bin" "$COW" "$OUT"/cow-*
	run setpriv --reuid 65534 --clear-groups "$SCRATCH/bin/cow" --root "$SCRATCH/none/state" --store "$SCRATCH/none/store" doctor --json
	[[ $(of root detail) =~ "user 65534" ]]
	[ "$(state 'subordinate ids')" = lacks ]
	[[ $(of "subordinate ids" detail) =~ "add-subuids" ]]
	[ "$(state 'his user namespace')" = ok ]
	[ "$(state 'delegated cgroup')" = lacks ]
	[ "$(state 'exact memory')" = lacks ]
	# the state root of root is not his
	mkdir -p "$STATE" && chmod 700 "$STATE"
	run setpriv --reuid 65534 --clear-groups "$SCRATCH/bin/cow" --root "$STATE" --store "$STORE" doctor
	assert_status 1
	[[ ${lines[-1]} =~ ^'Containers cannot run here' ]]
}

@test "a capability that is missing is named, with what fails without it" {
	need_program setpriv
	run setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$COW" --root "$STATE" --store "$STORE" doctor --json
	assert_status 0
	[ "$(state CAP_SYS_RESOURCE)" = lacks ]
	run setpriv --bounding-set -mknod --inh-caps -mknod "$COW" --root "$STATE" --store "$STORE" doctor --json
	assert_status 1
	[ "$(state CAP_MKNOD)" = broken ]
}

@test "no cgroup v2" {
	run unshare -m --propagation private bash -c 'umount -l "$CGROUP" && "$COW" --root "$STATE" --store "$STORE" doctor --json'
	assert_status 1
	[ "$(state 'cgroup v2')" = broken ]
	[ "$(jq -r '.checks[] | select(.name == "cgroup v2").remedy' <<<"$output")" = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup' ]
}

@test "no executable memfd, no overlay, no user namespaces" {
	need_program strace
	need_static "sanitizers do not like to be traced"
	traced() { strace -f -qqo /dev/null -e "$1" "$COW" --root "$STATE" --store "$STORE" doctor --json; }
	run traced inject=memfd_create:error=EACCES
	assert_status 1
	[ "$(state 'program in memory')" = broken ]
	run traced inject=fsopen:error=ENODEV
	assert_status 1
	[ "$(state overlay)" = broken ]
	run traced inject=unshare:error=ENOSPC
	assert_status 0
	[ "$(state 'user namespaces')" = lacks ]
	run traced inject=clone3:error=EOPNOTSUPP
	assert_status 1
	[ "$(state groups)" = broken ]
}

@test "a store and a state root that will not do" {
	mkdir -p "$SCRATCH/bad"
	touch "$SCRATCH/bad/file"
	chmod 777 "$SCRATCH/bad"
	run "$COW" --root "$STATE" --store "$SCRATCH/bad" doctor --json
	assert_status 1
	[ "$(state store)" = broken ]
	run "$COW" --root "$SCRATCH/bad" --store "$STORE" doctor --json
	assert_status 1
	[ "$(state 'state root')" = broken ]
	run unshare -m --propagation private bash -c 'mkdir -p "$SCRATCH/small" &&
		mount -t tmpfs -o size=1m,mode=700 tmpfs "$SCRATCH/small" && "$COW" --store "$SCRATCH/small" doctor --json'
	[ "$(state store)" = broken ] || [ "$(state store)" = lacks ]
}

# --- engines ------------------------------------------------------------------------------------------------------
# detail ENGINE: what is said of it, by a system in $SCRATCH/system
detail() {
	cow doctor --json --system "$SCRATCH/system" | jq -r --arg name "$1" '.checks[] | select(.name == $name) | "\(.state): \(.detail)"'
}
# detail_is ENGINE TEXT
detail_is() { [ "$(detail "$1")" = "$2" ] || { say "expected $2; saw $(detail "$1")"; return 1; }; }
# file PATH: of that system, from standard input
file() { install -D /dev/stdin "$SCRATCH/system/$1"; }

@test "engines that are not installed, and that do not know cowrun" {
	local engine
	mkdir -p "$SCRATCH/system"
	for engine in podman containerd Docker CRI-O; do detail_is $engine 'ok: not installed'; done
	for engine in usr/bin/podman usr/local/bin/dockerd; do file $engine </dev/null; done
	detail_is podman 'lacks: no file of its configuration names cowrun'
	detail_is Docker 'lacks: no file of its configuration names cowrun'
	file etc/containers/containers.conf <<-EOT
		[engine]
		runtime = "crun"
		# runtime = "cowrun"
		runtime_supports_json = ["crun", "cowrun"]
		[engine.runtimes]
		not-cowrun = ["/opt/not-cowrun"]
	EOT
	detail_is podman 'lacks: no file of its configuration names cowrun'
	rm -r "$SCRATCH/system"
}

@test "engines that know cowrun, and that use it unasked" {
	local top=$SCRATCH/system
	for engine in podman containerd dockerd; do file usr/bin/$engine </dev/null; done
	printf '%s\n' '[engine]' '[engine.runtimes]' 'cowrun = ["/usr/local/bin/cowrun"]' | file etc/containers/containers.conf
	detail_is podman "ok: knows cowrun ($top/etc/containers/containers.conf:3)"
	printf '%s\n' '[engine]' 'runtime = "cowrun"' | file etc/containers/containers.conf.d/50.conf
	detail_is podman "ok: knows cowrun ($top/etc/containers/containers.conf.d/50.conf:2), and uses it unasked"
	printf '%s\n' '[engine]' 'runtime="crun"' | file etc/containers/containers.conf.d/60.conf
	detail_is podman "ok: knows cowrun ($top/etc/containers/containers.conf.d/50.conf:2)"
	printf '%s\n' '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cowrun]' | file etc/containerd/config.toml
	detail_is containerd "ok: knows cowrun ($top/etc/containerd/config.toml:1)"
	echo '{"runtimes": {"cowrun": {"path": "/usr/local/bin/cowrun"}}, "default-runtime": "cowrun"}' | file etc/docker/daemon.json
	detail_is Docker "ok: knows cowrun ($top/etc/docker/daemon.json:1), and uses it unasked"
	echo '{"default-runtime": "runc", "runtimes": {"cowrun": {"path": "/usr/local/bin/cowrun"}}}' | file etc/docker/daemon.json
	detail_is Docker "ok: knows cowrun ($top/etc/docker/daemon.json:1)"
	printf '%s\n' '[crio.runtime]' 'default_runtime = "cowrun"' '[crio.runtime.runtimes.cowrun]' | file etc/crio/crio.conf.d/50-cowrun.conf
	detail_is CRI-O "ok: not installed; knows cowrun ($top/etc/crio/crio.conf.d/50-cowrun.conf:3), and uses it unasked"
	# what is no text is nothing
	mkdir "$top/etc/crio/crio.conf.d/directory"
	head -c 3M /dev/zero | file etc/crio/crio.conf
	detail_is CRI-O "ok: not installed; knows cowrun ($top/etc/crio/crio.conf.d/50-cowrun.conf:3), and uses it unasked"
}

# host NAME=VALUE...: a tree of /proc and /sys with these files
host() {
	local word
	for word; do
		mkdir -p "$SCRATCH/host/$(dirname "${word%%=*}")"
		printf '%s\n' "${word#*=}" >"$SCRATCH/host/${word%%=*}"
	done
}
lacking() { jq -r '[.checks[] | select(.state == "lacks").name] | sort | join(" ")' <<<"$output"; }

@test "--density: settings that are high enough for so many stand in nobody's way" {
	host proc/sys/kernel/pid_max=32768 proc/sys/kernel/threads-max=200000 proc/loadavg='0.1 0.2 0.3 1/300 999' \
		proc/sys/user/max_mnt_namespaces=5000 proc/sys/fs/inotify/max_user_instances=8192 \
		proc/sys/net/ipv4/ip_local_port_range='32768 60999' proc/sys/vm/overcommit_memory=0 \
		proc/meminfo='MemAvailable:   8388608 kB' \
		sys/kernel/mm/transparent_hugepage/enabled='always [madvise] never'
	run cow doctor --system "$SCRATCH/host" --density 1000 --json
	[ -z "$(lacking)" ]
	assert_status 0
	assert_runs true
	[[ $(of processes detail) == 'kernel.pid_max is 32768 (2300 needed)' ]]
	run cow doctor --system "$SCRATCH/host" --density 1000
	[ "${lines[-1]}" = 'Nothing stands in the way of 1000 containers.' ]
}

@test "--density: what stands in the way is named, with the command that changes it, and nothing is changed" {
	host proc/sys/kernel/pid_max=2000 proc/sys/kernel/threads-max=2299 proc/loadavg='0.1 0.2 0.3 1/300 999' \
		proc/sys/user/max_mnt_namespaces=999 proc/sys/fs/inotify/max_user_instances=128 proc/sys/fs/mount-max=100 \
		proc/sys/kernel/keys/root_maxkeys=1002 proc/key-users='    0:     9 8/8 3/1000000 40/25000000' \
		proc/sys/net/ipv4/ip_local_port_range='60000 60999' proc/sys/vm/overcommit_memory=2 proc/sys/kernel/pty/max=10 \
		proc/meminfo='MemAvailable:   100000 kB' proc/swaps='Filename Type Size Used Priority' proc/sys/vm/swappiness=60 \
		sys/kernel/mm/transparent_hugepage/enabled='[always] madvise never' \
		sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled='[always] inherit madvise never' sys/kernel/mm/ksm/run=0
	find "$SCRATCH/host" -type f -exec sha256sum {} + | sort >"$SCRATCH/before"
	run cow doctor --system "$SCRATCH/host" --density 1000 --json
	assert_status 1
	assert_runs false
	[ "$(lacking)" = 'huge pages inotify keys larger pages memory mount namespaces mounts overcommit processes terminals threads' ]
	[ "$(of processes remedy)" = 'sysctl -w kernel.pid_max=2875' ]
	[ "$(of threads remedy)" = 'sysctl -w kernel.threads-max=2875' ]
	[ "$(of overcommit remedy)" = 'sysctl -w vm.overcommit_memory=0' ]
	[[ $(of 'larger pages' detail) == 'always for 64 KiB:'* ]]
	find "$SCRATCH/host" -type f -exec sha256sum {} + | sort | diff - "$SCRATCH/before"
	run cow doctor --system "$SCRATCH/host" --density 1001
	[ "${lines[-1]}" = '12 things stand in the way of 1001 containers.' ]
}

@test "--density: of how many" {
	local n
	for n in 0 -1 4194305 many 1e3; do
		run cow doctor --density "$n"
		assert_status 1
		assert_output_matches "density"
		[ "${#lines[@]}" = 1 ]
	done
}
