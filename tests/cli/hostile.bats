# Images whose files and configs are made against whoever runs them. tests/unit/overlay_hostile.c has those that are
# made against whoever unpacks them, and the list of all.
# shellcheck disable=SC2153 # NAME is of cow.bash
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	mkdir -p "$SCRATCH/rootfs/etc"
}

setup() {
	rm -rf "$STORE" "$SCRATCH/image" "$SCRATCH/canary"
	cp -a "$SCRATCH/rootfs" "$SCRATCH/image"
	mkdir "$SCRATCH/canary"
	echo untouched >"$SCRATCH/canary/file"
	chmod 640 "$SCRATCH/canary/file"
	BEFORE=$(listing)
}

# What lies outside, to the last attribute.
listing() { find "$SCRATCH/canary" /etc/passwd /etc/group -printf '%p %y %m %u:%g %s %T@ %n\n' | sort; }

teardown() {
	[ "$(listing)" = "$BEFORE" ] || { say "changed outside: $(listing)"; return 1; }
	containers_gone
}

containers_gone() { [ ! -d "$STORE/containers" ] || [ -z "$(ls "$STORE/containers")" ]; }

# image_import [OPTIONS]: $SCRATCH/image as "evil"
image_import() {
	tar -C "$SCRATCH/image" -cf "$SCRATCH/image.tar" .
	cow import -q "$@" "$SCRATCH/image.tar" evil >/dev/null
}

# image_labelled JQ-FILTER: the same with a config that the filter has changed, as a docker archive
image_labelled() {
	local arch id
	case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; esac
	rm -rf "$SCRATCH/archive"
	mkdir "$SCRATCH/archive"
	tar -C "$SCRATCH/image" -cf "$SCRATCH/archive/layer.tar" .
	id=$(sha256sum <"$SCRATCH/archive/layer.tar" | cut -d' ' -f1)
	jq -nc --arg arch "$arch" --arg id "sha256:$id" '{architecture: $arch, os: "linux", config: {Env: ["PATH=/bin"]},
		rootfs: {type: "layers", diff_ids: [$id]}} | '"$1" >"$SCRATCH/archive/config.json"
	echo '[{"Config":"config.json","RepoTags":["evil:latest"],"Layers":["layer.tar"]}]' >"$SCRATCH/archive/manifest.json"
	cow load -q "$SCRATCH/archive" >/dev/null
}

refuses() {
	local pattern=$1
	shift
	run --separate-stderr timeout 200 "$COW" --root "$STATE" --store "$STORE" run --rm --name "$NAME" "$@"
	[[ ! $status =~ ^(0|124)$ ]] || { say "status $status, '$output'"; return 1; }
	assert_one_line "$pattern"
	[ -z "$output" ] || { say "it ran: $output"; return 1; }
}

@test "users that are no numbers, or too large ones" {
	local user
	# digits are a number, and never a name, though the image has one
	for user in 4294967295 4294967296 18446744073709551616 2147483648:4294967296; do
		echo "${user%:*}:x:0:0::/:/bin/sh" >"$SCRATCH/image/etc/passwd"
		rm -rf "$STORE"
		image_import -u "$user"
		refuses "'$user'" evil id
	done
	# nor is anything that only begins like one
	for user in -1 0x1 1x ' 1'; do
		rm -rf "$STORE"
		image_import -u "$user"
		refuses "'$user'" evil id
	done
}

@test "a FIFO or a symlink for a password file" {
	rm "$SCRATCH/image/etc/passwd" "$SCRATCH/image/etc/group"
	mkfifo "$SCRATCH/image/etc/passwd" "$SCRATCH/image/etc/group"
	image_import -u someone
	refuses "someone" evil id
	rm "$SCRATCH/image/etc/passwd" "$SCRATCH/image/etc/group"
	echo 'someone:x:1000:1000::/:/bin/sh' >"$SCRATCH/canary/passwd"
	ln -s "$SCRATCH/canary/passwd" "$SCRATCH/image/etc/passwd"
	BEFORE=$(listing)
	image_import -u someone
	refuses "someone" evil id
}

