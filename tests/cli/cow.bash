# For the tests of `cow`: an image, and what must be left of containers. `load cow` after `load helpers`.
#
#   $IMAGE            the name of an image of one busybox, in $STORE; containers named after it carry the run's mark
#   $TAR              its root file system
# shellcheck shell=bash disable=SC2154 # status, output and stderr are set by run of bats

IMAGE=cowrun-test.${COWRUN_TEST,,}:1
NAME=$ID
export IMAGE NAME

# image_make [IMPORT OPTIONS]: in setup_file, after scratch_make
image_make() {
	TAR=$SCRATCH/rootfs.tar
	export TAR
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/hog" "$SCRATCH/rootfs/bin/"
	tar -C "$SCRATCH/rootfs" -cf "$TAR" .
	cow import -q "$@" "$TAR" "$IMAGE" >/dev/null
}

# layout_make DIR FILTER: an OCI layout of the same files; the jq filter changes its config
layout_make() {
	local dir=$1 filter=$2 layer config manifest
	mkdir -p "$dir/blobs/sha256"
	layer=$(blob "$dir" <"$TAR")
	config=$(jq -cn --arg layer "sha256:$layer" '{architecture: "amd64", os: "linux", config: {Cmd: ["/bin/sh"]},
		rootfs: {type: "layers", diff_ids: [$layer]}}' | jq -c --arg machine "$(uname -m)" \
		'if $machine == "aarch64" then .architecture = "arm64" else . end' | jq -c "$filter" | blob "$dir")
	manifest=$(jq -cn --arg config "sha256:$config" --arg layer "sha256:$layer" --argjson layer_size "$(stat -c %s "$TAR")" \
		--argjson config_size "$(stat -c %s "$dir/blobs/sha256/$config")" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $config_size},
		layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $layer, size: $layer_size}]}' | blob "$dir")
	jq -cn --arg digest "sha256:$manifest" --argjson size "$(stat -c %s "$dir/blobs/sha256/$manifest")" '{schemaVersion: 2,
		manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size}]}' >"$dir/index.json"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$dir/oci-layout"
}

# blob DIR: standard input as a blob; prints its digest
blob() {
	local digest
	cat >"$1/blob"
	digest=$(sha256sum <"$1/blob")
	digest=${digest%% *}
	mv "$1/blob" "$1/blobs/sha256/$digest"
	echo "$digest"
}

# eventually COMMAND...: await, in silence
eventually() { await silently "$@"; }
silently() { "$@" >/dev/null 2>&1; }

inspect() {
	local text
	text=$(cow inspect "$1")
	text=${text#[} text=${text%]}
	member "$2" "$text"
}
monitor_of() { inspect "$1" monitor_pid; }
is_status() { [ "$(inspect "$1" status 2>/dev/null)" = "$2" ]; }
# is_executing NAME PROGRAM: its first process does; sleeps_in NAME: one of its processes, as in asleep
is_executing() { executes "$(inspect "$1" pid 2>/dev/null)" "$2"; }
sleeps_in() {
	local pid
	while read -r pid; do ! asleep "$pid" || return 0; done <"$CGROUP/cowrun-$1/cgroup.procs"
	return 1
}
has_line() { cow logs "$1" 2>&1 | grep -q -- "$2"; }
is_gone() { [[ $(awk '{ print $3 }' "/proc/$1/stat" 2>/dev/null) =~ ^Z?$ ]]; }

# ends_with STATUS PID: a child of this shell
ends_with() {
	local seen=0
	wait "$2" || seen=$?
	[ "$seen" -eq "$1" ] || { say "expected process $2 to end with $1, saw $seen"; return 1; }
}

# Nothing of a container: no record, no files, no group, no process.
assert_nothing_of() {
	local name=$1 left
	left=$(find "$STATE/$name" "$STORE/containers/$name" "$CGROUP/cowrun-$name" -maxdepth 0 2>/dev/null || true)
	left+=$(find "$STORE/trash" "$STORE/tmp" -mindepth 1 2>/dev/null || true)
	[ -z "$left" ] || { say "left of $name: $left"; return 1; }
}

# Nothing of any container. (Filters that are kept are nobody's.)
assert_nothing_left() {
	local left
	left=$(find "$STATE" "$STORE/containers" "$STORE/trash" "$STORE/tmp" -mindepth 1 ! -path "$STATE/.seccomp*" ! -path "$STATE/.devices*" 2>/dev/null || true)
	left+=$(find "$CGROUP" -maxdepth 1 -type d -name "cowrun-$ID*" 2>/dev/null || true)
	[ -z "$left" ] || { say "left: $left"; return 1; }
}
