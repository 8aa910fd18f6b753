# A process whose main thread has ended, and others have not: it shows as a zombie, and runs.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/leaderless" "$SCRATCH/rootfs/bin/"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" "$IMAGE" >/dev/null
}

teardown() {
	[ -z "${PID:-}" ] || kill -KILL "$PID" 2>/dev/null || true
	containers_remove
}

is_zombie() { [ "$(awk '{ print $3 }' "/proc/$1/stat")" = Z ]; }
# is_over PID: it is not there any more, or nothing of it but the exit status
is_over() { [[ $(awk '{ print $3 $20 }' "/proc/$1/stat" 2>/dev/null) =~ ^(Z1)?$ ]]; }

# up NAME [MIB]: its process in $INIT, all of it alive
up() {
	cow run -d --name "$1" "$IMAGE" leaderless "${2:-1}" >/dev/null
	eventually has_line "$1" ready
	INIT=$(inspect "$1" pid)
}
behead() {
	kill -USR1 "$INIT"
	eventually is_zombie "$INIT"
}

# look [ARGUMENTS]: what is measured, exactly; seen FILTER: of that
look() {
	cow mem --json "$@" >"$SCRATCH/census"
	[ "$(jq '.exact' "$SCRATCH/census")" = true ] || { say "not exact: $(<"$SCRATCH/census")"; return 1; }
}
seen() { jq -c --arg name "${1}" ".containers[] | select(.name == \$name) | $2" "$SCRATCH/census"; }
FIGURES='[.processes, .unique_bytes, .private_bytes, .shared_bytes, .kinds, .page_table_bytes]'

@test "its memory is counted, to the page" {
	# guest: another kernel tells other things of it
	local before
	up "$NAME" 16
	look "$NAME"
	before=$(seen "$NAME" "$FIGURES")
	[ "$(seen "$NAME" .kinds.anon.private_bytes)" -ge 16777216 ]
	behead
	look "$NAME"
	[ "$(seen "$NAME" "$FIGURES")" = "$before" ] || { say "was $before, is $(seen "$NAME" "$FIGURES")"; return 1; }
	look --by process "$NAME"
	[ "$(jq '[.processes[].unique_bytes] | add' "$SCRATCH/census")" -ge 16777216 ]
	cow mem --json --fast "$NAME" | jq -e '.containers[0].private_bytes >= 16777216' >/dev/null
}

@test "two of them are two, and one of --all and of --pid is seen too" {
	up "$NAME-a" 4
	behead
	up "$NAME-b" 8
	behead
	look
	[ "$(seen "$NAME-a" '.unique_bytes >= 4194304 and .unique_bytes < 6291456')" = true ]
	[ "$(seen "$NAME-b" '.unique_bytes >= 8388608')" = true ]
	"$HELPERS/leaderless" 8 >"$SCRATCH/out" 3>&- &
	PID=$!
	eventually grep ready "$SCRATCH/out"
	GROUP=$CGROUP/cowrun-test.$COWRUN_TEST-leaderless
	mkdir "$GROUP"
	echo "$PID" >"$GROUP/cgroup.procs"
	kill -USR1 "$PID"
	eventually is_zombie "$PID"
	cow mem --json --pid "$PID" | jq -e '.containers[0].private_bytes >= 8388608' >/dev/null
	cow mem --json --all >"$SCRATCH/census"
	kill -KILL "$PID"
	PID=
	eventually rmdir "$GROUP"
	jq -e '[.containers[] | select(.id | endswith("-leaderless")) | .private_bytes >= 8388608] == [true]' "$SCRATCH/census" >/dev/null
}

@test "faults looks into it" {
	up "$NAME" 8
	behead
	cow faults --json "$NAME" | jq -e '.processes == 1 or (.processes | length) == 1' >/dev/null
}

@test "cow says that it runs, stops it and removes it" {
	up "$NAME"
	behead
	is_status "$NAME" running
	cow ps | grep "$NAME" | grep -i up
	[ "$(cowrun state "$NAME" | jq -r .status)" = running ]
	fails "has not ended" cow rm "$NAME"
	cow stop -t 0 "$NAME" >/dev/null
	is_status "$NAME" stopped
	is_over "$INIT"
	cow rm "$NAME" >/dev/null
	up "$NAME"
	behead
	cow rm -f "$NAME" >/dev/null
	is_over "$INIT"
	[ ! -e "$CGROUP/cowrun-$NAME" ]
}

@test "cowrun kills it, one and all, and deletes it" {
	local how
	for how in "" --all; do # from its process alone, and from the group
		up "$NAME"
		behead
		cowrun kill ${how:+"$how"} "$NAME" KILL
		eventually is_over "$INIT"
		eventually is_status "$NAME" stopped
		cow rm "$NAME" >/dev/null
	done
	up "$NAME"
	behead
	fails "running" cowrun delete "$NAME"
	cowrun delete --force "$NAME"
	is_over "$INIT"
	cow rm -f "$NAME" >/dev/null 2>&1 || true
}

@test "a second process of a container, which is not its first" {
	local pid
	cow run -d --name "$NAME" "$IMAGE" sh -c 'leaderless 8 & echo $! >/tmp/pid; wait; sleep 1000' >/dev/null
	eventually has_line "$NAME" ready
	pid=$(cowrun ps -f json "$NAME" | jq --argjson init "$(inspect "$NAME" pid)" '.[] | select(. != $init)')
	kill -USR1 "$pid"
	eventually is_zombie "$pid"
	look "$NAME"
	[ "$(seen "$NAME" '.private_bytes >= 8388608 and .processes == 2')" = true ]
	cow rm -f "$NAME" >/dev/null
	is_over "$pid"
}
