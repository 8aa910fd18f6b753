# cow run --snapshotter: every way gives a container the same files, its own, and leaves nothing; what a store cannot do
# is refused by name. Stores lie on loop file systems that are mounted in a mount namespace of this file, $SPACE.
load helpers
load cow

setup_file() {
	scratch_make
	unshare -m --propagation private sleep 1000 3>&- &
	SPACE=$!
	export SPACE
	await executes "$SPACE" sleep # in a namespace of its own by then
	rootfs_make "$SCRATCH/rootfs"
	archive_make
}

# Files that are still mounted end with the namespace, and so do their loop devices.
teardown_file() {
	kill "$SPACE"
	scratch_remove
}

space() { nsenter -t "$SPACE" -m -- "$@" 3>&-; }
cow() { space "$COW" --root "$STATE" --store "$STORE" "$@"; }

# archive_make: a docker archive of two layers over the busybox: what the upper one hides and changes, and files of
# every kind
archive_make() {
	local at=$SCRATCH/archive
	mkdir -p "$at/one/d/sub" "$at/two/d" "$at/two/e"
	cp -a "$SCRATCH/rootfs/bin" "$at/one/bin"
	echo old >"$at/one/d/changed"
	echo low | tee "$at/one/d/hidden" >"$at/one/d/kept"
	echo many >"$at/one/d/sub/name"
	ln "$at/one/d/sub/name" "$at/one/other"
	ln -s d/kept "$at/one/link"
	mkfifo "$at/one/fifo"
	truncate -s 1M "$at/one/holes"
	printf end >>"$at/one/holes"
	# tmpfs has such since 6.6
	WORD=said
	setfattr -n user.word -v said "$at/one/d/kept" 2>/dev/null || WORD=
	export WORD
	chown 12:34 "$at/one/d/kept"
	chmod 4711 "$at/one/d/kept"
	chmod 3770 "$at/one/d/sub"
	touch -d '2001-02-03 04:05:06.789' "$at/one/d/kept" "$at/one/d/sub"
	echo new >"$at/two/d/changed"
	: >"$at/two/d/.wh.hidden"
	echo up >"$at/two/e/f"
	mkdir "$at/whole"
	local layer ids=()
	for layer in one two; do
		tar -C "$at/$layer" --xattrs -Scf "$at/whole/$layer.tar" .
		ids+=("\"sha256:$(sha256sum <"$at/whole/$layer.tar" | cut -d' ' -f1)\"")
	done
	local arch=amd64
	[ "$(uname -m)" != aarch64 ] || arch=arm64
	echo "{\"architecture\": \"$arch\", \"os\": \"linux\", \"config\": {\"Cmd\": [\"/bin/sh\"]},
		\"rootfs\": {\"type\": \"layers\", \"diff_ids\": [${ids[0]}, ${ids[1]}]}}" >"$at/whole/config.json"
	echo '[{"Config": "config.json", "RepoTags": ["layered:1"], "Layers": ["one.tar", "two.tar"]}]' >"$at/whole/manifest.json"
	tar -C "$at/whole" -cf "$SCRATCH/layered.tar" manifest.json config.json one.tar two.tar
}

# store_on FILE_SYSTEM: an empty store on one of its own, with the image of two layers; $STORE
store_on() {
	local fs=$1 at=$SCRATCH/on
	[ "$fs" = tmpfs ] || need_program "mkfs.$fs"
	grep -qw "$fs" /proc/filesystems || skip "needs a kernel with $fs"
	mkdir -p "$at"
	truncate -s 320M "$SCRATCH/$fs.img"
	case $fs in
	ext4) mkfs.ext4 -qF "$SCRATCH/$fs.img" ;;
	xfs) mkfs.xfs -qf "$SCRATCH/$fs.img" ;;
	btrfs) mkfs.btrfs -qf "$SCRATCH/$fs.img" >/dev/null ;;
	esac
	if [ "$fs" = tmpfs ]; then space mount -t tmpfs none "$at"; else space mount -o loop "$SCRATCH/$fs.img" "$at"; fi
	STORE=$at/store
	cow load -q "$SCRATCH/layered.tar" >/dev/null
}

