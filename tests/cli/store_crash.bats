# SIGKILL at any system call of what changes the store, and a disk that is full at any of those that write: no half
# layer is used, the images are those of before or after, once more is enough, and nothing is left over.
# SEED chooses the places anew; COWRUN_ALL takes thirty times as many, COW_POINTS=all every one.
# shellcheck disable=SC2034,SC2153,SC2317 # functions are called by name
load helpers
load cow
load crash
load registry

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
	export SEED
	mkdir -p "$SCRATCH/lower/dir/old" "$SCRATCH/upper/dir/sub"
	echo one >"$SCRATCH/lower/dir/one"
	echo two >"$SCRATCH/lower/two"
	chmod 4755 "$SCRATCH/lower/two"
	ln -s two "$SCRATCH/lower/link"
	head -c 300000 /dev/urandom >"$SCRATCH/lower/dir/random"
	echo three >"$SCRATCH/upper/dir/sub/three"
	ln "$SCRATCH/upper/dir/sub/three" "$SCRATCH/upper/hard"
	touch "$SCRATCH/upper/.wh.two" "$SCRATCH/upper/dir/.wh..wh..opq"
	setfattr -n user.mine -v yes "$SCRATCH/upper/hard" 2>/dev/null || true
	archive_make
}

# archive_make: $SCRATCH/archive.tar.gz, a layout of both as "pair:1", one layer gzip and one zstd
archive_make() {
	local dir=$SCRATCH/layout type=application/vnd.oci.image name ids=() blobs=() sizes=() config manifest
	mkdir -p "$dir/blobs/sha256"
	for name in lower upper; do
		tar -C "$SCRATCH/$name" --xattrs -cf "$SCRATCH/$name.tar" .
		ids+=("sha256:$(sha256sum <"$SCRATCH/$name.tar" | cut -d' ' -f1)")
	done
	gzip -c "$SCRATCH/lower.tar" >"$SCRATCH/lower.packed"
	zstd -qc "$SCRATCH/upper.tar" >"$SCRATCH/upper.packed"
	for name in lower upper; do
		blobs+=("sha256:$(blob "$dir" <"$SCRATCH/$name.packed")")
		sizes+=("$(stat -c %s "$SCRATCH/$name.packed")")
	done
	config=$(jq -nc --arg machine "$(uname -m)" '{architecture: (if $machine == "aarch64" then "arm64" else "amd64" end),
		os: "linux", rootfs: {type: "layers", diff_ids: $ARGS.positional}}' --args "${ids[@]}" | blob "$dir")
	manifest=$(jq -nc --arg type "$type" --arg config "sha256:$config" --argjson size "$(stat -c %s "$dir/blobs/sha256/$config")" \
		--argjson a "${sizes[0]}" --argjson b "${sizes[1]}" '{schemaVersion: 2, mediaType: "\($type).manifest.v1+json",
		config: {mediaType: "\($type).config.v1+json", digest: $config, size: $size}, layers: [
		{mediaType: "\($type).layer.v1.tar+gzip", digest: $ARGS.positional[0], size: $a},
		{mediaType: "\($type).layer.v1.tar+zstd", digest: $ARGS.positional[1], size: $b}]}' --args "${blobs[@]}" | blob "$dir")
	jq -nc --arg digest "sha256:$manifest" --argjson size "$(stat -c %s "$dir/blobs/sha256/$manifest")" '{schemaVersion: 2,
		manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size,
		annotations: {"org.opencontainers.image.ref.name": "pair:1"}}]}' >"$dir/index.json"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$dir/oci-layout"
	tar -C "$dir" -czf "$SCRATCH/archive.tar.gz" .
}

# --- what is swept: prepare_NAME makes the store as it is before, $COMMAND is run -------------------------------------------
prepare_load() {
	cow import -q "$SCRATCH/upper.tar" other >/dev/null
	COMMAND=("$COW" --store "$STORE" load -q "$SCRATCH/archive.tar.gz")
}

prepare_import() {
	COMMAND=("$COW" --store "$STORE" import -q "$SCRATCH/lower.tar" imported)
}

# over an image of the same name, whose own layer goes
prepare_replace() {
	cow import -q "$SCRATCH/lower.tar" pair:1 >/dev/null
	COMMAND=("$COW" --store "$STORE" load -q "$SCRATCH/archive.tar.gz")
}

