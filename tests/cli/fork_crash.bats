# SIGKILL in the middle of a fork: of cow fork, of the template and its stub, of what becomes a reaper. Nothing of the
# program runs half made, whoever was not killed goes on, and `cow rm -f` takes back all.
# A few places of each; COWRUN_ALL takes more of them. COW_SEED chooses them anew, COW_POINTS how many they are.
load helpers
load cow
load fork

COW_POINTS=${COW_POINTS:-${COWRUN_ALL:+40}}
COW_POINTS=${COW_POINTS:-4}

setup_file() {
	scratch_make
	warm_image_make
}
teardown_file() { scratch_remove; }

setup() {
	need_program strace
	need_static "sanitizers do not like to be traced"
	SEED=${COW_SEED:-${SEED:-$RANDOM}}
	echo "# COW_SEED=$SEED"
	TEMPLATE=$ID-t FORK=$ID-f
}
teardown() {
	cow rm -f "$FORK" "$TEMPLATE" >/dev/null 2>&1 || true
}

no_process_of_ours() { ! pgrep -f -- "$STATE" >/dev/null; }
reaper() { monitor_of "$TEMPLATE"; }
children() { cat "/proc/$1/task/$1/children"; }
template_make() { cow template create "$TEMPLATE" "$IMAGE" warm >/dev/null; }

# points FILE N: so many places in a run of strace, "SYSCALL OCCURRENCE", by a seed that the test prints
points() {
	awk -v seed="$SEED" -v n="$2" 'match($0, /[a-z][a-z0-9_]*\(/) {
			call = substr($0, RSTART, RLENGTH - 1)
			if (call !~ /^(exit|exit_group|execve)$/) at[++all] = call " " ++seen[call]
		}
		END { srand(seed); for (i = 0; i < n; i++) print at[1 + int(rand() * all)] }' "$1" | sort -u
}

# The fork of this test: gone at a word, and nobody else hurt.
assert_fork_cleans() {
	cow rm -f "$FORK" >/dev/null || { say "$1: rm -f failed"; return 1; }
	assert_nothing_of "$FORK" || { say "after SIGKILL at $1"; return 1; }
	only_the_template() { [ "$(children "$(reaper)" | wc -w)" = 1 ]; }
	eventually only_the_template || { say "$1: the reaper has $(children "$(reaper)")"; return 1; }
}

@test "cow fork killed at any system call: the template goes on" {
	local call when template
	template_make
	template=$(inspect "$TEMPLATE" pid)
	strace -qqo "$SCRATCH/calls" "$COW" --root "$STATE" --store "$STORE" fork --name "$FORK" "$TEMPLATE" warm wait >/dev/null 3>&-
	assert_fork_cleans nowhere
	while read -r call when; do
		run strace -qqo /dev/null -e "inject=$call:signal=KILL:when=$when" \
			"$COW" --root "$STATE" --store "$STORE" fork --name "$FORK" "$TEMPLATE" warm wait 3>&-
		assert_fork_cleans "$call $when"
	done < <(points "$SCRATCH/calls" $((COW_POINTS * 2)))
	[ "$(inspect "$TEMPLATE" pid) $(inspect "$TEMPLATE" status)" = "$template running" ]
	cow fork --name "$FORK" "$TEMPLATE" warm status 3 >/dev/null
	[ "$(cow wait "$FORK")" = 3 ]
}

# follow PID OPTIONS: strace of that process and of all that it forks, until it or we end that
follow() {
	local pid=$1
	shift
	strace -qq -f "$@" -p "$pid" >/dev/null 2>"$SCRATCH/strace" 3>&- &
	TRACER=$!
	# the call in which it waits is begun anew, which may be the one to kill it at
	attached() { is_gone "$TRACER" || [ "$(awk '/^TracerPid:/ { print $2 }' "/proc/$pid/status")" = "$TRACER" ]; }
	eventually attached
}

unfollow() {
	kill "$TRACER" 2>/dev/null || true
	wait "$TRACER" || true
}

@test "template, helper and fork killed at any system call of theirs: nothing half made runs" {
	local call when
	template_make
	follow "$(inspect "$TEMPLATE" pid)" -o "$SCRATCH/calls"
	cow fork --name "$FORK" "$TEMPLATE" warm status 5 >/dev/null
	[ "$(cow wait "$FORK")" = 5 ]
	unfollow
	cow rm "$FORK" >/dev/null
	while read -r call when; do
		is_status "$TEMPLATE" running || template_make
		follow "$(inspect "$TEMPLATE" pid)" -o /dev/null -e "inject=$call:signal=KILL:when=$when"
		run cow fork --name "$FORK" "$TEMPLATE" warm status 5
		# Said to be made, it ran; else it is not there, or not whole.
		if [ "$status" = 0 ]; then
			run cow wait "$FORK"
			assert_output_matches '^(5|137)$'
		fi
		unfollow
		if is_status "$TEMPLATE" running; then
			assert_fork_cleans "$call $when"
		else
			cow rm -f "$FORK" "$TEMPLATE" >/dev/null
			eventually assert_nothing_left || { say "after SIGKILL at $call $when"; return 1; }
			eventually no_process_of_ours
		fi
	done < <(points "$SCRATCH/calls" $((COW_POINTS * 2)))
}

@test "the reaper killed at any system call, it or who writes down an end: all can be removed" {
	local call when
	template_make
	follow "$(reaper)" -o "$SCRATCH/calls"
	cow fork --name "$FORK" "$TEMPLATE" warm status 5 >/dev/null
	[ "$(cow wait "$FORK")" = 5 ]
	unfollow
	while read -r call when; do
		cow rm -f "$FORK" "$TEMPLATE" >/dev/null
		eventually assert_nothing_left || { say "after SIGKILL at $call $when"; return 1; }
		eventually no_process_of_ours || { say "a process is left after SIGKILL at $call $when"; return 1; }
		template_make
		follow "$(reaper)" -o /dev/null -e "inject=$call:signal=KILL:when=$when"
		run cow fork --name "$FORK" "$TEMPLATE" warm status 5
		# It says which, or that nobody knows.
		[ "$status" != 0 ] || run cow wait "$FORK"
		unfollow
		assert_output_matches '^5$|nobody recorded its status|reaper'
	done < <(points "$SCRATCH/calls" $((COW_POINTS * 2)))
}

# creation STRACE-OPTIONS: of the template, traced with all that comes of it, which does not end by itself
creation() {
	strace -qqfo "$SCRATCH/calls" "$@" "$COW" --root "$STATE" --store "$STORE" template create "$TEMPLATE" "$IMAGE" warm >/dev/null 2>&1 3>&- &
	TRACER=$!
	created() { is_gone "$TRACER" || { [ -s "$SCRATCH/calls" ] && ! pgrep -P "$TRACER"; }; }
	eventually created || { say "template create does not end"; return 1; }
	# What was to become the reaper may be at work on it still, when who asked for it is dead.
	cleaned() { cow rm -f "$TEMPLATE" >/dev/null && assert_nothing_left && no_process_of_ours; }
	eventually cleaned || return 1
	wait "$TRACER" || true
	cow rm -f "$TEMPLATE" >/dev/null || { say "rm -f failed"; return 1; }
	assert_nothing_left
}

@test "cow template create killed at any system call, it or what becomes the reaper" {
	local call when
	creation
	cp "$SCRATCH/calls" "$SCRATCH/all"
	while read -r call when; do
		creation -e "inject=$call:signal=KILL:when=$when" || { say "SIGKILL at $call $when"; return 1; }
	done < <(points "$SCRATCH/all" "$COW_POINTS")
}
