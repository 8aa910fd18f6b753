# cow load, import, images, rmi: images into the store and out of it, and each way in which that can fail.
# A failure is one line that names its object, and leaves nothing in the store.
load helpers

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -czf "$SCRATCH/rootfs.tar.gz" .
}

setup() { rm -rf "$STORE"; }

# refused TEXT COMMAND...: fails with that one line, and the store holds nothing
refused() {
	local text=$1
	shift
	run --separate-stderr "$@"
	assert_status 1
	[ "$stderr" = "$text" ] || { say "expected '$text', saw '$stderr'"; return 1; }
	assert_output ''
	store_is_empty
}

store_is_empty() {
	local room
	for room in images layers blobs/sha256 tmp trash containers; do
		[ ! -d "$STORE/$room" ] || [ -z "$(ls -A "$STORE/$room")" ] || { say "left: $(ls -d "$STORE/$room"/*)"; return 1; }
	done
}

# blob FILE: into the layout, by its digest, which is printed
blob() {
	local digest
	digest=$(sha256sum <"$1" | cut -d' ' -f1)
	cp "$1" "$SCRATCH/layout/blobs/sha256/$digest"
	echo "$digest"
}

# layout_make NAME: an OCI layout of the root file system, gzip, as that name; $LAYER is its layer's digest
layout_make() {
	local type=application/vnd.oci.image arch manifest config diff_id
	rm -rf "$SCRATCH/layout"
	mkdir -p "$SCRATCH/layout/blobs/sha256"
	case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; esac
	diff_id=$(zcat "$SCRATCH/rootfs.tar.gz" | sha256sum | cut -d' ' -f1)
	LAYER=$(blob "$SCRATCH/rootfs.tar.gz")
	jq -nc --arg arch "$arch" --arg id "sha256:$diff_id" '{architecture: $arch, os: "linux",
		config: {Cmd: ["/bin/echo", "from the image"], Env: ["PATH=/bin"]},
		rootfs: {type: "layers", diff_ids: [$id]}}' >"$SCRATCH/config"
	config=$(blob "$SCRATCH/config")
	jq -nc --arg type "$type" --arg config "sha256:$config" --argjson config_size "$(stat -c %s "$SCRATCH/config")" \
		--arg layer "sha256:$LAYER" --argjson layer_size "$(stat -c %s "$SCRATCH/rootfs.tar.gz")" \
		'{schemaVersion: 2, mediaType: "\($type).manifest.v1+json",
		config: {mediaType: "\($type).config.v1+json", digest: $config, size: $config_size},
		layers: [{mediaType: "\($type).layer.v1.tar+gzip", digest: $layer, size: $layer_size}]}' >"$SCRATCH/manifest"
	manifest=$(blob "$SCRATCH/manifest")
	jq -nc --arg type "$type" --arg digest "sha256:$manifest" --argjson size "$(stat -c %s "$SCRATCH/manifest")" \
		--arg name "$1" '{schemaVersion: 2, manifests: [{mediaType: "\($type).manifest.v1+json",
		digest: $digest, size: $size, annotations: {"org.opencontainers.image.ref.name": $name}}]}' >"$SCRATCH/layout/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$SCRATCH/layout/oci-layout"
}

