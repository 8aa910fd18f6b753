# Root's containers, templates and forks in a user namespace of ids that nobody else has.
load helpers
load cow
load fork

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/heir" "$HELPERS/warm" "$HELPERS/sleepy" "$SCRATCH/rootfs/bin/"
	mkdir "$SCRATCH/rootfs/www"
	chown 33:34 "$SCRATCH/rootfs/www"
	tar --numeric-owner -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" "$IMAGE" >/dev/null
}
setup() { need_kernel 6.15 "overlay over layers that are id-mapped and attached nowhere"; }
teardown() {
	forks_remove "$ID-t"
	assert_nothing_left
}
teardown_file() { scratch_remove; }

user_of() { readlink "/proc/$1/ns/user"; }
# without_ids: what is told of the ids that each draws for itself
without_ids() { perl -pe 's/\b(\d{10})\b/$1 >= 2**31 && $1 < 2**32 - 1 ? "own " . $1 % 65536 : $1/ge'; }
template() { cow template create --userns auto "$@" >/dev/null; }

@test "run --userns auto: root in there is nobody out here, files have the owners of the image" {
	local pid
	cow run -d --name "$NAME" --userns auto "$IMAGE" sleep 1000 >/dev/null
	eventually is_executing "$NAME" sleep
	cow run -d --name "$ID-o" --userns auto "$IMAGE" sh -c 'echo out >/dev/stdout; echo err >/dev/stderr' >/dev/null
	cow wait "$ID-o" >/dev/null
	run cow logs "$ID-o"
	assert_output $'out\nerr'
	cow rm "$ID-o" >/dev/null
	pid=$(inspect "$NAME" pid)
	[ "$(user_of "$pid")" != "$(user_of self)" ]
	[ "$(awk '{ print $1, ($2 >= 2^31), $3 }' "/proc/$pid/uid_map" "/proc/$pid/gid_map" | uniq)" = "0 1 65536" ]
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" = "$(awk '{ print $2 }' "/proc/$pid/uid_map")" ]
	run cow exec "$NAME" sh -c 'id -u; stat -c %u:%g /www; echo one >/www/file; chown 5:6 /www/file; stat -c %u:%g /www/file'
	assert_output $'0\n33:34\n5:6'
	# In the store they are as an image has them, so of whoever gets them next.
	[ "$(stat -c %u:%g "$STORE/containers/$NAME/u/www/file")" = 5:6 ]
	cow commit -q "$NAME" "$ID:c" >/dev/null
	[ "$(cow run --rm "$ID:c" stat -c %u:%g /www/file)" = 5:6 ]
	cow rm -f "$NAME" >/dev/null
	fails "option --userns: 'host' is not auto" cow run --userns host "$IMAGE" true
	fails "its files can be by overlay only, not by 'copy'" cow run --userns auto --snapshotter copy "$IMAGE" true
}

@test "a template in a user namespace has no privilege outside" {
	local ours=$$
	template "$ID-t" "$IMAGE" warm
	[ "$(user_of "$(inspect "$ID-t" pid)")" != "$(user_of self)" ]
	run cow exec "$ID-t" kill -0 "$ours"
	assert_status 1
	run cow exec "$ID-t" ls "/proc/$ours/root/"
	assert_status 1
	run cow exec "$ID-t" sh -c 'umount /proc/sys 2>/dev/null; echo 9 >/proc/sys/vm/swappiness'
	assert_status 1
	cow template rm "$ID-t"
	# Another one has: so the refusals say something.
	cow template create "$ID-t" "$IMAGE" warm >/dev/null
	cow exec "$ID-t" kill -0 "$ours"
}

@test "a fork of it: namespaces, group and files of its own, in the template's user namespace" {
	local pid its kind
	template "$ID-t" "$IMAGE" heir
	cow fork --name "$NAME" "$ID-t" >/dev/null
	cow fork --name "$ID-b" "$ID-t" >/dev/null
	eventually has_line "$NAME" waits
	eventually has_line "$ID-b" waits
	pid=$(inspect "$NAME" pid) its=$(inspect "$ID-t" pid)
	for kind in pid mnt uts ipc net cgroup; do
		[ "$(readlink "/proc/$pid/ns/$kind")" != "$(readlink "/proc/$its/ns/$kind")" ] || { say "$kind"; return 1; }
	done
	[ "$(user_of "$pid")" = "$(user_of "$its")" ]
	[ "$(<"/proc/$pid/uid_map")" = "$(<"/proc/$its/uid_map")" ]
	grep -q "^0::/cowrun-$NAME\$" "/proc/$pid/cgroup"
	run cow exec "$NAME" grep ^0:: /proc/1/cgroup
	assert_output 0::/
	run cow exec "$NAME" stat -c '%u:%g' /www
	assert_output 33:34
	cow exec "$NAME" sh -c 'echo one >/www/file && chown 5:6 /www/file'
	run cow exec "$ID-b" ls /www
	assert_output ""
	[ "$(stat -c %u:%g "$STORE/containers/$NAME/u/www/file")" = 5:6 ]
}

@test "... and the same program executed so: the kernel tells no difference" {
	need_host "without CAP_SYS_RESOURCE out here it takes a kernel with CONFIG_CHECKPOINT_RESTORE to show its words"
	cow run -d --name "$NAME" --userns auto "$IMAGE" heir state >/dev/null
	cow wait "$NAME" >/dev/null
	cow logs "$NAME" | without_ids >"$SCRATCH/run"
	cow rm "$NAME" >/dev/null
	template "$ID-t" "$IMAGE" heir before:spoil
	cow fork --name "$NAME" "$ID-t" heir state >/dev/null
	cow wait "$NAME" >/dev/null
	cow logs "$NAME" | without_ids >"$SCRATCH/fork"
	[ "$(wc -l <"$SCRATCH/fork")" -gt 90 ]
	run diff "$SCRATCH/run" "$SCRATCH/fork"
	assert_output ""
}

@test "many at once, injected, in the foreground: as of any template" {
	template "$ID-t" "$IMAGE" warm
	run cow fork -n 20 --name "$ID-m" "$ID-t" warm wait
	assert_status 0
	[ "$(cow ps -q | grep -c "^$ID-m-")" = 20 ]
	run cow run --rm --template "$ID-t" warm status 7
	assert_status 7
	forks_remove "$ID-t"
	[ -z "${COWRUN_GUEST:-}" ] || return 0
	template --inject "$ID-t" "$IMAGE" sleepy 3600
	cow fork --name "$NAME" "$ID-t" >/dev/null
	eventually has_line "$NAME" "^woken: pid 1"
	forks_remove "$ID-t"
	template --inject "$ID-t" "$IMAGE" sh -c 'mkfifo /fifo; read -r line </fifo; echo "$line" >/dev/stdout; exec sleep 1000'
	cow fork --name "$NAME" "$ID-t" >/dev/null
	cow exec "$NAME" sh -c 'echo word >/fifo'
	eventually has_line "$NAME" '^word$'
}
