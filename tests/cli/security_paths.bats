# Attacks on the runtime begin where it resolves a path in a file system that somebody else owns. So the container's
# first process does not, from the moment that it has that file system to that of its pivot into it: held here against
# its system calls.
load helpers
load containers

setup() {
	need_static "a leak sanitizer does not work under strace"
	need_program strace
	strace -qq -o /dev/null true 2>/dev/null || need_host "strace does not work here"
}

# A start with everything that is made in the container's root, its paths with symlinks in them.
everything() {
	mkdir -p "$SCRATCH/volume/sub"
	bundle
	ln -sfn /var "$BUNDLE/rootfs/way"
	ln -sfn /tmp/file "$BUNDLE/rootfs/tofile"
	touch "$BUNDLE/rootfs/tmp/file"
	jq -nr --arg volume "$SCRATCH/volume" '{
		mounts: [{destination: "/v", type: "none", source: $volume, options: ["rbind", "rro"]},
			{destination: "/way/deep/dir", type: "tmpfs", source: "x", options: ["mode=700", "ro"]},
			{destination: "/tofile", type: "none", source: "config.json", options: ["bind", "rprivate"]},
			{destination: "/etc/hosts", type: "none", source: "config.json", options: ["bind", "ro"]},
			{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]},
			{destination: "/v", type: "tmpfs", source: "x", options: ["remount", "nosuid"]}],
		devices: [{path: "/dev/sub/null", type: "c", major: 1, minor: 3}, {path: "/mnt/sub/zero", type: "c", major: 1, minor: 5},
			{path: "/dev/fifo", type: "p"}]}
		| ".mounts += \(.mounts) | .linux.devices = \(.devices) | .process.cwd = \"/way/to/work\" | .root.readonly = true |
			.linux.sysctl = {\"kernel.domainname\": \"x\"} | .process.oomScoreAdj = 100"'
}

# strangers FILE: what a trace holds, between the move of the root and the pivot, that names a file by more than a name
# in a directory that is open, or than an openat2() which the kernel keeps inside. Fails when there are too few calls.
strangers() {
	awk '
		/ move_mount\([0-9]+, "", AT_FDCWD, "\/", MOVE_MOUNT_F_EMPTY_PATH\) += 0/ { init = $1; n = 0; next }
		$1 != init { next }
		/ pivot_root\("\.", "\."\) += 0/ { whole++; if (n < 30) print "only " n " calls"; init = 0; next }
		# what a new file system is given, and where a symlink leads, is no path that is followed
		/ (fsopen|fsconfig)\(/ { next }
		/ symlinkat\(/ { sub(/\("[^"]*"/, "(") }
		{ n++; gsub(/""/, "self") }
		/ openat2\([0-9]+, .*resolve=[A-Z_|]*RESOLVE_(IN_ROOT|BENEATH)/ && /RESOLVE_NO_MAGICLINKS/ { next }
		/"\/|"\.\.|"[^"]+\// || /AT_FDCWD/ { print; next }
		# a name alone may be a symlink: it is not followed
		/"[^"]+"/ && !/O_NOFOLLOW|AT_SYMLINK_NOFOLLOW| (mkdirat|mknodat|symlinkat|readlinkat|unlinkat)\(/ { print }
		END { if (!whole) print "no pivot seen" }
	' "$1"
}

traced() {
	strace -f -qq -s 4096 -o "$SCRATCH/trace" -e 'trace=%file,open_tree,move_mount,mount_setattr,fspick,fsopen,fsconfig,openat2,fanotify_mark' \
		"$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 3>&-
}

@test "no path is resolved between the move of the root and the pivot into it" {
	bundle "$(everything) | $(args true)"
	traced
	run strangers "$SCRATCH/trace"
	assert_output ''
}

@test "nor in a user namespace, where devices are bound" {
	bundle "$(everything) | $(args true) | .linux.namespaces += [{type: \"user\"}] | del(.linux.devices, .linux.sysctl) |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings"
	chown -hR 100000:100000 "$BUNDLE/rootfs" "$SCRATCH/volume"
	traced
	run strangers "$SCRATCH/trace"
	assert_output ''
	rm -rf "$BUNDLE"
}

@test "nor with a /dev that is the image's" {
	bundle "$(everything) | $(args true) | .mounts |= map(select(.destination | startswith(\"/dev\") | not))"
	traced
	run strangers "$SCRATCH/trace"
	assert_output ''
}

# Somebody may put a symlink there after the kernel has said that nothing is there, and before it is made.
@test "what appears in place of a missing mount point is not followed" {
	bundle "$(args true)"' | .mounts += [{destination: "/mnt/new/dir", type: "tmpfs", source: "x"}]'
	rm -rf "$BUNDLE/rootfs/mnt/new"
	traced
	grep -q 'mkdirat(.*"new"' "$SCRATCH/trace"
	run grep -E 'readlinkat\(.*"(new|dir)"' "$SCRATCH/trace"
	assert_output ''
}

# Between two looks somebody could put something else there, with fewer flags to keep.
@test "the source of a bind mount is resolved once" {
	mkdir -p "$SCRATCH/source"
	bundle "$(args true)"' | .mounts += [{destination: "/mnt", type: "bind", source: $source, options: ["bind", "nosuid"]}] |
		.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings' --arg source "$SCRATCH/source"
	chown -hR 100000:100000 "$BUNDLE/rootfs"
	traced
	run grep -c "\"$SCRATCH/source\"" "$SCRATCH/trace"
	assert_output 1
	rm -rf "$BUNDLE"
}

# fs.suid_dumpable may say that whoever changes identity can be looked into.
@test "nobody can look into us after a change of identity either" {
	bundle "$(args sleep 1000)"' | .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings'
	chown -hR 100000:100000 "$BUNDLE/rootfs"
	strace -f -qq -o "$SCRATCH/trace" -e trace=setresuid,prctl,execve "$COWRUN" --root "$STATE" run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1 3>&- &
	await has_program "$ID" sleep
	strace -f -qq -o "$SCRATCH/exec" -e trace=setresuid,prctl,execve "$COWRUN" --root "$STATE" exec "$ID" true 3>&-
	cowrun delete --force "$ID"
	wait
	for trace in "$SCRATCH/trace" "$SCRATCH/exec"; do
		run awk '/ setresuid\(/ { n++; if (waits[$1]) bad++; waits[$1] = 1 }
			/ prctl\(PR_SET_DUMPABLE, SUID_DUMP_DISABLE/ { waits[$1] = 0 }
			/ execve\(/ && waits[$1] { bad++ }
			END { for (pid in waits) bad += waits[pid]; print (n >= 2), bad + 0 }' "$trace"
		assert_output "1 0"
	done
	rm -rf "$BUNDLE"
}
