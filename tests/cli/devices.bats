# The /dev of a container: the default nodes and links, those that are asked for, and what is found there.
load helpers
load containers

HOST_DEV='.mounts |= map(select(.destination | startswith("/dev") | not)) + [{destination: "/dev", type: "none", source: "/dev", options: ["rbind"]}]'
NO_DEV='.mounts |= map(select(.destination | startswith("/dev") | not))'

# device PATH TYPE [MAJOR MINOR [FILTER]]: a jq filter that asks for it
device() {
	jq -nr --arg path "$1" --arg type "$2" --argjson major "${3:-null}" --argjson minor "${4:-null}" \
		'".linux.devices += [\({path: $path, type: $type, major: $major, minor: $minor} | del(..|nulls)) | \($ARGS.positional[0] // ".")]"' \
		--args "${@:5}"
}

@test "the default devices are there, for everybody" {
	gives "null character special file 1:3 666 0:0
zero character special file 1:5 666 0:0
full character special file 1:7 666 0:0
random character special file 1:8 666 0:0
urandom character special file 1:9 666 0:0
tty character special file 5:0 666 0:0" \
		'cd /dev; stat -c "%n %F %t:%T %a %u:%g" null zero full random urandom tty'
}

@test "the default devices work, for an ordinary user too" {
	gives " 00 00|4|full" 'echo x >/dev/null; echo "$(head -c 2 /dev/zero | od -An -tx1)|$(head -c 4 /dev/urandom | wc -c)|$(echo x 2>/dev/null >/dev/full || echo full)"' \
		'.process.user = {uid: 1000, gid: 1000}'
}

@test "the usual links are there" {
	gives "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/kcore pts/ptmx" \
		'cd /dev; for link in fd stdin stdout stderr core ptmx; do readlink $link; done | paste -sd " " -'
}

@test "the terminals are the container's own" {
	gives "devpts 0" 'echo $(stat -fc %T /dev/pts) $(ls /dev/pts | grep -vc ptmx)'
}

@test "devices that are asked for are made as asked" {
	gives "character special file 1:5 640 7:8
block special file 7:63 600 0:0
fifo 0:0 644 0:0
character special file 1:3 666 0:0" \
		'stat -c "%F %t:%T %a %u:%g" /dev/mine /dev/deep/er/block /dev/fifo /opt/null' \
		"$(device /dev/mine c 1 5 '.fileMode = 416 | .uid = 7 | .gid = 8') |
		$(device /dev/deep/er/block b 7 99 '.fileMode = 384') | $(device /dev/fifo p '' '' '.fileMode = 420') | $(device /opt/null u 1 3)"
}

@test "a redundant entry for a default device is accepted" {
	gives 1:3 'stat -c %t:%T /dev/null' "$(device /dev/null c 1 3 '.fileMode = 438')"
	refuses "^cowrun: run: make device '/dev/null': something else is there" "$(device /dev/null c 1 5)"
}

@test "/dev/ptmx stays the link to the container's own, listed or not" {
	gives "pts/ptmx" 'readlink /dev/ptmx; exec 3<>/dev/ptmx && ls /dev/pts/0 >/dev/null' "$(device /dev/ptmx c 5 2)"
}

# dev FILTER: a jq filter of the mount on /dev; in_dev NAME FILTER: one that mounts there
dev() { echo "(.mounts[] | select(.destination == \"/dev\")) |= ($1)"; }
in_dev() { echo ".mounts += [{destination: \"/dev/$1\", type: \"tmpfs\", source: \"tmpfs\", options: []} | $2]"; }

@test "what is mounted in /dev is there, whatever its name, and beside the devices" {
	local all='cd /dev; echo $(stat -fc %T .) $(ls -d null zero full random urandom tty fd stdin stdout stderr core ptmx 2>&1 | wc -l)'
	gives "tmpfs 12 755 1777" "$all \$(stat -c %a one two)" "$(in_dev one '.options = ["mode=755"]') | $(in_dev two .)"
	gives "tmpfs 12 tmpfs" "$all \$(stat -fc %T fd)" "$(in_dev fd '.options = ["mode=755"]')"
	gives "tmpfs 12 tmpfs" "$all \$(stat -fc %T core)" "$(in_dev core .)"
	gives "tmpfs 12 1:3" "$all \$(stat -c %t:%T null)" "$(in_dev null '.type = "none" | .source = "/dev/null" | .options = ["bind"]')"
	gives "tmpfs 12 tmpfs" "$all \$(stat -fc %T a/b)" "$(in_dev a/b '.options = ["mode=755"]')"
	refuses "^cowrun: run: make device '/dev/full': something else is there" \
		"$(in_dev full '.type = "none" | .source = "/dev/null" | .options = ["bind"]')"
	refuses "^cowrun: run: make device '/dev/full': something else is there" "$(in_dev full '.options = ["mode=755"]')"
}

