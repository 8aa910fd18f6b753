# cow mem of what is none of our containers, and in other forms than its table.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow

# measure [ARGUMENTS]: by cow mem --json; holds FILTER: that is so of what it saw
measure() { cow mem --json "$@" >"$SCRATCH/census"; }
holds() { [ "$(jq -c "$1" "$SCRATCH/census")" = true ] || { say "does not hold: $1; saw $(<"$SCRATCH/census")"; return 1; }; }

# hog MIB: in the background, ready; its pid in $PID
hog() {
	"$HELPERS/hog" "$1" forever >"$SCRATCH/hog" 3>&- &
	PID=$!
	eventually grep ready "$SCRATCH/hog"
}

teardown() {
	[ -z "${PID:-}" ] || kill "$PID" 2>/dev/null || true
	[ -z "${SHELL_PID:-}" ] || kill "$SHELL_PID" 2>/dev/null || true
}

@test "a process and its descendants, by pid" {
	# guest: another kernel flags other pages
	hog 8
	# A shell with two hogs of other sizes below it, one of them in the second generation.
	bash -c '"$0/hog" 3 forever >"$1/a" & ("$0/hog" 5 forever >"$1/b" & wait) & wait' "$HELPERS" "$SCRATCH" 3>&- &
	SHELL_PID=$!
	eventually grep ready "$SCRATCH/a"
	eventually grep ready "$SCRATCH/b"
	measure --pid "$PID" --pid "$SHELL_PID"
	holds '[.containers[].id] == ["'"$PID"'", "'"$SHELL_PID"'"]'
	holds '[.containers[] | [.name, .processes]] == [["hog", 1], ["bash", 4]]'
	holds '.containers[0].kinds.anon.private_bytes | . >= 8388608 and . < 8388608 + 524288'
	holds '.containers[1].kinds.anon.private_bytes | . >= 8388608 and . < 8388608 + 2097152'
	pkill -P "$(pgrep -d, -P "$SHELL_PID")" || true
	pkill -P "$SHELL_PID"
	fails "option --pid: 'x' is not a process" cow mem --pid x
	fails "measure process 4194304: no such process" cow mem --pid 4194304
}

@test "who measures is in none of the figures" {
	measure --pid $$ --host
	holds '.exact or (.why | contains("moved"))'
	run jq '.containers[0].processes' "$SCRATCH/census"
	local before=$output
	hog 4
	measure --pid $$
	holds ".containers[0].processes == $((before + 1))"
}

@test "by process, by kind, and as CSV" {
	# guest: another kernel flags other pages
	hog 8
	run cow mem --pid "$PID" --by kind
	assert_output_matches $'^CONTAINER  KIND +PRIVATE +SHARED\n''hog +anon +8\.[0-9] MiB +0 B'
	[[ ${lines[-1]} == "1 container: "* ]]
	cow mem --pid "$PID" --csv >"$SCRATCH/csv"
	measure --pid "$PID"
	[ "$(wc -l <"$SCRATCH/csv")" = 2 ]
	# Every column is a path in the JSON, and has the same value there.
	python3 - "$SCRATCH/csv" "$SCRATCH/census" <<-'EOT'
		import csv, functools, json, sys
		row, = csv.DictReader(open(sys.argv[1]))
		census = json.load(open(sys.argv[2]))
		container = census["containers"][0] | {"exact": census["exact"]}
		for key, value in row.items():
		    seen = functools.reduce(lambda o, k: o.get(k), key.split("."), container)
		    assert value == ("" if seen is None else str(seen)) or value in ("true", "false"), (key, value, seen)
		assert int(row["kinds.anon.private_bytes"]) >= 8 << 20
		lists = {"shared_with", "kinds"}
		assert {k for k in container if k not in lists} <= set(row), container.keys()
	EOT
}
