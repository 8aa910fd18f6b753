# cow save and the tools that read what it writes, and cow load of what these write: with the same image id. The image
# "one" has a layer of busybox, "two" has one more. podman and Docker at full length only.
# shellcheck disable=SC2154,SC2016 # set by bats; for inner shells
load helpers
load containers
load hosts
load podman

setup_file() {
	scratch_make
	! command -v umoci >/dev/null || images_make
	[ -z "${COWRUN_ALL:-}${COWRUN_GUEST:-}" ] || ! command -v podman >/dev/null || podman_make
	[ -z "${COWRUN_ALL:-}${COWRUN_GUEST:-}" ] || [ ! -d "$ENGINES" ] || dockerd_start d --iptables=false
}

teardown_file() {
	podman_remove
	[ -z "${COWRUN_ALL:-}${COWRUN_GUEST:-}" ] || [ ! -d "$ENGINES" ] || host_end d
	scratch_remove
}

setup() {
	need_program umoci
	need_program skopeo
	rm -rf "$STORE" "$SCRATCH"/saved*
	cow load "$SCRATCH/layout" >"$SCRATCH/out"
}

# An OCI layout, made by umoci.
images_make() {
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/1.tar" .
	mkdir "$SCRATCH/more"
	echo more >"$SCRATCH/more/file"
	touch "$SCRATCH/more/.wh.mnt"
	setfattr -n user.note -v kept "$SCRATCH/more/file" || true
	tar -C "$SCRATCH/more" --xattrs -cf "$SCRATCH/2.tar" .
	umoci init --layout "$SCRATCH/layout"
	umoci new --image "$SCRATCH/layout:one"
	umoci raw add-layer --image "$SCRATCH/layout:one" "$SCRATCH/1.tar"
	umoci config --image "$SCRATCH/layout:one" --config.cmd /bin/echo --config.cmd hello --config.env PATH=/bin
	umoci raw add-layer --image "$SCRATCH/layout:one" --tag two "$SCRATCH/2.tar"
}

# id_of NAME: of an image in our store
id_of() { cow images --json | jq -er --arg name "$1:latest" '.[] | select(.name == $name).id'; }

# loads PATH NAME ID: into an empty store, under that name, and it is that image
loads() {
	rm -rf "$STORE"
	cow load --name "$2" "$1" >"$SCRATCH/out"
	[ "$(id_of "$2")" = "$3" ] || { say "'$1' gives $(id_of "$2") for $2, and not $3"; return 1; }
	run cow run --rm "$2"
	assert_output hello
}

@test "save: the same bytes each time, and the layers are the tars that they were" {
	cow save two one -o "$SCRATCH/saved"
	[ "$(sha256sum <"$SCRATCH/saved")" = "$(cow save one two one | sha256sum)" ]
	tar -C "$SCRATCH" --one-top-level=saved.d -xf "$SCRATCH/saved"
	[ "$(find "$SCRATCH/saved.d" -type f | wc -l)" = 9 ] # two layers, two configs, two manifests, and three of no digest
	for file in "$SCRATCH"/saved.d/blobs/sha256/*; do
		[ "$(sha256sum <"$file" | cut -d' ' -f1)" = "${file##*/}" ]
	done
	for file in "$SCRATCH"/[12].tar; do
		cmp "$file" "$SCRATCH/saved.d/blobs/sha256/$(sha256sum <"$file" | cut -d' ' -f1)"
	done
	run jq -c '.[] | [.RepoTags, (.Layers | length)]' "$SCRATCH/saved.d/manifest.json"
	assert_output $'[["one:latest"],1]\n[["two:latest"],2]'
	local one two
	one=$(id_of one) two=$(id_of two)
	rm -rf "$STORE"
	cow load <"$SCRATCH/saved" >"$SCRATCH/out"
	[ "$(id_of one)/$(id_of two)" = "$one/$two" ]
	[ "$(cow save two one | sha256sum)" = "$(sha256sum <"$SCRATCH/saved")" ]
}

@test "save: skopeo reads both forms of it, umoci unpacks it" {
	local id layers
	id=$(id_of two)
	cow save two >"$SCRATCH/saved"
	layers=$(sha256sum "$SCRATCH"/[12].tar | sed 's/ .*//; s/^/sha256:/')
	[ "$(skopeo inspect "oci-archive:$SCRATCH/saved:two:latest" | jq -r '.Layers[]')" = "$layers" ]
	[ "$(skopeo inspect --config "docker-archive:$SCRATCH/saved:two:latest" | sha256sum)" ]
	skopeo copy -q "docker-archive:$SCRATCH/saved:two:latest" "dir:$SCRATCH/saved.dir"
	[ "sha256:$(jq -r .config.digest "$SCRATCH/saved.dir/manifest.json" | cut -d: -f2)" = "$id" ]
	skopeo copy -q "oci-archive:$SCRATCH/saved" "oci:$SCRATCH/saved.oci:two"
	umoci unpack --image "$SCRATCH/saved.oci:two" "$SCRATCH/saved.bundle" 2>"$SCRATCH/out"
	diff -r --no-dereference "$SCRATCH/rootfs/bin" "$SCRATCH/saved.bundle/rootfs/bin"
	[ "$(cat "$SCRATCH/saved.bundle/rootfs/file")" = more ]
	[ ! -e "$SCRATCH/saved.bundle/rootfs/mnt" ]
}

