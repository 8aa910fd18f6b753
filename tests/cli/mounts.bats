# What is mounted in a container, how, and that nothing of it is ever seen on the host.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers
load mounts

@test "a bind mount shows the host's directory, and is written through" {
	gives $'content\ninner' 'cat /mnt/file /mnt/dir/file; echo new >/mnt/new' "$(bind /mnt bind)"
	[ "$(cat "$SOURCE/new")" = new ]
	nothing_mounted_here
}

@test "a file is bound on a file" {
	FROM=$SOURCE/file gives content 'cat /etc/hosts' "$(FROM=$SOURCE/file bind /etc/hosts bind ro)"
	[ -f "$BUNDLE/rootfs/etc/hosts" ]
	[ ! -s "$BUNDLE/rootfs/etc/hosts" ]
}

@test "bind takes one mount, rbind all below" {
	mount -t tmpfs cowrun-test "$SOURCE/dir"
	host touch "$SOURCE/dir/below"
	gives file 'ls /mnt/dir' "$(bind /mnt bind)"
	gives below 'ls /mnt/dir' "$(bind /mnt rbind)"
}

@test "a relative source lies in the bundle" {
	mkdir -p "$SCRATCH/bundle/data"
	echo bundled >"$SCRATCH/bundle/data/file"
	gives bundled 'cat /mnt/file' "$(FROM=data bind /mnt bind)"
}

@test "missing mount points are made, of the source's kind" {
	rm -rf "$SCRATCH/bundle/rootfs/made"
	gives content 'cat /made/by/cowrun/file' "$(bind /made/by/cowrun bind)"
	[ -d "$BUNDLE/rootfs/made/by/cowrun" ]
	[ "$(stat -c '%a %u' "$BUNDLE/rootfs/made/by/cowrun")" = "755 0" ]
	gives content 'cat /made/a/file' "$(FROM=$SOURCE/file bind /made/a/file bind)"
	[ -f "$BUNDLE/rootfs/made/a/file" ]
	gives tmpfs 'stat -fc %T /made/tmp' "$(fresh tmpfs /made/tmp)"
}

@test "ro, nosuid, nodev, noexec and the times are the mount's" {
	gives $'ro,nosuid,nodev,noexec,noatime\nrw,nosuid,nodev,noexec,noatime\nrw\nrw,nosuid,relatime' "$FLAGS for i in 1 2 3 4; do flags /at/\$i; done" \
		"$(bind /at/1 bind ro nosuid nodev noexec noatime) | $(fresh tmpfs /at/2 nosuid nodev noexec noatime) |
		$(fresh tmpfs /at/3 strictatime) | $(fresh tmpfs /at/4 noexec nosuid noatime exec relatime)"
	gives "refused" "echo x 2>/dev/null >/mnt/file || echo refused" "$(bind /mnt bind ro)"
	gives "refused" 'cp /bin/busybox /mnt/run; /mnt/run true 2>/dev/null || echo refused' "$(fresh tmpfs /mnt noexec)"
}

@test "ro holds for one mount, rro for all below" {
	mount -t tmpfs cowrun-test "$SOURCE/dir"
	gives "written" "touch /mnt/x 2>/dev/null && echo wrong; touch /mnt/dir/x && echo written" "$(bind /mnt rbind ro)"
	gives "" "touch /mnt/x 2>/dev/null && echo wrong; touch /mnt/dir/x 2>/dev/null && echo wrong; true" "$(bind /mnt rbind rro)"
}

@test "options of the file system are its own" {
	gives "1700 64" 'echo $(stat -c %a /mnt) $(($(stat -fc "%b * %S" /mnt) / 1024))' "$(fresh tmpfs /mnt mode=1700 size=64k)"
	refuses "^cowrun: run: mounts\[6\]: mount tmpfs on '/mnt': option 'sizee=1': .*[Uu]nknown parameter 'sizee'" "$(fresh tmpfs /mnt sizee=1)"
	refuses "^cowrun: run: mounts\[6\]: mount tmpfs on '/mnt': option 'size=x': .*[Bb]ad value for 'size'" "$(fresh tmpfs /mnt size=x)"
	refuses "^cowrun: run: mounts\[6\]: mount on '/mnt': this kernel has no file system 'nofs'" "$(fresh nofs /mnt)"
}

@test "mounts are made in their order" {
	mkdir -p "$SCRATCH/two"
	echo two >"$SCRATCH/two/file"
	gives "two" 'cat /mnt/file; [ ! -e /mnt/dir ]' "$(bind /mnt bind) | $(FROM=$SCRATCH/two bind /mnt bind)"
	gives $'dir\nfile' 'ls /mnt/inner' "$(fresh tmpfs /mnt) | $(bind /mnt/inner bind)"
}

