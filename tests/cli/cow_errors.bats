# What goes wrong with images and containers: one line that names the object, and nothing left.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# in_namespace SCRIPT: in a mount namespace of its own
in_namespace() { unshare -m --propagation private bash -c "$1"; }
# with_tmpfs SIZE SCRIPT: the same, with a small $SCRATCH/small
with_tmpfs() {
	mkdir -p "$SCRATCH/small"
	in_namespace "mount -t tmpfs -o size=$1,mode=700 tmpfs '$SCRATCH/small' || exit; $2"
}
export -f cow

@test "no store, no image" {
	run --separate-stderr "$COW" --root "$STATE" --store "$SCRATCH/none" run --pull never "$IMAGE"
	assert_status 125
	assert_one_line "^cow: run: no image '$IMAGE': there is no store '$SCRATCH/none' yet"
	[ ! -e "$SCRATCH/none" ]
	fails "^cow: run: no image 'nope:latest' in the store '$STORE'" cow run --pull never nope
	fails "^cow: rmi: no image 'nope:latest'" cow rmi nope
	fails "^cow: rmi: no image 'x': there is no store" "$COW" --store "$SCRATCH/none" rmi x
	run "$COW" --store "$SCRATCH/none" images
	assert_status 0
	assert_nothing_left
}

@test "a directory that is no store, or another version's, or open to all" {
	mkdir -p "$SCRATCH/foreign" "$SCRATCH/later"
	touch "$SCRATCH/foreign/file"
	fails "store '$SCRATCH/foreign'" "$COW" --root "$STATE" --store "$SCRATCH/foreign" run "$IMAGE"
	fails "store '$SCRATCH/foreign'.*not empty" "$COW" --store "$SCRATCH/foreign" import "$TAR" x
	[ "$(ls -A "$SCRATCH/foreign")" = file ]
	cp -a "$STORE" "$SCRATCH/other"
	echo 'cowrun-store 9' >"$SCRATCH/other/version"
	fails "store '$SCRATCH/other'.*version is 'cowrun-store 9'" "$COW" --root "$STATE" --store "$SCRATCH/other" run "$IMAGE"
	cp "$STORE/version" "$SCRATCH/other/version"
	chmod 777 "$SCRATCH/other"
	fails "store '$SCRATCH/other'" "$COW" --root "$STATE" --store "$SCRATCH/other" run "$IMAGE"
	chmod 700 "$SCRATCH/other"
	run "$COW" --root "$STATE" --store "$SCRATCH/other" run --rm --name "$NAME" "$IMAGE" true
	assert_status 0
	assert_nothing_left
}

