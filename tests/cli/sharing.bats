# Files that images have in common: once on disk, once in memory, and each container's own as soon as it writes.
load helpers
load user
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	seq 2000 >"$SCRATCH/rootfs/etc/data"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/one.tar" .
	head -c 300000 /dev/urandom >"$SCRATCH/rootfs/bin/own"
	rm "$SCRATCH/rootfs/etc/group"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/two.tar" .
}

setup() { rm -rf "$STORE"; }

need_sharing() {
	local state
	state=$(cow doctor --json | jq -r '.checks[] | select(.name == "sharing") | "\(.state) \(.detail)"')
	[[ $state = ok* ]] || skip "this kernel cannot share files: $state"
}

images_make() {
	cow import -q "$SCRATCH/one.tar" one >/dev/null
	cow import -q "$SCRATCH/two.tar" two >/dev/null
}

# on_disk: what the store takes, in KiB
on_disk() { du -sk "$STORE" | cut -f1; }

@test "the program of two images is one, on disk and in memory" {
	local first second
	need_sharing
	cow import -q "$SCRATCH/one.tar" one >/dev/null
	first=$(on_disk)
	cow import -q "$SCRATCH/two.tar" two >/dev/null
	second=$(($(on_disk) - first))
	# 300 KB of its own, and some 450 files and directories
	[ "$second" -ge 290 ]
	[ "$second" -lt $((first / 3)) ] || { say "the first image takes $first KiB, the second $second KiB"; return 1; }

	cow run -d --name "$NAME-1" one sh -c 'echo ready; while :; do sleep 1000; done' >/dev/null
	cow run -d --name "$NAME-2" two sh -c 'echo ready; while :; do sleep 1000; done' >/dev/null
	eventually has_line "$NAME-1" ready
	eventually has_line "$NAME-2" ready
	eventually sleeps_in "$NAME-1"
	eventually sleeps_in "$NAME-2"
	cow mem --json "$NAME-1" "$NAME-2" >"$SCRATCH/census"
	# Nearly all frames of files that one maps, the other maps too (the store is on tmpfs: shared memory).
	jq -e '.exact and (.containers | length == 2 and all(
		(.kinds.file.private_bytes + .kinds.shmem.private_bytes) <= 65536 and .shared_with[0].bytes >= 500000))' \
		"$SCRATCH/census" || { cat "$SCRATCH/census"; return 1; }
	cow rm -f "$NAME-1" "$NAME-2" >/dev/null
}

@test "what a container writes no other sees, of whichever image" {
	images_make
	local container
	for container in a b c; do
		cow run -d --name "$NAME-$container" "$([ $container = b ] && echo two || echo one)" sh -c 'while :; do sleep 1000; done' >/dev/null
	done
	run cow exec "$NAME-a" sh -c 'echo changed >>/etc/data; chmod 600 /etc/passwd; tail -n 2 /etc/data'
	assert_output $'2000\nchanged'
	for container in b c; do
		run cow exec "$NAME-$container" sh -c 'cat /etc/data | sha256sum; stat -c %a /etc/passwd'
		assert_output "$(sha256sum <"$SCRATCH/rootfs/etc/data")"$'\n'644
	done
	cow rm -f "$NAME-a" "$NAME-b" "$NAME-c" >/dev/null
}

@test "an image that goes takes what is its own, and leaves what is shared" {
	need_sharing
	local both
	images_make
	both=$(on_disk)
	[ "$(find "$STORE/objects" -type f | wc -l)" -eq 3 ]
	cow rmi one >/dev/null
	[ "$(find "$STORE/objects" -type f | wc -l)" -eq 3 ]
	[ "$(on_disk)" -lt "$both" ]
	run cow run --rm two cat /bin/own
	[ "$(cow run --rm two cat /bin/own | sha256sum)" = "$(sha256sum <"$SCRATCH/rootfs/bin/own")" ]
	cow rmi two >/dev/null
	[ -z "$(ls -A "$STORE/objects")" ]
}

@test "cow images --sharing" {
	need_sharing
	run cow images --sharing
	assert_status 0
	assert_output $'NAME  OWN  FILES  SHARED  FILES  WITH\n0 images: 0 B on disk, 0 B without sharing, 0 B saved (0 %).'
	images_make
	run cow images --sharing
	assert_output_matches 'one:latest +[0-9.]+ KiB +0 +[0-9.]+ MiB +2 +two:latest'
	assert_output_matches 'two:latest +[0-9.]+ KiB +1 +[0-9.]+ MiB +2 +one:latest'
	assert_output_matches '2 images: [0-9.]+ MiB on disk, [0-9.]+ MiB without sharing, [0-9.]+ MiB saved \([0-9]+ %\)\.'
	cow tag two three
	cow images --sharing --json >"$SCRATCH/json"
	jq -e '.disk_bytes + .saved_bytes == .apart_bytes and (.images | map(.name) == ["one:latest", "three:latest"])
		and (.images[1].shared_with | map(.name) == ["one:latest"]) and .images[1].own_bytes > 0' "$SCRATCH/json"
	run cow images --sharing -q
	assert_status 1
	assert_output_matches "^cow: images: --sharing and --quiet: one at a time"
}

@test "cow images --sharing: a layer deeper than files can be open" {
	python3 -c '
import io, sys, tarfile
tar = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
member = tarfile.TarInfo("d/" * 150 + "x")
member.size = 5000
tar.addfile(member, io.BytesIO(b"x" * 5000))
tar.close()' >"$SCRATCH/deep.tar"
	cow import -q --no-sharing "$SCRATCH/deep.tar" deep >/dev/null
	run sh -c "ulimit -n 40; exec '$COW' --store '$STORE' images --sharing --json"
	assert_status 0
	[ "$(jq '.disk_bytes >= 5000' <<<"$output")" = true ]
}

@test "an ordinary user's images share their files where the kernel lets them" {
	user_make
	cp "$SCRATCH"/{one,two}.tar "$HOME_DIR"
	ucow import -q "$HOME_DIR/one.tar" one >/dev/null
	ucow import -q "$HOME_DIR/two.tar" two >/dev/null
	run ucow run --rm two sha256sum /bin/busybox /bin/own
	assert_output "$(cd "$SCRATCH/rootfs" && sha256sum bin/busybox bin/own | sed 's| bin| /bin|')"
	local n=0
	[ "$(ucow doctor --json | jq -r '.checks[] | select(.name == "sharing").state')" != ok ] || n=3
	[ "$(find "$HOME_DIR/.local/share/cowrun/objects" -type f | wc -l)" -eq $n ]
	user_remove
}

@test "files are kept apart where that is wanted" {
	cow import -q --no-sharing "$SCRATCH/one.tar" one >/dev/null
	[ -z "$(ls -A "$STORE/objects")" ]
	cmp "$STORE"/layers/*/fs/bin/busybox "$SCRATCH/rootfs/bin/busybox"
}
