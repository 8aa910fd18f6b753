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

# Where v1 has a memory hierarchy, without its last "/".
V1=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup" && $NF ~ /(^|,)memory(,|$)/) { print $5; exit } }' /proc/self/mountinfo)

# group_make MOUNT PATH: a group below that mount, with all above it that are missing; its directory in $GROUP
group_make() {
	GROUP=$1/cowrun-test.$COWRUN_TEST-any.$BATS_TEST_NUMBER/$2
	GROUPS_MADE+=("${GROUP%"/$2"}")
	mkdir -p "$GROUP"
}
enter() { echo "$PID" >"$1/cgroup.procs"; }

groups_remove() {
	local group
	for group in "${GROUPS_MADE[@]}"; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
	for group in "${GROUPS_MADE[@]}"; do [ ! -d "$group" ] || return 1; done
}

setup() { GROUPS_MADE=(); }

teardown() {
	[ -z "${PID:-}" ] || kill "$PID" 2>/dev/null || true
	eventually groups_remove
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
	# A shell that waits for it, alone in a group with it.
	group_make "$CGROUP" reader
	bash -c 'echo $$ >"$0/cgroup.procs"; "$1" mem --json --pid $$ --cgroup "$0" >"$2"; true' "$GROUP" "$COW" "$SCRATCH/census" 3>&-
	holds '[.containers[].processes] == [1, 1]'
	holds '.exact or (.why | contains("moved"))'
	# And alone with itself, in the same group: nobody.
	bash -c 'echo $$ >"$0/cgroup.procs"; exec "$1" mem --json --cgroup "$0" >"$2"' "$GROUP" "$COW" "$SCRATCH/census" 3>&-
	holds '.exact and [.containers[].processes] == [0]'
	measure --pid $$ --host
	holds '.containers[-1].host'
}

# Rows of --all are picked by what is in them: whatever else this host does is there as well.
row() { jq -c --arg id "$1" '[.containers[] | select(.id == $id)][0]'" | $2" "$SCRATCH/census"; }

@test "all groups: containers of engines by name, others by path, nobody twice" {
	# guest: another hierarchy
	local id
	id=$(printf 'c0ffee%058d' "$BATS_TEST_NUMBER")
	hog 8
	group_make "$CGROUP" "docker/$id/init"
	enter "$GROUP"
	mkdir -p "$SCRATCH/docker/containers/$id"
	echo '{"Name": "/web"}' >"$SCRATCH/docker/containers/$id/config.v2.json"
	COW_DOCKER_DIR=$SCRATCH/docker measure --all
	[ "$(row "$id" '[.name, .engine, .processes]')" = '["web","docker",1]' ]
	[ "$(row "$id" '.kinds.anon.private_bytes >= 8388608 and .kinds.anon.private_bytes < 8388608 + 524288')" = true ]
	holds "[.containers[] | select(.id | contains(\"$id\"))] | length == 1"
	# With no file of the engine's, and the same by its path.
	COW_DOCKER_DIR=$SCRATCH/nowhere measure --cgroup "${GROUP%/init}"
	holds '.containers[0] | [.name, .engine, .id] == ["c0ffee000000", "docker", "'"$id"'"]'
	COW_DOCKER_DIR=$SCRATCH/docker run cow mem --cgroup "${GROUP%/init}"
	assert_output_matches $'^CONTAINER  ENGINE  PROCS .*\nweb +docker +1 +8\\.[0-9] MiB'
	# What is no container has its own processes only, and groups without any are none.
	group_make "$CGROUP" some.service/below
	enter "${GROUP%/below}"
	measure --all
	[ "$(row "${GROUP%/below}" '[.name, .engine, .processes]')" = '["some.service","systemd",1]' ]
	[ "$(row "$GROUP" .)" = null ]
	[ "$(row "$id" .)" = null ]
	# Whoever is named has it to himself.
	measure --all --pid "$PID"
	[ "$(row "$PID" .processes)" = 1 ]
	[ "$(row "${GROUP%/below}" .)" = null ]
	# An ordinary user sees what he may.
	chmod 700 "$GROUP"
	chmod 711 "$SCRATCH"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$COW" --root "$SCRATCH/no-root" mem --all --json
	chmod 700 "$SCRATCH"
	assert_status 0
	[ "$(jq -c .exact <<<"$output")" = false ]
	fails 'option --all: names have no place beside it' cow mem --all web
}

@test "all groups: v1's memory hierarchy as well, and each process once" {
	[ -n "$V1" ] || skip "needs a host with cgroup v1's memory controller"
	local id v1 service
	id=$(printf 'c0ffee%058d' "$BATS_TEST_NUMBER")
	hog 8
	group_make "$V1" "docker/$id"
	v1=$GROUP
	enter "$v1"
	measure --cgroup "$v1"
	holds '.exact and (.containers | length == 1)'
	holds '.containers[0] | .charged_bytes != null and .charged_bytes < 8388608 and .limit_bytes == null' # it was born elsewhere
	holds '.containers[0].kinds.anon.private_bytes | . >= 8388608 and . < 8388608 + 524288'
	measure --all
	[ "$(row "$id" '[.engine, .processes]')" = '["docker",1]' ]
	# In v2 as well: one row, the charges are v1's.
	echo $((64 << 20)) >"$v1/memory.limit_in_bytes"
	group_make "$CGROUP" "docker/$id"
	enter "$GROUP"
	measure --all
	[ "$(row "$id" '[.engine, .processes, .limit_bytes]')" = '["docker",1,67108864]' ]
	holds "[.containers[] | select(.id | contains(\"$id\"))] | length == 1"
	# A service in v2 that is a container in v1: as that.
	group_make "$CGROUP" docker.service
	service=$GROUP
	enter "$service"
	measure --all
	[ "$(row "$id" '[.engine, .processes]')" = '["docker",1]' ]
	[ "$(row "$service" .)" = null ]
	# And what has no container's name is a row of its own, unless v2 has it.
	group_make "$V1" plain
	enter "$GROUP"
	measure --all
	[ "$(row "$GROUP" .)" = null ]
	[ "$(row "$service" '[.name, .engine, .processes]')" = '["docker.service","systemd",1]' ]
	echo "$PID" >"$CGROUP/cgroup.procs"
	measure --all
	[ "$(row "$GROUP" '[.name, .engine, .processes]')" = '["plain",null,1]' ]
}

