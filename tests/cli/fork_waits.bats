# A template that does not answer, or lies: nobody waits for it for ever, and of what was begun nothing is left, then and when it
# goes on.
load helpers
load containers
load cow
load fork

setup_file() {
	scratch_make
	warm_image_make liar
}
teardown() {
	kill -CONT "$(inspect "$NAME" pid)"
	forks_remove "$NAME"
}
teardown_file() { scratch_remove; }

# stopped_template [OPTIONS]: and does not answer any more
stopped_template() {
	cow template create "$@" "$NAME" "$IMAGE" warm >/dev/null
	PID=$(inspect "$NAME" pid)
	kill -STOP "$PID"
	stopped() { grep -q '^State:.T' "/proc/$PID/status"; }
	eventually stopped
}

# What was asked for while it was stopped is not made when it goes on: it has made this one alone.
assert_forks_once() {
	kill -CONT "$PID"
	eventually cow fork --name "$ID-late" "$NAME" warm status 3
	[ "$(cow wait "$ID-late")" = 3 ]
	cow rm "$ID-late" >/dev/null
	[ "$(cow template inspect "$NAME" | jq '.[0].forks_made')" = 1 ]
	only_the_template() { [ "$(wc -w <"/proc/$1/task/$1/children")" = 1 ]; }
	eventually only_the_template "$(monitor_of "$NAME")"
}

@test "a template that is stopped: a fork is given up in its time, and leaves nothing" {
	stopped_template --fork-wait 1
	fails "template '$NAME' has not answered for 1 s: it is stopped \(hint: kill -CONT $PID\)" \
		cow fork --name "$ID-f" "$NAME" warm wait
	assert_nothing_of "$ID-f"
	fails "has not answered for 1 s" cow run --name "$ID-f" --template "$NAME" warm wait
	assert_nothing_of "$ID-f"
	bundle "$(args warm wait)"' | .annotations["org.cowrun.template"] = $ENV.NAME'
	fails "has not answered for 1 s" cowrun create -b "$BUNDLE" "$ID-e"
	assert_nothing_of "$ID-e"
	[ "$(cow template ls | awk -v name="$NAME" '$1 == name { print $4 }')" != ready, ]
	assert_forks_once
}

@test "a hook of the fork's own may take longer than its template" {
	cow template create --fork-wait 1 "$NAME" "$IMAGE" warm >/dev/null
	bundle "$(args warm status 7)"' | .annotations["org.cowrun.template"] = $ENV.NAME
		| .hooks.startContainer = [{ path: "/bin/sh", args: ["sh", "-c", "sleep 2"] }]'
	run cowrun run -b "$BUNDLE" "$ID-h"
	assert_status 7
}

# begun ARGUMENTS: cow fork in the background, waiting for its template
begun() {
	# A shell has what it starts in the background ignore SIGQUIT.
	env --default-signal=QUIT "$COW" --root "$STATE" --store "$STORE" fork --name "$ID-f" "$@" "$NAME" warm wait >"$SCRATCH/out" 2>"$SCRATCH/err" 3>&- &
	FORK=$!
	group() { [ "$(find "$CGROUP" -maxdepth 1 -name "cowrun-$ID-f*" | wc -l)" -ge "$1" ]; }
}

@test "cow fork that is interrupted while it waits takes back what it began" {
	local signal
	stopped_template
	for signal in TERM HUP QUIT; do
		begun
		eventually group 1
		kill -$signal "$FORK"
		ends_with 125 "$FORK"
		[ "$(<"$SCRATCH/err")" = 'cow: fork: interrupted' ] || { cat "$SCRATCH/err"; return 1; }
		assert_nothing_of "$ID-f"
	done
	assert_forks_once
}

@test "... and so do all that fork for it" {
	stopped_template
	begun -n 40
	eventually group 2
	kill -TERM "$FORK"
	ends_with 125 "$FORK"
	grep -q 'interrupted$' "$SCRATCH/err"
	[ ! -s "$SCRATCH/out" ]
	[ "$(cow ps -aq)" = "$NAME" ]
	! group 1 || return 1
	assert_forks_once
}

@test "a template that says that another process is its fork: that one is left alone" {
	sleep 1000 3>&- &
	local victim=$!
	cow template create --fork-wait 1 "$NAME" "$IMAGE" liar "$victim" >/dev/null
	run cow fork --name "$ID-f" "$NAME"
	[ "$status" -ne 0 ]
	assert_nothing_of "$ID-f"
	eventually asleep "$victim"
	kill "$victim"
	ends_with 143 "$victim"
}
