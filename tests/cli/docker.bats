# Docker on top of it: dockerd with cowrun as its default runtime. The first test is of every run; the others are for
# full length, those of limits in a guest kernel. What must be the same with crun is told twice and compared.
load helpers
load containers
load hosts

setup_file() {
	scratch_make
	[ -d "$ENGINES" ] || return 0
	crun_make
	dockerd_start d --iptables=false
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -c . | docker import -c 'ENV PATH=/bin' - busy >/dev/null
}

teardown() {
	local ids
	compared_tell
	[ -d "$ENGINES" ] || return 0
	mapfile -t ids < <(docker ps -aq)
	[ ${#ids[@]} = 0 ] || docker rm -f "${ids[@]}" >/dev/null 2>&1 || true
}

teardown_file() {
	host_end d
	scratch_remove
}

# Shells below a terminal use it too.
docker() { docker_on d "$@"; }
export -f docker

# --network none: the image has no use for one, and its set-up takes a while
run_docker() { docker run --runtime "${RUNTIME:-cowrun}" --network none "$@"; }

# seen FORMAT: what docker inspect says of the container in $NAME, or of "box"
seen() { docker inspect -f "$1" "${NAME:-box}"; }
seen_is() { [ "$(seen "$1")" = "$2" ]; }

@test "docker: a container from build to rm, and nothing is left" {
	need_quick
	NAME=$ID
	printf 'FROM busy\nRUN echo built >/built\nUSER 1000\nCMD cat /built && exit 3\n' |
		docker build -q --network none -t built - >/dev/null
	run run_docker --rm built
	assert_status 3
	assert_output built
	run -127 run_docker --rm busy nosuch
	assert_output_matches "create: executable file 'nosuch' not found in .PATH: no such file or directory"
	run run_docker --rm busy /etc
	assert_status 126
	docker run -d --name "$ID" --network none --health-cmd 'test -e /ready' --health-interval 200ms busy \
		sh -c 'trap "exit 9" TERM; echo out; echo err >&2; while :; do sleep 0.1; done' >/dev/null
	[ "$(seen '{{.HostConfig.Runtime}}')" = cowrun ]
	run timeout 200 "$HELPERS/terminal" run 24x80 'wait:$ ' 'send:tty; touch /ready; exit 5\n' ends -- \
		bash -c 'docker exec -it -e "PS1=$ " "$ID" sh'
	assert_status 5
	assert_output_matches '/dev/pts/[0-9]'
	patiently seen_is '{{.State.Health.Status}}' healthy
	run docker stats --no-stream --format '{{.Name}}' "$ID"
	assert_output "$ID"
	run --separate-stderr docker logs "$ID"
	[ "$output/$stderr" = out/err ]
	docker stop "$ID" >/dev/null
	[ "$(seen '{{.State.ExitCode}}')" = 9 ]
	docker rm "$ID" >/dev/null
	patiently host_is_empty d containerd dockerd || { host_holds d containerd dockerd >&2; return 1; }
}

# mem ARGUMENTS: by cow mem --json, where Docker's cgroups are
mem() { on d env COW_DOCKER_DIR="$SCRATCH/d/data" "$COW" mem --json "$@"; }

@test "docker: cow mem has its containers by name" {
	need_quick
	local id
	id=$(run_docker -d --name "$ID" -v "$HELPERS:/mnt:ro" busy /mnt/hog 8 forever)
	patiently eval 'docker logs "$ID" | grep -q ready'
	mem --all >"$SCRATCH/all"
	mem --cgroup "/sys/fs/cgroup/docker/$id" >"$SCRATCH/one"
	figures='[.name, .id, .engine, .processes, .unique_bytes, .kinds.anon, .page_table_bytes]'
	[ "$(jq -c ".containers[] | select(.id == \"$id\") | $figures" "$SCRATCH/all")" = "$(jq -c ".containers[0] | $figures" "$SCRATCH/one")" ]
	jq -e --arg name "$ID" '.containers[0] | [.name, .engine, .processes, (.kinds.anon.private_bytes / 1048576 | floor)] == [$name, "docker", 1, 8]' "$SCRATCH/one"
	# The daemons are rows too, by the group that they are in.
	jq -e '[.containers[] | select(.id == "/sys/fs/cgroup/own") | .processes >= 2] == [true]' "$SCRATCH/all"
}

# --- the same with crun ------------------------------------------------------------------------------------------
# What runs is named "box".
ends() {
	status run_docker --rm busy sh -c 'echo out; echo err >&2; exit 3'
	status run_docker --rm busy sh -c 'kill -9 $$'
	run_docker --name box busy sh -c 'echo out; echo err >&2; exec 1>&2; kill -9 0' 2>/dev/null || true
	told
	status run_docker --rm -w /tmp/new -e A=b --hostname here --user 1000:1001 busy sh -c 'pwd; echo $A; hostname; id'
	status run_docker --rm --read-only --tmpfs /tmp:size=1m busy sh -c 'echo >/x; echo y >/tmp/x; cat /tmp/x'
	status run_docker --rm --shm-size 2m --ulimit nofile=100:100 --sysctl net.ipv4.ip_forward=1 busy \
		sh -c 'df -P /dev/shm | tail -n 1; ulimit -n; cat /proc/sys/net/ipv4/ip_forward'
	status run_docker --rm --cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges busy \
		sh -c 'grep -E "^(Seccomp|Cap|NoNew)" /proc/self/status; ls /dev; ls /proc/1/ns'
	status run_docker --rm -v "$SCRATCH/rootfs/etc:/mnt:ro" -v volume:/data busy sh -c 'ls /mnt; echo >/mnt/x; echo >/data/x; ls /data'
	status run_docker --rm --init busy sh -c 'echo $$; cat /proc/1/comm'
	status run_docker --rm --device /dev/null:/dev/other busy sh -c 'ls -l /dev/other | cut -c 1-10; echo x >/dev/other'
	status run_docker --rm --pid host busy sh -c 'grep -c dockerd /proc/[0-9]*/comm | grep -c :1'
	docker volume rm volume
}

# told: what docker knows of the end of the box, which is removed then
told() {
	docker logs box | sort
	seen '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Error}}'
	docker rm box
}

lives() {
	run_docker -d --name box busy sh -c 'echo started; trap "exit 9" TERM; touch /ready; while :; do sleep 0.1; done' >/dev/null
	docker exec box sh -c 'until [ -e /ready ]; do :; done'
	status docker exec box sh -c 'echo out; exit 4'
	status docker exec -i -u 1000 -w /tmp -e A=b box sh -c 'id; pwd; echo $A; cat' <<<typed
	status docker exec box sh -c 'kill -15 $$'
	status docker exec -u nosuch box true
	docker exec -d box sh -c 'sleep 0.1; touch /done'
	docker exec box sh -c 'until [ -e /done ]; do :; done'
	docker cp box:/etc/group - | tar -t
	docker diff box | sort
	docker exec box rm /ready
	docker restart -t 5 box
	docker exec box sh -c 'until [ -e /ready ]; do :; done' # it hears the signal by then
	docker kill -s TERM box
	docker wait box
	told
	run_docker -d --name box busy sh -c 'trap "exit 9" TERM; touch /ready; while :; do sleep 0.1; done' >/dev/null
	docker exec box sh -c 'until [ -e /ready ]; do :; done'
	docker stop box
	told
	run_docker -d --name box --restart on-failure:2 busy sh -c 'echo again; exit 5' >/dev/null
	patiently seen_is '{{.RestartCount}} {{.State.Status}}' '2 exited'
	told
}

@test "docker: exit codes, output and files are those of crun" {
	need_full
	compared ends cowrun crun
	grep -q 'status 3' "$SCRATCH/ours"
}

@test "docker: exec, signals, restarts and ends are those of crun" {
	need_full
	compared lives cowrun crun
	grep -q 'exited 9' "$SCRATCH/ours"
}

# What it makes of errors goes by their words. (crun 1.8.1's are in capitals, which this docker does not know: 125.)
@test "docker: 126 and 127" {
	need_full
	run -127 run_docker --rm busy /nosuch
	run run_docker --rm busy /etc/passwd
	assert_status 126
	docker run -d --name box --network none busy sleep 1000
	run docker exec box nosuch
	assert_status 126
	run docker exec box /etc
	assert_status 126
	docker pause box
	[ "$(seen '{{.State.Status}}')" = paused ]
	run docker exec box true
	assert_status 1
	docker unpause box
	docker top box -o pid,args | grep -q 'sleep 1000'
	docker rm -f box
}

@test "docker: a warning is none of what the container writes" {
	need_full
	# all capabilities, of which the host may lack some
	run_docker --name box --cap-add ALL busy echo out
	run docker logs box
	assert_output out
	docker rm box
}

@test "docker: killed from outside, and its engine killed" {
	need_full
	run_docker -d --name box busy sleep 1000
	on d sh -c "echo 1 >/sys/fs/cgroup/docker/$(seen '{{.Id}}')/cgroup.kill"
	patiently seen_is '{{.State.Status}} {{.State.ExitCode}}' 'exited 137'
	docker start box
	kill -KILL "$(pgrep -f "containerd-shim-runc-v2 .* -id $(seen '{{.Id}}') ")"
	patiently seen_is '{{.State.Status}} {{.State.ExitCode}}' 'exited 137'
	# the daemon: the next one ends what it finds, and can start it again
	docker start box
	on d kill -KILL "$(<"$SCRATCH/d/pid.dockerd")"
	rm "$SCRATCH/d/pid.dockerd"
	dockerd_run d --iptables=false
	patiently seen_is '{{.State.Status}}' exited
	docker start box
	docker rm -f box
	patiently host_is_empty d containerd dockerd || { host_holds d containerd dockerd >&2; return 1; }
}

# --- limits ------------------------------------------------------------------------------------------------------
limited() {
	run_docker -d --name box -m 64m --memory-reservation 32m --memory-swap 64m --cpus 0.5 --pids-limit 20 busy sh -c '
		cd /sys/fs/cgroup && cat memory.max memory.low memory.swap.max cpu.max pids.max >/limits; exec sleep 1000' >/dev/null
	docker exec box sh -c 'until [ -e /limits ]; do :; done; cat /limits'
	docker update -m 128m --memory-swap 128m --cpus 1 --pids-limit 30 box
	docker exec box sh -c 'cd /sys/fs/cgroup && cat memory.max cpu.max pids.max'
	docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' box | sed 's/^[0-9.]*[KM]iB/some/'
	docker top box -o pid,args | sed 's/^[0-9]* *//'
	docker pause box
	seen '{{.State.Status}}'
	docker unpause box
	docker kill box
	docker wait box
	told
}

out_of_memory() {
	run_docker -d --name box -m 16m --memory-swap 16m -v "$HELPERS:/mnt:ro" busy \
		sh -c "until [ -e /go ]; do sleep 0.1; done; $HOG" >/dev/null
	: >"$SCRATCH/events"
	docker events --since "$(date +%s)" --filter event=oom >"$SCRATCH/events" &
	docker exec box touch /go
	patiently test -s "$SCRATCH/events"
	docker exec box touch /end
	docker wait box
	told
	kill $! 2>/dev/null || true
}

# (crun 1.8.1 takes no update of this docker's, which is one of kernel memory too.)
@test "docker: limits and stats are those of runc" {
	need_limits
	need_program runc
	compared limited cowrun runc
	[[ $(<"$SCRATCH/ours") == 67108864$'\n'33554432$'\n'0$'\n''50000 100000'* ]]
}

@test "docker: out of memory is told as with crun" {
	need_limits
	compared out_of_memory cowrun crun
	grep -q 'exited 137 true' "$SCRATCH/ours"
}

@test "docker: what its stats count, and what cow mem does" {
	need_limits
	stats_start run_docker -d
	patiently stats_ready docker logs
	stats_second run_docker -d
	patiently eval 'docker logs second | grep -q ready'
	docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' >"$SCRATCH/stats"
	mem --all >"$SCRATCH/all"
	stats_hold "$SCRATCH/all" "$SCRATCH/stats"
	# Page cache that is not in use is left out of them, what is on tmpfs is not.
	grep -qE '^anon 6[4-6][.0-9]*MiB' "$SCRATCH/stats"
	grep -qE '^shm 1[67][.0-9]*MiB' "$SCRATCH/stats"
	grep -qE '^reader [.0-9]*KiB' "$SCRATCH/stats"
	grep -qE '^second [.0-9]*KiB' "$SCRATCH/stats"
}
