# cow mem, and the files behind the memory: page cache that nobody maps, and whose it is.
# shellcheck disable=SC2153 # NAME is from cow.bash
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/mapper" "$SCRATCH/rootfs/bin/"
	head -c 2097152 /dev/urandom >"$SCRATCH/rootfs/data"
	TAR=$SCRATCH/rootfs.tar
	export TAR
	tar -C "$SCRATCH/rootfs" -cf "$TAR" .
	cow import -q "$TAR" "$IMAGE" >/dev/null
}

# up NAME WORDS...: a container of the image in the background, when its program has said "ready"
up() {
	local name=$1
	shift
	cow run -d --name "$name" "$IMAGE" "$@" >/dev/null
	eventually has_line "$name" ready
}

# measure [ARGUMENTS]: by cow mem --json; census FILTER: of what it saw; holds FILTER: that is so
measure() { cow mem --json "$@" >"$SCRATCH/census"; }
census() { jq -c "$1" "$SCRATCH/census"; }
holds() { [ "$(census "$1")" = true ] || { say "does not hold: $1; saw $(<"$SCRATCH/census")"; return 1; }; }

@test "the page cache of a container's own files is in its cost, while nobody maps it" {
	local quiet
	up "$NAME" sh -c 'echo ready; while :; do sleep 1000; done'
	measure "$NAME"
	holds '.containers[0].private_cache_bytes == 0'
	quiet=$(census '.containers[0].cost_bytes')
	cow exec "$NAME" dd if=/dev/urandom of=/own bs=1M count=4
	measure "$NAME"
	holds '.containers[0].private_cache_bytes == 4194304'
	holds ".containers[0].cost_bytes - $quiet | . >= 4000000 and . < 4600000"
	# Another maps half of it: that is private, and not there once more.
	cow exec "$NAME" sh -c 'head -c 2097152 /own >/half; rm /own; (mapper /half >/out) & until grep -q ready /out; do sleep 0.02; done'
	measure "$NAME"
	holds '.containers[0] | .private_cache_bytes > 0 and .private_cache_bytes <= 4096'
	holds '.containers[0] | .kinds.file.private_bytes + .kinds.shmem.private_bytes >= 2097152'
	cow rm -f "$NAME" >/dev/null
}
