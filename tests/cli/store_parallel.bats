# Many at once on one store: imports, runs, commits, tags, removals and gc, all of them of the same few images. What
# fails says that something was removed meanwhile, and nothing else; the store is whole afterwards, and empty in the end.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
	local i
	for i in 1 2 3; do
		mkdir -p "$SCRATCH/more$i"
		cp -a "$SCRATCH/rootfs/." "$SCRATCH/more$i/"
		head -c 200000 /dev/urandom >"$SCRATCH/more$i/data"
		tar -C "$SCRATCH/more$i" -cf "$SCRATCH/more$i.tar" .
	done
}

# honest COMMAND...: it succeeds, or fails because somebody else was there
honest() {
	local said
	said=$("$@" 2>&1 >/dev/null) && return
	grep -qE "no image '|removed meanwhile|is not in the store|not in the store any more" <<<"$said" || echo "$*: $said" >>"$SCRATCH/dishonest"
}

# worker N ROUNDS: each kind of work in turn, each worker at another place in it
worker() {
	local n=$1 rounds=$2 i turn image
	for ((i = 0; i < rounds; i++)); do
		turn=$(((i + n) % 6)) image=more$(((i * 7 + n) % 3 + 1))
		case $turn in
		0|3) honest cow import -q "$SCRATCH/$image.tar" "$image" ;;
		1) honest cow run --pull never --rm --name "$ID-w$n-$i" "$image" true ;;
		2)
			honest cow run --pull never --name "$ID-c$n-$i" "$image" sh -c "echo $n >/made"
			[ ! -d "$STATE/$ID-c$n-$i" ] || honest cow commit -q "$ID-c$n-$i" "made$n"
			cow rm -f "$ID-c$n-$i" >/dev/null 2>&1 || true ;;
		4) honest cow rmi "$image" ;;
		5) honest cow gc; honest cow images; honest cow tag "$image" "also$n" ;;
		esac
	done
}

@test "readers and writers at once: no failure but honest ones, and a whole store" {
	local workers=3 rounds=7 n name pids=()
	[ -z "${COWRUN_ALL:-}" ] || workers=6 rounds=60
	for ((n = 0; n < workers; n++)); do
		worker "$n" "$rounds" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ ! -e "$SCRATCH/dishonest" ] || { cat "$SCRATCH/dishonest" >&2; return 1; }
	cow verify >"$SCRATCH/verified" || { cat "$SCRATCH/verified" >&2; return 1; }
	while read -r name; do cow rmi "$name" >/dev/null; done < <(cow images -q)
	cow gc >/dev/null
	run find "$STORE"/{layers,images,tmp,trash,containers,blobs/sha256} -mindepth 1
	assert_output ''
	run find "$STORE/objects" -type f
	assert_output ''
}
