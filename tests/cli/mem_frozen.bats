# cow mem disturbs nobody: containers run on whatever happens to it, and none of them fools or stalls it.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow
load crash

setup_file() {
	scratch_make
	image_make
	SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
	export SEED
}

# Anywhere else there is no guardian, and nobody is frozen.
setup() {
	[ "$(readlink /proc/self/ns/pid)" = "pid:[4026531836]" ] || skip "needs the first pid namespace"
}

# up NAME WORDS...: a container in the background, when its program has said "ready"
up() {
	local name=$1
	shift
	cow run -d --name "$name" "$IMAGE" "$@" >/dev/null
	eventually has_line "$name" ready
}

# restless NAME HOW...: a container of that nuisance
restless() {
	local name=$1
	shift
	cow run -d --name "$name" -v "$HELPERS/restless:/bin/restless:ro" -w /tmp "$IMAGE" /bin/restless "$@" >/dev/null
	eventually has_line "$name" ready
}

group_of() { awk -F: '$1 == 0 { print "'"$CGROUP"'" $3 }' "/proc/$(inspect "$1" pid)/cgroup"; }
runs() { [ "$(<"$1/cgroup.freeze")" = 0 ] && grep -qx 'frozen 0' "$1/cgroup.events"; }
stands() { [ "$(<"$1/cgroup.freeze")" = 1 ] && grep -qx 'frozen 1' "$1/cgroup.events"; }

# A guardian of this test's, or its witness, is nobody's child any more: found by the mark in its environment.
no_guardian() { ! guardians | xargs grep -lszx "COWRUN_TEST=$COWRUN_TEST" >/dev/null; }
guardians() { grep -lsx -e cow-guardian -e cow-witness /proc/[0-9]*/comm | sed 's/comm$/environ/'; echo /dev/null; }

measure() { cow mem --json "$@" >"$SCRATCH/census"; }
holds() { [ "$(jq -c "$1" "$SCRATCH/census")" = true ] || { say "does not hold: $1; saw $(<"$SCRATCH/census")"; return 1; }; }

# exactly: measured until it was exact, which a busy machine may need some tries for
exactly() {
	local tries
	for ((tries = 0; tries < 30; tries++)); do
		measure
		[ "$(jq .exact "$SCRATCH/census")" = false ] || return 0
	done
	say "never exact: $(jq -c . "$SCRATCH/census")"
	return 1
}

@test "cow mem is killed at any system call: all run again, and what was paused is paused" {
	# guest: another kernel
	need_injection
	local pid name k group paused bad=0 tried=0
	up "$NAME-a" hog 8 forever
	up "$NAME-b" hog 1 forever
	cowrun pause "$NAME-b"
	group=$(group_of "$NAME-a") paused=$(group_of "$NAME-b")
	FOLLOW=()
	strace -qq -o "$SCRATCH/trace" "$COW" --root "$STATE" --store "$STORE" mem --json >/dev/null 3>&-
	grep -q '"exact": *true' <(cow mem --json)
	# From the guardian's start on, for it is then that there is something to lose.
	awk '/CLONE_PIDFD/ { print FNR; exit }' "$SCRATCH/trace" >"$SCRATCH/from"
	[ -s "$SCRATCH/from" ]
	calls "$SCRATCH/trace" | tail -n +"$(<"$SCRATCH/from")" >"$SCRATCH/points"
	while read -r pid name k <&5; do
		killed "$name" "$k" "$COW" --root "$STATE" --store "$STORE" mem --json >/dev/null || :
		tried=$((tried + 1))
		if ! eventually runs "$group" || ! stands "$paused" || ! eventually no_guardian; then
			say "$name $k (SEED=$SEED): $(cat "$group/cgroup.events" "$paused/cgroup.freeze")"
			bad=$((bad + 1))
		fi
	done 5< <(choose 12 <"$SCRATCH/points")
	[ "$tried" -gt 0 ] && [ "$bad" = 0 ]
	measure
	holds '.containers | length == 2'
}

@test "its guardian is killed: all run again, and the figures come" {
	need_injection
	local name k group
	up "$NAME" hog 8 forever
	group=$(group_of "$NAME")
	# What the guardian does and the reader never: the freezing, the waiting, the thaw.
	while read -r name k; do
		strace -f -qq -o /dev/null -e "trace=$name" -e "inject=$name:signal=KILL:when=$k" \
			"$COW" --root "$STATE" --store "$STORE" mem --json >"$SCRATCH/census" 3>&-
		eventually runs "$group"
		holds '.containers[0].unique_bytes > 8388608'
		eventually no_guardian
	done <<-END
		pwrite64 1
		pwrite64 2
	END
}

