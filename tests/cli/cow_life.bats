# Containers in the background: their monitor, log, end; and the commands that find them by name.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

# shellcheck disable=SC2153 # NAME is from cow.bash
up() { cow run -d --name "$NAME" "$@" >/dev/null; }
layers() { find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l; }
up_sh() { up "$IMAGE" /bin/sh -c "$1"; }

@test "-d prints the name and leaves the container running" {
	run --separate-stderr cow run -d --name "$NAME" "$IMAGE" sleep 1000
	assert_status 0
	assert_output "$NAME"
	[ -z "$stderr" ]
	run cow ps
	assert_output_matches "$NAME +$IMAGE +sleep 1000 +[0-9]+ +up [0-9]+ second"
	run cow ps -q
	assert_output "$NAME"
	cow rm -f "$NAME"
	assert_nothing_left
}

@test "-d tells what docker's would: 125, 126, 127, and nothing is left" {
	fails "^cow: run: no image" cow run --pull never -d "$IMAGE-no"
	assert_status 125
	fails "not executable" cow run -d "$IMAGE" /etc/passwd
	assert_status 126
	run -127 --separate-stderr cow run -d "$IMAGE" nope
	assert_one_line "'nope'"
	assert_nothing_left
}

@test "the log: each stream to its own, partial and long lines whole" {
	local before
	before=$(date +%s)
	up_sh 'echo one; echo two >&2; head -c 5000 /dev/zero | tr "\0" x; echo; printf "no end"'
	cow wait "$NAME"
	run --separate-stderr cow logs "$NAME"
	[ "${#lines[@]}" = 3 ]
	[ "${lines[0]}" = one ]
	[ "${#lines[1]}" = 5000 ]
	[ "${lines[2]}" = "no end" ]
	[ "$stderr" = two ]
	run cow logs -t "$NAME"
	[ "$(date -d "${lines[0]%% *}" +%s)" -ge "$before" ] && [ "$(date -d "${lines[0]%% *}" +%s)" -le "$(date +%s)" ]
	assert_output_matches '^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{9}Z (one|two)'
}

@test "the log is what was written, byte for byte" {
	up "$IMAGE" seq 1 20000
	cow wait "$NAME"
	cow logs "$NAME" | cmp - <(seq 1 20000)
	cow rm "$NAME"
	head -c 100000 /dev/urandom >"$SCRATCH/noise"
	up -v "$SCRATCH/noise:/noise" "$IMAGE" cat /noise
	cow wait "$NAME"
	cow logs "$NAME" | head -c 100000 | cmp - "$SCRATCH/noise"
}

@test "the log keeps the order of both streams" {
	up_sh 'wait_for() { until [ -e "$1" ]; do sleep 0.01; done; }; echo 1; wait_for /2; echo 2 >&2; wait_for /3; echo 3'
	eventually has_line "$NAME" 1
	cow exec "$NAME" touch /2
	eventually has_line "$NAME" 2
	cow exec "$NAME" touch /3
	cow wait "$NAME"
	[ "$(cow logs "$NAME" 2>&1)" = $'1\n2\n3' ]
}

@test "state root and store may be relative: they are found from anywhere" {
	cd "$SCRATCH"
	run "$COW" --root state --store store run -d --rm --name "$NAME" "$IMAGE" sleep 1000
	assert_status 0
	cd /
	local monitor
	monitor=$(monitor_of "$NAME")
	eventually grep -q cow-monitor "/proc/$monitor/comm"
	[ "$(readlink "/proc/$monitor/cwd")" = / ]
	cow logs "$NAME"
	cow stop -t 0 "$NAME"
	eventually assert_nothing_left
}

@test "logs --follow goes on until the end" {
	up_sh 'echo first; while [ ! -e /go ]; do sleep 0.01; done; echo last; exit 4'
	cow logs -f "$NAME" >"$SCRATCH/follow" 3>&- &
	local pid=$!
	eventually grep first "$SCRATCH/follow"
	cow exec "$NAME" touch /go
	ends_with 0 $pid
	[ "$(cat "$SCRATCH/follow")" = $'first\nlast' ]
}