@test "load: what skopeo writes, in each of its forms" {
	local id
	id=$(id_of two)
	skopeo copy -q "oci:$SCRATCH/layout:two" "oci:$SCRATCH/saved.oci:two"
	loads "$SCRATCH/saved.oci" two "$id"
	skopeo copy -q --dest-compress-format zstd "oci:$SCRATCH/layout:two" "oci-archive:$SCRATCH/saved.tar:two"
	loads "$SCRATCH/saved.tar" two "$id"
	skopeo copy -q "oci:$SCRATCH/layout:two" "docker-archive:$SCRATCH/saved.docker:example.org/two:1"
	loads "$SCRATCH/saved.docker" two "$id"
}

@test "save: to a terminal, into a full disk, to a reader who leaves, of no image" {
	run timeout 200 "$HELPERS/terminal" run 24x80 ends -- "$COW" --store "$STORE" save one
	assert_status 1
	assert_output_matches "cow: save: an archive is nothing for a terminal"
	run --separate-stderr cow save one -o "$SCRATCH/nowhere/saved"
	assert_status 1
	[ "$stderr" = "cow: save: create '$SCRATCH/nowhere/saved': no such file or directory" ]
	run --separate-stderr cow save one three -o "$SCRATCH/saved"
	assert_status 1
	[ "$stderr" = "cow: save: no image 'three:latest' in the store '$STORE'" ]
	run --separate-stderr bash -c '"$COW" --store "$STORE" save one >/dev/full'
	assert_status 1
	[ "$stderr" = "cow: save: write 'standard output': no space left on device" ]
	run --separate-stderr bash -c '{ "$COW" --store "$STORE" save one; echo $? >"$SCRATCH/out"; } | head -c 1000 >/dev/null'
	[ "$stderr/$(cat "$SCRATCH/out")" = "cow: save: write 'standard output': broken pipe/1" ]
	[ -z "$(find "$SCRATCH" -maxdepth 1 -name '*saved*')" ]
	mkdir "$SCRATCH/saved.d"
	export -f cow
	export COW STATE STORE
	run --separate-stderr unshare --mount --propagation private bash -c '
		mount -t tmpfs -o size=600k none "$SCRATCH/saved.d" || exit 99
		echo old >"$SCRATCH/saved.d/file"
		cow save one -o "$SCRATCH/saved.d/file" && exit 98
		ls -A "$SCRATCH/saved.d"; cat "$SCRATCH/saved.d/file"'
	assert_output $'file\nold'
	[ "$stderr" = "cow: save: write '$SCRATCH/saved.d/file': no space left on device" ]
}

@test "save: over a file, into a device, interrupted" {
	echo old >"$SCRATCH/saved"
	cow save one -o "$SCRATCH/saved"
	tar -tf "$SCRATCH/saved" >"$SCRATCH/out"
	cow save one -o /dev/null
	[ -c /dev/null ]
	mkfifo "$SCRATCH/saved.fifo"
	"$COW" --store "$STORE" save one -o "$SCRATCH/saved.fifo" 2>"$SCRATCH/said" 3>&- &
	local pid=$! status=0
	exec 4<"$SCRATCH/saved.fifo"
	head -c 1 <&4 >/dev/null # it writes
	while kill -TERM $pid 2>/dev/null; do :; done
	wait $pid || status=$?
	exec 4<&-
	[ "$status/$(cat "$SCRATCH/said")" = "1/cow: save: write '$SCRATCH/saved.fifo': interrupted" ] || { say "$status: $(cat "$SCRATCH/said")"; return 1; }
}

@test "save and load: podman reads it, and what podman writes is read" {
	need_full
	local id form
	id=$(id_of two)
	cow save two >"$SCRATCH/saved"
	podman load -q -i "$SCRATCH/saved"
	[ "sha256:$(podman image inspect two --format '{{.Id}}')" = "$id" ]
	[ "$(podman run --rm two)" = hello ]
	for form in oci-archive docker-archive; do
		podman save -q --format "$form" -o "$SCRATCH/saved.$form" two
		loads "$SCRATCH/saved.$form" two "$id"
	done
}

@test "save and load: Docker reads it, and what Docker writes is read" {
	need_engines
	need_length
	local id
	id=$(id_of two)
	cow save two >"$SCRATCH/saved"
	docker_on d load -q -i "$SCRATCH/saved"
	[ "$(docker_on d image inspect two --format '{{.Id}}')" = "$id" ]
	[ "$(docker_on d run --rm --network none two)" = hello ]
	docker_on d save two >"$SCRATCH/saved.docker"
	loads "$SCRATCH/saved.docker" two "$id"
}
