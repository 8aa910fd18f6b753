# What the tests of containers have in common: `load containers` behind `load helpers`.
# shellcheck shell=bash disable=SC2154

# bundle [FILTER [JQ ARGUMENTS]]: the file's bundle, in $BUNDLE, with that change of config.json.
# What containers of the test before have written into its root is gone, or a test would take it for its own one's.
bundle() {
	BUNDLE=$SCRATCH/bundle
	[ -n "${BUNDLE_IS_OURS:-}" ] || rm -f "$BUNDLE"/rootfs/{fds,go,got,log,n,ran,ready}
	BUNDLE_IS_OURS=1
	make_bundle "$BUNDLE" "$@"
}

# A jq filter that makes the words the container's command: bundle "$(args sh -c 'exit 3')"
args() { echo "(.process.args = $(words "$@"))"; }

# words WORD...: as a list of strings in jq and JSON; by the shell alone, since tests do it a thousand times
words() {
	local word list=
	for word; do
		word=${word//\\/\\\\}
		word=${word//\"/\\\"}
		word=${word//$'\n'/\\n}
		word=${word//$'\t'/\\t}
		list+=${list:+, }\"$word\"
	done
	printf '[%s]\n' "$list"
}

# inside SCRIPT [FILTER [JQ ARGUMENTS]]: runs the script by the container's shell, as bats' run does.
inside() {
	local script=$1 filter=${2:-.}
	shift $(($# < 2 ? $# : 2))
	bundle "$(args sh -c "$script") | $filter" "$@"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
}

# gives OUTPUT SCRIPT [FILTER ...]: the same, and that is what it prints, with status 0.
gives() {
	local expected=$1
	shift
	inside "$@"
	assert_status 0 && assert_output "$expected"
}

# refuses REGEX FILTER [JQ ARGUMENTS]: a container of such a config.json is refused with that one line, and
# nothing of it is left.
refuses() {
	local regex=$1
	shift
	bundle "$@"
	fails "$regex" cowrun run -b "$BUNDLE" "$ID" && assert_gone "$ID"
}

# sleeper [FILTER ...]: a running container that sleeps; what it prints goes to $SCRATCH/out.
sleeper() {
	local filter=${1:-.}
	shift $(($# < 1 ? $# : 1))
	bundle "$(args sleep 1000) | $filter" "$@"
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >"$SCRATCH/out" 2>&1
	PID=$(<"$SCRATCH/pid")
}

# not COMMAND...: it fails. (After a bare "!" the shell goes on whatever it was.)
not() { ! "$@"; }

# state ID KEY: one value of the state document
state() { member "$2" "$(cowrun state "$1")"; }
status_is() { [ "$(state "$1" status)" = "$2" ]; }
# has_program ID NAME: its first process executes it
has_program() { executes "$(state "$1" pid 2>/dev/null)" "$2"; }

# ends_with STATUS PID: of a process that this shell started (bats' run would wait for it in another one)
ends_with() {
	local seen=0
	wait "$2" || seen=$?
	[ "$seen" -eq "$1" ] || { say "expected process $2 to end with status $1, saw $seen"; return 1; }
}

# A process that is there, and not only as a zombie that nobody has waited for yet.
alive() { grep -qs '^State:.[^ZX]' "/proc/$1/status"; }
ended() { ! alive "$1"; }

# assert_gone ID...: no record, no cgroup, no process of that container.
assert_gone() {
	local id
	for id; do
		[ ! -e "$STATE/$id" ] || { say "left behind: $STATE/$id: $(ls "$STATE/$id")"; return 1; }
		[ ! -e "$CGROUP/cowrun-$id" ] || { say "left behind: cgroup cowrun-$id"; return 1; }
	done
}

# Which namespace: of a process, by its pid.
namespace_of() { readlink "/proc/$1/ns/$2"; }

# created [FILTER ...]: a container that waits to be started; its pid in $PID, its output in $SCRATCH/out
created() {
	bundle "$@"
	cowrun create -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >"$SCRATCH/out" 2>&1
	PID=$(<"$SCRATCH/pid")
}

# --- what engines say of memory, beside cow mem -------------------------------------------------------------------
# stats_start COMMAND...: that runs containers in the background, named anon, reader, first, second and shm. What they
# read is not on tmpfs, whose pages would be memory of another kind.
stats_start() {
	local mapper=(-v "$HELPERS:/mnt:ro" -v /usr/bin/skopeo:/file:ro busy /mnt/mapper /file)
	local shell=(-v "$(command -v busybox):/busybox:ro" -v /usr/bin/umoci:/file:ro busy /busybox sh -c)
	# Whoever reads them pays: out of memory with them first.
	dd if=/usr/bin/skopeo iflag=nocache count=0 status=none
	dd if=/usr/bin/umoci iflag=nocache count=0 status=none
	"$@" --name anon -v "$HELPERS:/mnt:ro" busy /mnt/hog 64 forever
	"$@" --name reader "${shell[@]}" '/busybox cat /file >/dev/null; echo ready; exec /busybox sleep 1000'
	"$@" --name shm "${shell[@]}" '/busybox dd if=/dev/zero of=/dev/shm/x bs=1M count=16; echo ready; exec /busybox sleep 1000'
	"$@" --name first "${mapper[@]}"
}
# stats_ready LOGS...: the command prints the log of each
stats_ready() {
	local name
	for name in anon reader shm first; do "$@" "$name" 2>&1 | grep -q ready || return 1; done
}
stats_second() { "$@" --name second -v "$HELPERS:/mnt:ro" -v /usr/bin/skopeo:/file:ro busy /mnt/mapper /file; }

# stats_hold CENSUS STATS: what cow mem --json said of them, and lines "NAME SIZE" of what the engine said, are as we know
# them; and a table of both, for people.
stats_hold() {
	jq -e --argjson mapped "$(stat -c %s /usr/bin/skopeo)" --argjson read "$(stat -c %s /usr/bin/umoci)" '
		1048576 as $mib | INDEX(.containers[]; .name) as $c | $c.first.shared_with[0] as $with |
		($c.anon.private_bytes >= 64 * $mib and $c.anon.private_bytes < 66 * $mib) and
		($c.reader.unique_bytes < 3 * $mib and $c.reader.charged_bytes >= $read) and
		($c.shm.unique_bytes < 3 * $mib and $c.shm.cost_bytes >= 16 * $mib and $c.shm.cost_bytes < 18 * $mib) and
		([$c.first, $c.second | .unique_bytes >= $mapped] | all) and
		($c.first.charged_bytes >= $mapped and $c.second.charged_bytes < $mib) and
		($with.name == "second" and $with.bytes >= $mapped) and ($c.first.private_bytes < $mib)' "$1" >/dev/null || { say "saw $(jq -c '.containers[]' "$1")"; return 1; }
	jq -r --rawfile stats "$2" '($stats | split("\n") | map(split(" ") | {(.[0] // ""): (.[1] // "")}) | add) as $seen |
		.containers[] | select($seen[.name]) | [.name, $seen[.name], (.unique_bytes, .private_bytes, .shared_bytes, .cost_bytes,
		.charged_bytes | . / 104857.6 | round / 10 | "\(.) MiB")] | join(" | ")' "$1" | sed 's/^/# /' >&3
}
