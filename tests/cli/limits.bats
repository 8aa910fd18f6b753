# linux.resources as the kernel has it: what is asked for stands in the files of the container's cgroup, and holds.
load helpers
load containers

# knob FILE: of the container's group
knob() { cat "$CGROUP/cowrun-$ID/$1"; }
# reads FILE VALUE
reads() {
	local seen
	seen=$(knob "$1")
	[ "$seen" = "$2" ] || { say "expected $1 to be: $2; saw: $seen"; return 1; }
}
has_file() { [ -e "$CGROUP/cowrun-$ID/$1" ]; }

# resources JSON: a jq filter
resources() { echo ".linux.resources = $1"; }

# A block device that is there, for limits that name one: "7:3"
block_device() {
	local loop
	for loop in /sys/block/*/dev; do
		[ -e "$loop" ] || continue
		cat "$loop"
		return
	done
	return 1
}

@test "memory, cpu and processes" {
	need_controller memory cpu pids
	sleeper "$(resources '{memory: {limit: 33554432, reservation: 16777216}, cpu: {shares: 512, quota: 50000, period: 200000}, pids: {limit: 20}}')"
	reads memory.max 33554432
	reads memory.low 16777216
	reads cpu.weight 59
	reads cpu.max "50000 200000"
	reads pids.max 20
}

@test "-1 is no limit, 0 is unset, and no process beside the first is 0" {
	need_controller memory pids
	sleeper "$(resources '{memory: {limit: -1}, pids: {limit: 0}}')"
	reads memory.max max
	reads pids.max 1
}

@test "a quota without a period, and a period without a quota" {
	need_controller cpu
	sleeper "$(resources '{cpu: {quota: 5000}}')"
	reads cpu.max "5000 100000"
	cowrun delete -f "$ID"
	sleeper "$(resources '{cpu: {period: 1000000}}')"
	reads cpu.max "max 1000000"
}

@test "burst and idle" {
	need_controller cpu
	sleeper "$(resources '{cpu: {quota: 50000, burst: 20000}}')"
	has_file cpu.max.burst || skip "this kernel has no cpu.max.burst"
	reads cpu.max.burst 20000
	cowrun delete -f "$ID"
	sleeper "$(resources '{cpu: {idle: 1, shares: 512}}')"
	reads cpu.idle 1
}

@test "block devices: weight, and limits for one" {
	need_controller io
	local device
	bundle "$(args sleep 1000) | $(resources '{blockIO: {weight: 750}}')"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1 || true
	if has_file io.bfq.weight; then
		reads io.bfq.weight "default 750"
	elif has_file io.weight; then
		reads io.weight "default 7475"
	else
		bundle "$(resources '{blockIO: {weight: 750}}')"
		fails "cannot set 'io.weight': this cgroup or this kernel does not have it" cowrun run -b "$BUNDLE" "$ID"
	fi
	cowrun delete -f "$ID"
	sleeper
	has_file io.max || skip "this kernel does not throttle block devices"
	cowrun delete -f "$ID"
	device=$(block_device) || skip "no block device"
	sleeper "$(resources '{blockIO: {
		throttleReadBpsDevice: [{major: $major, minor: $minor, rate: 1048576}],
		throttleWriteIOPSDevice: [{major: $major, minor: $minor, rate: 77}]}}')" \
		--argjson major "${device%:*}" --argjson minor "${device#*:}"
	reads io.max "$device rbps=1048576 wbps=max riops=max wiops=77"
}

@test "a block device that is not there is told as such" {
	need_controller io
	sleeper
	has_file io.max || skip "this kernel does not throttle block devices"
	cowrun delete -f "$ID"
	refuses "set 'io.max' to '259:999999 rbps=1': there is no such block device" \
		"$(resources '{blockIO: {throttleReadBpsDevice: [{major: 259, minor: 999999, rate: 1}]}}')"
}

@test "huge pages, of sizes that the kernel has" {
	need_controller hugetlb
	sleeper "$(resources '{hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}')"
	reads hugetlb.2MB.max 4194304
	reads hugetlb.2MB.rsvd.max 4194304
	cowrun delete -f "$ID"
	refuses "cannot set 'hugetlb.3MB.max': this cgroup or this kernel does not have it" \
		"$(resources '{hugepageLimits: [{pageSize: "3MB", limit: 3145728}]}')"
}

@test "12: a memory limit that is too small to start in (situations.bats has the others)" {
	need_controller memory
	refuses "^cowrun: run: execute the sealed init program: out of memory \(limit 4 KiB, peak .*\)$" ".linux.resources = {memory: {limit: 4096}}"
}

@test "unified: written as it is, behind all others" {
	need_controller memory pids
	sleeper "$(resources '{memory: {limit: 33554432}, unified: {"memory.max": "41943040", "memory.high": "20971520", "pids.max": "42", "cgroup.max.depth": "3"}}')"
	reads memory.max 41943040
	reads memory.high 20971520
	reads pids.max 42
	reads cgroup.max.depth 3
}

@test "unified: what cannot be set is told by its controller" {
	refuses "^cowrun: run: linux.resources.unified: cannot set 'wheel.max': there is no controller 'wheel'" \
		"$(resources '{unified: {"wheel.max": "1"}}')"
	refuses "^cowrun: run: linux.resources.unified: '../x' must be the name of a file" "$(resources '{unified: {"../x": "1"}}')"
	refuses "^cowrun: run: cannot limit RDMA devices: the controller 'rdma' is " "$(resources '{unified: {"rdma.max": "x hca_handle=1"}}')"
	if ! grep -qw memory "$CGROUP/cgroup.controllers"; then
		refuses "cannot limit memory: the controller 'memory' is .*\(hint: " "$(resources '{unified: {"memory.high": "1"}}')"
		refuses "cannot limit block devices' input and output: the controller 'io' is bound to cgroup v1" "$(resources '{blockIO: {weight: 10}}')"
	fi
}

@test "what only cgroup v1 had is told, and goes without" {
	# "rwa" is in runc's own tests.
	inside true "$(resources '{devices: [{allow: true, access: "rwa"}]}')"
	assert_status 0
	[ "$stderr" = "cowrun: warning: linux.resources.devices[0].access: 'rwa': 'a' is no access, ignoring" ]
	inside true "$(resources '{memory: {kernel: 1, kernelTCP: 1, swappiness: 60, disableOOMKiller: true}, network: {classID: 1}}')"
	assert_status 0
	[ "$stderr" = "cowrun: warning: linux.resources.memory.kernel: cgroup v2 has nothing like it, ignoring
cowrun: warning: linux.resources.memory.kernelTCP: cgroup v2 has nothing like it, ignoring
cowrun: warning: linux.resources.memory.swappiness: cgroup v2 has nothing like it, ignoring
cowrun: warning: linux.resources.memory.disableOOMKiller: cgroup v2 has nothing like it, ignoring
cowrun: warning: linux.resources.network: cgroup v2 has nothing like it, ignoring" ]
}

@test "what the host offers is passed on down to the container, also without a limit" {
	local path=/cowrun-$ID-a/b
	sleeper ".linux.cgroupsPath = \"$path\""
	[ "$(xargs -n1 <"$CGROUP$path/cgroup.controllers" | grep -vw perf_event | sort)" = \
		"$(xargs -n1 <"$CGROUP/cgroup.controllers" | grep -vw perf_event | sort)" ]
	cowrun delete -f "$ID"
	[ ! -e "$CGROUP/cowrun-$ID-a" ]
}

@test "the limits hold: a fork is refused, a busy loop is throttled" {
	need_controller pids cpu
	inside 'for i in 1 2 3 4 5; do sleep 100 & done; true' "$(resources '{pids: {limit: 4}}')"
	[[ $stderr == *fork* ]]
	bundle "$(args sh -c 'while :; do :; done') | $(resources '{cpu: {quota: 10000, period: 100000}}')"
	cowrun run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1
	throttled() { [ "$(knob cpu.stat | awk '$1 == "nr_throttled" { print $2 }')" -ge 2 ]; }
	await throttled
}

@test "a cgroup that others live in, or that is frozen, is not taken" {
	sleeper ".linux.cgroupsPath = \"/cowrun-$ID\""
	bundle ".linux.cgroupsPath = \"/cowrun-$ID\""
	fails "container's cgroup is not empty" cowrun run -b "$BUNDLE" "$ID-a"
	cowrun delete -f "$ID"
	mkdir "$CGROUP/cowrun-$ID"
	echo 1 >"$CGROUP/cowrun-$ID/cgroup.freeze"
	fails "container's cgroup unexpectedly frozen" cowrun create -b "$BUNDLE" "$ID-a"
	rmdir "$CGROUP/cowrun-$ID"
}

@test "events --stats: figures are those of the cgroup's files" {
	need_controller memory pids
	sleeper "$(resources '{memory: {limit: 33554432}, pids: {limit: 20}}')"
	await asleep "$PID"
	run cowrun events "$ID" --stats
	local data
	data=$(jq -c .data <<<"$output")
	[ "$(jq .memory.usage.limit <<<"$data")" = 33554432 ]
	[ "$(jq -c .pids <<<"$data")" = '{"current":1,"limit":20}' ]
	[ "$(jq '.memory.usage.usage > 0 and .memory.usage.max >= .memory.usage.usage' <<<"$data")" = true ]
	# What it has may be in the kernel's sums some instants later.
	anon_is() { [ "$(cowrun events "$ID" --stats | jq .data.memory.raw.anon)" = "$(knob memory.stat | awk '$1 == "anon" { print $2 }')" ]; }
	await anon_is
	[ "$(jq '.memory.raw | length' <<<"$data")" = "$(knob memory.stat | wc -l)" ]
}

@test "events: a process that is killed for want of memory is one" {
	need_controller memory
	bundle "$(args sh -c 'until [ -e /go ]; do sleep 0.02; done; /hog 64; sleep 1000') |
		$(resources '{memory: {limit: 33554432, swap: 33554432}}')"
	cp "$HELPERS/hog" "$BUNDLE/rootfs/hog"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	cowrun events --interval 50ms "$ID" >"$SCRATCH/events" 2>"$SCRATCH/errors" &
	told() { grep -q "$1" "$SCRATCH/events"; }
	await told '"type":"stats"' # it watches by then
	touch "$BUNDLE/rootfs/go"
	await told "^{\"type\":\"oom\",\"id\":\"$ID\"}$"
	cowrun delete -f "$ID"
	ends_with 0 $!
	[ "$(grep -c oom "$SCRATCH/events")/$(wc -c <"$SCRATCH/errors")" = 1/0 ]
	rm "$BUNDLE/rootfs/go" "$BUNDLE/rootfs/hog"
}
