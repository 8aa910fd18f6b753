# cow faults: broken pages of real forks, counted to the page; who wrote them; what all could cost.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/forker" "$SCRATCH/rootfs/bin/"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/forker.tar" .
	cow import -q "$SCRATCH/forker.tar" "$IMAGE" >/dev/null
}

# up NAME WORKERS PAGES KIND [RUN OPTIONS]: a forker in the background, when it is ready
up() {
	local name=$1 workers=$2 pages=$3 kind=$4
	shift 4
	cow run -d --name "$name" "$@" "$IMAGE" forker "$workers" "$pages" "$kind" /tmp/fifo >/dev/null
	eventually has_line "$name" ready
}

# tell NAME LINE: to its forker, through its own root: no process of ours enters it
tell() {
	local before
	before=$(cow logs "$1" | grep -c '^done')
	echo "$2" >"/proc/$(inspect "$1" pid)/root/tmp/fifo"
	eventually has_done "$1" $((before + 1))
}
has_done() { [ "$(cow logs "$1" | grep -c '^done')" -ge "$2" ]; }

# watch NAME...: looks into $SCRATCH/looks, ten times a second; the first has been when it returns
watch() {
	: >"$SCRATCH/looks"
	cow faults --json -i 0.1 "$@" >"$SCRATCH/looks" &
	WATCH=$!
	eventually has_looks 1
}
has_looks() { [ "$(wc -l <"$SCRATCH/looks")" -ge "$1" ]; }
unwatch() {
	[ -z "${WATCH:-}" ] || kill "$WATCH" 2>/dev/null || true
	WATCH=
}

# looked FILTER: true of all looks, an array; what came until now, and is whole
looked() {
	head -n "$(wc -l <"$SCRATCH/looks")" "$SCRATCH/looks" >"$SCRATCH/whole"
	jq -s -e "$1" "$SCRATCH/whole" >/dev/null || { say "does not hold: $1; saw $(jq -c 'del(.mappings)' "$SCRATCH/whole")"; return 1; }
}
# look_again: two more have come, so one of them has begun after this
look_again() { eventually has_looks $(($(wc -l <"$SCRATCH/looks") + 2)); }
sum() { echo "([.[].$1] | add)"; }

# once FILTER: of one look
once() { jq -e "$1" <<<"$output" >/dev/null || { say "does not hold: $1; saw $output"; return 1; }; }

# The tracepoints are x86's, and User-Mode Linux has none.
has_tracepoints() { looked '.[0].write_protect_why == null'; }

teardown() {
	unwatch
	[ -z "${FORKER:-}" ] || kill "$FORKER" 2>/dev/null || true
	containers_remove
	if [ -n "${SWAP:-}" ]; then
		swapoff "$SWAP" || true
		losetup -d "$SWAP"
	fi
	if [ -n "${GROUP:-}" ]; then
		echo 1 >"$GROUP/cgroup.kill"
		eventually rmdir "$GROUP"
	fi
}

# exact KIND PAGES: 47 pages written by two of three workers are 47 broken ones, 47 faults, and nothing else
exact() {
	local protect=47 before
	# A worker's first write to a file's page is to one that it has not mapped: no fault of protection.
	case $1 in memfd | file) protect=0 ;; esac
	up "$NAME-$1" 3 "$2" "$1"
	watch "$NAME-$1"
	before=$(head -n 1 "$SCRATCH/looks" | jq .broken_pages)
	tell "$NAME-$1" "1 40"
	tell "$NAME-$1" "2 7"
	look_again
	looked "$(sum broken_since_pages) == 47 and $(sum origin_wrote_since_pages) == 0"
	looked "last | .broken_pages == $before + 47 and .exact and (.processes | length == 4)"
	looked "[last.processes[].broken_pages - .[0].processes[].broken_pages] | sort | .[-1] >= 40"
	case $1 in
	memfd | file) looked 'last | [.mappings[] | select(.name | contains("forker")) | .broken_pages] | index(47) != null' ;;
	*) looked "last.inherited_pages == .[0].inherited_pages - 47 and last.exposure.anon_bytes == .[0].exposure.anon_bytes - 47 * 4096" ;;
	esac
	if has_tracepoints 2>/dev/null; then
		looked "last.faults_since_first == {write_protect: $protect, minor: 47, major: 0}"
	else
		looked 'last.faults_since_first | .write_protect == null and .minor >= 47'
	fi
	# Three more, and nothing but these.
	tell "$NAME-$1" "2 3"
	look_again
	looked "$(sum broken_since_pages) == 50"
	unwatch
	cow stop -t 0 "$NAME-$1"
}

