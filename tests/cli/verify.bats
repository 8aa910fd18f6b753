# cow verify: damage is told by its place, and mended by loading again; what a container uses stays.
# shellcheck disable=SC2154 # set by bats
load helpers

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
}

setup() {
	rm -rf "$STORE"
	cow import "$SCRATCH/rootfs.tar" busy >"$SCRATCH/out"
	LAYER=$(cow images --json | jq -r '.[0].layers[0]')
	FS=$STORE/layers/${LAYER#sha256:}/fs
}

@test "verify: nothing is damaged" {
	run cow verify
	assert_status 0
	assert_output_matches '^1 images, 1 documents, 1 layers, [0-9]+ shared contents: all is as it was$'
	run cow verify busy
	assert_status 0
	[ -z "$(find "$STORE/tmp" "$STORE/trash" -mindepth 1)" ]
	cow verify --json >"$SCRATCH/out"
	[ "$(jq -c '[.images, .layers, .damaged, .notes]' "$SCRATCH/out")" = '[1,1,[],[]]' ]
	run cow verify nosuch
	assert_status 1
	assert_output "cow: verify: no image 'nosuch:latest' in the store '$STORE'"
}

@test "verify: what is changed is told, and mended by a load" {
	cow save busy -o "$SCRATCH/saved"
	chmod 700 "$FS/etc/passwd"
	rm "$FS/bin/sh"
	touch -d @1 "$FS/bin" # some time or other
	run cow verify busy
	assert_status 1
	[ "${lines[0]}" = "layer $LAYER: 'bin': its time is not the one that it had" ]
	[ "${lines[1]}" = "layer $LAYER: 'bin/sh': it is missing" ]
	[ "${lines[2]}" = "layer $LAYER: 'etc/passwd': its mode is 0700, it should be 0644" ]
	[ ${#lines[@]} = 4 ]
	run cow verify --json
	assert_status 1
	[ "$(jq -r '.damaged[2] | [.kind, .path, .what] | join(" ")' <<<"$output")" = 'layer etc/passwd its mode is 0700, it should be 0644' ]
	run cow verify --repair
	assert_status 1
	[ ! -e "$FS" ]
	run cow verify
	assert_status 1
	[ "${lines[0]}" = "image busy:latest: its layer $LAYER is missing" ]
	cow load <"$SCRATCH/saved"
	cow verify
	[ "$(cow save busy | sha256sum)" = "$(sha256sum <"$SCRATCH/saved")" ]
}

@test "save: of a damaged layer nothing is written" {
	printf X | dd of="$FS/etc/passwd" conv=notrunc status=none
	run --separate-stderr cow save busy -o "$SCRATCH/not"
	assert_status 1
	[ "$stderr" = "cow: save: layer '$LAYER' is damaged: 'etc/passwd': its content has changed" ]
	cat "$SCRATCH/rootfs/etc/passwd" >"$FS/etc/passwd"
	rm "$FS/bin/busybox"
	run --separate-stderr cow save busy -o "$SCRATCH/not"
	[ "$stderr" = "cow: save: layer '$LAYER' is damaged: 'bin/busybox': it is missing" ]
	[ -z "$(find "$SCRATCH" -maxdepth 1 -name '*not*')" ]
}

@test "verify --repair: what a container uses stays" {
	cow run -d --name "$ID" busy sleep 1000 >"$SCRATCH/out" 2>&1
	chmod 700 "$FS/etc/passwd"
	run cow verify --repair
	assert_status 1
	[ "${lines[1]}" = "kept $LAYER: it stays: a container uses it" ]
	[ -e "$FS" ]
	cow rm -f "$ID"
}
