# How a process is scheduled: policy, I/O priority, CPUs, memory nodes; personality; and its clocks.
load helpers
load containers

need_time_namespaces() { [ -e /proc/self/ns/time ] || skip "needs a kernel with time namespaces"; }
need_cpus() { [ "$(getconf _NPROCESSORS_ONLN)" -ge "$1" ] || skip "needs $1 CPUs"; }
TIME='.linux.namespaces += [{type: "time"}]'
OFFSETS="$TIME"' | .linux.timeOffsets = {monotonic: {secs: 7881, nanosecs: 2718281}, boottime: {secs: 1337}}'

# policy PID: its scheduling policy, as chrt names it
policy() { chrt -p "$1" | sed -n '1s/.*: //p'; }

process() { jq -n "{args: [\"sleep\", \"1000\"], cwd: \"/\", env: [\"PATH=/bin\"]} | $1" >"$SCRATCH/process.json"; }

# exec_detached [OPTION ...]: its pid in $PID
exec_detached() {
	cowrun exec -d --pid-file "$SCRATCH/exec" "$@" >"$SCRATCH/out" 2>&1
	PID=$(<"$SCRATCH/exec")
}

@test "the scheduler's policy is set for the first process and those of exec" {
	sleeper '.process.scheduler = {policy: "SCHED_BATCH", nice: 19}'
	[ "$(policy "$PID")" = SCHED_BATCH ]
	[ "$(awk '{print $19}' "/proc/$PID/stat")" = 19 ]
	exec_detached "$ID" sleep 1001
	[ "$(policy "$PID")" = SCHED_BATCH ]
	process '.scheduler = {policy: "SCHED_DEADLINE", flags: ["SCHED_FLAG_RESET_ON_FORK"], nice: 19, runtime: 42000, deadline: 100000, period: 1000000}'
	exec_detached --process "$SCRATCH/process.json" "$ID"
	[ "$(policy "$PID")" = "SCHED_DEADLINE|SCHED_RESET_ON_FORK" ]
	chrt -p "$PID" | grep -q "runtime/deadline/period parameters: 42000/100000/1000000$"
	# and without one, it is as the container's first
	process .
	exec_detached --process "$SCRATCH/process.json" "$ID"
	[ "$(policy "$PID")" = SCHED_BATCH ]
}

# (SCHED_FIFO is refused in every cgroup by a kernel with CONFIG_RT_GROUP_SCHED, such as the guest's.)
@test "a policy that takes the host's privilege is set in a user namespace as well" {
	bundle "$(args sleep 1000)"' | .linux.namespaces += [{type: "user"}] |
		.process.scheduler = {policy: "SCHED_DEADLINE", flags: ["SCHED_FLAG_RESET_ON_FORK"], runtime: 42000, deadline: 100000, period: 1000000} |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >"$SCRATCH/out" 2>&1 || { cat "$SCRATCH/out" >&2; false; }
	[ "$(policy "$(<"$SCRATCH/pid")")" = "SCHED_DEADLINE|SCHED_RESET_ON_FORK" ]
	exec_detached "$ID" sleep 1001
	[ "$(policy "$PID")" = "SCHED_DEADLINE|SCHED_RESET_ON_FORK" ]
}

@test "a scheduler's parameters that the kernel refuses are told" {
	refuses "^cowrun: run: process.scheduler: set policy and parameters: invalid argument$" '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1}'
	refuses "^cowrun: run: process.scheduler: set policy and parameters: invalid argument$" '.process.scheduler = {policy: "SCHED_ISO"}'
	sleeper
	process '.scheduler = {policy: "SCHED_FIFO", priority: 100}'
	fails "^cowrun: exec: process.scheduler: set policy" cowrun exec --pid-file "$SCRATCH/exec" --process "$SCRATCH/process.json" "$ID"
	[ ! -e "$SCRATCH/exec" ]
}

@test "a deadline cannot be kept on some of the CPUs" {
	need_controller cpuset
	need_cpus 2
	refuses "process scheduler can't be used together with AllowedCPUs \(linux.resources.cpu.cpus '0'\)" \
		'.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 42000, deadline: 1000000, period: 1000000} | .linux.resources.cpu.cpus = "0"'
}

@test "the I/O priority is set for the first process and those of exec" {
	sleeper '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 4}'
	[ "$(ionice -p "$PID")" = "best-effort: prio 4" ]
	run cowrun exec "$ID" ionice
	assert_output "best-effort: prio 4"
	process '.ioPriority = {class: "IOPRIO_CLASS_IDLE"}'
	exec_detached --process "$SCRATCH/process.json" "$ID"
	[ "$(ionice -p "$PID")" = idle ]
}