teardown() {
	containers_remove
	! space mountpoint -q "$SCRATCH/on" || space umount "$SCRATCH/on"
	[ -z "${lvm_made:-}" ] || lvm_remove "$lvm_made"
	rm -f "$SCRATCH"/*.img
}
lvm_remove() {
	vgremove -qq -f "$(vgs --noheadings -o vg_name --select "pv_name=$1" | tr -d ' ')"
	losetup -d "$1"
	# what LVM starts for a pool stays
	[ -n "${had_dmeventd:-}" ] || ! pgrep -x dmeventd >/dev/null || kill "$(pgrep -x dmeventd)"
}
cowrun() { space "$COWRUN" --root "$STATE" "$@"; }

# seen WAY: all that a container of that way sees of its files, as one text
seen() {
	cow run --rm --name "$NAME" --snapshotter "$1" layered:1 sh -c 'find / -xdev ! -path "/dev*" ! -path "/proc*" ! -path "/sys*" |
		sort | while read -r f; do
			if [ -d "$f" ]; then stat -c "%n %f %u:%g" "$f"; else stat -c "%n %f %u:%g %h %s %Y %N" "$f"; fi
		done
		cat /d/changed /d/kept /other /e/f; md5sum /holes /bin/busybox
		[ "$(stat -c %i /other)" = "$(stat -c %i /d/sub/name)" ] && echo one file'
}

# same_files WAY: as by overlay
same_files() {
	seen overlay >"$SCRATCH/by-overlay"
	seen "$1" >"$SCRATCH/by-way"
	diff -u "$SCRATCH/by-overlay" "$SCRATCH/by-way" >&2
	grep -q '^one file' "$SCRATCH/by-way"
	! grep -q hidden "$SCRATCH/by-way"
}

# own_files WAY: two containers that write do not see each other, nor does a third one; what is in the store of them
own_files() {
	local way=$1 n
	for n in a b; do
		run cow run --name "$NAME-$n" --snapshotter "$way" layered:1 sh -c "echo $n >/d/changed; rm /d/kept; cat /d/changed"
		assert_output $n
	done
	[ "$(space cat "$STORE/containers/$NAME-a/tree/d/changed")" = a ]
	[ "$(space getfattr --only-values -n user.word "$STORE/containers/$NAME-a/tree/d/kept" 2>/dev/null)" = '' ]
	[ "$(inspect "$NAME-a" snapshotter)" = "$way" ]
	run cow run --rm --name "$NAME" --snapshotter "$way" layered:1 cat /d/changed /d/kept
	assert_output $'new\nlow'
	cow run --name "$NAME" --snapshotter "$way" layered:1 true
	[ "$(space getfattr --only-values -n user.word "$STORE/containers/$NAME/tree/d/kept" 2>/dev/null)" = "$WORD" ]
	cow rm "$NAME-a" "$NAME-b" "$NAME" >/dev/null
	nothing_left
}

nothing_left() {
	local left
	left=$(space find "$STATE" "$STORE/containers" "$STORE/trash" "$STORE/tmp" -mindepth 1 ! -path "$STATE/.seccomp*" ! -name .devices)
	[ -z "$left" ] || { say "left: $left"; return 1; }
}

# same_changes WAY: cow diff tells of it what it tells of an overlay
same_changes() {
	local way
	for way in overlay "$1"; do
		cow run --name "$NAME-${way%%:*}" --snapshotter "$way" layered:1 sh -c 'echo more >>/d/changed; rm /d/kept; mkdir -p /e/g/h
			chmod 700 /d/sub; mv /fifo /pipe; ln -sfn e /link' || return
		cow diff "$NAME-${way%%:*}" >"$SCRATCH/diff-${way%%:*}"
		cow commit "$NAME-${way%%:*}" "committed:${way%%:*}" >/dev/null
		cow rm "$NAME-${way%%:*}" >/dev/null
	done
	diff -u "$SCRATCH/diff-overlay" "$SCRATCH/diff-${1%%:*}" >&2
	[ "$(wc -l <"$SCRATCH/diff-${1%%:*}")" -gt 8 ]
	# and an image of it has them
	run cow run --rm --name "$NAME" --snapshotter "$1" "committed:${1%%:*}" sh -c 'cat /d/changed; ls -A /d /e/g'
	assert_output $'new\nmore\n/d:\nchanged\nsub\n\n/e/g:\nh'
	cow rmi committed:overlay "committed:${1%%:*}" >/dev/null
}

# disk: bytes in use on the file system of the store
disk() {
	space sync -f "$STORE"
	echo $(($(space stat -f -c '(%b - %f) * %S' "$STORE")))
}

@test "what cannot be done is refused at once, by name" {
	store_on tmpfs
	fails "^cow: run: snapshotter 'btrfs': the store '$STORE' is on tmpfs, not btrfs$" \
		cow run --name "$NAME" --snapshotter btrfs layered:1 true
	fails "^cow: run: snapshotter 'reflink': the store '$STORE' is on tmpfs, where files cannot share their content" \
		cow run --name "$NAME" --snapshotter reflink layered:1 true
	fails "^cow: run: no snapshotter 'nope' \(there are overlay, btrfs, reflink, copy" \
		cow run -d --name "$NAME" --snapshotter nope layered:1 true
	fails "^cow: run: snapshotter 'lvm': it needs its place: lvm:GROUP/POOL$" \
		cow run --name "$NAME" --snapshotter lvm layered:1 true
	fails "^cow: run: snapshotter 'copy': it has no place, and 'x' is one$" \
		cow run --name "$NAME" --snapshotter copy:x layered:1 true
	[ -e /dev/mapper/control ] || ! command -v lvs >/dev/null ||
		fails "^cow: run: snapshotter 'lvm': this kernel has no '/dev/mapper/control'$" \
			cow run --name "$NAME" --snapshotter lvm:a/b layered:1 true
	command -v zfs >/dev/null || fails "^cow: run: snapshotter 'zfs': there is no program 'zfs'$" \
		cow run --name "$NAME" --snapshotter zfs:a/b layered:1 true
	COW_SNAPSHOTTER=nope fails "no snapshotter 'nope'" cow run --name "$NAME" layered:1 true
	nothing_left
}

@test "copy: on any store" {
	store_on tmpfs
	same_files copy
	own_files copy
	same_changes copy
	COW_SNAPSHOTTER=copy cow run --name "$NAME" layered:1 true
	[ "$(inspect "$NAME" snapshotter)" = copy ]
	COW_SNAPSHOTTER=copy cow run --name "$NAME-a" --snapshotter overlay layered:1 true
	[ "$(inspect "$NAME-a" snapshotter)" = overlay ]
	# in the background, with what a process writes after its start
	cow run -d --name "$NAME-b" --snapshotter copy layered:1 sh -c 'echo x >/new; exec sleep 1000' >/dev/null
	eventually space test -s "$STORE/containers/$NAME-b/tree/new"
	cow rm -f "$NAME-b" >/dev/null
}

@test "btrfs: snapshots of a base that is made once, and goes with its image" {
	need_program btrfs
	store_on btrfs
	same_files btrfs
	own_files btrfs
	same_changes btrfs
	[ "$(space ls "$STORE/bases" | wc -l)" = 1 ]
	space sh -c "btrfs property get $STORE/bases/*/tree ro" | grep -q true
	# subvolumes that a container has made go with it, read-only ones too
	cow run --name "$NAME" --snapshotter btrfs layered:1 mkdir /made
	local tree=$STORE/containers/$NAME/tree
	space btrfs -q subvolume create "$tree/made/deep"
	space btrfs -q subvolume snapshot -r "$tree" "$tree/made/deep/copy"
	space btrfs -q property set "$tree/made/deep" ro true
	# and what lies deep in and around them: nothing can be moved out of a subvolume
	space bash -c 'cd "$1" && for ((i = 0; i < 90; i++)); do
		if ((i == 20 || i == 21 || i == 60)); then btrfs -q subvolume create x; else mkdir x; fi && cd x || exit
	done' - "$tree"
	cow rm "$NAME" >/dev/null
	nothing_left
	# what is in use stays
	cow run --name "$NAME" --snapshotter btrfs layered:1 true
	cow rmi layered:1
	[ "$(space ls "$STORE/bases" | wc -l)" = 1 ]
	cow rm "$NAME" >/dev/null
	cow load -q "$SCRATCH/layered.tar" >/dev/null
	cow rmi layered:1
	[ "$(space ls -A "$STORE/bases" "$STORE/layers")" = "$STORE/bases:"$'\n\n'"$STORE/layers:" ]
	space btrfs subvolume list "$SCRATCH/on" | { ! grep tree; }
}

