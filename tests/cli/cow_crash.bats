# SIGKILL in the middle: of cow run, of the monitor, of what writes down the end. `cow rm -f` takes all of it back.
# A few places of each; COWRUN_ALL takes more of them. COW_SEED chooses them anew, COW_POINTS how many they are.
load helpers
load cow

COW_POINTS=${COW_POINTS:-${COWRUN_ALL:+40}}
COW_POINTS=${COW_POINTS:-5}

setup_file() {
	scratch_make
	image_make
}

# strace in the way of cow: traced FILE [STRACE OPTIONS --] COW WORDS...
traced() {
	local file=$1 options=()
	shift
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	strace -qqo "$file" "${options[@]}" "$COW" --root "$STATE" --store "$STORE" "$@"
}

no_process_of_ours() { ! pgrep -f -- "$STATE" >/dev/null; }

# Whatever is left of $NAME goes at a word, and its processes with it.
assert_rm_cleans() {
	cow rm -f "$NAME" >/dev/null || { say "$1: rm -f failed"; return 1; }
	eventually assert_nothing_left || { say "after SIGKILL at $1"; return 1; }
	eventually no_process_of_ours || { say "a process is left after SIGKILL at $1"; return 1; }
}

# points FILE N: so many places in a run of strace, "SYSCALL OCCURRENCE", by a seed that the test prints
points() {
	awk -v seed="$SEED" -v n="$2" 'match($0, /[a-z][a-z0-9_]*\(/) {
			call = substr($0, RSTART, RLENGTH - 1)
			if (call !~ /^(exit|exit_group|execve)$/) at[++all] = call " " ++seen[call]
		}
		END { srand(seed); for (i = 0; i < n; i++) print at[1 + int(rand() * all)] }' "$1" | sort -u
}

setup() {
	need_program strace
	need_static "sanitizers do not like to be traced"
	SEED=${COW_SEED:-$RANDOM}
	echo "# COW_SEED=$SEED"
}

@test "cow run killed at any system call" {
	local call when
	traced "$SCRATCH/calls" -- run --rm --name "$NAME" "$IMAGE" /bin/true
	assert_nothing_left
	while read -r call when; do
		run traced /dev/null -e "inject=$call:signal=KILL:when=$when" -- run --name "$NAME" "$IMAGE" /bin/true 3>&-
		assert_rm_cleans "$call $when"
	done < <(points "$SCRATCH/calls" "$COW_POINTS")
}

@test "cow run -d killed at any system call, it or what becomes its monitor" {
	local call when
	traced "$SCRATCH/calls" -f -- run -d --rm --name "$NAME" "$IMAGE" /bin/true
	eventually assert_nothing_left
	while read -r call when; do
		run traced /dev/null -f -e "inject=$call:signal=KILL:when=$when" -- run -d --name "$NAME" "$IMAGE" /bin/true 3>&-
		assert_rm_cleans "$call $when"
	done < <(points "$SCRATCH/calls" "$COW_POINTS")
}

@test "what writes down the end, killed at any system call" {
	local call when
	cow run -d --rm --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
	kill -KILL "$(monitor_of "$NAME")"
	cow stop -t 0 "$NAME"
	traced "$SCRATCH/calls" -- ended "$NAME" 137
	assert_nothing_left
	while read -r call when; do
		cow run -d --rm --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
		kill -KILL "$(monitor_of "$NAME")"
		cow stop -t 0 "$NAME"
		run traced /dev/null -e "inject=$call:signal=KILL:when=$when" -- ended "$NAME" 137
		assert_rm_cleans "$call $when"
	done < <(points "$SCRATCH/calls" $((COW_POINTS / 2)))
}

@test "cow rm -f killed at any system call: once more is enough" {
	local call when
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
	traced "$SCRATCH/calls" -- rm -f "$NAME"
	while read -r call when; do
		cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
		run traced /dev/null -e "inject=$call:signal=KILL:when=$when" -- rm -f "$NAME"
		assert_rm_cleans "$call $when"
	done < <(points "$SCRATCH/calls" $((COW_POINTS / 2)))
}

@test "a monitor that was killed: the container goes on, and its end is not known" {
	cow run -d --name "$NAME" "$IMAGE" sh -c 'echo before; while :; do sleep 0.01; done' >/dev/null
	eventually has_line "$NAME" before
	local monitor
	monitor=$(monitor_of "$NAME")
	kill -KILL "$monitor"
	eventually is_gone "$monitor" # a signal is sent, not yet died of
	run cow ps
	assert_output_matches "$NAME .*up [0-9]+ seconds?, monitor gone"
	run cow logs -f "$NAME"
	assert_output before
	cow exec "$NAME" true
	cow stop -t 0 "$NAME"
	run cow ps -a
	assert_output_matches "$NAME .*ended, status not recorded"
	[ "$(inspect "$NAME" status) $(inspect "$NAME" exit_status)" = "stopped null" ]
	fails "container '$NAME' has ended, and nobody recorded its status" cow wait "$NAME"
	cow rm "$NAME"
	assert_nothing_left
}

@test "a cow that is no longer there: the monitor writes down the end itself" {
	mkdir -p "$SCRATCH/installed"
	cp "$COW" "$OUT/cow-monitor" "$SCRATCH/installed/"
	"$SCRATCH/installed/cow" --root "$STATE" --store "$STORE" run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
	rm "$SCRATCH/installed/cow"
	cowrun kill "$NAME" KILL
	run cow wait "$NAME"
	assert_output 137
	run cow ps -a
	assert_output_matches "$NAME .*exited \(137\) [0-9]+ seconds? ago"
}

@test "a cow run that was killed: the container goes on" {
	cow run --name "$NAME" "$IMAGE" sleep 1000 3>&- &
	local pid=$!
	eventually is_executing "$NAME" sleep
	kill -KILL "$(monitor_of "$NAME")"
	ends_with 137 $pid
	[ "$(inspect "$NAME" status)" = running ]
	cow rm -f "$NAME"
	assert_nothing_left
}
