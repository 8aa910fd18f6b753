# Limits: what they do where the controllers are in cgroup v2 (the guest), and how they are refused where not.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

# knob FILE [KEY]: of the container's group
knob() {
	if [ $# = 1 ]; then cat "$CGROUP/cowrun-$NAME/$1"; else awk -v key="$2" '$1 == key { print $2 }' "$CGROUP/cowrun-$NAME/$1"; fi
}

@test "beyond --memory the container is killed, and everything says so" {
	need_controller memory
	run --separate-stderr cow run --name "$NAME" -m 32m "$IMAGE" hog 64
	assert_status 137
	assert_output ''
	[ "$stderr" = "cow: $NAME: killed: out of memory (limit 32 MiB, peak 32 MiB)" ]
	[ "$(inspect "$NAME" oom_killed) $(inspect "$NAME" exit_status)" = "true 137" ]
	[ "$(inspect "$NAME" reason)" = "out of memory (limit 32 MiB, peak 32 MiB)" ]
	run cow ps -a
	assert_output_matches "$NAME .*exited \(137, out of memory\)"
	run cow ps -a --json
	[ "$(jq '.[0].oom_killed' <<<"$output")" = true ]
}

@test "the same in the background" {
	need_controller memory
	cow run -d --name "$NAME" -m 32m "$IMAGE" sh -c 'hog 4; hog 64; echo not here' >/dev/null
	run cow wait "$NAME"
	assert_output 137
	[ "$(inspect "$NAME" reason)" = "out of memory (limit 32 MiB, peak 32 MiB)" ]
	run cow logs "$NAME"
	assert_output ready
}

@test "with --rm too, and nothing is left" {
	need_controller memory
	run --separate-stderr cow run --rm --name "$NAME" -m 32m "$IMAGE" hog 64
	assert_status 137
	assert_one_line "^cow: $NAME: killed: out of memory"
	assert_nothing_left
}

@test "below the limit: inspect and mem tell both" {
	need_controller memory
	cow run -d --name "$NAME" -m 32m "$IMAGE" hog 8 forever >/dev/null
	eventually has_line "$NAME" ready
	[ "$(inspect "$NAME" memory_limit_bytes)" = 33554432 ]
	[ "$(inspect "$NAME" memory_bytes)" -ge 8388608 ]
	[ "$(inspect "$NAME" memory_peak_bytes)" -ge 8388608 ]
	[ "$(inspect "$NAME" oom_killed)" = false ]
	run cow mem
	assert_output_matches "$NAME +1 .* (8|9|10)\.[0-9] MiB +32(\.0)? MiB"$'\n'
	run cow mem --json
	[ "$(jq -c '.containers[0] | [.limit_bytes, .charged_bytes >= 8388608]' <<<"$output")" = '[33554432,true]' ]
}

@test "a container without a limit has none, and is charged all the same" {
	need_controller memory
	cow run -d --name "$NAME" "$IMAGE" hog 8 forever >/dev/null
	eventually has_line "$NAME" ready
	[ "$(inspect "$NAME" memory_limit_bytes)" = null ]
	run cow mem --json
	[ "$(jq -c '.containers[0].limit_bytes' <<<"$output")" = null ]
}

@test "an exec that goes beyond is told as such" {
	need_controller memory
	cow run -d --name "$NAME" -m 32m "$IMAGE" sleep 1000 >/dev/null
	run --separate-stderr cow exec "$NAME" hog 64
	assert_status 137
	assert_one_line "^cow: $NAME: killed: out of memory \(limit 32 MiB, peak 32 MiB\)"
	cow wait "$NAME" # the group dies as a whole
	[ "$(inspect "$NAME" oom_killed)" = true ]
	cow rm "$NAME"
	cow run -d --name "$NAME" -m 32m "$IMAGE" sleep 1000 >/dev/null
	run --separate-stderr cow exec "$NAME" sh -c 'kill -9 $$'
	assert_status 137
	[ -z "$stderr" ]
}

@test "swap: none beside --memory, unless asked for" {
	need_controller memory
	[ -e "$CGROUP/cowrun-$NAME" ] || cow run -d --name "$NAME" -m 32m "$IMAGE" sleep 1000 >/dev/null
	[ -e "$CGROUP/cowrun-$NAME/memory.swap.max" ] || skip "this kernel has no swap accounting"
	[ "$(knob memory.max) $(knob memory.swap.max)" = "33554432 0" ]
	cow rm -f "$NAME"
	cow run -d --name "$NAME" -m 32m --memory-swap 48m "$IMAGE" sleep 1000 >/dev/null
	[ "$(knob memory.max) $(knob memory.swap.max)" = "33554432 16777216" ]
	cow rm -f "$NAME"
	cow run -d --name "$NAME" -m 32m --memory-swap -1 "$IMAGE" sleep 1000 >/dev/null
	[ "$(knob memory.swap.max)" = max ]
	cow rm -f "$NAME"
	fails "memory" cow run --name "$NAME" -m 32m --memory-swap 16m "$IMAGE" true
	assert_nothing_left
}

@test "384 KiB are enough to start, with the profile loaded, and nothing runs out" {
	need_controller memory
	cow run --name "$NAME" -m 384k "$IMAGE" true
	[ "$(knob memory.max) $(knob memory.events oom)" = "393216 0" ]
	cow rm "$NAME"
	run cow run --name "$NAME" -m 384k "$IMAGE" grep Seccomp: /proc/self/status
	assert_output $'Seccomp:\t2'
}

@test "too little memory to start at all" {
	need_controller memory
	run --separate-stderr cow run --name "$NAME" -m 64k "$IMAGE" true
	[ "$status" = 125 ] || [ "$status" = 137 ]
	assert_one_line 'out of memory|memory'
	cow rm -f "$NAME"
	assert_nothing_left
}

@test "--cpus: so much of them, and no more" {
	need_controller cpu
	cow run -d --name "$NAME" --cpus 0.2 "$IMAGE" sh -c 'while :; do :; done' >/dev/null
	[ "$(knob cpu.max)" = "20000 100000" ]
	throttled() { [ "$(knob cpu.stat nr_throttled)" -ge 2 ]; }
	eventually throttled
	[ "$(inspect "$NAME" cpu_usec)" -gt 0 ]
}

@test "cpus, shares, memory that is kept: as docker and podman spell them" {
	need_controller memory cpu
	cow run -d --name "$NAME" --memory-reservation 16m -c 512 --cpu-quota 25000 --cpu-period 50000 "$IMAGE" sleep 1000 >/dev/null
	[ "$(knob memory.low) $(knob cpu.weight) $(knob cpu.max)" = "16777216 59 25000 50000" ]
	[ "$(knob memory.max)" = max ]
	cow rm -f "$NAME"
	grep -qw cpuset "$CGROUP/cgroup.controllers" || return 0
	cow run --name "$NAME" --cpuset-cpus 0 --cpuset-mems 0 "$IMAGE" true
	[ "$(knob cpuset.cpus) $(knob cpuset.mems)" = "0 0" ]
}

@test "--pids-limit: a fork beyond it is refused" {
	need_controller pids
	run cow run --name "$NAME" --pids-limit 4 "$IMAGE" sh -c 'for i in 1 2 3 4 5; do sleep 1000 & done; true'
	[[ $output == *fork* ]]
	[ "$(knob pids.events max)" -ge 1 ]
	cow rm "$NAME"
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
	[ "$(knob pids.max)" = 2048 ]
	[ "$(inspect "$NAME" pids) $(inspect "$NAME" pids_limit)" = "1 2048" ]
	cow rm -f "$NAME"
	for none in 0 -1; do
		cow run -d --name "$NAME" --pids-limit $none "$IMAGE" sleep 1000 >/dev/null
		[ "$(knob pids.max)" = max ]
		[ "$(inspect "$NAME" pids_limit)" = null ]
		cow rm -f "$NAME"
	done
}

@test "where the controller is not in cgroup v2 a limit is refused, in one line that says what to do" {
	if grep -qw memory "$CGROUP/cgroup.controllers"; then skip "memory is in cgroup v2 here"; fi
	fails "^cow: run: cannot limit memory: the controller 'memory' is .*\(hint: " cow run --name "$NAME" -m 32m "$IMAGE" true
	assert_status 125
	fails "cannot limit cpu time: the controller 'cpu' is .*\(hint: " cow run -d --name "$NAME" --cpus 1 "$IMAGE" true
	fails "cannot limit the number of processes: the controller 'pids' is .*\(hint: " \
		cow run --name "$NAME" --pids-limit 5 "$IMAGE" true
	assert_nothing_left
	run cow run --rm --name "$NAME" "$IMAGE" echo 'no limit asked, no error'
	assert_output 'no limit asked, no error'
	cow run -d --name "$NAME" "$IMAGE" hog 1 forever >/dev/null
	run cow mem --json
	[ "$(jq -c '.containers[0] | [.charged_bytes, .limit_bytes]' <<<"$output")" = '[null,null]' ]
}