@test "reflink: on xfs, files share their content on disk" {
	store_on xfs
	same_files reflink
	own_files reflink
	local before size
	before=$(disk)
	cow run --name "$NAME" --snapshotter reflink layered:1 true
	size=$(($(disk) - before))
	[ "$size" -lt $((1 << 20)) ] || { say "a container takes $size bytes"; false; }
}

@test "reflink: on btrfs" {
	store_on btrfs
	same_files reflink
}

@test "a store where there are no extended attributes, or no overlay, is refused by name" {
	mkdir -p "$SCRATCH/on"
	space mount -t ramfs none "$SCRATCH/on"
	STORE=$SCRATCH/on/store
	fails "^cow: load: create store '$STORE': it is on ramfs, which keeps no extended attributes; put it on ext4," \
		cow load -q "$SCRATCH/layered.tar"
	[ -z "$(space ls -A "$STORE")" ]
	space umount "$SCRATCH/on"
	# on an overlay, as in a container without a volume
	space mount -t tmpfs none "$SCRATCH/on"
	space mkdir "$SCRATCH"/on/{l,u,w,m}
	space mount -t overlay -o "lowerdir=$SCRATCH/on/l,upperdir=$SCRATCH/on/u,workdir=$SCRATCH/on/w" none "$SCRATCH/on/m"
	STORE=$SCRATCH/on/m/store
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" plain:1 >/dev/null
	fails "cannot use '$STORE' for container layers: it is on overlayfs" cow run --name "$NAME" plain:1 true
	# there a copy is what can be had
	run cow run --rm --name "$NAME" --snapshotter copy plain:1 sh -c 'echo x >/x && cat /x'
	assert_output x
	nothing_left
	space umount "$SCRATCH/on/m"
}