@test "every page that is written after a fork is one broken page and one fault: small pages" {
	# guest: another kernel
	exact small 500
}

@test "every page that is written after a fork is one broken page and one fault: large pages" {
	exact large 1024
}

@test "every page that is written after a fork is one broken page and one fault: private mappings of files" {
	exact memfd 500
	exact file 500
}

@test "what the parent writes is its doing, once" {
	up "$NAME" 3 300 small
	watch "$NAME"
	tell "$NAME" "0 20"
	look_again
	looked "$(sum origin_wrote_since_pages) == 60 and $(sum broken_since_pages) == 0"
	unwatch
	# Who looks for the first time knows it by three workers of one mind.
	run cow faults --json "$NAME"
	assert_status 0
	once '.origin_wrote_pages >= 60 and .origin_writes >= 20 and .origin_writes < 30'
}

@test "workers come and go, and with the container the command ends" {
	local end
	up "$NAME" 2 300 small
	watch "$NAME"
	tell "$NAME" "1 50"
	look_again
	tell "$NAME" "1 end"
	eventually looked 'last.processes | length == 2'
	looked "$(sum broken_since_pages) == 50 and last.broken_pages < .[0].broken_pages + 50"
	cow stop -t 0 "$NAME"
	wait "$WATCH"
	end=$?
	WATCH=
	[ "$end" = 0 ]
}

@test "a parent outside of the group is held against too" {
	local pid workers
	GROUP=$CGROUP/cowrun-test.$COWRUN_TEST-outside
	mkdir -p "$GROUP"
	"$HELPERS/forker" 2 400 small "$SCRATCH/fifo" >"$SCRATCH/forker" 3>&- &
	FORKER=$!
	eventually grep ready "$SCRATCH/forker"
	read -ra workers <"/proc/$FORKER/task/$FORKER/children" || true # no newline at its end
	for pid in "${workers[@]}"; do echo "$pid" >"$GROUP/cgroup.procs"; done
	echo "1 25" >"$SCRATCH/fifo"
	eventually eval '[ $(grep -c done "$SCRATCH/forker") -ge 4 ]'
	run cow faults --json --cgroup "$GROUP"
	assert_status 0
	once "(.processes | length == 2) and all(.processes[]; .origin_pid == $FORKER and .relation == \"parent\")"
	once '.inherited_pages >= 800 - 25 and .inherited_pages < 800'
	once '[.processes[].broken_pages] | (max - min) == 25'
	# Two address spaces show what a third one outside holds: all of it would be copied.
	once '.exposure.anon_bytes >= (800 - 25) * 4096 and .exposure.anon_bytes < 900 * 4096'
}

@test "for people: by mapping, by process, and a line each time" {
	up "$NAME" 2 300 small
	run cow faults -p "$NAME"
	assert_status 0
	assert_output_matches '^MAPPING +BROKEN +PAGES +INHERITED +ORIGIN WROTE +UNCLEAR'
	assert_output_matches 'anonymous +'
	assert_output_matches $'\n *PID +COMMAND +ORIGIN ' # a pid may be short
	assert_output_matches '3 processes: .* broken of .* \([0-9]+ %\)\. Exact\.'
	assert_output_matches 'If it wrote all: \+.* anonymous, .* of files\)\.'
	run cow faults -i 0.1 -n 3 "$NAME"
	assert_status 0
	[ "$(grep -cE '^ +[0-9]+\.[0-9] ' <<<"$output")" = 2 ]
	assert_output_matches 'SECONDS +BROKEN +\+BROKEN +INHERITED +WP/S +MINOR/S +MAJOR/S +IF ALL'
}