@test "many file systems of its own take no more file descriptors than a few" {
	need_static "a program's libraries take file descriptors"
	bundle "$(args sh -c 'grep -c " /many/[0-9]* tmpfs" /proc/mounts') | .process.rlimits = [] | .process.oomScoreAdj = 500 |
		.mounts += [range(100) | {destination: \"/many/\(.)\", type: \"tmpfs\", source: \"tmpfs\", options: [\"mode=755\"]}]"
	run prlimit --nofile=64:64 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output 100
}

@test "a mount point may lie behind symlinks, which stay inside" {
	bundle
	ln -sfn /../../../../../var "$BUNDLE/rootfs/link"
	gives content 'cat /var/deep/file' "$(bind /link/deep bind)"
	[ -d "$BUNDLE/rootfs/var/deep" ]
	rm "$BUNDLE/rootfs/link"
}

# --- propagation ------------------------------------------------------------------------------------------------------
@test "what a container mounts is not seen on the host" {
	mount --make-shared -t tmpfs cowrun-test "$SOURCE/dir"
	mountinfo_before=$(mounts_here)
	local may='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_ADMIN"]'
	local script='mount -t tmpfs x /mnt/dir && touch /mnt/dir/hidden && mkdir /tmp/x && mount -t tmpfs y /tmp/x && echo mounted'
	rm -rf "$SCRATCH/bundle/rootfs/tmp/x"
	gives mounted "$script" "$(bind /mnt rbind) | $may"
	nothing_mounted_here
	run ! host test -e "$SOURCE/dir/hidden"
	local kind
	for kind in private rslave slave; do
		rm -rf "$SCRATCH/bundle/rootfs/tmp/x"
		gives mounted "$script" "$(bind /mnt rbind) | $may | .linux.rootfsPropagation = \"$kind\""
		nothing_mounted_here
	done
}

@test "a shared mount is shared when it is asked for" {
	mount --make-shared -t tmpfs cowrun-test "$SOURCE/dir"
	local may='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_ADMIN"]'
	host mkdir "$SOURCE/dir/sub"
	sleeper "$(FROM=$SOURCE/dir bind /mnt rbind rslave) | $may"
	mount -t tmpfs later "$SOURCE/dir/sub"
	run cowrun exec "$ID" stat -fc %T /mnt/sub
	assert_output tmpfs
	cowrun exec "$ID" sh -c 'mkdir /mnt/own && mount -t tmpfs own /mnt/own'
	run ! grep -q "$SOURCE/dir/own" "/proc/$HOLDER/mountinfo"
}

@test "a propagation option is the mount's" {
	local kind filters=.
	for kind in private slave shared unbindable; do filters+=" | $(fresh tmpfs "/at/$kind" "$kind")"; done
	gives $'private -\nslave -\nshared shared\nunbindable unbindable' \
		'awk "sub(\"^/at/\", \"\", \$5) { sub(\":.*\", \"\", \$7); print \$5, \$7 }" /proc/self/mountinfo' "$filters"
}

@test "rootfsPropagation is the root's" {
	local kind
	# below a shared mount, as everything is where systemd has set up the host
	host mount -t tmpfs cowrun-test "$SOURCE/dir"
	bundle
	host cp -a "$BUNDLE/rootfs" "$SOURCE/dir"
	mountinfo_before=$(mounts_here)
	for kind in shared:shared: rshared:shared: slave:master: rslave:master: unbindable:unbindable private:-; do
		inside 'awk "\$5 == \"/\" { print \$7 }" /proc/self/mountinfo' '.linux.rootfsPropagation = $kind | .root.path = $path' \
			--arg kind "${kind%%:*}" --arg path "$SOURCE/dir/rootfs"
		assert_status 0
		[[ $output == "${kind#*:}"* ]] || { say "$kind: $output"; false; }
	done
	nothing_mounted_here
	refuses "^cowrun: run: linux.rootfsPropagation: 'sharde' is unknown" '.linux.rootfsPropagation = "sharde"'
}

@test "nothing of the host's mounts is left inside" {
	gives 0 'grep -c -v "^[0-9]* [0-9]* [0-9:]* [^ ]* /\(proc\|dev\|sys\)\?\([/ ]\)" /proc/self/mountinfo; true'
	gives "" "grep -e ' $SCRATCH' -e /oldroot /proc/self/mountinfo; ls -d $SCRATCH 2>/dev/null; true"
}

@test "a mount on / becomes the root, and the host's is neither below nor on top of it" {
	local over filter
	bundle
	rm -rf "$SCRATCH/upper" "$SCRATCH/work"
	mkdir "$SCRATCH/upper" "$SCRATCH/work"
	over='{destination: "/", type: "overlay", source: "x", options: ["lowerdir=\($scratch)/bundle/rootfs", "upperdir=\($scratch)/upper", "workdir=\($scratch)/work"]}'
	for filter in "[$over]" "[$over, {destination: \"/\", type: \"none\", source: \"rootfs\", options: [\"bind\"]}, $over]"; do
		sleeper ".mounts = $filter + .mounts" --arg scratch "$SCRATCH"
		run --separate-stderr cowrun exec "$ID" sh -c 'touch /made; ls -d /.."$0" 2>/dev/null; awk "\$5 == \"/\"" /proc/self/mountinfo | grep -c . ; awk "\$5 == \"/\"" /proc/1/mountinfo | grep -c " - overlay "' "$SCRATCH"
		assert_output $'1\n1'
		[ -e "$SCRATCH/upper/made" ]
		cowrun delete --force "$ID"
	done
	nothing_mounted_here
}

# Inside: whether the host is to be found on top of the root, where anybody gets by ".."
NO_HOST='ls -d /.."$SCRATCH" 2>/dev/null; awk "\$5 == \"/\"" /proc/self/mountinfo | grep -c .'

@test "what lies on the host's root does not keep it on top of a container's" {
	cowrun() { host unshare -m sh -c 'mount --bind / / && exec "$@"' - "$COWRUN" --root "$STATE" "$@" 3>&-; }
	gives 1 "SCRATCH=$SCRATCH; $NO_HOST"
	nothing_mounted_here
}

@test "an image's symlink to / does not keep the host's root under a mount on /" {
	bundle
	cp -a "$BUNDLE/rootfs" "$SOURCE/root"
	ln -sfn / "$BUNDLE/rootfs/data"
	gives 1 "SCRATCH=$SCRATCH; $NO_HOST" '.mounts = [{destination: "/data", type: "none", source: $s, options: ["bind"]},
		{destination: "/", type: "none", source: ($s + "/root"), options: ["bind"]}] + .mounts' --arg s "$SOURCE"
	rm "$BUNDLE/rootfs/data"
	nothing_mounted_here
}

@test "what a mount on / covers need not become read-only any more" {
	gives 1 "SCRATCH=$SCRATCH; $NO_HOST" '.mounts = [{destination: "/", type: "tmpfs", source: "x", options: ["ro"]},
		{destination: "/x", type: "tmpfs", source: "x", options: ["ro"]}, {destination: "/", type: "none", source: "rootfs", options: ["bind"]}] + .mounts'
}

