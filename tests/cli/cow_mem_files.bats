# cow mem, and the files behind the memory: whose they are, and page cache that nobody maps.
# shellcheck disable=SC2153 # NAME is from cow.bash
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/mapper" "$HELPERS/hog" "$SCRATCH/rootfs/bin/"
	head -c 2097152 /dev/urandom >"$SCRATCH/rootfs/data"
	TAR=$SCRATCH/rootfs.tar
	export TAR
	tar -C "$SCRATCH/rootfs" -cf "$TAR" .
	cow import -q "$TAR" "$IMAGE" >/dev/null
	head -c 307200 /dev/urandom >"$SCRATCH/rootfs/bin/other"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/other.tar" .
	cow import -q "$SCRATCH/other.tar" other >/dev/null
}

teardown() {
	containers_remove
	[ -z "${DISK:-}" ] || rm -rf "$DISK"
	[ -z "${OUTSIDE:-}" ] || kill "$OUTSIDE" 2>/dev/null || true
}

# up NAME IMAGE WORDS...: a container in the background, when its program has said "ready"
up() {
	local name=$1 image=$2
	shift 2
	cow run -d --name "$name" "$image" "$@" >/dev/null
	eventually has_line "$name" ready
}

# measure ARGUMENTS: by cow mem --json; census FILTER: of what it saw; holds FILTER: that is so
measure() { cow mem --json "$@" >"$SCRATCH/census"; }
census() { jq -c "$1" "$SCRATCH/census"; }
holds() { [ "$(census "$1")" = true ] || { say "does not hold: $1; saw $(<"$SCRATCH/census")"; return 1; }; }