# --- CPUs -----------------------------------------------------------------------------------------------------------
cpus() { sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$1/status"; }

@test "a runtime that is bound to one CPU does not bind its containers" {
	need_cpus 2
	local all
	all=$(cpus self)
	[ "$all" != 0 ] || skip "needs to be bound to more than one CPU"
	bundle "$(args sleep 1000)"
	taskset -c 0 "$COWRUN" --root "$STATE" run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >"$SCRATCH/out" 2>&1 3>&-
	[ "$(cpus "$(<"$SCRATCH/pid")")" = "$all" ]
	run taskset -c 0 "$COWRUN" --root "$STATE" exec "$ID" grep Cpus_allowed_list /proc/self/status
	[ "${output#*:?}" = "$all" ]
}

@test "exec's process is bound to the CPUs that are asked for" {
	need_cpus 2
	local show='.args = ["sed", "-n", "s/^Cpus_allowed_list:.//p", "/proc/self/status"]' list
	sleeper '.process.execCPUAffinity = {initial: "0", final: "1"}'
	[ "$(cpus "$PID")" != 1 ] # the first process is none of exec's
	run cowrun exec "$ID" sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status
	assert_output 1
	for list in 0 1 0-1; do
		process "$show | .execCPUAffinity = {initial: \"1\", final: \"$list\"}"
		run cowrun exec --process "$SCRATCH/process.json" "$ID"
		assert_output "$list"
	done
	process "$show | .execCPUAffinity = {final: \"0,1\"}"
	run cowrun exec --process "$SCRATCH/process.json" "$ID"
	assert_output 0-1
	# born where the runtime was then, and left there
	process "$show | .execCPUAffinity = {initial: \"1\"}"
	run cowrun exec --process "$SCRATCH/process.json" "$ID"
	assert_output 1
	process '.execCPUAffinity = {initial: "8191"}'
	fails "^cowrun: exec: process.execCPUAffinity.initial: bind to the CPUs '8191': invalid argument$" cowrun exec --process "$SCRATCH/process.json" "$ID"
	process '.execCPUAffinity = {final: "8191"}'
	fails "^cowrun: exec: process.execCPUAffinity.final: bind to the CPUs '8191': invalid argument$" cowrun exec --process "$SCRATCH/process.json" "$ID"
}

# --- memory ---------------------------------------------------------------------------------------------------------
@test "the memory policy holds for the first process and those of exec" {
	[ -e /proc/self/numa_maps ] || skip "needs a kernel with NUMA"
	local show='head -n 1 /proc/self/numa_maps | cut -d " " -f 2'
	gives interleave:0 "$show" '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}'
	gives bind=static:0 "$show" '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	gives default "$show" '.linux.memoryPolicy = {mode: "MPOL_DEFAULT"}'
	gives local "$show" '.linux.memoryPolicy = {mode: "MPOL_LOCAL"}'
	sleeper '.linux.memoryPolicy = {mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"]}'
	run cowrun exec "$ID" sh -c "$show"
	assert_output_matches '^prefer.*relative.*0$'
	cowrun delete --force "$ID"
	refuses "^cowrun: run: set the memory policy MPOL_BIND for the nodes '63': invalid argument$" '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "63"}'
}

# --- personality ------------------------------------------------------------------------------------------------------
@test "the personality is that of a 32-bit machine, or of this one" {
	[ "$(setarch linux32 uname -m)" = i686 ] || skip "needs a kernel that can be two machines"
	gives i686 'uname -m' '.linux.personality = {domain: "LINUX32", flags: []}'
	bundle "$(args uname -m)"' | .linux.personality = {domain: "LINUX"}'
	run setarch linux32 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_output x86_64
	sleeper '.linux.personality = {domain: "LINUX32"}'
	run cowrun exec "$ID" uname -m
	assert_output i686
}

# --- clocks -----------------------------------------------------------------------------------------------------------
@test "a time namespace has the clocks asked for" {
	need_time_namespaces
	local before
	gives $'monotonic 0 0\nboottime 0 0' 'sed "s/  */ /g" /proc/self/timens_offsets' "$TIME"
	gives $'monotonic 7881 2718281\nboottime 1337 0' 'sed "s/  */ /g" /proc/self/timens_offsets' "$OFFSETS"
	# what a program sees
	before=$(cut -d . -f 1 /proc/uptime)
	inside 'cut -d . -f 1 /proc/uptime' "$TIME | .linux.timeOffsets = {boottime: {secs: 100000000}}"
	[ $((output - 100000000)) -ge "$before" ]
	[ $((output - 100000000)) -le "$(cut -d . -f 1 /proc/uptime)" ]
}

@test "exec is in the time namespace, and so is whoever joins it by path" {
	need_time_namespaces
	sleeper "$OFFSETS"
	run cowrun exec "$ID" sed 's/  */ /g' /proc/self/timens_offsets
	assert_output $'monotonic 7881 2718281\nboottime 1337 0'
	exec_detached "$ID" sleep 1001
	[ "$(namespace_of "$PID" time)" = "$(namespace_of "$(<"$SCRATCH/pid")" time)" ]
	[ "$(namespace_of "$PID" time)" != "$(namespace_of self time)" ]
	ID=$ID-b gives "$(namespace_of "$PID" time)" 'readlink /proc/self/ns/time' \
		'.linux.namespaces += [{type: "time", path: $path}]' --arg path "/proc/$PID/ns/time"
}

@test "a time namespace belongs to the user namespace, and its clocks are set all the same" {
	need_time_namespaces
	bundle "$(args sed 's/  */ /g' /proc/self/timens_offsets) | $OFFSETS"' | .linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	cp -a "$BUNDLE/rootfs" "$SCRATCH/mapped"
	chown -hR 100000:100000 "$SCRATCH/mapped"
	jq '.root.path = $path' --arg path "$SCRATCH/mapped" "$BUNDLE/config.json" >"$SCRATCH/config" && cp "$SCRATCH/config" "$BUNDLE/config.json"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_output $'monotonic 7881 2718281\nboottime 1337 0'
}

@test "clocks that would be before zero, or without a namespace of theirs, are refused" {
	refuses "^cowrun: run: linux.timeOffsets: set, but linux.namespaces has no time namespace$" '.linux.timeOffsets = {boottime: {secs: 1}}'
	need_time_namespaces
	refuses "^cowrun: run: set the clocks of the time namespace \(linux.timeOffsets\): numerical result out of range$" \
		"$TIME"' | .linux.timeOffsets = {boottime: {secs: -100000000000}}'
}

@test "a kernel without time namespaces says so" {
	[ ! -e /proc/self/ns/time ] || skip "needs a kernel without time namespaces"
	refuses "^cowrun: run: make a time namespace: this kernel has none \(CONFIG_TIME_NS\)$" "$TIME"
}
