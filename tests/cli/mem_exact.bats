# cow mem, to the page: containers that run the lessons of examples/copy-on-write, where every page is known. What is
# compared is the difference between two of their steps, for which only the lesson is the reason.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow

LESSONS=$OUT/examples/copy-on-write
PAGE=4096

setup_file() {
	scratch_make
	mkdir "$SCRATCH/rootfs"
	cp "$LESSONS"/{fork,workers,hugepages,memfd,file,copyup,ksm} "$HELPERS/pages" "$SCRATCH/rootfs/"
	seq -w 2097152 | head -c 16777216 >"$SCRATCH/rootfs/numbers" # 4096 pages
	tar -C "$SCRATCH/rootfs" -c . | cow import -q - "$IMAGE" >/dev/null
}

teardown() {
	containers_remove
	[ -z "${LOOP:-}" ] || { swapoff "$LOOP"; losetup -d "$LOOP"; rm "$SCRATCH/swap"; }
}

# start X [OPTION...] -- WORD...: the container $NAME-X runs a lesson, and is at its first step
start() {
	local name=$NAME-$1 options=()
	shift
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	cow run -d --name "$name" "${options[@]}" "$IMAGE" "/$1" "${@:2}" >/dev/null
	eventually has_line "$name" '^1\. '
}

# next X: to its next step
next() {
	local name=$NAME-$1 number
	number=$(cow logs "$name" | grep -c '^[0-9]*\. ')
	cowrun kill "$name" USR1
	eventually has_line "$name" "^$((number + 1))\\. "
}

exact() { cow mem --json | grep -q '^[[:space:]]"exact": true'; }

# look: what all of them have now; what they had is kept
look() {
	[ ! -e "$SCRATCH/now" ] || mv "$SCRATCH/now" "$SCRATCH/before"
	cow mem --json >"$SCRATCH/now"
	grep -q '^[[:space:]]"exact": true' "$SCRATCH/now" || { say "not exact: $(jq .why "$SCRATCH/now")"; return 1; }
}

# The figures of containers, by jq: `of "a" | .private_bytes`. The store is on tmpfs, so the files of an image may be of
# the kind shmem.
FIGURES='def of(x): .containers[] | select(.name == $name + "-" + x);
	def both(x; y): of(x) | [.shared_with[] | select(.name == $name + "-" + y) | .bytes] | add // 0;
	def files: .kinds | .file.private_bytes + .file.shared_bytes + .shmem.private_bytes + .shmem.shared_bytes;
	def anon: .kinds.anon | .private_bytes + .shared_bytes;
	def forked: .kinds.forked | .private_bytes + .shared_bytes;'

