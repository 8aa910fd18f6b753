# The root file system: where it comes from, read-only, and which of its paths are masked or protected.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

ROOT='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_ADMIN", "CAP_MKNOD"]'

@test "the root is the bundle's, by relative or absolute path" {
	bundle
	echo here >"$BUNDLE/rootfs/mark"
	gives here 'cat /mark'
	gives here 'cat /mark' '.root.path = $path' --arg path "$BUNDLE/rootfs"
	mkdir -p "$SCRATCH/links"
	ln -sfn "$BUNDLE/rootfs" "$SCRATCH/links/rootfs"
	gives here 'cat /mark' '.root.path = $path' --arg path "$SCRATCH/links/rootfs"
}

@test "nothing leads out of the root" {
	gives "same" '[ "$(stat -c %d:%i /..)" = "$(stat -c %d:%i /)" ] && cd / && cd ../../.. && [ "$(pwd)" = / ] && echo same'
	# with the privilege to do so, what was mounted below cannot be taken away either
	gives "refused" 'umount -l / 2>/dev/null; ls -d /bin/busybox >/dev/null && echo refused' "$ROOT"
}

@test "a writable root is written to, a read-only one is not" {
	rm -f "$SCRATCH/bundle/rootfs/new"
	gives "" 'touch /new'
	[ -e "$BUNDLE/rootfs/new" ]
	gives $'touch: /newer: Read-only file system\nro' 'touch /newer 2>&1; awk "\$5 == \"/\" { print substr(\$6, 1, 2) }" /proc/self/mountinfo' \
		'.root.readonly = true'
	[ ! -e "$BUNDLE/rootfs/newer" ]
	# mounts on it are as writable as they were asked for
	gives "" 'touch /dev/shm/x' '.root.readonly = true'
}

@test "a root that is missing, or no directory, is refused" {
	refuses "^cowrun: run: root.path: rootfs 'nope' in '$SCRATCH/bundle': it does not exist" '.root.path = "nope"'
	refuses "^cowrun: run: root.path: rootfs 'config.json' in '.*': it is not a directory" '.root.path = "config.json"'
	refuses "^cowrun: run: root: missing" 'del(.root)'
	refuses "^cowrun: run: root.path: missing" '.root.path = ""'
}

@test "a masked file is empty and a masked directory holds nothing, whatever the program may do" {
	bundle
	mkdir -p "$BUNDLE/rootfs/etc/dir"
	echo hidden >"$BUNDLE/rootfs/etc/dir/file"
	gives "0|character special file 1:3|0|refused|refused|" \
		'echo "$(cat /proc/timer_list | wc -c)|$(stat -c "%F %t:%T" /etc/passwd)|$(ls -A /etc/dir | wc -l)|$(touch /etc/dir/x 2>/dev/null || echo refused)|$(mknod /proc/timer_list/x p 2>/dev/null || echo refused)|$(echo secret >/etc/passwd; cat /etc/passwd)"' \
		".linux.maskedPaths += [\"/etc/passwd\", \"/etc/dir\", \"/etc/nothing\"] | $ROOT"
}

@test "masks do not reach the host" {
	bundle
	mkdir -p "$BUNDLE/rootfs/etc/dir"
	echo kept >"$BUNDLE/rootfs/etc/dir/file"
	gives "" 'ls -A /etc/dir' '.linux.maskedPaths = ["/etc/dir"]'
	[ "$(cat "$BUNDLE/rootfs/etc/dir/file")" = kept ]
	grep -q root "$BUNDLE/rootfs/etc/passwd"
}

@test "read-only paths cannot be written, with all that is mounted below" {
	gives "refused refused refused fine" \
		'try() { ( : >"$1" ) 2>/dev/null && echo written || echo refused; }; echo $(try /proc/sys/kernel/domainname) $(try /var/x) $(try /var/inner/x) $([ "$(cat /var/inner/file)" = inner ] && echo fine)' \
		'.linux.readonlyPaths += ["/var", "/nothing/there"] |
		.mounts += [{destination: "/var/inner", type: "none", source: $dir, options: ["bind"]}]' --arg dir "$(inner)"
}
inner() {
	mkdir -p "$SCRATCH/inner"
	echo inner >"$SCRATCH/inner/file"
	echo "$SCRATCH/inner"
}

@test "many masked directories share one empty file system" {
	bundle
	mkdir -p "$BUNDLE/rootfs/m"/{1,2,3,4,5}
	gives 1 'stat -c %d /m/* | sort -u | wc -l' '.linux.maskedPaths = ["/m/1", "/m/2", "/m/3", "/m/4", "/m/5"]'
}

@test "what is hidden or read-only twice is so once" {
	gives "0 read-only" 'echo x >/proc/keys; echo $(wc -c </proc/keys) $(ls /proc/acpi 2>/dev/null) $(echo x 2>/dev/null >/proc/sys/kernel/hostname || echo read-only)' \
		'.linux.maskedPaths = ["/proc/keys", "/proc/keys", "/proc/acpi", "/proc/acpi"] | .linux.readonlyPaths = ["/proc/sys", "/proc/sys", "/proc/sys/kernel"]'
}