@test "names command no terminal" {
	# shellcheck disable=SC2016 # for the inner shell
	cow run -d --name "$NAME" "$IMAGE" sh -c 'evil=$(printf "/tmp/\\033[2Ja\\nb"); cp /bin/forker "$evil"; exec "$evil" 1 20 file /tmp/fifo' >/dev/null
	eventually has_line "$NAME" ready
	run cow faults -p "$NAME"
	assert_status 0
	[[ $output != *$'\033'* ]]
	assert_output_matches '/tmp/\?\[2Ja'
	run cow faults --json "$NAME"
	[[ $output != *$'\033'* ]]
	once '[.mappings[].name | select(contains("[2Ja"))] | length >= 1'
}

@test "what cannot be is said in one line" {
	cow run --name "$NAME-ended" "$IMAGE" true
	fails "container '$NAME-no' does not exist" cow faults "$NAME-no"
	fails "container '$NAME-ended' is not running" cow faults "$NAME-ended"
	fails 'name a container' cow faults
	fails 'name a container' cow faults --cgroup / "$NAME"
	fails "open the cgroup '$SCRATCH/no'" cow faults --cgroup "$SCRATCH/no"
	fails 'not a cgroup v2 directory' cow faults --cgroup "$SCRATCH"
	fails 'no number of seconds' cow faults -i x "$NAME"
	fails 'no number of seconds' cow faults -i 0 "$NAME"
	fails 'needs --interval' cow faults -n 3 "$NAME"
}

@test "without the privilege nothing is guessed" {
	need_program setpriv
	GROUP=$CGROUP/cowrun-test.$COWRUN_TEST-plain
	mkdir -p "$GROUP"
	chmod 711 "$SCRATCH"
	fails 'page frames are not told without CAP_SYS_ADMIN' \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$COW" --root "$STATE" faults --cgroup "$GROUP"
	chmod 700 "$SCRATCH"
}

@test "a warning before the avalanche: the limit leaves less than could be written" {
	need_controller memory
	# 24 MiB, which three workers could each make their own.
	up "$NAME" 3 6144 small -m 64m
	run cow faults "$NAME"
	assert_status 0
	assert_output_matches 'warning: if it wrote all: \+7[0-9]\.[0-9] MiB; its limit leaves [0-9.]+ MiB'
	run cow faults --json "$NAME"
	once '.exposure | .limit_bytes == 67108864 and .limit_left_bytes < .bytes and .limit_left_bytes > 20000000 and (.warning | startswith("its limit leaves"))'
	once '.exposure | .bytes >= 3 * 6144 * 4096'
	# What has been written cannot be written again.
	tell "$NAME" "1 6144"
	tell "$NAME" "2 1000"
	run cow faults --json "$NAME"
	once '.exposure | .bytes < (3 * 6144 - 7144) * 4096 + 1048576'
	cow stop -t 0 "$NAME"
	up "$NAME-b" 3 6144 small -m 1g
	run cow faults "$NAME-b"
	assert_status 0
	[[ $output != *warning* ]]
}

@test "pages in swap are compared by their slots" {
	need_controller memory
	need_guest "swap of its own"
	need_program mkswap
	dd if=/dev/zero of="$SCRATCH/swap" bs=1M count=64 status=none
	mkswap "$SCRATCH/swap" >/dev/null 2>&1
	SWAP=$(losetup --find --show "$SCRATCH/swap") || skip "needs a loop device"
	swapon "$SWAP"
	up "$NAME" 2 2000 small
	tell "$NAME" "1 100"
	local group
	group=$CGROUP/$(inspect "$NAME" cgroup)
	echo 64M >"$group/memory.reclaim" 2>/dev/null || true
	run cow faults --json "$NAME"
	cow stop -t 0 "$NAME"
	once '.exposure.swap_bytes > 0'
	once '.inherited_pages + .unclear_pages >= 3900 and .broken_pages >= 100 and .broken_pages < 200'
}
