# cowrun events: what a container uses, as JSON lines. What needs the memory controller is in limits.bats.
load helpers
load containers

told() { grep -q "$1" "$SCRATCH/events"; }

@test "--stats tells once, in the words of others" {
	sleeper
	run cowrun events --stats "$ID"
	assert_status 0
	[[ $output == "{\"type\":\"stats\",\"id\":\"$ID\",\"data\":{\"cpu\":{\"usage\":{\"total\":"* ]]
	[ "$(wc -l <<<"$output")" = 1 ]
	jq -e '.data.cpu.usage | .total > 0 and .total >= .user' <<<"$output" >/dev/null
}

@test "what the host cannot tell is absent, and never 0" {
	sleeper
	run cowrun events --stats "$ID"
	offers() { grep -qw "$1" "$CGROUP/cgroup.controllers"; }
	offers memory || [ "$(jq -c '[.data.pids, .data.memory.usage, .data.memory.raw]' <<<"$output")" = '[null,null,null]' ]
	if offers hugetlb; then
		[ "$(jq -c '.data.hugetlb["2MB"]' <<<"$output")" = '{"usage":0,"failcnt":0}' ]
	else
		[ "$(jq -c .data.hugetlb <<<"$output")" = null ]
	fi
}

@test "pressure is told as the kernel has it" {
	sleeper
	[ -e "$CGROUP/cowrun-$ID/cpu.pressure" ] || skip "this kernel tells no pressure"
	run cowrun events --stats "$ID"
	[ "$(jq -c '.data.cpu.psi | map_values(keys)' <<<"$output")" = \
		'{"some":["avg10","avg300","avg60","total"],"full":["avg10","avg300","avg60","total"]}' ]
}

@test "tells again and again, and ends with the container" {
	sleeper
	cowrun events --interval 20ms "$ID" >"$SCRATCH/events" 2>"$SCRATCH/errors" &
	twice() { [ "$(grep -c '"type":"stats"' "$SCRATCH/events")" -ge 2 ]; }
	await twice
	cowrun delete -f "$ID"
	ends_with 0 $!
	[ ! -s "$SCRATCH/errors" ]
}

@test "a reader that has gone ends it" {
	sleeper
	cowrun events --interval 10ms "$ID" | head -n 1 >"$SCRATCH/events"
	told '"type":"stats"'
}

@test "what cannot be is told in one line" {
	sleeper
	fails "container 'none' does not exist" cowrun events --stats none
	fails "option --interval: 'soon' is not a time" cowrun events --interval soon "$ID"
	fails "duration interval must be greater than 0" cowrun events --interval 0s "$ID"
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	fails "container not running: '$ID': stopped" cowrun events --stats "$ID"
}