@test "a process is the innermost group's that was named" {
	local id inner outer
	id=$(printf 'c0ffee%058d' "$BATS_TEST_NUMBER")
	hog 8
	group_make "$CGROUP" "docker/$id/inner"
	inner=$GROUP outer=${GROUP%/inner}
	enter "$inner"
	# Nobody else is in the container: then it is no row of --all; named itself, it is an empty one.
	measure --all --cgroup "$inner"
	[ "$(row "$inner" .processes)" = 1 ]
	[ "$(row "$id" .)" = null ]
	measure --cgroup "$outer" --cgroup "$inner"
	holds '[.containers[].processes] == [0, 1]'
	measure --cgroup "$inner" --cgroup "$outer"
	holds '[.containers[].processes] == [1, 0]'
	measure --cgroup "$outer"
	holds '[.containers[].processes] == [1]'
	"$HELPERS/hog" 3 forever >"$SCRATCH/other" 3>&- &
	SHELL_PID=$!
	eventually grep ready "$SCRATCH/other"
	echo "$SHELL_PID" >"$outer/cgroup.procs"
	measure --all --cgroup "$inner"
	[ "$(row "$inner" .processes)" = 1 ]
	[ "$(row "$id" '[.processes, .kinds.anon.private_bytes < 8388608]')" = '[1,true]' ]
	kill "$SHELL_PID"
}

@test "an ordinary user's group is no engine's container, and has none of its charges" {
	local id posed
	id=$(printf 'c0ffee%058d' "$BATS_TEST_NUMBER")
	hog 8
	if [ -n "$V1" ]; then
		group_make "$V1" "docker/$id"
		echo $((64 << 20)) >"$GROUP/memory.limit_in_bytes"
	fi
	group_make "$CGROUP" "users/docker-$id.scope"
	posed=$GROUP
	enter "$posed"
	measure --all
	[ "$(row "$id" '[.engine, .processes]')" = '["docker",1]' ]
	chown 65534 "${posed%/*}" "$posed"
	measure --all
	[ "$(row "$id" .)" = null ]
	[ "$(row "$posed" '[.processes, .limit_bytes]')" = '[1,null]' ]
	measure --cgroup "$posed"
	holds '.containers[0].engine != "docker"'
}

@test "one engine's id in two places: both say where" {
	local id names
	id=$(printf 'c0ffee%058d' "$BATS_TEST_NUMBER")
	hog 8
	group_make "$CGROUP" "a/docker-$id.scope"
	enter "$GROUP"
	"$HELPERS/hog" 3 forever >"$SCRATCH/other" 3>&- &
	SHELL_PID=$!
	group_make "$CGROUP" "b/docker-$id.scope"
	echo "$SHELL_PID" >"$GROUP/cgroup.procs"
	measure --all
	names=$(jq -r --arg id "$id" '.containers[] | select(.id == $id).name' "$SCRATCH/census")
	kill "$SHELL_PID"
	[[ $names == "docker:c0ffee000000 ("*"/a/docker-$id.scope)"$'\n'"docker:c0ffee000000 ("*"/b/docker-$id.scope)" ]]
}

# with_files SOFT:HARD ARGUMENTS: measured by who may open so many files
with_files() { prlimit --nofile="$1" "$COW" --root "$ROOT" --store "$STORE" mem --json "${@:2}" >"$SCRATCH/census"; }

@test "more groups than files may be open, beside each other and nested" {
	local i deep wide=()
	hog 8
	group_make "$CGROUP" deep
	deep=$GROUP
	for i in {1..100}; do deep+=/d; done
	mkdir -p "$deep"
	echo "$PID" >"$deep/cgroup.procs"
	for i in {1..100}; do
		group_make "$CGROUP" "wide/$i"
		wide+=(--cgroup "$GROUP")
	done
	# The soft limit is for others; and empty groups are not held.
	with_files 60:4096 --all
	[ "$(row "$deep" '[.processes, .kinds.anon.private_bytes >= 8388608]')" = '[1,true]' ]
	with_files 60:60 --all
	[ "$(row "$deep" .processes)" = 1 ]
	with_files 60:4096 "${wide[@]}" --cgroup "${deep%"$(printf '/d%.0s' {1..100})"}"
	holds '.exact and (.containers | length == 101) and .containers[100].processes == 1'
	# Where no more can be had, what is beyond it is not known, and that is all.
	with_files 60:60 --pid "$PID" "${wide[@]}"
	holds '.containers | length == 101'
	holds '.containers[100] | .processes == 1 and .private_bytes >= 8388608'
	holds '.containers[0].private_bytes == 0 and .containers[99].private_bytes == null'
	holds '.exact == false and (.why | contains("rows could not be read, first: open the cgroup of") and contains("too many open files"))'
	holds '.union_bytes == null'
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