@test "logs --follow that cannot see the end fails, and does not take it for the end" {
	up_sh 'echo first; sleep 1000'
	local n failed=0
	for n in {4..9}; do
		run --separate-stderr timeout 1 prlimit --nofile="$n:$n" "$COW" --root "$STATE" --store "$STORE" logs -f "$NAME"
		[ "$status" != 124 ] || break
		[ "$status" = 1 ]
		assert_one_line 'too many open files'
		failed=$n
	done
	[ "$failed" -ge 4 ] && [ "$status" = 124 ]
}

@test "a container in the foreground has no log" {
	cow run --name "$NAME" "$IMAGE" true
	fails "container '$NAME' has no log: it did not run in the background" cow logs "$NAME"
}

@test "what we have to say at the launch is not in the log" {
	cow import -q "$TAR" "example.org/short-$BATS_TEST_NUMBER:1" >/dev/null
	echo '{' >"$STORE/images/damaged.json"
	run --separate-stderr cow run -d --name "$NAME" "short-$BATS_TEST_NUMBER:1" echo words
	rm "$STORE/images/damaged.json"
	assert_status 0
	assert_one_line 'warning: skipping a damaged image record'
	cow wait "$NAME"
	run cow logs "$NAME"
	assert_output words
}

has_files() { [ "$(cd "/proc/$1/fd" && echo ?*)" = "$2" ]; }
@test "one monitor, in a session of its own, that ends with its container" {
	up "$IMAGE" sleep 1000
	local monitor pid
	monitor=$(monitor_of "$NAME")
	pid=$(inspect "$NAME" pid)
	eventually grep -q cow-monitor "/proc/$monitor/comm"
	[ "$(ls "/proc/$monitor/task")" = "$monitor" ]
	[ "$(awk '{ print $6 }' "/proc/$monitor/stat")" = "$monitor" ]
	[ "$(awk '{ print $4 }' "/proc/$pid/stat")" = "$monitor" ]
	eventually has_files "$monitor" "0 1 2 3 4 5 6 7"
	kill -KILL "$pid"
	eventually is_gone "$monitor"
	[ "$(inspect "$NAME" exit_status)" = 137 ]
	[ "$(inspect "$NAME" oom_killed)" = false ]
}

@test "monitors are small: at most 64 KiB each of anonymous memory and page tables" {
	local name pid anonymous tables
	for name in a b; do
		cow run -d --name "$NAME-$name" "$IMAGE" sh -c 'seq 1 1000; seq 1 1000 >&2; sleep 1000' >/dev/null
		eventually has_line "$NAME-$name" '^1000$'
	done
	for name in a b; do
		pid=$(monitor_of "$NAME-$name")
		anonymous=$(awk '/^Anonymous:/ { print $2 }' "/proc/$pid/smaps_rollup")
		tables=$(awk '/^VmPTE:/ { print $2 }' "/proc/$pid/status")
		echo "# monitor: $anonymous KiB anonymous, $tables KiB page tables"
		[ $((anonymous + tables)) -le 64 ]
	done
}