@test "a working directory and volumes behind symlinks" {
	ln -s "$SCRATCH/canary" "$SCRATCH/image/out"
	ln -s ../../../../../../../.."$SCRATCH/canary" "$SCRATCH/image/up"
	local dir
	for dir in /out/made /up/made ../../..$SCRATCH/canary/made /proc/self/fd/7; do
		rm -rf "$STORE"
		image_labelled ".config.WorkingDir = \"$dir\" | .config.Volumes = {\"/out/volume\": {}, \"/up/volume\": {}}"
		run cow run --rm --name "$NAME" evil pwd
		# where it ran, it was in a directory of its own
		[ "$status" != 0 ] || [[ $output == /* && $output != */proc/self/fd* ]] || { say "$dir: $output"; return 1; }
	done
}

@test "labels and annotations choose nothing" {
	image_labelled '.config.Labels = {"run.oci.handler": "krun", "run.oci.hooks.stderr": "'"$SCRATCH"'/canary/made",
		"io.podman.annotations.privileged": "TRUE", "io.containerd.runc.v2.group": "x", "cowrun.mount": "/"} |
		.config.StopSignal = "SIGKILL; touch '"$SCRATCH"'/canary/made" | .config.Healthcheck = {Test: ["CMD", "touch", "/made"]} |
		.annotations = {"run.oci.systemd.force_cgroup_v1": "/"} | .config.Hooks = {prestart: [{path: "/bin/false"}]}'
	run --separate-stderr cow run --rm --name "$NAME" evil sh -c 'ls /made 2>&1; grep CapEff /proc/self/status'
	if [ "$status" = 0 ]; then
		[[ $output == *"/made: No such file"*$'\nCapEff:\t00000000'* ]] || { say "$output"; return 1; }
	else
		assert_one_line 'signal|StopSignal'
	fi
}

@test "no program or library of an image is run or opened" {
	need_program strace
	need_static "sanitizers do not like to be traced"
	local name
	mkdir -p "$SCRATCH/image/lib/x86_64-linux-gnu" "$SCRATCH/image/usr/bin"
	for name in bin/gzip bin/xz bin/unpigz usr/bin/zstd lib/libnss_files.so.2 lib/x86_64-linux-gnu/libnss_files.so.2; do
		rm -f "$SCRATCH/image/$name"
		printf '#!/bin/sh\ntouch %s/canary/made\n' "$SCRATCH" >"$SCRATCH/image/$name"
		chmod 755 "$SCRATCH/image/$name"
	done
	echo 'passwd: files evil' >"$SCRATCH/image/etc/nsswitch.conf"
	echo 'someone:x:1000:1000::/:/bin/sh' >"$SCRATCH/image/etc/passwd"
	tar -C "$SCRATCH/image" -czf "$SCRATCH/image.tar.gz" .
	(cd "$SCRATCH/image" && strace -fqq -e trace=execve -o "$SCRATCH/trace" "$COW" --store "$STORE" import -q -u someone "$SCRATCH/image.tar.gz" evil)
	# cow, and cow-import, which it becomes
	[ "$(grep -c 'execve(' "$SCRATCH/trace")" = 2 ] || { cat "$SCRATCH/trace"; return 1; }
	strace -fqq -e trace=open,openat,openat2 -o "$SCRATCH/trace" "$COW" --root "$STATE" --store "$STORE" run --rm --name "$NAME" evil true
	run grep -E 'nsswitch|libnss' "$SCRATCH/trace"
	assert_status 1
}

@test "more links to a file than its file system takes: the name of the first that is too many" {
	need_program strace
	need_static "sanitizers do not like to be traced"
	echo x >"$SCRATCH/image/file"
	ln "$SCRATCH/image/file" "$SCRATCH/image/link"
	tar -C "$SCRATCH/image" -cf "$SCRATCH/image.tar" ./file ./link
	run --separate-stderr strace -fqq -e trace=linkat -e inject=linkat:error=EMLINK -o /dev/null \
		"$COW" --store "$STORE" import -q "$SCRATCH/image.tar" evil
	assert_status 1
	assert_one_line "create './link': too many links"
	[ -z "$(find "$STORE"/{layers,images,tmp,trash} -mindepth 1)" ]
}
