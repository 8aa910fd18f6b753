# cowrun update: limits of a container that lives, as the kernel has them afterwards.
load helpers
load containers

# reads FILE VALUE: of the container's group
reads() {
	local seen
	seen=$(cat "$CGROUP/cowrun-$ID/$1")
	[ "$seen" = "$2" ] || { say "expected $1 to be: $2; saw: $seen"; return 1; }
}
update() { cowrun update "$@"; }

limited() {
	sleeper '.linux.resources = {memory: {limit: 33554432, reservation: 25165824},
		cpu: {shares: 100, quota: 500000, period: 1000000}, pids: {limit: 20}}'
}

@test "each option sets its file, and no other" {
	need_controller memory cpu pids
	limited
	update "$ID" --memory 67108864
	reads memory.max 67108864
	update --memory=50M "$ID"
	reads memory.max 52428800
	reads memory.low 25165824
	update "$ID" --memory-reservation 33554432
	reads memory.low 33554432
	update "$ID" --memory -1
	reads memory.max max
	update --pids-limit 10 "$ID"
	reads pids.max 10
	update --pids-limit -1 "$ID"
	reads pids.max max
	update --pids-limit 0 "$ID"
	reads pids.max 1
	update --cpu-period 900000 "$ID"
	reads cpu.max "500000 900000"
	update --cpu-quota 600000 "$ID"
	reads cpu.max "600000 900000"
	update --cpu-quota -1 "$ID"
	reads cpu.max "max 900000"
	update --cpu-share 512 "$ID"
	reads cpu.weight 59
}

@test "a document, from a file and from standard input, sets what it says" {
	need_controller memory cpu pids
	limited
	update -r - "$ID" <<<'{"memory": {"limit": 67108864}, "cpu": {"shares": 1024}}'
	reads memory.max 67108864
	reads memory.low 25165824
	reads cpu.weight 100
	reads cpu.max "500000 1000000"
	echo '{"pids": {"limit": 7}, "unified": {"memory.high": "8388608"}}' >"$SCRATCH/limits"
	update --resources "$SCRATCH/limits" --pids-limit 9 "$ID"
	reads pids.max 7
	reads memory.high 8388608
	update --resources=- "$ID" <<<'{}'
	reads memory.max 67108864
}

@test "memory and swap: their sum, beside the limit that is there" {
	need_controller memory
	limited
	[ -e "$CGROUP/cowrun-$ID/memory.swap.max" ] || skip "this kernel has no swap accounting"
	update --memory 52428800 --memory-swap 96468992 "$ID"
	reads memory.swap.max 44040192
	update --memory-swap 62914560 "$ID"
	reads memory.swap.max 10485760
	reads memory.max 52428800
	update --memory-swap -1 "$ID"
	reads memory.swap.max max
	update --memory -1 "$ID"
	reads memory.swap.max max
	fails "^cowrun: update: resources.memory.swap: needs memory.limit too" update --memory-swap 1048576 "$ID"
}

@test "idle, and its shares" {
	need_controller cpu
	limited
	[ -e "$CGROUP/cowrun-$ID/cpu.idle" ] || skip "this kernel has no cpu.idle"
	local value
	for value in 1 0 1; do
		update --cpu-idle "$value" "$ID"
		reads cpu.idle "$value"
	done
	fails "resources.cpu.shares: the container is idle" update --cpu-share 200 "$ID"
	for value in -1 2; do
		fails "cpu.idle" update --cpu-idle "$value" "$ID"
		reads cpu.idle 1
	done
	update --cpu-period 10000 "$ID"
	reads cpu.idle 1
	update --cpu-idle 0 --cpu-share 1024 "$ID"
	reads cpu.weight 100
}

@test "burst" {
	need_controller cpu
	limited
	[ -e "$CGROUP/cowrun-$ID/cpu.max.burst" ] || skip "this kernel has no cpu.max.burst"
	update --cpu-period 900000 --cpu-burst 500000 "$ID"
	reads cpu.max.burst 500000
	update --memory 100M "$ID"
	reads cpu.max.burst 500000
	update --cpu-burst 0 "$ID"
	reads cpu.max.burst 0
}

@test "less than is in use is refused where that was asked for" {
	need_controller memory
	limited
	fails "rejecting memory limit 1024" update -r - "$ID" <<<'{"memory": {"limit": 1024, "checkBeforeUpdate": true}}'
	status_is "$ID" running
	reads memory.max 33554432
}

@test "created and paused containers too, and they stay so" {
	need_controller pids
	created "$(args sleep 1000)"
	update --pids-limit 30 "$ID"
	reads pids.max 30
	status_is "$ID" created
	cowrun start "$ID"
	cowrun pause "$ID"
	update --pids-limit 31 "$ID"
	reads pids.max 31
	status_is "$ID" paused
}

@test "huge pages, where this host has them in cgroup v2" {
	need_controller hugetlb
	sleeper
	update -r - "$ID" <<<'{"hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}]}'
	reads hugetlb.2MB.max 2097152
}

@test "device rules are replaced as a whole, or stay" {
	local rules='[{"allow": false, "access": "rwm"}]'
	sleeper "(.process.capabilities |= map_values(. + [\"CAP_SYSLOG\"])) | .linux.resources.devices = $rules
		| .linux.devices = [{path: \"/dev/kmsg\", type: \"c\", major: 1, minor: 11}]"
	opens() { cowrun exec "$ID" sh -c ': </dev/kmsg'; }
	fails "Operation not permitted" opens
	update -r - "$ID" <<<'{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]}'
	opens
	update -r - "$ID" <<<'{}'
	opens
	update -r - "$ID" <<<"{\"devices\": $rules}"
	fails "Operation not permitted" opens
	update -r - "$ID" <<<'{"devices": [{"allow": true, "access": "rwm"}]}'
	opens
	update -r - "$ID" <<<"{\"devices\": $rules}"
	fails "Operation not permitted" opens
}

@test "what cannot be is told in one line, and changes nothing" {
	sleeper
	fails "^cowrun: update: container 'none' does not exist" update --pids-limit 3 none
	fails "^cowrun: update: usage: " update
	fails "option --cpu-quota: 'x' is neither a number nor -1" update --cpu-quota x "$ID"
	fails "option --cpu-share: '-1' is not a number" update --cpu-share -1 "$ID"
	fails "unknown option '--none'" update "$ID" --none
	fails "open '$SCRATCH/none': no such file" update -r "$SCRATCH/none" "$ID"
	fails "standard input: empty document" update -r - "$ID" <<<""
	fails "memory.limit: expected an integer, found 'x'" update -r - "$ID" <<<'{"memory": {"limit": "x"}}'
	fails "resources.cpu.quota: 5 is out of range" update --cpu-quota 5 "$ID"
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	fails "cannot update container '$ID': container not running: stopped" update --pids-limit 3 "$ID"
}

@test "without a cgroup there is nothing to limit" {
	bundle "$(args sleep 1000)"
	cowrun --cgroup-manager disabled run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	fails "cannot update container '$ID': it has no cgroup" update --pids-limit 3 "$ID"
}
