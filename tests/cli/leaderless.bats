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
is_over() { [ ! -e "/proc/$1/stat" ] || [ "$(awk '{ print $3 $20 }' "/proc/$1/stat")" = Z1 ]; }

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
