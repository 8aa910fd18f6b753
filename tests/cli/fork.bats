# Templates, and containers that are forked from them.
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/warm" "$SCRATCH/rootfs/bin/"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" "$IMAGE" >/dev/null
}
teardown() {
	local fork
	for fork in $(cow ps -aq | grep -v "^$NAME\$"); do cow rm -f "$fork" >/dev/null; done
	cow rm -f "$NAME" >/dev/null 2>&1 || true
}
teardown_file() { scratch_remove; }

@test "a fork goes on where its template waits, with words of its own" {
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	cow fork --name "$ID-f" -e WORD=hello "$NAME" first echo second >/dev/null
	eventually grep -q second "$STORE/containers/$ID-f/log"
	run cow logs "$ID-f"
	assert_line "first second: pid 1, hello, memory w"
	assert_line "to standard error"
}