@test "overlay: on ext4, xfs, btrfs and tmpfs" {
	local fs
	for fs in ext4 xfs btrfs tmpfs; do
		store_on $fs
		run cow run --name "$NAME" layered:1 sh -c 'rm /d/kept; echo more >>/d/changed; mkdir /e/g; cat /d/changed; ls /d'
		assert_output $'new\nmore\nchanged\nsub'
		cow rm "$NAME" >/dev/null
		nothing_left
		teardown
	done
}

# points FILE: some of the system calls that strace saw, "SYSCALL OCCURRENCE", by a seed that the test prints
points() {
	awk -v seed="$SEED" -v n="${COW_POINTS:-${COWRUN_ALL:+40}}" 'match($0, /^[a-z][a-z0-9_]*\(/) {
			call = substr($0, 1, RLENGTH - 1)
			if (call !~ /^(exit|exit_group|execve)$/) at[++all] = call " " ++seen[call]
		}
		END { srand(seed); for (i = 0; i < (n ? n : 4); i++) print at[1 + int(rand() * all)] }' "$1" | sort -u
}

@test "killed at any system call: what is left goes with rm, and with the next one" {
	need_program strace
	need_static "sanitizers do not like to be traced"
	local way call when
	store_on btrfs
	SEED=${COW_SEED:-$RANDOM}
	echo "# COW_SEED=$SEED"
	for way in btrfs copy; do
		space strace -qqo "$SCRATCH/calls" "$COW" --root "$STATE" --store "$STORE" run --rm --name "$NAME" --snapshotter $way layered:1 true
		while read -r call when; do
			# a base is made in each of these
			cow rmi layered:1 >/dev/null
			cow load -q "$SCRATCH/layered.tar" >/dev/null
			run space strace -qqo /dev/null -e "inject=$call:signal=KILL:when=$when" \
				"$COW" --root "$STATE" --store "$STORE" run --name "$NAME" --snapshotter $way layered:1 true
			cow rm -f "$NAME" >/dev/null || { say "$way, $call $when: rm -f failed"; return 1; }
			run cow run --rm --name "$NAME" --snapshotter $way layered:1 cat /d/changed
			assert_output new || { say "$way, $call $when: what comes after"; return 1; }
			eventually nothing_left || { say "$way, $call $when"; return 1; }
		done < <(points "$SCRATCH/calls")
	done
}