@test "a damaged store: record, config, layer" {
	cp -a "$STORE" "$SCRATCH/damaged"
	local id config layer
	other() { "$COW" --root "$STATE" --store "$SCRATCH/damaged" "$@"; }
	id=$(cow images --json | jq -r --arg name "$IMAGE" '.[] | select(.name == $name).id')
	layer=$(cow images --json | jq -r --arg name "$IMAGE" '.[] | select(.name == $name).layers[0]')
	config=$SCRATCH/damaged/blobs/sha256/${id#sha256:}
	layer=$SCRATCH/damaged/layers/${layer#sha256:}

	mv "$layer" "$layer.away"
	fails "${layer##*/}" other run --name "$NAME" "$IMAGE" true
	assert_status 125
	assert_nothing_left
	mv "$layer.away" "$layer"

	chmod u+w "$config"
	truncate -s 10 "$config"
	fails "image '$IMAGE': .*${id#sha256:}" other run --name "$NAME" "$IMAGE" true
	rm "$config"
	fails "image '$IMAGE': .*${id#sha256:}" other run --name "$NAME" "$IMAGE" true

	local record
	record=$(ls "$SCRATCH"/damaged/images/*.json)
	echo '{"half": ' >"$record"
	fails "image" other run --name "$NAME" "$IMAGE" true
	assert_nothing_left
	[ -z "$(find "$SCRATCH"/damaged/{containers,tmp,trash} -mindepth 1)" ]
}

@test "a full disk: below the store, below the state root" {
	fails "no space left on device" with_tmpfs 4m '
		STORE=$SCRATCH/small/store
		cow import -q "$TAR" "$IMAGE" >/dev/null
		cat /dev/zero >"$SCRATCH/small/fill" 2>/dev/null
		cow run --name "$NAME" "$IMAGE" true; status=$?
		find "$STORE"/{containers,tmp,trash} -mindepth 1
		exit $status'
	assert_status 125
	[ -z "$output" ]
	assert_nothing_left
	fails "no space left on device" with_tmpfs 64k '
		STATE=$SCRATCH/small/state
		mkdir -m 700 "$STATE"
		cat /dev/zero >"$SCRATCH/small/fill" 2>/dev/null
		cow run --name "$NAME" "$IMAGE" true; status=$?
		ls "$STATE"
		exit $status'
	[ -z "$output" ]
	assert_nothing_left
}

@test "not root" {
	need_program setpriv
	local line words
	mkdir -p "$STATE"
	chmod 700 "$STATE"
	chmod 711 "$SCRATCH"
	for line in "run $IMAGE" images "rmi $IMAGE" "import $TAR x" ps "rm x" "exec x true" mem; do
		read -ra words <<<"$line"
		fails "(permission denied|not permitted|root)" as_nobody "$COW" --root "$STATE" --store "$STORE" "${words[@]}"
	done
	fails "make the state root '$SCRATCH/no-such': permission denied" as_nobody "$COW" --root "$SCRATCH/no-such" --store "$STORE" run "$IMAGE" true
	[ ! -e "$SCRATCH/no-such" ]
	chmod 700 "$SCRATCH"
}

@test "no overlay in the kernel" {
	need_program strace
	need_static "sanitizers do not like to be traced"
	fails "this kernel has no overlay file system" strace -qqo /dev/null -e inject=fsopen:error=ENODEV \
		"$COW" --root "$STATE" --store "$STORE" run --name "$NAME" "$IMAGE" true
	assert_status 125
	assert_nothing_left
}

@test "a store on overlay" {
	mkdir -p "$SCRATCH"/o/{lower,upper,work,merged}
	run --separate-stderr in_namespace '
		mount -t overlay -o "lowerdir=$SCRATCH/o/lower,upperdir=$SCRATCH/o/upper,workdir=$SCRATCH/o/work" o "$SCRATCH/o/merged"
		STORE=$SCRATCH/o/merged/store
		cow import -q "$TAR" "$IMAGE" >/dev/null
		cow run --rm --name "$NAME" "$IMAGE" echo ran'
	if [ "$status" = 0 ]; then
		assert_output ran # kernels may come to allow it
	else
		assert_one_line "$SCRATCH/o/merged/store' for container layers: it is on overlayfs"
	fi
	assert_nothing_left
}

@test "a damaged record of a container: told, and taken away by force" {
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
	cow stop -t 0 "$NAME" >/dev/null
	echo garbage >"$STATE/$NAME/record"
	run cow ps -a
	assert_status 0
	assert_output_matches "$NAME"
	local word
	for word in inspect logs wait stop rm; do
		fails "'$NAME'.*damaged" cow "$word" "$NAME"
	done
	fails "'$NAME'.*damaged" cow exec "$NAME" true
	run cow rm -f "$NAME"
	assert_status 0
	[ ! -e "$STATE/$NAME" ] && [ ! -e "$CGROUP/cowrun-$NAME" ]
	rm -rf "$STORE/containers/$NAME" # whose it is was in the record alone
}

@test "a container whose store was deleted: listed, and removed" {
	cp -a "$STORE" "$SCRATCH/deleted"
	"$COW" --root "$STATE" --store "$SCRATCH/deleted" run -d --name "$NAME" "$IMAGE" true >/dev/null
	cow wait "$NAME"
	rm -rf "$SCRATCH/deleted"
	run cow ps -a
	assert_output_matches "$NAME .*exited \(0\)"
	fails "container '$NAME' has no log" cow logs "$NAME"
	[ "$(inspect "$NAME" exit_status)" = 0 ]
	cow rm "$NAME"
	assert_nothing_left
}

@test "programs that cannot run, each for its own reason" {
	printf '#!/no/shell\n' >"$SCRATCH/script"
	printf 'text\n' >"$SCRATCH/text"
	printf '#!/bin/sh\r\n' >"$SCRATCH/windows"
	chmod +x "$SCRATCH"/{script,text,windows}
	cp "$SCRATCH/script" "$SCRATCH/plain"
	chmod -x "$SCRATCH/plain"
	local mounts=(-v "$SCRATCH/script:/script" -v "$SCRATCH/text:/text" -v "$SCRATCH/windows:/windows" -v "$SCRATCH/plain:/plain")
	run --separate-stderr -127 cow run --name "$NAME" "${mounts[@]}" "$IMAGE" /script
	assert_one_line "'/script'.*interpreter '/no/shell'"
	run --separate-stderr -127 cow run --name "$NAME" "${mounts[@]}" "$IMAGE" /windows
	assert_one_line "'/windows'.*Windows"
	run --separate-stderr cow run --name "$NAME" "${mounts[@]}" "$IMAGE" /text
	assert_status 126
	assert_one_line "'/text'"
	run --separate-stderr cow run --name "$NAME" "${mounts[@]}" "$IMAGE" /plain
	assert_status 126
	assert_one_line "'/plain'.*not executable"
	assert_nothing_left
}

@test "a cow without its other programs" {
	mkdir -p "$SCRATCH/alone"
	cp "$COW" "$SCRATCH/alone/"
	fails "find the program 'cow-monitor': it is neither in '$SCRATCH/alone/' nor in" \
		"$SCRATCH/alone/cow" --root "$STATE" --store "$STORE" run -d --name "$NAME" "$IMAGE"
	fails "find the program 'cow-import'" "$SCRATCH/alone/cow" --store "$STORE" load x
	fails "find the program 'cow-doctor'" "$SCRATCH/alone/cow" doctor
	assert_nothing_left
}

@test "command lines" {
	fails "^cow: unknown command: No help topic for 'nope'" cow nope
	fails "^cow: unknown option '--nope'" cow --nope
	fails "^cow: run: usage: cow run \[options\] IMAGE" cow run
	fails "^cow: exec: usage: " cow exec x
	fails "^cow: logs: usage: " cow logs
	fails "option --name: flag needs an argument" cow run --name
	fails "option --memory: 'lots' is not a size" cow run -m lots "$IMAGE"
	fails "option --cpus: 'many' is not a number" cow run --cpus many "$IMAGE"
	fails "option --cpus: '0' is not a number" cow run --cpus 0 "$IMAGE"
	fails "option --pids-limit: '-' is neither a number nor -1" cow run --pids-limit - "$IMAGE"
	fails "container 'x' does not exist" cow mem x
	fails "'/proc' is neither a cgroup v2 directory" cow mem --cgroup /proc
	fails "open the cgroup '/no/such'" cow mem --cgroup /no/such
	assert_nothing_left
}