# pages FILE FIGURE...: in one line
pages() {
	local file=$1 figure list=
	shift
	for figure; do list+="${list:+, }([$figure] | add // 0) / $PAGE"; done
	jq -r --arg name "$NAME" "$FIGURES [$list] | join(\" \")" "$SCRATCH/$file"
}
# differ FIGURE PAGES ...: what was said of it before, and now, differs by so many pages
differ() {
	local figures=() expected=() before now seen=() i
	while [ $# -gt 0 ]; do figures+=("$1") expected+=("$2") && shift 2; done
	read -ra before < <(pages before "${figures[@]}")
	read -ra now < <(pages now "${figures[@]}")
	for ((i = 0; i < ${#figures[@]}; i++)); do seen+=($((now[i] - before[i]))); done
	[ "${seen[*]}" = "${expected[*]}" ] || {
		say "${figures[*]}: expected to differ by ${expected[*]} pages, saw ${seen[*]}"
		say "$(jq -c . "$SCRATCH/before") $(jq -c . "$SCRATCH/now")"
		return 1
	}
}
# is FIGURE PAGES
is() {
	local seen
	seen=$(pages now "$1")
	[ "$seen" = "$2" ] || { say "$1: expected $2 pages, saw $seen: $(<"$SCRATCH/now")"; return 1; }
}

# uss X, swapped X: summed over its processes, in KiB, as the kernel tells it of each
processes() { cowrun ps -f json "$NAME-$1" | jq '.[]'; }
uss() { for pid in $(processes "$1"); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Private_(Clean|Dirty):/ { n += $2 } END { print n }'; }
swapped() { for pid in $(processes "$1"); do cat "/proc/$pid/status"; done | awk '/^VmSwap:/ { n += $2 } END { print n }'; }

@test "fork: what is inherited counts once, what is written to twice, and what is left alone is one's own" {
	# guest: another kernel keeps other counts
	start a -- fork
	look
	is 'of("a") | forked' 0
	next a
	look
	[ "$(pages now 'of("a") | forked')" -ge 16384 ]
	next a # the child writes to 16 MiB
	look
	differ 'of("a") | .unique_bytes' 4096 'of("a") | .private_bytes' 4096 'of("a") | anon' 8192 \
		'of("a") | forked' -4096 'of("a") | .shared_bytes' 0 .union_bytes 4096
	next a # the parent to the same: nobody else has them any more
	look
	differ 'of("a") | .unique_bytes' 0 'of("a") | anon' 0 'of("a") | forked' 0
	next a
	look
	is 'of("a") | forked' 0
	is 'of("a") | .processes * 4096' 1
}

@test "a parent and four workers: 64 MiB are private, where USS says there is next to nothing" {
	start a -- workers
	next a
	look
	[ "$(pages now 'of("a") | .private_bytes')" -ge 16384 ]
	[ "$(pages now 'of("a") | .private_bytes')" -le $((16384 + 512)) ]
	is 'of("a") | .shared_bytes' 0
	[ "$(uss a)" -lt 2048 ]
	next a # the four unmap them: not one page is free
	look
	differ 'of("a") | .unique_bytes' 0 'of("a") | forked' -16384 'of("a") | anon' 16384
	next a # the fifth does: all are
	look
	differ 'of("a") | .unique_bytes' -16384 'of("a") | .private_bytes' -16384 'of("a") | anon' -16384 .union_bytes -16384
}

@test "a file through two overlays is one; a page that is written to leaves it" {
	# guest: another kernel keeps other counts
	start a -- file /numbers
	start b -- file /numbers
	look
	next a
	look
	differ 'of("a") | files' 4096 'of("a") | .private_bytes' 4096 'both("a"; "b")' 0 .union_bytes 4096
	next b
	look
	differ 'of("b") | files' 4096 'of("b") | .shared_bytes' 4096 'both("a"; "b")' 4096 'of("a") | .private_bytes' -4096 \
		'of("a") | .shared_bytes' 4096 .union_bytes 0 .saved_bytes 4096
	next b # writes to 1024 pages of its private mapping
	look
	differ 'of("b") | files' -1024 'of("b") | anon' 1024 'of("b") | .unique_bytes' 0 'both("a"; "b")' -1024 \
		'of("a") | .private_bytes' 1024 .union_bytes 1024
	next b # throws that away
	look
	differ 'of("b") | files' 1024 'of("b") | anon' -1024 'both("a"; "b")' 1024 .union_bytes -1024
}

@test "one byte written to a file of the image: all of the file is there twice" {
	start a -- copyup /numbers
	start b -- copyup /numbers
	look
	next b # its mapping is still of the old file
	look
	differ 'both("a"; "b")' 0 .union_bytes 0
	next b
	look
	differ 'both("a"; "b")' -4096 'of("b") | .private_bytes' 4096 'of("b") | files' 0 'of("a") | .private_bytes' 4096 \
		.union_bytes 4096
}

@test "a file of a disk is of the kind file, and what two containers map of it is shared" {
	local dir
	dir=$(mktemp -d "/var/tmp/cowrun-test.$COWRUN_TEST.XXXXXX")
	[ "$(stat -fc %T "$dir")" != tmpfs ] || { rmdir "$dir"; skip "needs a file system on a disk below /var/tmp"; }
	mv "$SCRATCH/rootfs/numbers" "$dir/numbers"
	start a -v "$dir:/shared" -- file /shared/numbers
	start b -v "$dir:/shared" -- file /shared/numbers
	next a
	look
	next b
	look
	differ 'of("b") | .kinds.file.shared_bytes' 4096 'of("a") | .kinds.file.private_bytes' -4096 'both("a"; "b")' 4096 .union_bytes 0
	containers_remove
	mv "$dir/numbers" "$SCRATCH/rootfs/numbers"
	rmdir "$dir"
}

@test "a page that one process maps twice is one page" {
	start a -- pages twice
	look
	next a
	look
	differ 'of("a") | .kinds.shmem.private_bytes' 2048 'of("a") | .unique_bytes' 2048
	next a
	look
	differ 'of("a") | .kinds.shmem.private_bytes' 0 'of("a") | .unique_bytes' 0 'of("a") | .shared_bytes' 0
}

@test "shared memory of a parent and a child is the container's own" {
	start a -- pages shared
	look
	next a
	look
	differ 'of("a") | .kinds.shmem.private_bytes' 2048 'of("a") | .unique_bytes' 2048
	next a
	look
	next a
	look
	differ 'of("a") | .kinds.shmem.private_bytes' 0 'of("a") | .unique_bytes' 0 'of("a") | .shared_bytes' 0
}

@test "a memory file, mapped privately: its pages are shmem, those that are written to are anonymous" {
	start a -- memfd
	look
	next a
	look
	differ 'of("a") | anon' -16384 'of("a") | .kinds.shmem.private_bytes' 16384
	next a
	look
	next a
	look
	differ 'of("a") | anon' 2048 'of("a") | .kinds.shmem.private_bytes' 0 'of("a") | .unique_bytes' 2048
	next a
	look
	differ 'of("a") | anon' -2048 'of("a") | .kinds.shmem.private_bytes' 0
}

@test "of a huge page that is inherited, one byte that is written copies 4 KiB" {
	grep -qE '\[(always|madvise)\]' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null || skip "needs transparent huge pages"
	start a -- hugepages
	look
	[ "$(grep -c '^1\. 64 MiB' < <(cow logs "$NAME-a"))" = 1 ]
	[ "$(pages now 'of("a") | .large_page_bytes')" -ge 16384 ] || skip "the host has no huge pages left"
	next a
	look
	next a
	look
	differ 'of("a") | .unique_bytes' 1 'of("a") | anon' 2 'of("a") | forked' -1 'of("a") | .large_page_bytes' 0
}

@test "pages of the pool of huge pages" {
	[ "$(awk '/^HugePages_Free:/ { print $2 }' /proc/meminfo)" -ge 4 ] 2>/dev/null || skip "needs four free huge pages: vm.nr_hugepages"
	start a -- pages huge
	look
	next a
	look
	differ 'of("a") | .kinds.hugetlb.private_bytes' 2048 'of("a") | .unique_bytes' 2048
}

@test "pages that KSM has merged are shared, and their copies are not" {
	[ "$(cat /sys/kernel/mm/ksm/run 2>/dev/null)" = 1 ] || skip "needs KSM to run: /sys/kernel/mm/ksm/run"
	start a -- ksm
	start b -- ksm
	look
	next a
	next b
	look
	is 'of("a") | .kinds.ksm.shared_bytes' 4096
	differ 'both("a"; "b")' 4096 .union_bytes -4096 'of("b") | .unique_bytes' 0
	next b
	look
	differ 'both("a"; "b")' -1024 'of("b") | anon' 1024 'of("a") | .kinds.ksm.private_bytes' 1024 .union_bytes 1024
}

@test "pages on swap count once, however many processes have inherited them" {
	need_controller memory
	need_guest "a host's swap is its own affair"
	need_kernel 6.12 "a User-Mode Linux in which processes that have pages on swap can end"
	local group
	truncate -s 64M "$SCRATCH/swap"
	LOOP=$(losetup -f --show "$SCRATCH/swap")
	mkswap "$LOOP" >/dev/null
	swapon "$LOOP"
	start a -- fork
	next a
	look
	is 'of("a") | .swap_bytes' 0
	group=$(inspect "$NAME-a" cgroup)
	# All that can be: the kernel says EAGAIN where it was less.
	echo 20M >"$CGROUP/$group/memory.reclaim" || true
	# It goes on for a moment.
	eventually exact
	look
	say "on swap: $(pages now 'of("a") | .swap_bytes') pages"
	[ "$(pages now 'of("a") | .swap_bytes')" -ge 1024 ]
	differ 'of("a") | anon + forked + .swap_bytes' 0 'of("a") | .swap_private_bytes - .swap_bytes' 0
	# Two processes have nearly each of these pages, so the sum of what the kernel says of them is nearly double.
	[ "$(swapped a)" -gt $(($(pages now 'of("a") | .swap_bytes') * 4 * 19 / 10)) ]
}
