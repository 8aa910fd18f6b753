# Templates and forks of an ordinary user: in the user namespace of the template.
load helpers
load user
load cow

setup_file() {
	scratch_make
	user_make
	cp -r "$OUT/template" "$USER_PROGRAMS/"
	chmod -R a+rX "$USER_PROGRAMS"
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/heir" "$SCRATCH/rootfs/bin/"
	mkdir "$SCRATCH/rootfs/www"
	chown 33:34 "$SCRATCH/rootfs/www"
	tar --numeric-owner -C "$SCRATCH/rootfs" -cf "$HOME_DIR/rootfs.tar" .
	ucow import -q "$HOME_DIR/rootfs.tar" "$IMAGE" >/dev/null
}
teardown() {
	local name
	for name in $(ucow ps -aq | grep -v "^$ID-t"); do ucow rm -f "$name" >/dev/null; done
	for name in $(ucow ps -aq); do ucow rm -f "$name" >/dev/null; done
}
teardown_file() {
	user_remove
	scratch_remove
}

# told NAME: what it printed, once it has ended
told() {
	ucow wait "$1" >/dev/null
	ucow logs "$1"
}

# shellcheck disable=SC2153 # NAME is from cow.bash
@test "an ordinary user's fork and the same program executed: the kernel tells no difference" {
	need_host "without CAP_SYS_RESOURCE it takes a kernel with CONFIG_CHECKPOINT_RESTORE to show its words"
	ucow run -d --name "$NAME" "$IMAGE" heir state >/dev/null
	told "$NAME" >"$SCRATCH/executed"
	ucow rm "$NAME" >/dev/null
	ucow template create "$ID-t" "$IMAGE" heir >/dev/null
	ucow fork --name "$NAME" "$ID-t" heir state >/dev/null
	told "$NAME" >"$SCRATCH/forked"
	[ "$(wc -l <"$SCRATCH/forked")" -gt 90 ]
	run diff "$SCRATCH/executed" "$SCRATCH/forked"
	assert_output ""
}

@test "what takes a privilege to be had again is told, and no fork is left" {
	ucow template create "$ID-t" "$IMAGE" heir before:spoil >/dev/null
	fails 'schedule a fork as its creator is \(nice [0-9]+\), and not as its template: operation not permitted' \
		ucow fork --name "$NAME" "$ID-t"
	run ucow ps -aq
	assert_output "$ID-t"
}

@test "it has the files, with the owners that the image says, and what it writes is its own" {
	ucow template create "$ID-t" "$IMAGE" heir >/dev/null
	ucow fork --name "$NAME" "$ID-t" >/dev/null
	ucow fork --name "$ID-b" "$ID-t" >/dev/null
	eventually eval 'ucow logs "$NAME" | grep -q waits'
	eventually eval 'ucow logs "$ID-b" | grep -q waits'
	run ucow exec "$NAME" stat -c '%u:%g' /www
	assert_output 33:34
	ucow exec "$NAME" sh -c 'echo one >/www/file && chown 5:6 /www/file'
	run ucow exec "$NAME" stat -c '%u:%g' /www/file
	assert_output 5:6
	run ucow exec "$ID-b" ls /www
	assert_output ""
	ucow rm -f "$ID-t" >/dev/null 2>&1 || true
	run ucow exec "$NAME" cat /www/file
	assert_output one
}
