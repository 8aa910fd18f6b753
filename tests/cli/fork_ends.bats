# The ends of templates and of their forks: logs, statuses, stop, rm; and SIGKILL of whoever has a part in it.
load helpers
load cow
load fork

setup_file() {
	scratch_make
	warm_image_make
}

setup() {
	TEMPLATE=$ID-t
	cow template create "$TEMPLATE" "$IMAGE" warm >/dev/null
}

teardown() {
	forks_remove "$TEMPLATE"
	eventually no_process_of_ours
}
teardown_file() { scratch_remove; }

no_process_of_ours() { ! pgrep -f -- "$STATE" >/dev/null; }
pid_of() { inspect "$1" pid; }
reaper() { monitor_of "$TEMPLATE"; }
children() { cat "/proc/$1/task/$1/children"; }
fork_named() { cow fork --name "$ID-$1" "$TEMPLATE" warm "${@:2}" >/dev/null; }

@test "a fork's status, and its log" {
	fork_named a status 7
	run cow wait "$ID-a"
	assert_output 7
	[ "$(inspect "$ID-a" exit_status)" = 7 ]
	fork_named b echo word
	eventually has_line "$ID-b" 'pid 1'
	eventually has_line "$ID-b" 'to standard error'
	[ "$(cow logs "$ID-b" 2>/dev/null | wc -l)" = 1 ]
	eventually has_line "$TEMPLATE" warming
	run cow logs "$TEMPLATE"
	assert_output warming
}

@test "logs --follow and wait end with the fork, while template and others go on" {
	fork_named a echo one
	fork_named b wait
	cow logs -f "$ID-a" >"$SCRATCH/follow" 2>/dev/null 3>&- &
	local follow=$!
	cow wait "$ID-a" >"$SCRATCH/wait" 3>&- &
	local wait=$!
	eventually grep -q one "$SCRATCH/follow"
	cow stop -t 0 "$ID-a"
	ends_with 0 $follow
	ends_with 0 $wait
	[ "$(cat "$SCRATCH/wait")" = 137 ]
	[ "$(inspect "$ID-a" exit_status)" = 137 ]
	is_status "$ID-b" running
	is_status "$TEMPLATE" running
}

@test "a fork that removes itself is gone when stop returns" {
	cow fork --rm --name "$ID-a" "$TEMPLATE" warm wait >/dev/null
	cow stop -t 0 "$ID-a"
	assert_nothing_of "$ID-a"
}

@test "the reaper is the parent of them all, and outlives its template for its forks" {
	fork_named a wait
	local reaper pid
	reaper=$(reaper) pid=$(pid_of "$ID-a")
	eventually grep -q cow-reaper "/proc/$reaper/comm"
	[[ " $(children "$reaper")" == *" $pid "* ]]
	kill -KILL "$(pid_of "$TEMPLATE")"
	eventually is_status "$TEMPLATE" stopped
	cow wait "$TEMPLATE"
	[ "$(inspect "$TEMPLATE" exit_status)" = 137 ]
	fails "template '$TEMPLATE' is not running" cow fork "$TEMPLATE"
	is_status "$ID-a" running
	cow exec "$ID-a" true
	cow stop -t 0 "$ID-a"
	[ "$(inspect "$ID-a" exit_status)" = 137 ]
	eventually is_gone "$reaper"
}

@test "a reaper that was killed: forks go on, none are made, all is removed" {
	fork_named a wait
	local reaper
	reaper=$(reaper)
	! cow ps | grep 'monitor gone' || return 1
	kill -KILL "$reaper"
	eventually is_gone "$reaper"
	is_status "$ID-a" running
	[ "$(cow ps | grep -c 'up .*, monitor gone')" = 2 ]
	run cow fork "$TEMPLATE"
	[ "$status" -ne 0 ]
	cow stop -t 0 "$ID-a"
	fails "nobody recorded its status" cow wait "$ID-a"
	cow rm "$ID-a"
	cow rm -f "$TEMPLATE"
	assert_nothing_left
}

@test "many at once: numbered, told one by one, and one that fails leaves the others" {
	run cow fork -n 3 --name "$ID-n" "$TEMPLATE" warm wait
	assert_output "$ID-n-1"$'\n'"$ID-n-2"$'\n'"$ID-n-3"
	cow rm -f "$ID-n-1" >/dev/null
	run --separate-stderr -125 cow fork -n 3 --name "$ID-n" "$TEMPLATE" warm wait
	assert_output "$ID-n-1"
	[[ $stderr == "cow: fork: 2 of 3: "*"'$ID-n-2' already exists"* ]]
	is_status "$ID-n-1" running
}

@test "a hundred forks, killed: the template and its reaper are as they were" {
	local reaper template before name
	reaper=$(reaper) template=$(pid_of "$TEMPLATE")
	fork_named first wait
	cow rm -f "$ID-first" >/dev/null
	alone() { [ "$(children "$reaper" | wc -w)" = 1 ]; }
	eventually alone
	held() { find "/proc/$reaper/fd" "/proc/$template/fd" -type l | wc -l; }
	before=$(held)
	cow fork -n 100 "$TEMPLATE" warm wait >"$SCRATCH/names"
	[ "$(wc -l <"$SCRATCH/names")" = 100 ]
	[ "$(children "$reaper" | wc -w)" = 101 ]
	xargs "$COW" --root "$STATE" --store "$STORE" rm -f <"$SCRATCH/names" >/dev/null
	settled() { alone && [ "$(held)" -le "$before" ]; } # it may have been about to close some
	eventually settled
}

@test "a creator killed while its template cannot fork: rm ends what lives in the group, and removes it" {
	local creator
	kill -USR1 "$(pid_of "$TEMPLATE")"
	"$COW" --root "$STATE" --store "$STORE" fork --name "$ID-a" "$TEMPLATE" warm wait >/dev/null 2>&1 3>&- &
	creator=$!
	eventually grep -q . "$CGROUP/cowrun-$ID-a/cgroup.procs"
	kill -KILL "$creator"
	ends_with 137 "$creator"
	run --separate-stderr -0 cow rm -f "$ID-a"
	[ -z "$stderr" ] || { say "$stderr"; return 1; }
	assert_nothing_of "$ID-a"
	# Its helper was ended within fork(): nothing is forked of the template any more.
	eventually is_status "$TEMPLATE" stopped
	[ "$(inspect "$TEMPLATE" exit_status)" = 1 ]
}