# At its thaw; and the reader is stopped, so it thaws nobody.
@test "its guardian is killed, and cow mem is stopped: all run again" {
	need_injection
	local group tracer reader
	up "$NAME" hog 8 forever
	group=$(group_of "$NAME")
	strace -f -qq -o /dev/null -e trace=pwrite64,poll -e inject=pwrite64:signal=KILL:when=2 -e inject=poll:signal=STOP \
		"$COW" --root "$STATE" --store "$STORE" mem --json >"$SCRATCH/census" 3>&- &
	tracer=$!
	eventually is_stopped
	eventually no_guardian
	eventually runs "$group"
	kill -KILL "$reader"
	wait "$tracer" || :
}

# is_stopped: the child of $tracer, whose pid is $reader then
is_stopped() {
	reader=$(pgrep -P "$tracer") && grep -q '^State:.[tT]' "/proc/$reader/status"
}

@test "cow mem is stopped in the middle: nobody waits for it" {
	need_injection
	local group tracer reader
	up "$NAME" hog 8 forever
	group=$(group_of "$NAME")
	# It waits for the guardian there, until all stand still.
	strace -qq -o /dev/null -e trace=poll -e inject=poll:signal=STOP:when=1 \
		"$COW" --root "$STATE" --store "$STORE" mem --json >"$SCRATCH/census" 3>&- &
	tracer=$!
	eventually is_stopped
	eventually no_guardian
	eventually runs "$group"
	cow exec "$NAME" true
	kill -CONT "$reader"
	wait "$tracer"
	holds '.containers | length == 1'
	runs "$group"
}

@test "pause, resume and exec while it is measured: none is lost, none refused" {
	local i census
	up "$NAME" hog 8 forever
	(while [ ! -e "$SCRATCH/stop" ]; do cow mem --json >/dev/null; done) &
	census=$!
	for ((i = 0; i < 6; i++)); do
		cow exec "$NAME" true
		cowrun pause "$NAME"
		[ "$(cowrun state "$NAME" | jq -r .status)" = paused ]
		[ "$(cowrun state "$NAME" | jq -r .status)" = paused ]
		cowrun resume "$NAME"
		[ "$(cowrun state "$NAME" | jq -r .status)" = running ]
	done
	touch "$SCRATCH/stop"
	wait "$census"
	rm "$SCRATCH/stop"
	eventually runs "$(group_of "$NAME")"
}

@test "containers that never rest are exact while they stand still" {
	need_static "all that changes meanwhile takes longer"
	need_host "User-Mode Linux (6.12) panics when a fork is interrupted by a freeze, in tlb_flush()"
	restless "$NAME-a" breed
	restless "$NAME-b" churn
	exactly
	holds '.containers | length == 2 and all(.processes >= 1)'
	holds '.containers[1].kinds.anon.private_bytes <= 1048576 + 262144'
	# Without freezing it may be, or not: but it says so, and it ends.
	measure --no-freeze
	holds '.exact or (.why | test("changed|moved"))'
	runs "$(group_of "$NAME-a")"
	runs "$(group_of "$NAME-b")"
}

@test "65000 mappings" {
	need_static "they need mappings for themselves"
	restless "$NAME" maps 65000
	[ "$(wc -l <"/proc/$(inspect "$NAME" pid)/maps")" -gt 65000 ]
	exactly
	holds '.containers[0].kinds.anon.private_bytes | . >= 32500 * 4096 and . < 32500 * 4096 + 1048576'
	runs "$(group_of "$NAME")"
}

# What a program names itself and its files: no byte of it is a command to a terminal, nor a line of its own.
@test "names that want to command a terminal" {
	local how
	restless "$NAME" names
	for how in "" "--matrix" "--by process" "--by file" "--by layer" "--by kind" "--csv" "--json" "--by process --json" "--by process --csv"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr cow mem $how
		assert_status 0
		printf '%s\n%s\n' "$output" "$stderr" >"$SCRATCH/seen"
		! LC_ALL=C grep -nP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$SCRATCH/seen" || { say "cow mem $how"; return 1; }
		# One that begins a line, or a title, would.
		! grep -nE '^(\[2J|.?7mend|owned)' "$SCRATCH/seen" || { say "cow mem $how"; return 1; }
		case $how in
		*json) jq . <<<"$output" >/dev/null ;;
		esac
	done
}