prepare_rmi() {
	cow load -q "$SCRATCH/archive.tar.gz" >/dev/null
	cow import -q "$SCRATCH/upper.tar" other >/dev/null
	COMMAND=("$COW" --store "$STORE" rmi pair:1)
}

# of a container that has changed, added and deleted something
prepare_commit() {
	cow import -q "$SCRATCH/rootfs.tar" files >/dev/null
	cow run --name "$NAME" files sh -ec 'echo new >/new; mkdir -p /dir/sub; rm /etc/group; echo more >>/etc/passwd'
	COMMAND=("$COW" --root "$STATE" --store "$STORE" commit -q "$NAME" committed:1)
}

registry_of_pair() {
	need_host "a registry is no guest's matter"
	need_program python3
	rm -rf "$SCRATCH/stub"
	stub_start "$SCRATCH/layout"
}

prepare_pull() {
	cow import -q "$SCRATCH/upper.tar" other >/dev/null
	COMMAND=("$COW" --store "$STORE" pull -q --retry 0 "$STUB/ok/x:1")
}

# over images and layers that nothing names any more
prepare_gc() {
	prepare_load
	"${COMMAND[@]}" >/dev/null
	rm "$STORE"/images/*.json # as what is killed before its last step
	cow import -q "$SCRATCH/upper.tar" other >/dev/null
	COMMAND=("$COW" --store "$STORE" gc)
}

afresh() {
	cow rm -f "$NAME" >/dev/null 2>&1 || true
	rm -rf "$STORE"
}

# --- the state of a store --------------------------------------------------------------------------------------------------
# A committed image has the time in it, so the container's changes, and so its layer and its id.
images() { cow images --json | jq -c 'map(if .name == "committed:1" then .name else [.name, .id, .layers] end) | sort'; }

# half: a line for each thing in the store that is not whole, or that an image names and is not there
half() {
	local dir layer
	for dir in "$STORE"/layers/*; do
		[ ! -e "$dir" ] || { [ -s "$dir/meta.json" ] && [ -d "$dir/fs" ]; } || echo "half a layer: $dir"
	done
	for layer in $(cow images --json | jq -r '.[].layers[]'); do
		[ -s "$STORE/layers/${layer#sha256:}/meta.json" ] || echo "an image without its layer $layer"
	done
	# a store of which there is no more than the beginning
	[ -e "$STORE/version" ] && [ -e "$STORE/empty/b" ] || return 0
	cow verify >"$SCRATCH/verified" 2>&1 || cat "$SCRATCH/verified"
}

# leftovers: what nobody works on
leftovers() { find "$STORE/tmp" "$STORE/trash" -mindepth 1 -maxdepth 1 2>/dev/null; }

# orphans: what is there when no image is
orphans() {
	local name
	cow rm -f "$NAME" >/dev/null 2>&1 || true
	for name in $(cow images -q); do cow rmi "$name" >/dev/null || echo "rmi $name"; done
	find "$STORE"/{layers,blobs/sha256,tmp,trash,objects,downloads} -mindepth 1 -maxdepth 1 2>/dev/null
}

some() {
	local n=$1
	[ -z "${COWRUN_ALL:-}" ] || n=$((30 * n))
	[ "${COW_POINTS:-}" != all ] || n=100000
	(unset COWRUN_ALL && choose "$n")
}

# sweep NAME N OPERATION: at N points of that operation, do_OPERATION CALL K
sweep() {
	local what=$1 n=$2 how=$3 name k wrong tried=0 bad=0
	export FOLLOW=-f # for killed
	need_injection
	afresh
	"prepare_$what"
	BEFORE=$(images)
	strace -f -qq -o "$SCRATCH/baseline" "${COMMAND[@]}" >/dev/null
	AFTER=$(images)
	[ "$what" = gc ] || [ "$BEFORE" != "$AFTER" ]
	calls "$SCRATCH/baseline" | awk '!seen[$2, $3]++ { print $2, $3 }' | "only_$how" >"$SCRATCH/points"
	while read -r name k <&5; do
		afresh
		"prepare_$what"
		wrong=$("$how" "$name" "$k" 2>&1)
		tried=$((tried + 1))
		[ -n "$wrong" ] || continue
		bad=$((bad + 1))
		say "$what, $how at $name $k (SEED=$SEED):" $'\n'"$wrong"
	done 5< <(some "$n" <"$SCRATCH/points")
	[ -z "${COWRUN_ALL:-}" ] || echo "# $what, $how: $tried points, $bad wrong" >&3
	[ "$tried" -gt 0 ] && [ "$bad" = 0 ]
}

# once_more: the same again, after which all is as if nothing had been
once_more() {
	local said
	said=$("${COMMAND[@]}" 2>&1 >/dev/null) || [ "$(images)" = "$AFTER" ] || echo "once more: $said"
	[ "$(images)" = "$AFTER" ] || echo "once more, and the images are $(images)"
	half
	orphans
}

only_kills() { grep -vE '^(exit|exit_group|execve) '; }
kills() {
	local now
	killed "$1" "$2" "${COMMAND[@]}" >/dev/null 2>&1 || true
	now=$(images)
	[ "$now" = "$BEFORE" ] || [ "$now" = "$AFTER" ] || echo "the images are $now"
	half
	once_more
}

only_fills() { grep -E '^(write|pwrite64|writev|mkdirat|mknodat|symlinkat|linkat|renameat|renameat2|fsync|fdatasync|syncfs|ftruncate|fallocate|fsetxattr|copy_file_range|sendfile|splice) '; }
fills() {
	local now rc=0
	strace -f -qq -o "$SCRATCH/filled" -e "trace=$1" -e "inject=$1:error=ENOSPC:when=$2" "${COMMAND[@]}" >/dev/null 2>"$SCRATCH/said" 3>&- || rc=$?
	case $rc in
	0) ;;
	# (the same call of another of its processes may have been what it had to say)
	1) [ "$(wc -l <"$SCRATCH/said")" = 1 ] || grep -q 'write(2, .*(INJECTED)' "$SCRATCH/filled" || echo "says: $(cat "$SCRATCH/said")" ;;
	*) echo "status $rc; says: $(cat "$SCRATCH/said")" ;;
	esac
	now=$(images)
	[ "$now" = "$BEFORE" ] || [ "$now" = "$AFTER" ] || echo "the images are $now"
	half
	# what cannot be moved away is, by the next one
	[[ $1 == rename* ]] || leftovers
	once_more
}

# --- a disk of any size -----------------------------------------------------------------------------------------------------
only_sizes() { seq -f 'size %g' 40 8 1400; }

# sizes size KIB: the store on a file system of that size, which is larger then
sizes() {
	mkdir -p "$SCRATCH/small"
	export -f cow in_small half leftovers orphans
	# shellcheck disable=SC2016 # for the inner shell
	KIB=$2 unshare --mount --propagation private bash -c \
		'mount -t tmpfs -o "size=${KIB}k" none "$SCRATCH/small" && STORE=$SCRATCH/small/store in_small'
}

in_small() {
	local rc=0
	cow load -q "$SCRATCH/archive.tar.gz" >/dev/null 2>"$SCRATCH/said" || rc=$?
	[ $rc = 0 ] || { [ $rc = 1 ] && [ "$(wc -l <"$SCRATCH/said")" = 1 ]; } || echo "status $rc; says: $(cat "$SCRATCH/said")"
	[ $rc = 0 ] || leftovers
	mount -o remount,size=64m none "$SCRATCH/small"
	cow load -q "$SCRATCH/archive.tar.gz" >/dev/null || echo "once more is refused"
	[ "$(cow images -q)" = pair:1 ] || echo "the images are $(cow images -q)"
	half
	orphans
}

@test "cow load, killed at any system call" { sweep load 2 kills; }
@test "cow load over an image of that name, killed at any system call" { sweep replace 1 kills; }
@test "cow import, killed at any system call" { sweep import 1 kills; }
@test "cow rmi, killed at any system call" { sweep rmi 1 kills; }

@test "cow commit, killed at any system call" { sweep commit 1 kills; }
@test "cow pull, killed at any system call" {
	registry_of_pair
	sweep pull 1 kills
}

@test "cow gc, killed at any system call" {
	sweep gc 1 kills
}

@test "cow load, the disk full at any system call" { sweep load 2 fills; }
@test "cow load over an image of that name, the disk full at any system call" { sweep replace 1 fills; }
@test "cow import, the disk full at any system call" { sweep import 1 fills; }
@test "cow rmi, the disk full at any system call" { sweep rmi 1 fills; }
@test "cow commit, the disk full at any system call" { sweep commit 1 fills; }
@test "cow pull, the disk full at any system call" {
	registry_of_pair
	sweep pull 1 fills
}
@test "cow gc, the disk full at any system call" {
	sweep gc 1 fills
}
@test "cow load, onto a disk of any size" { sweep load 2 sizes; }