@test "import: plain, gzip, zstd and standard input give the same image" {
	zcat "$SCRATCH/rootfs.tar.gz" >"$SCRATCH/rootfs.tar"
	zstd -qf "$SCRATCH/rootfs.tar" -o "$SCRATCH/rootfs.tar.zst"
	local ids=() form
	for form in tar tar.gz tar.zst; do
		run --separate-stderr cow import "$SCRATCH/rootfs.$form" "try:$form"
		assert_status 0
		ids+=("${output#* }")
	done
	ids+=("$(cow import - try:stdin <"$SCRATCH/rootfs.tar.gz" | cut -d' ' -f2)")
	[ "$(printf '%s\n' "${ids[@]}" | sort -u | wc -l)" = 1 ]
	run cow images -q
	assert_output $'try:stdin\ntry:tar\ntry:tar.gz\ntry:tar.zst'
	[ "$(find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
}

@test "import: the image runs what it was told to" {
	cow import --cmd echo --cmd hello --env GREETING=yes -w /tmp "$SCRATCH/rootfs.tar.gz" told >"$SCRATCH/out"
	run cow run --rm told
	assert_output hello
	run cow run --rm told sh -c 'echo $GREETING; pwd'
	assert_output $'yes\n/tmp'
}

@test "load: a layout, its archive, and a compressed archive" {
	layout_make example.org/team/thing:1
	tar -C "$SCRATCH/layout" -cf "$SCRATCH/layout.tar" .
	gzip -kf "$SCRATCH/layout.tar"
	local path
	for path in layout layout.tar layout.tar.gz; do
		run --separate-stderr cow load "$SCRATCH/$path"
		assert_status 0
		run cow run --rm thing:1
		assert_output 'from the image'
		cow rmi thing:1
		store_is_empty
	done
	cow load <"$SCRATCH/layout.tar.gz"
	cow load --name other -i "$SCRATCH/layout.tar"
	run cow images -q
	assert_output $'example.org/team/thing:1\nother:latest'
}

@test "load --json and images --json: for programs" {
	layout_make thing
	cow load --json "$SCRATCH/layout" >"$SCRATCH/loaded"
	cow images --json >"$SCRATCH/listed"
	for file in loaded listed; do
		run jq -r '.[] | .name, (.id | startswith("sha256:")), (.layers | length), (.size_bytes > 1000000)' "$SCRATCH/$file"
		assert_output $'thing:latest\ntrue\n1\ntrue'
	done
}

@test "rmi: a container keeps its layers" {
	cow import "$SCRATCH/rootfs.tar.gz" kept
	cow run -d --name "$ID" kept sleep 1000 >"$SCRATCH/out" 2>&1
	cow rmi kept
	run cow exec "$ID" echo still there
	assert_output 'still there'
	cow rm -f "$ID"
	cow import "$SCRATCH/rootfs.tar.gz" kept
	cow rmi kept
	store_is_empty
}

@test "load: a corrupt layer, a wrong size, a missing blob" {
	layout_make thing
	local file=$SCRATCH/layout/blobs/sha256/$LAYER is
	printf x | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
	is=$(sha256sum <"$file" | cut -d' ' -f1)
	refused "cow: load: image 'thing': layer 1 of 1: 'sha256:$LAYER' is corrupt: its digest is sha256:$is, it should be sha256:$LAYER" \
		cow load "$SCRATCH/layout"
	truncate -s -10 "$file"
	refused "cow: load: image 'thing': layer 1 of 1: 'sha256:$LAYER' has $(stat -c %s "$file") bytes, it should have $(($(stat -c %s "$file") + 10))" \
		cow load "$SCRATCH/layout"
	rm "$file"
	refused "cow: load: image 'thing': layer 1 of 1: 'blobs/sha256/$LAYER' is not in '$SCRATCH/layout'" cow load "$SCRATCH/layout"
}

@test "load: what is no image" {
	refused "cow: load: open '$SCRATCH/nowhere': no such file or directory" cow load "$SCRATCH/nowhere"
	refused "cow: load: '$SCRATCH/rootfs.tar.gz' is neither an OCI image layout nor a docker archive" cow load "$SCRATCH/rootfs.tar.gz"
}

@test "import: a cut archive, another compression, no tar at all" {
	head -c 100000 "$SCRATCH/rootfs.tar.gz" >"$SCRATCH/cut.gz"
	refused "cow: import: '$SCRATCH/cut.gz' is corrupt: its gzip data is cut off" cow import "$SCRATCH/cut.gz" x
	zcat "$SCRATCH/rootfs.tar.gz" | head -c 10000 >"$SCRATCH/cut"
	refused "cow: import: unpack '$SCRATCH/cut': damaged tar: truncated tar archive" cow import "$SCRATCH/cut" x
	xz -kc "$SCRATCH/cut" >"$SCRATCH/cut.xz"
	refused "cow: import: read '$SCRATCH/cut.xz': it is compressed by xz, which is not supported (gzip, zstd, or none)" cow import "$SCRATCH/cut.xz" x
	refused "cow: import: unpack '$BATS_TEST_FILENAME': damaged tar: unrecognized archive format" cow import "$BATS_TEST_FILENAME" x
}

@test "import: names that are none" {
	refused "cow: import: '../x' is not an image name" cow import "$SCRATCH/rootfs.tar.gz" ../x
	refused "cow: import: 'a b' is not an image name" cow import "$SCRATCH/rootfs.tar.gz" 'a b'
}

@test "rmi and run: an unknown image" {
	cow import "$SCRATCH/rootfs.tar.gz" known
	run --separate-stderr cow rmi unknown
	assert_status 1
	[ "$stderr" = "cow: rmi: no image 'unknown:latest' in the store '$STORE'" ]
	run --separate-stderr cow run --pull never unknown
	assert_status 125
	[ "$stderr" = "cow: run: no image 'unknown:latest' in the store '$STORE'" ]
	[ -z "$(ls "$STORE/containers")" ]
}

@test "import: a full disk" {
	export -f cow
	export COW STATE SCRATCH
	run --separate-stderr unshare --mount --propagation private bash -c '
		mkdir -p "$SCRATCH/small" && mount -t tmpfs -o size=600k none "$SCRATCH/small" || exit 99
		STORE=$SCRATCH/small/store cow import "$SCRATCH/rootfs.tar.gz" x && exit 98
		cd "$SCRATCH/small/store" && find images layers blobs/sha256 tmp trash -mindepth 1'
	assert_status 0
	assert_output ''
	[[ $stderr =~ ^"cow: import: ".*(" no space left on device"|" allowed")$ ]] || { say "saw '$stderr'"; return 1; }
}

@test "import: not root" {
	need_host "users of the host"
	mkdir -m 777 "$SCRATCH/theirs"
	run --separate-stderr setpriv --reuid 65534 --clear-groups "$OUT/cow-import" --store "$SCRATCH/theirs/store" import "$SCRATCH/rootfs.tar.gz" x
	assert_status 1
	assert_one_line '^cow: import: images are taken in by root only: their files have owners'
	[ -z "$(ls "$SCRATCH/theirs")" ]
}

@test "import: a store that others may enter" {
	mkdir -m 755 "$STORE"
	cow import "$SCRATCH/rootfs.tar.gz" x
	[ "$(stat -c %a "$STORE")" = 700 ]
	chmod 711 "$STORE"
	run --separate-stderr cow images
	assert_status 1
	[ "$stderr" = "cow: images: open store '$STORE': others may enter it (mode 0711): it must be 0700" ]
}

@test "import: not into a directory of something else" {
	mkdir "$STORE"
	touch "$STORE/precious"
	run --separate-stderr cow import "$SCRATCH/rootfs.tar.gz" x
	assert_status 1
	[ "$stderr" = "cow: import: create store '$STORE': the directory is not empty and not a store" ]
	[ "$(ls "$STORE")" = precious ]
}

@test "import: interrupted, it clears up" {
	mkfifo "$SCRATCH/slow"
	"$COW" --store "$STORE" import "$SCRATCH/slow" x 2>"$SCRATCH/said" 3>&- &
	local pid=$!
	exec 4>"$SCRATCH/slow"
	head -c 50000 "$SCRATCH/rootfs.tar.gz" >&4 # and then no more
	until [ -n "$(ls -A "$STORE/tmp" 2>/dev/null)" ]; do :; done
	while kill -TERM $pid 2>/dev/null; do :; done
	exec 4>&-
	local status=0
	wait $pid || status=$?
	[ $status = 1 ] || { say "status $status"; return 1; }
	[ "$(cat "$SCRATCH/said")" = "cow: import: read '$SCRATCH/slow': interrupted" ] || { cat "$SCRATCH/said"; return 1; }
	store_is_empty
}

@test "import: killed, the next one clears up" {
	mkfifo "$SCRATCH/stuck"
	"$COW" --store "$STORE" import "$SCRATCH/stuck" x 2>"$SCRATCH/said" 3>&- &
	local pid=$!
	exec 4>"$SCRATCH/stuck"
	head -c 50000 "$SCRATCH/rootfs.tar.gz" >&4
	until [ -n "$(ls -A "$STORE/tmp" 2>/dev/null)" ]; do :; done
	kill -KILL $pid
	exec 4>&-
	wait $pid || true
	[ -n "$(ls "$STORE/tmp")" ]
	cow import "$SCRATCH/rootfs.tar.gz" x
	[ -z "$(ls "$STORE/tmp")$(ls "$STORE/trash")" ]
}

@test "import: progress on a terminal only" {
	need_program script
	run --separate-stderr cow import "$SCRATCH/rootfs.tar.gz" x
	[ -z "$stderr" ]
	run script -qec "'$COW' --store '$STORE' import '$SCRATCH/rootfs.tar.gz' x" /dev/null
	assert_status 0
	[[ $output == *'100 %'* ]] || { say "$output"; return 1; }
	[[ $output != *$'\033'* ]]
	run script -qec "'$COW' --store '$STORE' import -q '$SCRATCH/rootfs.tar.gz' x" /dev/null
	[[ $output != *%* ]]
}

@test "import: a removal at its side takes nothing of it away" {
	need_program strace
	cow import -q "$SCRATCH/rootfs.tar.gz" other
	tar -C "$SCRATCH/rootfs" --mtime @1 -cf "$SCRATCH/other.tar" .
	# It is held where its layer is there and its name is not. (No sanitizer can look for leaks under strace.)
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:delay_exit=1000000 \
		"$COW" --store "$STORE" import -q "$SCRATCH/other.tar" x >"$SCRATCH/said" 2>&1 3>&- &
	local pid=$!
	until [ "$(find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ]; do kill -0 $pid; done
	cow rmi other
	wait $pid || { cat "$SCRATCH/said"; return 1; }
	cow run --rm x true
}

@test "a name with a digest is that of nothing else" {
	local digest other
	other=sha256:$(printf '%064d' 0)
	layout_make "x@$other"
	refused "cow: load: image 'x@$other': 'x@$other' cannot be a name here: it is not of that digest" cow load "$SCRATCH/layout"
	refused "cow: load: image 'y@$other': 'y@$other' cannot be a name here: it is not of that digest" \
		cow load --name "y@$other" "$SCRATCH/layout"
	refused "cow: import: 'x@$other' cannot be a name here: it is not of that digest" \
		cow import "$SCRATCH/rootfs.tar.gz" "x@$other"
	digest=$(jq -r '.manifests[0].digest' "$SCRATCH/layout/index.json")
	cow load -q --name "x@$digest" "$SCRATCH/layout"
	run --separate-stderr cow tag "x@$digest" "y@$digest"
	assert_status 1
	[ "$stderr" = "cow: tag: 'y@$digest' cannot be a name here: it is not of that digest" ] || { say "$stderr"; return 1; }
}

@test "rmi: what a crash of the host leaves, and what is no part of a store, stand in nobody's way" {
	cow import -q "$SCRATCH/rootfs.tar.gz" x
	mkdir "$STORE/containers/empty" "$STORE/containers/nameless"
	: >"$STORE/containers/empty/meta.json"
	echo '{"layers": []}' >"$STORE/containers/nameless/meta.json"
	echo stray >"$STORE/layers/stray"
	cow rmi x
	[ "$(ls "$STORE/layers")" = stray ]
}

@test "import: goes on where something cannot be deleted, and says so" {
	mkdir -p "$SCRATCH/none"
	cow import -q "$SCRATCH/rootfs.tar.gz" x
	mkdir -p "$STORE/trash/1/mounted"
	mount -t tmpfs tmpfs "$STORE/trash/1/mounted"
	run --separate-stderr cow import -q "$SCRATCH/rootfs.tar.gz" y
	umount "$STORE/trash/1/mounted"
	assert_status 0
	[[ $stderr == *'what is thrown away stays in the store: '* ]] || { say "$stderr"; return 1; }
}
