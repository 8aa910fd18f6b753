# cow load: what other tools write is read, whatever its form, and runs. Forms that no tool here writes are in
# tests/unit/overlay_load.c and overlay_inflate.c.
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	TAR=$SCRATCH/rootfs.tar
	export TAR
	tar -C "$SCRATCH/rootfs" -cf "$TAR" .
	layout_make "$SCRATCH/layout" '.config.Cmd = ["/bin/echo", "from the image"]'
}

setup() { rm -rf "$STORE"; }

# loads WHAT NAME: it is there under that name, and says so
loads() {
	run --separate-stderr cow load -q "$1"
	assert_status 0
	[ -z "$stderr" ] || { say "$1: $stderr"; return 1; }
	run cow run --rm --name "$NAME" "$2"
	assert_output 'from the image'
	cow rmi "$2" >/dev/null
}

@test "what skopeo writes, of each kind and in each compression" {
	need_program skopeo
	export TMPDIR=$SCRATCH
	local form
	for form in docker-archive:skopeo.docker:it:1 oci-archive:skopeo.oci:it:1; do
		(cd "$SCRATCH" && skopeo --insecure-policy copy -q --additional-tag it:2 "oci:$SCRATCH/layout" "$form" 2>/dev/null ||
			skopeo --insecure-policy copy -q "oci:$SCRATCH/layout" "$form")
	done
	for form in gzip zstd; do
		skopeo --insecure-policy copy -q --dest-compress-format "$form" "oci:$SCRATCH/layout" "oci:$SCRATCH/skopeo.$form:it:1"
	done
	skopeo --insecure-policy copy -q --format v2s2 "oci:$SCRATCH/layout" "dir:$SCRATCH/skopeo.dir"
	loads "$SCRATCH/skopeo.oci" it:1
	loads "$SCRATCH/skopeo.gzip" it:1
	loads "$SCRATCH/skopeo.zstd" it:1
	cow load -q "$SCRATCH/skopeo.docker" >/dev/null
	run cow images -q
	assert_output_matches '(^|/)it:1'
	run cow run --rm --name "$NAME" it:1
	assert_output 'from the image'
	# a form of its own, which has a manifest.json too
	fails "manifest.json: expected a list, found an object" cow load "$SCRATCH/skopeo.dir"
}

@test "a small archive of large members fills no disk" {
	mkdir -p "$SCRATCH/zeros"
	truncate -s 40M "$SCRATCH/zeros/member"
	tar -C "$SCRATCH/zeros" -czf "$SCRATCH/zeros.tar.gz" member
	export COW SCRATCH
	run --separate-stderr unshare --mount --propagation private bash -c '
		mkdir -p "$SCRATCH/small" && mount -t tmpfs -o size=16m none "$SCRATCH/small" || exit 99
		"$COW" --store "$SCRATCH/small/store" load -q "$SCRATCH/zeros.tar.gz" && exit 98
		find "$SCRATCH/small/store/tmp" "$SCRATCH/small/store/trash" -mindepth 1'
	assert_status 0
	assert_output ''
	[[ $stderr =~ "its members have more than the bytes that the free space allows"$ ]] || { say "$stderr"; return 1; }
}

@test "archives in a pipe, packed in each way" {
	local pack
	tar -C "$SCRATCH/layout" -cf "$SCRATCH/piped.tar" .
	for pack in cat gzip 'zstd -q'; do
		rm -rf "$STORE"
		$pack <"$SCRATCH/piped.tar" | cow load -q --name piped:1 >/dev/null
		run cow run --rm --name "$NAME" piped:1
		assert_output 'from the image'
	done
	rm -rf "$STORE"
	fails "it is compressed by bzip2, which is not supported" bash -c "printf 'BZh91AY&SYxxxxxxxx' | '$COW' --store '$STORE' load"
}

@test "an image that has the same layer twice, and one that has none, run or say why not" {
	local dir=$SCRATCH/twice config manifest
	layout_make "$dir" '.rootfs.diff_ids += .rootfs.diff_ids | .config.Cmd = ["/bin/echo", "twice"]'
	manifest=$(jq -r '.manifests[0].digest' "$dir/index.json")
	manifest=$(jq -c '.layers += .layers' "$dir/blobs/sha256/${manifest#*:}" | blob "$dir")
	jq -c --arg digest "sha256:$manifest" --argjson size "$(stat -c %s "$dir/blobs/sha256/$manifest")" \
		'.manifests[0] += {digest: $digest, size: $size}' "$dir/index.json" >"$dir/index.new"
	mv "$dir/index.new" "$dir/index.json"
	cow load -q --name twice:1 "$dir" >/dev/null
	run cow run --rm --name "$NAME" twice:1
	assert_output twice

	config=$(jq -nc --arg machine "$(uname -m)" '{architecture: (if $machine == "aarch64" then "arm64" else "amd64" end),
		os: "linux", config: {Cmd: ["/nothing"]}, rootfs: {type: "layers", diff_ids: []}}' | blob "$dir")
	manifest=$(jq -nc --arg digest "sha256:$config" --argjson size "$(stat -c %s "$dir/blobs/sha256/$config")" '{schemaVersion: 2,
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $digest, size: $size}, layers: []}' | blob "$dir")
	jq -c --arg digest "sha256:$manifest" --argjson size "$(stat -c %s "$dir/blobs/sha256/$manifest")" \
		'.manifests[0] += {digest: $digest, size: $size}' "$dir/index.json" >"$dir/index.new"
	mv "$dir/index.new" "$dir/index.json"
	cow load -q --name empty:1 "$dir" >/dev/null
	run cow images -q
	assert_output $'empty:1\ntwice:1'
	run -127 --separate-stderr cow run --rm --name "$NAME" empty:1
	assert_one_line "'/nothing'"
}