@test "a /dev of other options, or mounted twice, has its devices" {
	local all='cd /dev; echo $(stat -c %a .) $(ls -d null zero full random urandom tty fd stdin stdout stderr core ptmx 2>&1 | wc -l)'
	gives "755 12 read-only" "$all \$(touch x 2>/dev/null || echo read-only)" "$(dev '.options += ["ro"]')"
	gives "711 12" "$all" "$(dev '.options = ["mode=711"]')"
	gives "755 12" "$all" "$(dev '.options = []')"
	gives "700 12" "$all" '.mounts += [{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=700"]}]'
	refuses "^cowrun: run: make device '/dev/[a-z]*': no space left on device" \
		"$(dev '.options += ["nr_inodes=6"]')"
	refuses "^cowrun: run: mounts\[[0-9]\]: mount tmpfs on '/dev': option 'sizee=1': .*[Uu]nknown parameter 'sizee'" \
		"$(dev '.options += ["sizee=1"]')"
}

@test "the numbers of a fifo mean nothing" {
	gives "fifo 0:0 644" 'stat -c "%F %t:%T %a" /dev/fifo' "$(device /dev/fifo p 1 2 '.fileMode = 420')"
}

@test "in a bound /dev nothing is made but what is asked for, and what is there already is taken" {
	local dev=$SCRATCH/dev
	local bound='.mounts |= map(select(.destination | startswith("/dev") | not)) + [{destination: "/dev", type: "none", source: $dev, options: ["bind"]}]'
	rm -rf "$dev"
	mkdir "$dev"
	gives "zero" 'ls /dev' "$bound | $(device /dev/zero c 1 5)" --arg dev "$dev"
	gives "null zero" 'echo $(ls /dev)' "$bound | $(device /dev/zero c 1 5) | $(device /dev/null c 1 3)" --arg dev "$dev"
	[ "$(stat -c %t:%T "$dev/zero" "$dev/null" | paste -sd ' ')" = "1:5 1:3" ]
	refuses "^cowrun: run: make device '/dev/full': read-only file system" "$bound | .mounts[-1].options += [\"ro\"] | $(device /dev/full c 1 7)" --arg dev "$dev"
}

@test "a /dev of the host's is left as it is" {
	gives "$(stat -c %i /dev/null)" 'stat -c %i /dev/null; ls /dev/core 2>/dev/null; true' "$HOST_DEV"
}

@test "without a mount on /dev the nodes are the image's, and may be there already" {
	rm -rf "$SCRATCH/bundle/rootfs/dev"
	gives 1:3 'stat -c %t:%T /dev/null' "$NO_DEV"
	[ -c "$BUNDLE/rootfs/dev/null" ]
	gives 1:3 'stat -c %t:%T /dev/null' "$NO_DEV"
	rm "$BUNDLE/rootfs/dev/null"
	echo file >"$BUNDLE/rootfs/dev/null"
	refuses "^cowrun: run: make device '/dev/null': something else is there" "$NO_DEV"
	[ "$(cat "$BUNDLE/rootfs/dev/null")" = file ]
	rm -rf "$SCRATCH/bundle"
}

@test "a device without numbers, or beyond the kernel's, is refused" {
	refuses "^cowrun: run: linux.devices\[0\].major: missing" "$(device /dev/x c)"
	refuses "^cowrun: run: linux.devices\[0\].minor: 1048576 is out of range" "$(device /dev/x c 1 1048576)"
	refuses "linux.devices\[0\].type: .*'x'" "$(device /dev/x x 1 1)"
	refuses "^cowrun: run: linux.devices\[0\].path: 'dev/x' is not an absolute path" "$(device dev/x c 1 1)"
}