# In a mount namespace that is not its own a container has its root and its mounts, and nobody else has: nothing is attached
# to it, and nobody's root is turned over.
@test "without a mount namespace, or in a joined one, its root and mounts are the container's alone" {
	need_kernel 6.15 "mounts on detached mounts"
	local others where filter before
	sleeper
	others=$PID before=$(cut -d ' ' -f 3- "/proc/$others/mountinfo")
	for filter in 'del(.linux.namespaces[] | select(.type == "mount"))' \
		"(.linux.namespaces[] | select(.type == \"mount\")).path = \"/proc/$HOLDER/ns/mnt\"" \
		"(.linux.namespaces[] | select(.type == \"mount\")).path = \"/proc/$others/ns/mnt\""; do
		where=$HOLDER
		[[ $filter != *$others* ]] || where=$others
		ID=$ID-b sleeper "$filter | .root.readonly = true | .mounts += [{destination: \"/mnt\", type: \"tmpfs\", source: \"x\", options: [\"size=64k\", \"private\"]}]"
		[ "$(namespace_of "$PID" mnt)" = "$(namespace_of "$where" mnt)" ]
		nothing_mounted_here
		[ "$(cut -d ' ' -f 3- "/proc/$others/mountinfo")" = "$before" ]
		run --separate-stderr cowrun exec "$ID-b" sh -c 'cd ../../..; cat /proc/1/cmdline | tr "\0" " "; stat -fc %b /mnt; stat -c %t:%T /dev/null /proc/timer_list; echo $(ls /proc/acpi); (echo >/x) 2>&1; ls -d /home; touch /mnt/mine'
		assert_output $'sleep 1000 16\n1:3\n1:3\n\nsh: can\'t create /x: Read-only file system'
		[[ $stderr == *"/home: No such file"* ]]
		# in the first one's files nothing is covered
		[ "$(cowrun exec "$ID" ls /mnt)" = "" ]
		cowrun delete --force "$ID-b"
		nothing_mounted_here
	done
	[ "$(cowrun exec "$ID" cat /proc/1/comm)" = sleep ]
}

@test "nor does a way up lead out of such a root" {
	need_kernel 6.15 "mounts on detached mounts"
	gives "/bin/sh" 'mkdir -p /tmp/in; exec 3</; chroot /tmp/in /bin/true 2>/dev/null; cd /proc/self/fd/3/../../../..; ls bin/sh ../../home 2>/dev/null | sed "s:^:/:"' \
		'del(.linux.namespaces[] | select(.type == "mount")) | (.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_CHROOT"]'
}

