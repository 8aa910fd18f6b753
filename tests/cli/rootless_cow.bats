# `cow` for an ordinary user: a store of his own, whose files have the owners that their images say.
load helpers
load user
load registry
load cow

setup_file() {
	scratch_make
	user_make
	rootfs_make "$SCRATCH/rootfs"
	mkdir "$SCRATCH/rootfs/www"
	chown 33:34 "$SCRATCH/rootfs/www"
	mknod "$SCRATCH/rootfs/node" c 1 3
	tar --numeric-owner -C "$SCRATCH/rootfs" -cf "$HOME_DIR/rootfs.tar" .
	ucow import -q "$HOME_DIR/rootfs.tar" "$IMAGE" >/dev/null
}

teardown() {
	local one
	for one in $(ucow ps -aq); do ucow rm -f "$one" >/dev/null; done
}

teardown_file() {
	user_remove
	scratch_remove
}

# archive_make FILE LAYER.tar...: a docker archive of these layers
archive_make() {
	local file=$1 dir=$SCRATCH/archive
	shift
	rm -rf "$dir" && mkdir "$dir"
	cp "$@" "$dir"
	(
		cd "$dir" || exit
		sha256sum "${@##*/}" | jq -Rn '{architecture: $a, os: "linux", config: {Cmd: ["/bin/sh"]}, rootfs: {type: "layers",
			diff_ids: [inputs | "sha256:" + .[:64]]}}' --arg a "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" >config.json
		jq -n '[{Config: "config.json", RepoTags: ["two:1"], Layers: $ARGS.positional}]' --args "${@##*/}" >manifest.json
		tar -cf "$file" ./*
	)
}

@test "a user's images and containers are in his home, with the owners that the image has" {
	[ "$(stat -c '%u %a' "$HOME_DIR/.local/share/cowrun")" = "$USER_ID 700" ]
	run --separate-stderr ucow run --rm "$IMAGE" sh -c 'stat -c %u:%g /www /bin/busybox; touch /made; chown 7:8 /made; stat -c %u:%g /made'
	assert_status 0
	assert_output $'33:34\n0:0\n7:8'
	[ "$(stat -c %u:%g "$HOME_DIR"/.local/share/cowrun/layers/*/fs/www)" = $((SUBIDS + 32)):$((SUBIDS + 33)) ]
	run ucow run --rm -u 33:34 "$IMAGE" sh -c 'id -u; touch /www/x /y'
	assert_status 1
	assert_output_matches $'^33\n.*/y: Permission denied'
	XDG_DATA_HOME=$HOME_DIR/data run -125 ucow run --pull never "$IMAGE" true
	assert_output_matches "no store '$HOME_DIR/data/cowrun' yet"
	# devices of an image open in no container, and cannot be made here
	run ucow run --rm "$IMAGE" test -e /node
	assert_status 1
}