# A guest has device-mapper, under make test-all.
@test "lvm: thin snapshots of a base that is made once, and goes with its image" {
	local group=cowruntest${COWRUN_TEST//[^a-zA-Z0-9]/}
	need_program lvcreate
	need_program thin_check
	[ -e /dev/mapper/control ] || skip "needs device-mapper"
	store_on tmpfs
	truncate -s 300M "$SCRATCH/lvm.img"
	local loop way=lvm:$group/pool
	loop=$(losetup -f --show "$SCRATCH/lvm.img")
	lvm_made=$loop
	had_dmeventd=$(pgrep -x dmeventd || true)
	export LVM_SUPPRESS_FD_WARNINGS=1
	[ -e /run/udev/control ] || export DM_DISABLE_UDEV=1
	vgcreate -qq "$group" "$loop"
	lvcreate -qq -y -L 200M -T "$group/pool"
	lvcreate -qq -y -L 8M -n plain "$group"
	fails "^cow: run: snapshotter 'lvm': thin pool '$group/plain': '$group/plain' is a linear, not a thin pool$" \
		cow run --name "$NAME" --snapshotter "lvm:$group/plain" layered:1 true
	fails "^cow: run: snapshotter 'lvm': thin pool '$group/nope': lvs: Failed to find logical volume" \
		cow run --name "$NAME" --snapshotter "lvm:$group/nope" layered:1 true
	fails "^cow: run: snapshotter 'lvm': '--x/y' is no name of a thin pool$" \
		cow run --name "$NAME" --snapshotter "lvm:--x/y" layered:1 true
	same_files "$way"
	same_changes "$way"
	[ "$(lvs --noheadings -o lv_name "$group" | grep -c cowrun-)" = 1 ]
	# volumes of which the store says that they are, and which are not
	cow run --name "$NAME" --snapshotter "$way" layered:1 true
	[ "$(inspect "$NAME" snapshotter)" = "$way" ]
	local volume
	volume=$(space readlink "$STORE/containers/$NAME/volume")
	lvremove -qq -f "${volume#lvm:}"
	cow rm "$NAME" >/dev/null
	# links in a container's own files lead to nothing
	cow run --name "$NAME" --snapshotter copy layered:1 ln -s "lvm:$group/plain" /volume
	cow rm "$NAME" >/dev/null
	nothing_left
	cow rmi layered:1
	[ "$(lvs --noheadings -o lv_name "$group" | tr -d ' ' | tr '\n' ' ')" = 'plain pool ' ]
}