# --- what is refused ------------------------------------------------------------------------------------------------------
@test "a bind source that is missing, or of the other kind, is told by name" {
	refuses "^cowrun: run: mounts\[6\]: bind source '/no/such': no such file or directory" "$(FROM=/no/such bind /mnt bind)"
	refuses "^cowrun: run: mounts\[6\]: the source is a directory, and '/etc/passwd' in the container is a file" \
		"$(bind /etc/passwd bind)"
	refuses "^cowrun: run: mounts\[6\]: the source is a file, and '/mnt' in the container is a directory" "$(FROM=$SOURCE/file bind /mnt bind)"
	refuses "^cowrun: run: mounts\[6\]: open the mount point '/etc/passwd/x': not a directory" "$(bind /etc/passwd/x bind)"
}

@test "nothing but the usual files is mounted below /proc" {
	refuses "^cowrun: run: mounts\[6\].destination: '/proc/self' is inside /proc" "$(bind /proc/self bind)"
	refuses "'//proc/./sys/../sys/kernel' is inside /proc" "$(bind //proc/./sys/../sys/kernel bind)"
	refuses "^cowrun: run: mounts\[6\].destination: '/proc' takes nothing but proc" "$(bind /proc bind)"
	FROM=$SOURCE/file gives content 'cat /proc/uptime' "$(FROM=$SOURCE/file bind /proc/uptime bind)"
}

@test "a mount without a type or a destination is refused" {
	refuses "mounts\[6\].type: missing" '.mounts += [{destination: "/mnt"}]'
	refuses "mounts\[6\].destination: .*missing" '.mounts += [{type: "tmpfs"}]'
	refuses "mounts\[6\].destination: empty" '.mounts += [{destination: "", type: "tmpfs"}]'
	refuses "mounts\[6\].options: type 'bind' needs the option 'bind' or 'rbind'" '.mounts += [{destination: "/mnt", type: "bind", source: "/"}]'
}

@test "a label without SELinux is refused, an empty one is none" {
	grep -qs selinuxfs /proc/filesystems && skip "needs a kernel without SELinux"
	refuses "^cowrun: run: linux.mountLabel: 'system_u:object_r:x': SELinux is not enabled in this kernel" '.linux.mountLabel = "system_u:object_r:x"'
	gives fine 'echo fine' '.linux.mountLabel = ""'
}

@test "a relative destination lies below the root, and is warned of" {
	inside 'cat /mnt/file' "$(bind mnt bind)"
	assert_status 0
	assert_output content
	assert_one_line "warning: mounts\[6\].destination: 'mnt' is not an absolute path"
}

@test "mount points behind dangling symlinks are made where these lead" {
	bundle
	local rootfs=$BUNDLE/rootfs
	rm -rf "$rootfs/jump" "$rootfs/etc/hosts" "$rootfs/tmp/foo" "$rootfs/tmp/hosts"
	ln -s /tmp/foo/bar "$rootfs/jump"
	ln -s ../jump/baz/hosts "$rootfs/etc/hosts"
	FROM=$SOURCE/file gives "content content" 'echo $(cat /etc/hosts) $(cat /tmp/foo/bar/baz/hosts)' "$(FROM=$SOURCE/file bind /etc/hosts bind)"
	ln -sf /tmp/hosts "$rootfs/etc/hosts"
	gives "inner" 'cat /tmp/hosts/dir/file' "$(bind /etc/hosts bind)"
	# out of the root there is no way, nor out of a circle
	ln -sf ../../../../../../dev/shm/escaped-"$ID" "$rootfs/etc/hosts"
	FROM=$SOURCE/file gives content 'cat /dev/shm/escaped*' "$(FROM=$SOURCE/file bind /etc/hosts bind)"
	not ls "/dev/shm/escaped-$ID"
	ln -sf b "$rootfs/a" && ln -sf a "$rootfs/b"
	refuses "mounts\[6\]: open the mount point '/a': too many levels of symbolic links" "$(bind /a bind)"
	ln -sf /nothing/../there "$rootfs/a"
	refuses "mounts\[6\]: open the mount point '/a': " "$(bind /a bind)"
	rm -rf "$BUNDLE"
}

@test "made directories inherit a set-gid bit" {
	bundle
	rm -rf "$BUNDLE/rootfs/setgid"
	install -d -m 7755 "$BUNDLE/rootfs/setgid"
	gives "" true "$(fresh tmpfs /setgid/a/b)"
	[ "$(cd "$BUNDLE/rootfs/setgid" && stat -c %a . a a/b | paste -sd ' ' -)" = "7755 2755 2755" ]
}
