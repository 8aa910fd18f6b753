# What the tests of mounts have in common: `load mounts` behind `load containers`.
# shellcheck shell=bash disable=SC2154

# The host of these tests is a mount namespace of its own, in which everything is shared: what a container lets out
# is seen there, and nothing else comes and goes. It ends with its holder.
setup() { mounts_setup; }
mounts_setup() {
	SOURCE=$SCRATCH/source
	rm -f "$SCRATCH/holder" # of the test before
	unshare -m --propagation private bash -c 'mount --make-rshared / && echo && exec sleep 1000' >"$SCRATCH/holder" 3>&- &
	HOLDER=$!
	await test -s "$SCRATCH/holder"
	rm -rf "$SOURCE"
	mkdir -p "$SOURCE/dir"
	echo content >"$SOURCE/file"
	echo inner >"$SOURCE/dir/file"
	mountinfo_before=$(mounts_here)
}

teardown() {
	containers_remove
	kill "$HOLDER"
}

host() { nsenter -t "$HOLDER" -m -- "$@"; }
cowrun() { host "$COWRUN" --root "$STATE" "$@" 3>&-; }
mount() { host mount "$@"; }
mounts_here() { cut -d ' ' -f 3- "/proc/$HOLDER/mountinfo" | sort; }
nothing_mounted_here() { diff <(echo "$mountinfo_before") <(mounts_here) >&2; }

# bind DESTINATION OPTION... : a jq filter that binds $SOURCE (or $FROM) there
bind() {
	local destination=$1
	shift
	echo ".mounts += [{destination: \"$destination\", type: \"none\", source: \"${FROM:-$SOURCE}\", options: $(words "$@")}]"
}

# fresh TYPE DESTINATION OPTION...: a jq filter that mounts a new file system there
fresh() {
	local type=$1 destination=$2
	shift 2
	echo ".mounts += [{destination: \"$destination\", type: \"$type\", source: \"$type\", options: $(words "$@")}]"
}

# Inside: the flags of the mount there, in order
FLAGS='flags() { awk -v d="$1" "\$5 == d { f = \$6 } END { print f }" /proc/self/mountinfo; }; '