# By its files: it has found whom it waits for.
is_waiting() { [[ $(readlink "/proc/$1/fd"/*) == *pidfd* ]]; }
@test "wait prints the status, also of one that removes itself" {
	cow run -d --name "$NAME-a" "$IMAGE" sh -c 'exit 9' >/dev/null
	cow run -d --rm --name "$NAME-b" "$IMAGE" sh -c 'while [ ! -e /go ]; do sleep 0.01; done; exit 8' >/dev/null
	"$COW" --root "$STATE" --store "$STORE" wait "$NAME-b" >"$SCRATCH/b" 3>&- &
	local pid=$!
	eventually is_waiting $pid
	run cow wait "$NAME-a" "$NAME-a"
	assert_output $'9\n9'
	cow exec "$NAME-b" touch /go
	ends_with 0 $pid
	[ "$(cat "$SCRATCH/b")" = 8 ]
	eventually assert_nothing_of "$NAME-b"
	fails "container '$NAME-b' does not exist" cow wait "$NAME-b"
}

@test "wait for one in the foreground" {
	cow run --name "$NAME" "$IMAGE" sh -c 'while [ ! -e /go ]; do sleep 0.01; done; exit 6' 3>&- &
	local pid=$!
	eventually is_status "$NAME" running
	cow wait "$NAME" >"$SCRATCH/wait" 3>&- &
	local waits=$!
	eventually cow exec "$NAME" touch /go
	ends_with 6 $pid
	ends_with 0 $waits
	[ "$(cat "$SCRATCH/wait")" = 6 ]
}

@test "exec: another process, with the container's user, environment and directory, or others" {
	cow import -q -e FROM=image -u app -w /tmp "$TAR" "$IMAGE-app" >/dev/null
	cow run -d --name "$NAME" -e MORE=1 "$IMAGE-app" sleep 1000 >/dev/null
	run cow exec "$NAME" sh -c 'echo $(id -u) $(pwd) $FROM $MORE'
	assert_output '1000 /tmp image 1'
	run cow exec -u 0 -w /etc -e FROM=exec "$NAME" sh -c 'echo $(id -u) $(pwd) $FROM'
	assert_output '0 /etc exec'
	run cow exec "$NAME" sh -c 'echo out; echo err >&2; exit 6'
	assert_status 6
	run cow exec -i "$NAME" cat <<<word
	assert_output word
	run cow exec "$NAME" cat <<<word
	assert_output ''
	run cow exec "$NAME" cat /proc/1/comm
	assert_output sleep
	run cow exec "$NAME" sh -c 'kill -9 $$'
	assert_status 137
}

@test "exec: what it cannot" {
	up "$IMAGE" sleep 1000
	run -127 --separate-stderr cow exec "$NAME" nope
	assert_one_line "^cow: exec: .*'nope'"
	fails 'not executable' cow exec "$NAME" /etc/passwd
	assert_status 126
	fails "container '$NAME-no' does not exist" cow exec "$NAME-no" true
	assert_status 125
	cow stop -t 0 "$NAME"
	fails "'$NAME'.*not running" cow exec "$NAME" true
	assert_status 125
}

@test "exec --detach returns at once" {
	up "$IMAGE" sleep 1000
	cow exec -d "$NAME" sh -c 'echo made >/made; sleep 1000'
	eventually cow exec "$NAME" cat /made
	run cow exec "$NAME" sh -c 'ls -d /proc/[0-9]* | wc -l'
	[ "$output" -ge 4 ]
}

@test "stop: SIGTERM first, then SIGKILL" {
	up_sh 'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.01; done'
	eventually has_line "$NAME" ready
	run cow stop "$NAME"
	assert_output "$NAME"
	[ "$(inspect "$NAME" exit_status)" = 3 ]
	run cow logs "$NAME"
	assert_output $'ready\nbye'
	run cow stop "$NAME" # once more: it has stopped
	assert_status 0
	cow rm "$NAME"
	up "$IMAGE" sleep 1000
	cow stop -t 0 "$NAME"
	[ "$(inspect "$NAME" exit_status)" = 137 ]
	fails "container '$NAME-no' does not exist" cow stop "$NAME-no"
	fails "option --time: 'x' is not a number" cow stop -t x "$NAME"
}

@test "stop: the image's own signal" {
	layout_make "$SCRATCH/layout" '.config.StopSignal = "SIGUSR2"'
	cow load -q --name "$IMAGE-signal" "$SCRATCH/layout" >/dev/null
	up "$IMAGE-signal" /bin/sh -c 'trap "exit 12" USR2; trap "exit 15" TERM; echo ready; while :; do sleep 0.01; done'
	eventually has_line "$NAME" ready
	cow stop "$NAME"
	[ "$(inspect "$NAME" exit_status)" = 12 ]
}

@test "stop: a container that is paused hears it" {
	up_sh 'trap "exit 3" TERM; echo ready; while :; do sleep 0.01; done'
	eventually has_line "$NAME" ready
	cowrun pause "$NAME"
	[ "$(inspect "$NAME" status)" = paused ]
	run cow ps
	assert_output_matches paused
	cow stop -t 60 "$NAME"
	[ "$(inspect "$NAME" exit_status)" = 3 ]
}

@test "rm refuses what runs, unless forced" {
	up "$IMAGE" sleep 1000
	fails "^cow: rm: container '$NAME' has not ended \(hint: stop it, or rm --force\)" cow rm "$NAME"
	[ "$(inspect "$NAME" status)" = running ]
	run cow rm -f "$NAME"
	assert_output "$NAME"
	fails "container '$NAME' does not exist" cow rm "$NAME"
	run cow rm -f "$NAME"
	assert_status 0
	assert_nothing_left
}

@test "rm --force of a container in the foreground: its run ends" {
	cow run --name "$NAME" "$IMAGE" sleep 1000 3>&- &
	local pid=$!
	eventually is_executing "$NAME" sleep
	cow rm -f "$NAME"
	ends_with 137 $pid
	assert_nothing_left
}

@test "ps and inspect for programs" {
	cow run -d --name "$NAME-a" "$IMAGE" sh -c "echo \"it's\"; sleep 1000" >/dev/null
	cow run --name "$NAME-b" "$IMAGE" sh -c 'exit 5' || true
	run cow ps --json
	[ "$(jq -c 'map(.name)' <<<"$output")" = "[\"$NAME-a\"]" ]
	run cow ps -a --json
	[ "$(jq -c 'map([.name, .status, .exit_status, .oom_killed, .image])' <<<"$output")" = \
		"[[\"$NAME-a\",\"running\",null,false,\"$IMAGE\"],[\"$NAME-b\",\"stopped\",5,false,\"$IMAGE\"]]" ]
	[ "$(jq -r '.[0].command' <<<"$output")" = "sh -c 'echo \"it'\\''s\"; sleep 1000'" ]
	run cow inspect "$NAME-a" "$NAME-b"
	[ "$(jq -c 'map([.name, .pid > 0, .monitor_pid > 0, .exit_status])' <<<"$output")" = \
		"[[\"$NAME-a\",true,true,null],[\"$NAME-b\",false,false,5]]" ]
	fails "no container and no image '$NAME-no'" cow inspect "$NAME-no"
}

@test "headers are bold on terminals only, and never under NO_COLOR" {
	need_program script
	local bold=$'\033[1m'
	run env TERM=xterm script -qec "$COW --root $STATE --store $STORE images" /dev/null
	assert_output_matches "^.\[1mNAME"
	run env TERM=xterm NO_COLOR=1 script -qec "$COW --root $STATE --store $STORE images" /dev/null
	[[ $output != *"$bold"* ]]
	run env TERM=xterm "$COW" --root "$STATE" --store "$STORE" images
	[[ $output != *"$bold"* ]]
}

@test "containers of cowrun are seen, and the other way round" {
	make_bundle "$SCRATCH/bundle" '.process.args = ["sleep", "1000"]'
	cowrun create --bundle "$SCRATCH/bundle" "$NAME"
	run cow ps
	assert_output_matches "$NAME +- +- +[0-9]+ +created"
	cowrun start "$NAME"
	run cow exec "$NAME" cat /proc/1/comm
	assert_output sleep
	cow stop -t 0 "$NAME"
	cow rm "$NAME"
	up "$IMAGE" sleep 1000
	run cowrun state "$NAME"
	[ "$(jq -r .status <<<"$output")" = running ]
	cowrun delete --force "$NAME"
	assert_nothing_left
}

@test "rmi of an image in use: the name goes, the container stays" {
	cow import -q "$TAR" "$IMAGE-used" >/dev/null
	echo layer >"$SCRATCH/extra"
	tar -C "$SCRATCH" -cf "$SCRATCH/extra.tar" rootfs extra
	cow import -q "$SCRATCH/extra.tar" "$IMAGE-own" >/dev/null
	local before
	before=$(layers)
	up "$IMAGE-own" /rootfs/bin/busybox sleep 1000
	run cow rmi "$IMAGE-own"
	assert_status 0
	[ "$(layers)" = "$before" ]
	run cow exec "$NAME" /rootfs/bin/busybox cat /extra
	assert_output layer
	fails "no image '$IMAGE-own'" cow run --pull never "$IMAGE-own"
	cow rm -f "$NAME"
	cow rmi "$IMAGE-used" # takes along what nothing uses any more
	[ "$(layers)" = $((before - 1)) ]
	run --separate-stderr cow run --rm --name "$NAME" "$IMAGE" echo still
	assert_output still
}
