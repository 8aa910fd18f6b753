# What the attacks have in common: `load attacks` behind `load containers`. A canary on the host is a file and a directory
# that no container may touch; each attack is also made on somebody without protection, or on a build without it
# (tests/weak), to see that it would have been noticed. COWRUN_ALL=1 makes races and matrices as long as they may be.
# shellcheck shell=bash disable=SC2154

# How often a race is run: RACES (tests/weak sets it), or a few times, or the two thousand that it may need.
RACES=${RACES:-${COWRUN_ALL:+2000}}
RACES=${RACES:-20}
NO_DEV='.mounts |= map(select(.destination | startswith("/dev") | not))'
PTRACE='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]'

setup() {
	canary_make
	bundle
}

teardown() {
	local pid
	for pid in ${ATTACKERS:-}; do kill -KILL "$pid" || true; done
	containers_remove
	rm -rf --one-file-system "$SCRATCH/bundle" "$SCRATCH/volume" "$CANARY"
}

# The way to the canary, as an image would write it: as on the host, or far enough up. (Only the first one leads out of
# a child of ours whose protection is gone, as tests/weak shows: what is above the root on "/" is that root again.)
outside() { echo "$CANARY${1:+/$1}"; }
far_up() { echo "../../../../../../../..$(outside "$@")"; }

# attempt [FILTER ...]: a start that may succeed, or be refused in one line; the canary is as it was
attempt() {
	bundle "$@"
	run --separate-stderr timeout 60 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	[ "$status" -ne 124 ] || { say "hangs"; return 1; }
	[ "$status" -eq 0 ] || assert_one_line '^cowrun: run: ' || return 1
	assert_canary_unchanged || return 1
	assert_gone "$ID"
}

# swapping DIR: there d is a directory and link a symlink to the canary, and they change places all the time
swapping() {
	mkdir -p "$1/d"
	ln -sfn "$(outside)" "$1/link"
	rm -f "$SCRATCH/swap"
	"$HELPERS/probe" swap "$1" d link >"$SCRATCH/swap" 3>&- &
	ATTACKERS="${ATTACKERS:-} $!"
	await grep -qs swapping "$SCRATCH/swap"
}