# layer_of IMAGE: its only layer, as people see it
layer_of() {
	local digest
	digest=$(cow inspect --type image "$1" | jq -r '.[0].RootFS.Layers[0]')
	digest=${digest#sha256:}
	echo "${digest:0:12}"
}

# file PATH: the row of that file, of a census by file
file() { census ".files[] | select(.path == \"$1\")"; }

@test "the page cache of a container's own files is in its cost, while nobody maps it" {
	local quiet
	up "$NAME" "$IMAGE" sh -c 'echo ready; while :; do sleep 1000; done'
	eventually sleeps_in "$NAME"
	measure "$NAME"
	holds '.containers[0].private_cache_bytes == 0'
	quiet=$(census '.containers[0].cost_bytes')
	cow exec "$NAME" dd if=/dev/urandom of=/own bs=1M count=4
	measure "$NAME"
	holds '.containers[0].private_cache_bytes == 4194304'
	holds ".containers[0].cost_bytes - $quiet | . >= 4000000 and . < 4600000"
	# Another maps half of it: that is private, and not there once more.
	cow exec "$NAME" sh -c 'head -c 2097152 /own >/half; rm /own; (mapper /half >/out) & until grep -q ready /out; do sleep 0.02; done'
	measure "$NAME"
	holds '.containers[0] | .private_cache_bytes > 0 and .private_cache_bytes <= 4096'
	holds '.containers[0] | .kinds.file.private_bytes + .kinds.shmem.private_bytes >= 2097152'
}

@test "where a container has too many files of its own, their page cache is not known" {
	up "$NAME" "$IMAGE" sh -c 'mkdir /many; cd /many; seq 20001 | xargs touch; echo ready; while :; do sleep 1000; done'
	measure "$NAME"
	holds '.containers[0] | .private_cache_bytes == null and .cost_bytes >= .private_bytes'
	run --separate-stderr cow mem
	assert_status 0
	[[ $stderr == *"$NAME': more than 20000 files: it is not in the cost of 1 container" ]] || { say "saw $stderr"; return 1; }
}

@test "a file is told by its layer, whichever image shows it, and the sums agree" {
	local first other
	up "$NAME-1" "$IMAGE" sh -c 'head -c 102400 /data >/mine; mapper /data /mine'
	up "$NAME-2" other mapper /data /bin/other
	# This one has removed what it maps.
	up "$NAME-3" "$IMAGE" sh -c 'mapper /data & while :; do sleep 1000; done'
	cow exec "$NAME-3" rm /data
	first=$(layer_of "$IMAGE") other=$(layer_of other)
	measure --by file "$NAME-1" "$NAME-2" "$NAME-3"
	holds "[.files[] | select(.path == \"/mine\")] | length == 1 and .[0].layer == \"own\" and .[0].private_bytes == 102400"
	holds "[.files[] | select(.path == \"/bin/other\")] | length == 1 and .[0].layer == \"$other\" and .[0].private_bytes == 307200"
	holds "[.files[] | select(.path | startswith(\"/bin/mapper\"))] | length >= 1 and all(.layer == \"$first\" or .layer == \"$other\")"
	# Contents are shared, where the kernel can: then it is one file. Of two layers it is else, but of each once.
	holds "[.files[] | select(.path | startswith(\"/data\"))] | [.[].containers[].name] | unique | length == 3"
	holds "[.files[] | select(.path | startswith(\"/data\"))] | length <= 2 and all(.layer == \"$first\" or .layer == \"$other\")"
	# What is mapped of files is what the kinds say, page by page, and each page is somebody's.
	holds '. as $c | [.containers[] | .name as $n | [$c.files[].containers[] | select(.name == $n).bytes] | add]
		== [.containers[].kinds | .file.private_bytes + .file.shared_bytes + .shmem.private_bytes + .shmem.shared_bytes]'
	run cow mem --by file
	assert_output_matches "/mine +own +1 +100 KiB +100 KiB"
	assert_output_matches "[0-9]+ files: [0-9.]+ MiB mapped\\."
	measure --by layer
	holds ".layers[] | select(.layer == \"$first\") | .containers == 2 and .mapped_bytes >= 2097152 and .images == [\"$IMAGE\"]
		and .resident_bytes >= .mapped_bytes and .unmapped_bytes == .resident_bytes - .mapped_bytes"
	holds '.layers[] | select(.layer == "own") | .containers == 1 and .mapped_bytes == 102400 and .digest == null'
	run cow mem --by layer
	assert_output_matches "$other +other:latest +1 +[0-9.]+ MiB +[0-9.]+ MiB +[0-9.]+ [KM]iB"
}

@test "what is resident of a layer is told, mapped or not, and nothing is read in by the looking" {
	local file layer
	[ "$(stat -f -c %T /var/tmp)" != tmpfs ] || skip "needs a disk behind /var/tmp"
	DISK=$(mktemp -d "/var/tmp/cowrun-test.$COWRUN_TEST.XXXXXX")
	local STORE=$DISK/store
	cow import -q "$TAR" "$IMAGE" >/dev/null
	layer=$(layer_of "$IMAGE")
	sync -f "$STORE"
	find "$STORE/layers" "$STORE/objects" -type f | while read -r file; do dd if="$file" iflag=nocache count=0 status=none; done
	measure --by layer
	holds '.layers == null or all(.layers[]; .resident_bytes == 0)'
	measure --by layer
	holds '.layers == null or all(.layers[]; .resident_bytes == 0)'
	cow run --rm "$IMAGE" cat /data >/dev/null
	measure --by layer
	holds ".layers[] | select(.layer == \"$layer\") | .mapped_bytes == 0 and .containers == 0
		and .resident_bytes >= 2097152 and .unmapped_bytes == .resident_bytes"
	up "$NAME" "$IMAGE" mapper /data
	measure --by layer "$NAME"
	holds ".layers[] | select(.layer == \"$layer\") | .mapped_bytes >= 2097152 and .containers == 1 and .unmapped_bytes < .resident_bytes"
	cow rm -f "$NAME" >/dev/null
}

# inside PID PYTHON: statements in the mount namespace of that process, with `fuse` an open /dev/fuse if there is one
inside() {
	python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def check(r):
    if r < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def mount(source, target, kind, options=None):
    check(libc.mount(source.encode(), target.encode(), kind.encode(), 0, options.encode() if options else None))
try: fuse = os.open("/dev/fuse", os.O_RDWR)
except OSError: fuse = -1
check(libc.setns(os.open("/proc/%s/ns/mnt" % sys.argv[1], os.O_RDONLY), 0x20000))
exec(sys.argv[2])' "$@"
}

@test "a container that mounts something else over what it maps neither fools nor stalls" {
	local pid first
	up "$NAME" "$IMAGE" mapper /data /bin/busybox
	first=$(layer_of "$IMAGE")
	pid=$(inspect "$NAME" pid)
	# An overlay with another file of that name.
	inside "$pid" '
os.makedirs("/tmp", exist_ok=True); mount("tmpfs", "/tmp", "tmpfs")
for d in "lower", "upper", "work": os.mkdir("/tmp/" + d)
open("/tmp/lower/busybox", "w").write("another")
mount("evil", "/bin", "overlay", "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work")'
	measure --by file "$NAME"
	holds "[.files[] | select(.path == \"/bin/busybox\").layer] == [\"$first\"]"
	# A link to a file of the host in its place, and the file under another name.
	cow exec "$NAME" true 2>/dev/null || true
	inside "$pid" 'os.rename("/data", "/moved"); os.symlink("/etc/passwd", "/data")'
	run timeout 200 "$COW" --root "$STATE" --store "$STORE" mem --by file --json "$NAME"
	assert_status 0
	jq -e '[.files[] | select(.mapped_bytes == 2097152)] | length == 1 and .[0].layer == null and .[0].path == "/moved"' <<<"$output"
	# A file system that never answers.
	grep -qw fuse /proc/filesystems && [ -e /dev/fuse ] || skip "the rest needs FUSE"
	inside "$pid" '
if os.fork() == 0:
    os.setsid(); os.close(0); os.close(1); os.close(2)
    mount("stall", "/bin", "fuse.stall", "fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse)
    open("/tmp/mounted", "w").write(str(os.getpid()))
    import time
    while True: time.sleep(1000)' 3>&-
	eventually test -s "/proc/$pid/root/tmp/mounted"
	run timeout 200 "$COW" --root "$STATE" --store "$STORE" mem --by file --json "$NAME"
	assert_status 0
	jq -e --arg layer "$first" '[.files[] | select(.path == "/bin/busybox").layer] == [$layer]' <<<"$output"
	OUTSIDE=$(<"/proc/$pid/root/tmp/mounted")
}

@test "of another engine's container the layers are those of its overlay" {
	local pid
	DISK=$(mktemp -d "/var/tmp/cowrun-test.$COWRUN_TEST.XXXXXX")
	mkdir -p "$DISK"/overlay/{l,LAYER-ONE/diff,UPPER/diff,UPPER/work,merged}
	ln -s ../LAYER-ONE/diff "$DISK/overlay/l/SHORT"
	cp "$HELPERS/mapper" "$DISK/overlay/LAYER-ONE/diff/"
	head -c 409600 /dev/urandom >"$DISK/overlay/LAYER-ONE/diff/data"
	head -c 204800 /dev/urandom >"$DISK/overlay/UPPER/diff/own"
	head -c 102400 /dev/urandom >"$SCRATCH/bound"
	unshare -m sh -c '
		set -e; cd "$1/overlay"
		mount -t overlay overlay -o "lowerdir=$1/overlay/l/SHORT,upperdir=$1/overlay/UPPER/diff,workdir=$1/overlay/UPPER/work" merged
		mkdir -p merged/old merged/tmp; touch merged/bound; mount --bind "$2" merged/bound
		mount -t tmpfs tmpfs merged/tmp; head -c 51200 /dev/urandom >merged/tmp/file
		cd merged; pivot_root . old; exec /mapper /data /own /bound /tmp/file' sh "$DISK" "$SCRATCH/bound" >"$SCRATCH/said" 3>&- &
	OUTSIDE=$!
	eventually grep ready "$SCRATCH/said"
	measure --by file --pid "$OUTSIDE"
	holds '[.files[] | select(.path == "/data")] | length == 1 and .[0].layer == "LAYER-ONE" and .[0].private_bytes == 409600'
	holds '[.files[] | select(.path == "/own")] | length == 1 and .[0].layer == "own" and .[0].private_bytes == 204800'
	holds '[.files[] | select(.path == "/tmp/file")] | length == 1 and .[0].layer == "tmpfs" and .[0].mapped_bytes == 53248'
	# It is on tmpfs itself.
	holds '[.files[] | select(.path == "/bound")] | length == 1 and .[0].layer == "tmpfs"'
	kill "$OUTSIDE"
	eventually is_gone "$OUTSIDE"
}

@test "tmpfs that it does not map is in a container's cost, where the memory controller tells" {
	need_controller memory
	up "$NAME" "$IMAGE" sh -c 'echo ready; while :; do sleep 1000; done'
	eventually sleeps_in "$NAME"
	measure "$NAME"
	local quiet
	quiet=$(census '.containers[0].cost_bytes')
	cow exec "$NAME" dd if=/dev/zero of=/dev/shm/file bs=1M count=16
	measure "$NAME"
	holds '.containers[0].unmapped_shmem_bytes | . >= 14680064 and . <= 18874368'
	holds ".containers[0].cost_bytes - $quiet >= 14680064"
}