@test "a user's image is saved as the tar that it was, and verified" {
	ucow verify "$IMAGE" >"$SCRATCH/out"
	ucow save "$IMAGE" >"$SCRATCH/saved"
	[ "$(tar -xOf "$SCRATCH/saved" --wildcards "blobs/sha256/$(sha256sum <"$HOME_DIR/rootfs.tar" | cut -c 1-64)" | sha256sum)" = \
		"$(sha256sum <"$HOME_DIR/rootfs.tar")" ]
	touch "$HOME_DIR"/.local/share/cowrun/layers/*/fs/www
	run ucow verify "$IMAGE"
	assert_status 1
	assert_output_matches "layer sha256:.*: 'www': its time is not the one that it had"
}

@test "a user's container whose files are a copy; other ways are root's" {
	run ucow run --name "$NAME" --snapshotter copy "$IMAGE" sh -c 'stat -c %u:%g /www; touch /www/made; chown 7:8 /www/made'
	assert_output 33:34
	[ "$(stat -c %u:%g "$HOME_DIR/.local/share/cowrun/containers/$NAME/tree/www/made")" = $((SUBIDS + 6)):$((SUBIDS + 7)) ]
	run ucow diff "$NAME"
	assert_output $'C /www\nA /www/made'
	ucow rm "$NAME" >/dev/null
	[ ! -e "$HOME_DIR/.local/share/cowrun/containers/$NAME" ]
	[ -z "$(ls -A "$HOME_DIR/.local/share/cowrun/trash")" ]
	fails "^cow: run: snapshotter 'btrfs': for root alone; ordinary users have overlay and copy$" \
		ucow run --snapshotter btrfs "$IMAGE" true
}

@test "a user's container in the background: ps, logs, exec, mem, stop, rm" {
	run ucow run -d --name "$NAME" "$IMAGE" sh -c 'trap "exit 5" TERM; echo said; while :; do sleep 0.01; done'
	assert_output "$NAME"
	eventually has_said
	run ucow ps -q
	assert_output "$NAME"
	run ucow exec -u 33 "$NAME" id -u
	assert_output 33
	run ucow mem --json
	[ "$(jq -r '.containers[0] | .name' <<<"$output")" = "$NAME" ]
	[ "$(jq '.exact == false and .containers[0].processes >= 1 and .containers[0].private_bytes > 0' <<<"$output")" = true ]
	ucow stop "$NAME"
	[ "$(ucow inspect "$NAME" | jq -r '.[0].exit_status')" = 5 ]
	ucow rm "$NAME"
	ucow run -d --rm --name "$NAME" -u 33 "$IMAGE" sleep 1000
	ucow rm -f "$NAME"
	ucow run -d --rm --name "$NAME" "$IMAGE" touch /www/of-nobody
	eventually none_left
}
has_said() { ucow logs "$NAME" | grep -qx said; }
none_left() { [ -z "$(find "$RUN_DIR"/cowrun/* "$HOME_DIR"/.local/share/cowrun/{containers,trash,tmp}/* -maxdepth 0 2>/dev/null)" ]; }

@test "a user's image of several layers: what hides, hides" {
	need_kernel 6.6 "user.* attributes on tmpfs"
	mkdir -p "$SCRATCH"/{one,two}/{whole,part}
	touch "$SCRATCH"/one/{whole,part}/{a,b} "$SCRATCH/two/whole/.wh..wh..opq" "$SCRATCH"/two/{whole/c,part/.wh.a}
	tar -C "$SCRATCH/one" -cf "$SCRATCH/one.tar" .
	tar -C "$SCRATCH/two" -cf "$SCRATCH/two.tar" .
	archive_make "$HOME_DIR/two.tar" "$HOME_DIR/rootfs.tar" "$SCRATCH/one.tar" "$SCRATCH/two.tar"
	ucow load -q "$HOME_DIR/two.tar"
	run --separate-stderr ucow run --rm two:1 sh -c 'ls /whole /part; rm -r /whole && mkdir /whole && ls /whole'
	assert_status 0
	assert_output $'/part:\nb\n\n/whole:\nc'
	ucow rmi two:1
}

@test "a user without subordinate ids has images of one owner, and hears of the others" {
	: >"$SCRATCH/etc/none"
	local -x PREPARE="mount --bind $SCRATCH/etc/none /etc/subuid"
	local -x XDG_DATA_HOME=$HOME_DIR/one
	fails "'www' belongs to 33:34, an id that is not mapped here \(hint: .*/etc/subuid" ucow import -q "$HOME_DIR/rootfs.tar" all
	tar -C "$SCRATCH/rootfs" --exclude=./www -cf "$HOME_DIR/one.tar" .
	ucow import -q "$HOME_DIR/one.tar" one
	run ucow run --rm one sh -c 'id -u; touch /made; stat -c %u /made'
	assert_output $'0\n0'
	fails 'uid: 1000 is not mapped' ucow run --rm -u app one true
	run ucow run -d --name "$NAME" one sleep 1000
	run ucow exec "$NAME" id -u
	assert_output 0
	ucow rm -f "$NAME"
	ucow rmi one
}

