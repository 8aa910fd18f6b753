# Id-mapped mounts: whose files a container sees as whose.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers
load mounts

USER_NS='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = .linux.uidMappings'

# Three owners, in a directory and in a mount below it. A tmpfs can be id-mapped since 6.3.
setup() {
	mounts_setup
	need_kernel 6.3 "id-mapped tmpfs"
	mount -t tmpfs cowrun-test "$SOURCE/dir"
	local dir
	for dir in "$SOURCE" "$SOURCE/dir"; do
		host sh -c 'cd "$1" && touch a b c && chown 0:0 a && chown 100:200 b && chown 101:210 c' - "$dir"
	done
}

# mapped OPTION... : a jq filter that binds $SOURCE on /mnt with the maps 0 and 100 up
mapped() {
	echo "$(bind /mnt "$@") | .mounts[-1] += {uidMappings: [{containerID: 0, hostID: 100000, size: 1}, {containerID: 100, hostID: 101000, size: 50}],
		gidMappings: [{containerID: 0, hostID: 100000, size: 1}, {containerID: 200, hostID: 102000, size: 50}]}"
}
OWNERS='owners() { stat -c %u:%g "$@" | paste -sd " " -; }; '

@test "files have the owners that the map says, for the host and for a user namespace" {
	gives "100000:100000 101000:102000 101001:102010" "$OWNERS owners /mnt/a /mnt/b /mnt/c" "$(mapped bind)"
	gives "0:0 1000:2000 1001:2010" "$OWNERS owners /mnt/a /mnt/b /mnt/c" "$(mapped bind) | $USER_NS"
	# unmapped without
	gives "65534:65534 65534:65534" "$OWNERS owners /mnt/a /mnt/b" "$(bind /mnt bind) | $USER_NS"
}

@test "what is written has the owner on the file system that the map says" {
	gives "0:0" "$OWNERS touch /mnt/new && owners /mnt/new" "$(bind /mnt bind idmap) | $USER_NS"
	[ "$(host stat -c %u:%g "$SOURCE/new")" = 0:0 ]
	inside 'touch /mnt/other' "$(mapped bind)"
	assert_status 1
	[[ $stderr == *"Value too large"* ]]
}

@test "idmap takes one mount, ridmap all below" {
	local all="$OWNERS owners /mnt/b /mnt/dir/b"
	gives "101000:102000 100:200" "$all" "$(mapped rbind)"
	gives "101000:102000 100:200" "$all" "$(mapped rbind idmap)"
	gives "101000:102000 101000:102000" "$all" "$(mapped rbind ridmap)"
	gives "1000:2000 1000:2000" "$all" "$(mapped rbind ridmap) | $USER_NS"
	gives "1000:2000 65534:65534" "$all" "$(mapped rbind idmap) | $USER_NS"
}

@test "without maps, those of the container's user namespace, made or joined" {
	refuses "mounts\[6\].options: 'idmap' without uidMappings" "$(bind /mnt bind idmap)"
	gives "100:200" "$OWNERS owners /mnt/b" "$(bind /mnt bind idmap) | $USER_NS"
	gives "100:200 100:200" "$OWNERS owners /mnt/b /mnt/dir/b" "$(bind /mnt rbind ridmap) | $USER_NS"
	sleeper "$USER_NS"
	ID=$ID-2 gives "100:200" "$OWNERS owners /mnt/b" \
		"$(bind /mnt bind idmap) | $USER_NS | (.linux.namespaces[] | select(.type == \"user\")).path = \"/proc/$PID/ns/user\" | del(.linux.uidMappings, .linux.gidMappings)"
}

@test "crun's spelling" {
	gives "1:2 5000:7000 5001:65534" "$OWNERS owners /mnt/a /mnt/b /mnt/c" "$(bind /mnt bind 'idmap=uids=0-1-1#100-5000-5;gids=0-2-1#200-7000-5')"
	gives "1:2 1:2" "$OWNERS owners /mnt/a /mnt/dir/a" "$(bind /mnt rbind 'ridmap=uids=0-1-1;gids=0-2-1')"
	gives "1:2" "$OWNERS owners /mnt/a" "$(bind /mnt bind 'idmap=uids=@0-1-1;gids=@0-2-1') | $USER_NS"
}

@test "several maps of one source, with flags and propagation" {
	gives "100000:100000 7:8 0:0 ro shared" \
		"$OWNERS $FLAGS echo \$(owners /mnt/a) \$(owners /two/a) \$(owners /plain/a) \$(flags /two | cut -c 1-2) \$(awk '\$5 == \"/two\" { print substr(\$7, 1, 6) }' /proc/self/mountinfo)" \
		"$(mapped bind) | $(bind /two bind ro shared 'idmap=uids=0-7-1;gids=0-8-1') | $(bind /plain bind)"
}

@test "a file system that cannot be id-mapped is told by name" {
	FROM=/proc refuses "^cowrun: run: mounts\[6\]: id-map '/proc': its file system cannot be id-mapped on this kernel" \
		"$(FROM=/proc bind /mnt bind 'idmap=uids=0-7-1;gids=0-8-1')"
}

@test "one namespace for each map, and none is left" {
	need_static "a leak sanitizer does not work under strace"
	need_program strace
	bundle "$(args true) | $(bind /mnt bind idmap) | $(bind /tmp bind idmap) | $(bind /var bind 'idmap=uids=0-7-1;gids=0-8-1') | $(bind /root bind 'idmap=uids=0-7-1;gids=0-8-1') | $USER_NS"
	host strace -o "$SCRATCH/trace" -e trace=clone3,clone "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 3>&-
	[ "$(grep -c CLONE_NEWUSER "$SCRATCH/trace")" = 2 ] || { say "$(cat "$SCRATCH/trace")"; false; }
	bundle "$(args true) | $(bind /mnt bind)"
	host strace -o "$SCRATCH/trace" -e trace=clone3,clone "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 3>&-
	not grep CLONE_NEWUSER "$SCRATCH/trace"
}
