# A container's cgroup: signals for all who live in it, processes of exec in groups below it, and whose it is.
load helpers
load containers

NO_PIDNS='del(.linux.namespaces[] | select(.type == "pid"))'

# --- kill ---------------------------------------------------------------------------------------------------------
@test "kill of what has stopped fails, --all of it does not" {
	sleeper
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	fails "^cowrun: kill: container not running: '$ID': it has stopped" cowrun kill "$ID" TERM
	cowrun kill --all "$ID" KILL
	cowrun kill -a "$ID" 0
	cowrun delete "$ID"
	bundle
	cowrun --cgroup-manager disabled run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	await status_is "$ID" stopped
	cowrun kill --all "$ID" KILL
}

@test "kill --all reaches every process" {
	sleeper "$(args sh -c 'sleep 1001 & sleep 1002 & echo >/ready; wait') | $NO_PIDNS"
	await test -e "$BUNDLE/rootfs/ready"
	local pids pid
	pids=$(cowrun ps --format json "$ID" | jq -r '.[]')
	[ "$(wc -w <<<"$pids")" = 3 ]
	cowrun kill --all "$ID" TERM
	for pid in $pids; do await ended "$pid"; done
}

# Each process forks and ends: whoever takes a list and goes by it comes too late for the last one.
@test "kill --all misses nobody who is being born, and leaves nothing frozen" {
	sleeper "$(args sh -c 'next() { next & }; for i in 1 2 3 4 5 6 7 8; do next; done; echo >/ready; exec sleep 1000') | $NO_PIDNS"
	await test -e "$BUNDLE/rootfs/ready"
	cowrun kill --all "$ID" TERM
	await grep -qx 'populated 0' "$CGROUP/cowrun-$ID/cgroup.events"
	cowrun delete "$ID"
	sleeper "$NO_PIDNS"
	cowrun kill --all "$ID" 0
	status_is "$ID" running
	cowrun pause "$ID"
	cowrun kill --all "$ID" CONT
	status_is "$ID" paused
}

@test "KILL is for all where there is no pid namespace, also when the first process is gone" {
	local pids pid
	sleeper "$(args sh -c 'rm -f /ready; sleep 1001 & echo >/ready; wait') | $NO_PIDNS"
	await test -e "$BUNDLE/rootfs/ready"
	pids=$(cowrun ps --format json "$ID" | jq -r '.[]')
	[ "$(wc -w <<<"$pids")" = 2 ]
	kill -KILL "$PID"
	await status_is "$ID" stopped
	fails "container not running" cowrun kill "$ID" TERM
	cowrun kill "$ID" KILL
	for pid in $pids; do await ended "$pid"; done
	await fails "container not running" cowrun kill "$ID" KILL
}

# --- exec ---------------------------------------------------------------------------------------------------------
# A container whose cgroup is mounted on /mnt, to be written to; its first controller is in \$c
with_group() { sleeper '.mounts += [{destination: "/mnt", type: "cgroup", source: "cgroup", options: ["rw"]}]'; }
manages() { cowrun exec "$ID" sh -c "read c _ </mnt/cgroup.controllers; $1"; }
group_of_exec() { cowrun exec "$@" "$ID" sed -n 's/^0:://p' /proc/self/cgroup; }

@test "exec finds a container that has moved into a group below its own" {
	with_group
	manages 'mkdir /mnt/inner && echo 1 >/mnt/inner/cgroup.procs && echo $$ >/mnt/inner/cgroup.procs && echo +$c >/mnt/cgroup.subtree_control'
	[ "$(group_of_exec)" = /inner ]
	fails "in its cgroup '/cowrun-$ID': device or resource busy: groups below it have controllers" cowrun exec --cgroup / "$ID" true
}

@test "exec --cgroup: in that group from the first instant, which must be there and below the container's" {
	with_group
	manages 'mkdir -p /mnt/a/b'
	[ "$(group_of_exec --cgroup /) $(group_of_exec --cgroup a) $(group_of_exec --cgroup=/a/b)" = "/ /a /a/b" ]
	local bad
	for bad in .. ../other a/../.. a//b '' .; do
		fails "^cowrun: exec: cannot exec in container '$ID': bad sub cgroup path: " cowrun exec --cgroup "$bad" "$ID" true
		assert_status 255
	done
	fails "^cowrun: exec: cannot exec in container '$ID': cgroup '/cowrun-$ID' of container '$ID': no such file or directory 'none' in it$" \
		cowrun exec --cgroup none "$ID" true
}

@test "exec finds a container that has left its group, which is gone" {
	local other=cowrun-$ID-other
	sleeper
	mkdir "$CGROUP/$other"
	echo "$PID" >"$CGROUP/$other/cgroup.procs"
	rmdir "$CGROUP/cowrun-$ID"
	run grep ^0: <(cowrun exec "$ID" cat "/proc/self/cgroup")
	assert_output "0::/../$other"
	fails "cannot exec in container '$ID': cgroup '/cowrun-$ID' of container '$ID' is gone" cowrun exec --cgroup / "$ID" true
	cowrun delete -f "$ID"
	rmdir "$CGROUP/$other"
}

@test "exec --cgroup of a container without one" {
	bundle "$(args sleep 1000)"
	cowrun --cgroup-manager disabled run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	fails "cannot exec in container '$ID': container '$ID' has no cgroup" cowrun exec --cgroup / "$ID" true
}

# --- owners -------------------------------------------------------------------------------------------------------
# owned_by [FILTER]: who owns the group of such a container, which has it on /sys/fs/cgroup, and files in it
owned_by() {
	sleeper '(.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"]}]) | '"${1:-.}"
	(cd "$CGROUP/cowrun-$ID" && stat -c %u . cgroup.procs cgroup.threads cgroup.subtree_control cgroup.freeze | xargs)
	cowrun delete -f "$ID"
}
MAPPED='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'

@test "a cgroup that the container sees as its own, and may write to, is its user's, but for limits" {
	[ "$(owned_by "$MAPPED")" = "100000 100000 100000 100000 0" ]
	[ "$(owned_by "$MAPPED | .process.user.uid = 1000")" = "101000 101000 101000 101000 0" ]
	[ "$(owned_by '.process.user.uid = 1000')" = "1000 1000 1000 1000 0" ]
	[ "$(owned_by)" = "0 0 0 0 0" ]
}

@test "a cgroup that is read-only in the container, or not all that it sees, stays root's" {
	[ "$(owned_by "$MAPPED | .mounts[-1].options = [\"ro\"]")" = "0 0 0 0 0" ]
	[ "$(owned_by "$MAPPED | del(.linux.namespaces[] | select(.type == \"cgroup\"))")" = "0 0 0 0 0" ]
	[ "$(owned_by "$MAPPED | .mounts[-1].destination = \"/mnt\"")" = "0 0 0 0 0" ]
}

@test "root of a user namespace makes groups of his own" {
	sleeper "$MAPPED"' | .mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"]}]'
	cowrun exec "$ID" sh -c 'cd /sys/fs/cgroup && mkdir own && echo 1 >own/cgroup.procs && echo $$ >own/cgroup.procs'
	[ "$(cat "$CGROUP/cowrun-$ID/own/cgroup.procs")" = "$PID" ]
	not cowrun exec "$ID" sh -c 'echo 5 >/sys/fs/cgroup/cgroup.max.depth' 2>/dev/null
}