@test "help, and what is wrong with the words, need no ids" {
	local -x PREPARE='mount --bind /etc/hostname "$(command -v newuidmap)"' # no program any more
	local command
	for command in run load import rmi; do
		run ucow "$command" --help
		assert_status 0
		assert_output_matches "^usage: cow $command "
	done
	fails '^cow: rmi: usage: ' ucow rmi
	fails "there is no program 'newuidmap'" ucow rmi x
}

@test "a user's limits need a cgroup of his" {
	need_host "the guest has every controller"
	run -125 --separate-stderr ucow run -m 32m "$IMAGE" true
	assert_one_line 'cannot limit memory|limits need a cgroup that is delegated'
	none_left
}

@test "a user's doctor: what he has" {
	run ucow doctor --json
	local seen=$output
	[ "$(jq -r '.checks[] | select(.name == "subordinate ids").detail' <<<"$seen")" = '65536 uids, 65536 gids' ]
	[ "$(jq -r '.checks[] | select(.name == "his user namespace").detail' <<<"$seen")" = 'made, with all of these' ]
	[ "$(jq -r '.checks[] | select(.name == "overlay").state' <<<"$seen")" = ok ]
	[ "$(jq .runs <<<"$seen")" = true ]
}

@test "a user's network, by pasta and slirp4netns, where he may use /dev/net/tun" {
	need_host "a guest has no tun"
	need_program pasta
	need_program slirp4netns
	local program
	local -x PREPARE="mount -t tmpfs none /dev/net && mknod /dev/net/tun c 10 200 && chmod 666 /dev/net/tun"
	for program in pasta slirp4netns; do
		run --separate-stderr ucow run --rm --net "user:$program" -p 18080:80 "$IMAGE" sh -c 'ip -o -4 addr show tap0 | grep -o "10[.0-9]*/24"; head -n 1 /etc/resolv.conf'
		assert_status 0
		assert_output $'10.0.2.100/24\nnameserver 10.0.2.3'
	done
	PREPARE="mount -t tmpfs none /dev/net && mknod /dev/net/tun c 10 200 && chmod 600 /dev/net/tun"
	fails "network: open '/dev/net/tun': permission denied$" ucow run --rm --net user "$IMAGE" true
}

@test "pull and push: with what the user keeps to log in" {
	need_host "a registry is no guest's matter"
	need_program python3
	small_image "$SCRATCH/layout"
	stub_start "$SCRATCH/layout"
	as_user mkdir -p "$RUN_DIR/containers"
	login "$RUN_DIR/containers/auth.json" "$STUB"
	chmod 644 "$RUN_DIR/containers/auth.json"
	run --separate-stderr ucow pull -q "$STUB/basic/x:1"
	assert_output "$STUB/basic/x:1 $IMAGE_ID"
	run ucow run --rm "$STUB/basic/x:1"
	assert_output "from the registry"
	ucow push -q "$STUB/basic/x:1" "$STUB/up-login/x:1"
	stub_log | grep -q "^${STUB#*:} POST .* Basic"
	ucow rmi "$STUB/basic/x:1"
}

@test "a user's diff, commit, export and gc" {
	need_kernel 6.6 "user.* attributes on tmpfs"
	ucow run --name "$NAME" "$IMAGE" sh -c 'touch /made; chown 7:8 /made; rm /etc/group; rm -r /www; mkdir /www; echo x >/www/x'
	run ucow diff "$NAME"
	assert_output $'C /etc\nD /etc/group\nA /made\nC /www\nA /www/x'
	ucow commit -q "$NAME" made >/dev/null
	run ucow run --rm made sh -c 'stat -c %u:%g /made /www/x; ls /www'
	assert_output $'7:8\n0:0\nx'
	ucow export made >"$HOME_DIR/made.tar"
	tar --numeric-owner -tvf "$HOME_DIR/made.tar" | grep -q ' 7/8 .* made$'
	ucow rmi made
	run ucow gc
	assert_output 'freed 0 B'
}
