# For tests of templates and their forks. `load fork` after `load cow`.
# shellcheck shell=bash disable=SC2154

# warm_image_make [HELPER...]: $IMAGE, of a scratch: busybox with the programs warm and HELPER
warm_image_make() {
	local helper
	rootfs_make "$SCRATCH/rootfs"
	for helper in warm "$@"; do cp "$HELPERS/$helper" "$SCRATCH/rootfs/bin/"; done
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" "$IMAGE" >/dev/null
}

# forks_remove TEMPLATE: the template last, which its forks need
forks_remove() {
	local left
	left=$(cow ps -aq | grep -vx -- "$1") || true
	# shellcheck disable=SC2086 # names, one a word
	[ -z "$left" ] || cow rm -f $left >/dev/null
	cow rm -f "$1" >/dev/null 2>&1 || true
}
