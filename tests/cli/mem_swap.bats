# The census of pages that were swapped out, to the page: a unit program that needs a guest, for its swap.
load helpers

setup_file() { scratch_make; }

teardown() {
	[ -z "${LOOP:-}" ] || { swapoff "$LOOP"; losetup -d "$LOOP"; rm "$SCRATCH/swap"; }
}

@test "slots of swap count once, and are shared like frames" {
	need_guest "a host's swap is its own affair"
	truncate -s 64M "$SCRATCH/swap"
	LOOP=$(losetup -f --show "$SCRATCH/swap")
	mkswap "$LOOP" >/dev/null
	swapon "$LOOP"
	run "$OUT/tests/unit/cgroup_census_swap"
	assert_status 0
	assert_output_matches '^ok 1 .*slots_count_once'
	[[ $output != *'# skip'* ]]
}
