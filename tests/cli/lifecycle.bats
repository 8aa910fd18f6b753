# A container's life by the command line of runc: from create to delete, and what is said of it meanwhile.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

NO_PIDNS='del(.linux.namespaces[] | select(.type == "pid"))'

# --- run ----------------------------------------------------------------------------------------------------------
@test "run ends with the program's status, and nothing is left" {
	local wanted
	for wanted in 0 1 42 255; do
		inside "exit $wanted"
		assert_status "$wanted"
		assert_gone "$ID"
	done
}

@test "run ends with 128 + the signal that killed the program" {
	inside 'kill -TERM $$' "$NO_PIDNS"
	assert_status 143
	inside 'kill -KILL $$' "$NO_PIDNS"
	assert_status 137
	assert_gone "$ID"
}

@test "run passes signals on to the program" {
	bundle "$(args sh -c 'trap "exit 7" TERM; trap "exit 8" USR1; echo >/ready; while :; do sleep 0.02; done')"
	local wanted runner signal
	for signal in TERM USR1; do
		[ $signal = TERM ] && wanted=7 || wanted=8
		rm -f "$BUNDLE/rootfs/ready"
		"$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 3>&- &
		runner=$!
		await test -e "$BUNDLE/rootfs/ready"
		kill -"$signal" "$runner"
		ends_with "$wanted" "$runner"
		assert_gone "$ID"
	done
}

@test "run works where the caller ignores the signal of ended children" {
	bundle "$(args sh -c 'exit 5')"
	run perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_status 5
}

@test "run --keep keeps the record of what has ended" {
	bundle
	cowrun run --keep -b "$BUNDLE" "$ID"
	[ "$(state "$ID" status)" = stopped ]
	[ "$(state "$ID" pid)" = 0 ]
	cowrun delete "$ID"
	assert_gone "$ID"
}

@test "run --detach returns while the program runs" {
	sleeper
	status_is "$ID" running
	alive "$PID"
}

@test "a container in the foreground can be signalled, paused and deleted by others" {
	bundle "$(args sh -c 'echo >/ready; sleep 1000')"
	rm -f "$BUNDLE/rootfs/ready"
	"$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 3>&- &
	local runner=$!
	await test -e "$BUNDLE/rootfs/ready"
	timeout 200 "$COWRUN" --root "$STATE" pause "$ID"
	status_is "$ID" paused
	timeout 200 "$COWRUN" --root "$STATE" resume "$ID"
	timeout 200 "$COWRUN" --root "$STATE" delete --force "$ID"
	ends_with 137 $runner
	assert_gone "$ID"
}

@test "of many that run one id at once exactly one wins, and the others say so" {
	bundle "$(args sh -c 'echo >>/ran; while [ ! -e /go ]; do sleep 0.02; done')"
	rm -f "$BUNDLE/rootfs"/{ran,go}
	local i
	for i in {1..12}; do
		("$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 2>"$SCRATCH/err.$i" && echo 0 || echo $?) >"$SCRATCH/rc.$i" 3>&- &
	done
	losers() { [ "$(cat "$SCRATCH"/rc.* 2>/dev/null | grep -c '^1$')" = 11 ]; }
	await losers
	touch "$BUNDLE/rootfs/go"
	wait
	[ "$(cat "$SCRATCH"/rc.* | grep -c '^0$')" = 1 ]
	[ "$(wc -l <"$BUNDLE/rootfs/ran")" = 1 ]
	[ "$(cat "$SCRATCH"/err.* | grep -c "container '$ID' already exists")" = 11 ]
	assert_gone "$ID"
}

# --- create and start -----------------------------------------------------------------------------------------------
@test "create makes all but the program run, start does that" {
	created "$(args sh -c 'echo hello; echo ran >/ran; sleep 1000')"
	rm -f "$BUNDLE/rootfs/ran"
	status_is "$ID" created
	[ "$(state "$ID" pid)" = "$PID" ]
	[[ $(readlink "/proc/$PID/exe") =~ ^/memfd:cowrun-init ]]
	[ ! -s "$SCRATCH/out" ]
	cowrun start "$ID"
	await test -s "$BUNDLE/rootfs/ran"
	status_is "$ID" running
	[ "$(cat "$SCRATCH/out")" = hello ]
	[ "$(state "$ID" pid)" = "$PID" ]
}

@test "create leaves its container to the one who called" {
	# The subshell is between us and create: what create leaves goes to the next subreaper, not to a process of ours.
	created "$(args sleep 1000)"
	local parent
	parent=$(awk '/^PPid/ { print $2 }' "/proc/$PID/status")
	[ "$(readlink "/proc/$parent/exe")" != "$(readlink -f "$COWRUN")" ]
	cowrun start "$ID"
	alive "$PID"
}

@test "what is created obeys the signals that end a process, though it is the first of its namespace" {
	local signal pid
	for signal in HUP INT QUIT TERM; do
		created "$(args sleep 1000)"
		pid=$(state "$ID" pid)
		cowrun kill "$ID" "$signal"
		await ended "$pid"
		status_is "$ID" stopped
		fails "cannot start container '$ID'" cowrun start "$ID"
		cowrun delete "$ID"
	done
}

@test "what is created holds nothing of its making but the socket that it is started by" {
	local pid fd
	created "$(args sleep 1000)"
	pid=$(state "$ID" pid)
	for fd in /proc/"$pid"/fd/*; do
		case ${fd##*/}:$(readlink "$fd") in
		[012]:* | *:socket:* | *:/) ;;
		*) say "${fd##*/}: $(readlink "$fd")"; return 1 ;;
		esac
	done
}

@test "what is created does not die with its creator" {
	bundle "$(args sleep 1000)"
	# a creator that is itself a child about to end, as conmon's is
	bash -c '"$0" --root "$1" create -b "$2" --pid-file "$3" "$4"; exit 0' "$COWRUN" "$STATE" "$BUNDLE" "$SCRATCH/pid" "$ID" \
		>/dev/null 2>&1
	PID=$(<"$SCRATCH/pid")
	alive "$PID"
	status_is "$ID" created
	cowrun start "$ID"
	status_is "$ID" running
}

@test "a container of create is the next subreaper's child, who gets its status" {
	bundle "$(args sh -c 'exit 9')"
	run "$HELPERS/subreaper" "$SCRATCH/pid" bash -c '
		"$0" --root "$1" create -b "$2" --pid-file "$3" "$4" && "$0" --root "$1" start "$4"' \
		"$COWRUN" "$STATE" "$BUNDLE" "$SCRATCH/pid" "$ID"
	assert_status 9
}

@test "config.json may change after create" {
	created "$(args sh -c 'hostname; echo "$ONE"') | .process.env += [\"ONE=1\"] | .annotations.x = \"before\""
	config | jq '.process.args = ["/bin/false"] | .hostname = "other" | .annotations.x = "after"' >"$BUNDLE/config.json"
	cowrun start "$ID"
	await test -s "$SCRATCH/out"
	await status_is "$ID" stopped
	[ "$(cat "$SCRATCH/out")" = $'test\n1' ]
	[ "$(state "$ID" annotations.x)" = before ]
	rm "$BUNDLE/config.json"
	cowrun delete "$ID"
}

@test "a container is started once" {
	created "$(args sleep 1000)"
	cowrun start "$ID"
	fails "^cowrun: start: cannot start container '$ID': it is running" cowrun start "$ID"
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	fails "^cowrun: start: cannot start container '$ID': it has stopped" cowrun start "$ID"
}

@test "an id is used once, and the one who has it is left alone" {
	sleeper
	fails "^cowrun: create: container '$ID' already exists" cowrun create -b "$BUNDLE" --pid-file "$SCRATCH/other" "$ID"
	fails "^cowrun: run: container '$ID' already exists" cowrun run -b "$BUNDLE" "$ID"
	[ ! -e "$SCRATCH/other" ]
	status_is "$ID" running
	alive "$PID"
}

@test "the bundle is the working directory when none is given" {
	bundle "$(args sh -c 'exit 4')"
	cd "$BUNDLE"
	run cowrun run "$ID"
	assert_status 4
	cowrun create "$ID" >/dev/null 2>&1
	[ "$(state "$ID" bundle)" = "$BUNDLE" ]
}

@test "neither what is created nor what runs holds the lock of its record" {
	created "$(args sleep 1000)"
	flock --nonblock "$STATE/$ID" true
	cowrun start "$ID"
	flock --nonblock "$STATE/$ID" true
}

# --- the pid file -----------------------------------------------------------------------------------------------------
@test "the pid file holds digits and no newline" {
	created
	[[ $(od -An -c "$SCRATCH/pid" | tr -d ' ') =~ ^[0-9]+$ ]]
	alive "$(<"$SCRATCH/pid")"
	# relative to the caller's directory, not to the bundle
	cd "$SCRATCH"
	cowrun create -b "$BUNDLE" --pid-file relative "$ID-a" >/dev/null 2>&1
	[ -s "$SCRATCH/relative" ]
}

@test "there is no pid file when it failed" {
	bundle '.process.args = ["/nope"]'
	fails "not found" cowrun create -b "$BUNDLE" --pid-file "$SCRATCH/failed" "$ID"
	[ ! -e "$SCRATCH/failed" ]
	fails "not found" cowrun run -b "$BUNDLE" --pid-file "$SCRATCH/failed" "$ID"
	[ ! -e "$SCRATCH/failed" ]
	sleeper
	fails "not found" cowrun exec --pid-file "$SCRATCH/failed" "$ID" /nope
	[ ! -e "$SCRATCH/failed" ]
	fails "pid file: create '/nonexistent/pid'" cowrun run -b "$BUNDLE" --pid-file /nonexistent/pid "$ID-a"
	assert_gone "$ID-a"
}

# --- standard streams and file descriptors ----------------------------------------------------------------------------
@test "the program has the caller's streams" {
	bundle "$(args sh -c 'read line; echo "out $line"; echo "err $line" >&2')"
	cowrun run -b "$BUNDLE" "$ID" <<<"word" >"$SCRATCH/1" 2>"$SCRATCH/2"
	[ "$(cat "$SCRATCH/1")" = "out word" ]
	[ "$(cat "$SCRATCH/2")" = "err word" ]
}

@test "nobody but the program keeps the streams of create open" {
	bundle "$(args sh -c 'exec >&- 2>&-; sleep 1000')"
	# cat ends when the last writer of the pipe is gone: the program closes its own copy, so anybody else's shows.
	{ "$COWRUN" --root "$STATE" create -b "$BUNDLE" "$ID" && "$COWRUN" --root "$STATE" start "$ID"; } 2>&1 | timeout 200 cat
	status_is "$ID" running
}

@test "closed standard streams stay the container's affair" {
	bundle "$(args sh -c 'ls -l /proc/self/fd >/fds; true')"
	cowrun run -b "$BUNDLE" "$ID" <&- >&- 2>&-
	run awk '/->/ { print $(NF - 2), $NF }' "$BUNDLE/rootfs/fds"
	[ "${lines[0]}" = "0 /dev/null" ]
	[ "${lines[2]}" = "2 /dev/null" ]
	[ ${#lines[@]} = 3 ]
	assert_gone "$ID"
}

@test "no file descriptor but the streams reaches the program" {
	bundle "$(args sh -c 'ls -l /proc/$$/fd >/fds')"
	cowrun run -b "$BUNDLE" "$ID" 7</ 9</proc 40<"$COWRUN" >/dev/null
	run awk '/->/ { print $(NF - 2) }' "$BUNDLE/rootfs/fds"
	assert_output $'0\n1\n2'
}

@test "--preserve-fds hands on so many, in order" {
	bundle "$(args sh -c 'cat <&3; cat <&4; { cat <&5; } 2>/dev/null || echo none')"
	echo three >"$SCRATCH/3"
	echo four >"$SCRATCH/4"
	# not by the function, which closes fd 3
	run "$COWRUN" --root "$STATE" run --preserve-fds 2 -b "$BUNDLE" "$ID" 3<"$SCRATCH/3" 4<"$SCRATCH/4" 5<"$SCRATCH/3"
	assert_output $'three\nfour\nnone'
	sleeper
	run "$COWRUN" --root "$STATE" exec --preserve-fds=2 "$ID" sh -c 'cat <&3; cat <&4' 3<"$SCRATCH/3" 4<"$SCRATCH/4"
	assert_output $'three\nfour'
	fails "hand on file descriptor [0-9]+ \(--preserve-fds\): bad file descriptor" cowrun exec --preserve-fds 90 "$ID" true
}

# --- state, list, ps ----------------------------------------------------------------------------------------------------
@test "state tells the document of runtime.md" {
	local created before
	before=$(date +%s)
	sleeper '.annotations = {"a.b": "c", "d": ""}'
	run cowrun state "$ID"
	assert_status 0
	[ "$(jq -c '[.ociVersion, .id, .status, .pid, .bundle, .rootfs, .owner, .annotations]' <<<"$output")" = \
		"[\"1.3.0\",\"$ID\",\"running\",$PID,\"$BUNDLE\",\"$BUNDLE/rootfs\",\"root\",{\"a.b\":\"c\",\"d\":\"\"}]" ]
	created=$(jq -r .created <<<"$output")
	[[ $created =~ ^20[0-9-]+T[0-9:]+\.[0-9]{9}Z$ ]]
	created=$(date -d "$created" +%s)
	[ "$created" -ge "$before" ] && [ "$created" -le "$(date +%s)" ]
}

@test "state and its kin fail for what does not exist" {
	local verb
	for verb in state start pause resume kill delete ps; do
		fails "^cowrun: $verb: container '$ID' does not exist(:| \(in).*'?$STATE'" cowrun $verb "$ID"
	done
	fails "^cowrun: exec: container '$ID' does not exist" cowrun exec "$ID" true
	cowrun delete --force "$ID"
}

@test "a process that is a zombie counts as stopped" {
	bundle "$(args sh -c 'exit 1')"
	run "$HELPERS/subreaper" --leave "$SCRATCH/pid" bash -c '
		"$0" --root "$1" create -b "$2" --pid-file "$3" "$4" && "$0" --root "$1" start "$4" &&
		while ! grep -q "^State:.Z" "/proc/$(<"$3")/status"; do sleep 0.01; done &&
		"$0" --root "$1" state "$4" && "$0" --root "$1" delete "$4"' \
		"$COWRUN" "$STATE" "$BUNDLE" "$SCRATCH/pid" "$ID"
	assert_status 0
	[ "$(jq -r .status <<<"$output")" = stopped ]
	assert_gone "$ID"
}

@test "list shows all, as table, ids and JSON" {
	(umask 077 && mkdir -p "$STATE")
	run cowrun list
	assert_output_matches '^ID +PID +STATUS +BUNDLE +CREATED +OWNER *$'
	run cowrun list --format=json
	assert_output '[]'
	sleeper
	cowrun create -b "$BUNDLE" "$ID-b" >/dev/null 2>&1
	run cowrun list
	[[ ${lines[1]} =~ ^$ID\ +$PID\ +running\ +$BUNDLE\ +20.*root ]]
	[[ ${lines[2]} =~ ^$ID-b\ +[0-9]+\ +created ]]
	run cowrun list -q
	assert_output "$ID"$'\n'"$ID-b"
	run cowrun list --format json
	[ "$(jq -c 'map([.id, .status])' <<<"$output")" = "[[\"$ID\",\"running\"],[\"$ID-b\",\"created\"]]" ]
	fails "^cowrun: list: option --format: 'xml' is none of table\|json" cowrun list --format xml
}

@test "list of a state root that was named and is not there fails, and does not make one" {
	fails "^cowrun: list: open the state root '$SCRATCH/none': no such file or directory$" \
		"$COWRUN" --root "$SCRATCH/none" list -q
	[ ! -e "$SCRATCH/none" ]
}

@test "ps names the processes as the host does" {
	sleeper "$(args sh -c 'sleep 1001 & sleep 1002 & echo >/ready; wait')"
	await test -e "$BUNDLE/rootfs/ready"
	run cowrun ps --format json "$ID"
	[ "$(jq length <<<"$output")" = 3 ]
	[ "$(jq "index($PID)" <<<"$output")" != null ]
}

@test "ps shows the host's own ps, of its processes" {
	need_host "procps' ps finds no boot time on User-Mode Linux"
	sleeper "$(args sh -c 'sleep 1001 & sleep 1002 & echo >/ready; wait')"
	await test -e "$BUNDLE/rootfs/ready"
	run cowrun ps "$ID"
	[[ ${lines[0]} =~ PID ]]
	[ "${#lines[@]}" = 4 ]
	lists() { [[ $(cowrun ps "$ID" -o pid,args) == *"$1"* ]]; }
	await lists 'sleep 1001' # which the shell has forked, and may not have executed yet
	await lists 'sleep 1002'
}

# --- kill -------------------------------------------------------------------------------------------------------------
@test "kill takes names and numbers as people write them, and TERM by itself" {
	local script='for s in HUP INT TERM USR1 WINCH; do trap "echo $s >>/got" $s; done; echo >/ready; while :; do sleep 0.02; done'
	local signal n=0
	bundle
	rm -f "$BUNDLE/rootfs"/{got,ready}
	sleeper "$(args sh -c "$script")"
	await test -e "$BUNDLE/rootfs/ready"
	got() { [ "$(wc -l <"$BUNDLE/rootfs/got")" = "$n" ]; }
	for signal in '' HUP SIGHUP hup sigint 2 15 SIGUSR1 usr1 28; do
		# shellcheck disable=SC2086 # no word when it is empty
		cowrun kill "$ID" $signal
		n=$((n + 1))
		await got
	done
	[ "$(tr '\n' ' ' <"$BUNDLE/rootfs/got")" = "TERM HUP HUP HUP INT INT TERM USR1 USR1 WINCH " ]
	cowrun kill "$ID" 0
}

@test "kill refuses what is no signal" {
	local bad
	sleeper
	for bad in NOPE SIG 65 -1 9x 'TERM ' ''; do
		fails "^cowrun: kill: unknown signal \"$bad\"" cowrun kill -- "$ID" "$bad"
	done
	alive "$PID"
}

# --- delete -------------------------------------------------------------------------------------------------------------
@test "delete refuses what runs, and removes what has ended" {
	sleeper
	fails "^cowrun: delete: cannot delete container '$ID' that is not stopped: running" cowrun delete "$ID"
	alive "$PID"
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	cowrun delete "$ID"
	assert_gone "$ID"
}

@test "delete removes what was never started" {
	created
	cowrun delete "$ID"
	ended "$PID"
	assert_gone "$ID"
}

@test "delete --force kills, waits for the end, and can be said again" {
	sleeper "$(args sh -c 'sleep 1001 & sleep 1002 & echo >/ready; wait') | $NO_PIDNS"
	await test -e "$BUNDLE/rootfs/ready"
	local pids pid
	pids=$(cowrun ps --format json "$ID" | jq -r '.[]')
	cowrun delete --force "$ID"
	for pid in $pids; do await ended "$pid"; done # those that are not the first are some instants from being a zombie
	assert_gone "$ID"
	cowrun delete --force "$ID"
	cowrun delete -f "$ID"
	cowrun delete "$ID" --force
}

@test "delete removes what others do at the same time, once" {
	sleeper
	local i
	for i in {1..6}; do
		("$COWRUN" --root "$STATE" delete --force "$ID" && echo 0 || echo $?) >"$SCRATCH/delete.$i" 3>&- &
	done
	wait
	[ "$(cat "$SCRATCH"/delete.* | sort -u)" = 0 ]
	assert_gone "$ID"
}

# --- pause and resume -----------------------------------------------------------------------------------------------------
@test "pause freezes, resume thaws" {
	bundle
	rm -f "$BUNDLE/rootfs/n"
	sleeper "$(args sh -c 'while :; do echo >>/n; sleep 0.01; done')"
	await test -s "$BUNDLE/rootfs/n"
	cowrun pause "$ID"
	status_is "$ID" paused
	local before
	before=$(stat -c %s "$BUNDLE/rootfs/n")
	fails "^cowrun: pause: cannot pause container '$ID': container not running: paused" cowrun pause "$ID"
	fails "cannot exec in a paused container" cowrun exec "$ID" true
	fails "that is not stopped: paused" cowrun delete "$ID"
	[ "$(stat -c %s "$BUNDLE/rootfs/n")" = "$before" ]
	cowrun resume "$ID"
	status_is "$ID" running
	grows() { [ "$(stat -c %s "$BUNDLE/rootfs/n")" -gt "$before" ]; }
	await grows
	fails "^cowrun: resume: cannot resume container '$ID': container not paused: running" cowrun resume "$ID"
}

@test "what is paused can be killed and deleted" {
	sleeper
	cowrun pause "$ID"
	cowrun delete --force "$ID"
	ended "$PID"
	assert_gone "$ID"
}

@test "what is created can be paused, is not started then, and lives on" {
	created "$(args sleep 1000)"
	cowrun pause "$ID"
	status_is "$ID" paused
	fails "^cowrun: start: cannot start container '$ID': it is paused" timeout 200 "$COWRUN" --root "$STATE" start "$ID"
	# asking often does not get stuck
	for _ in {1..20}; do timeout 200 "$COWRUN" --root "$STATE" state "$ID" >/dev/null; done
	cowrun resume "$ID"
	status_is "$ID" created
	cowrun start "$ID"
	status_is "$ID" running
}

@test "a container without a cgroup of its own lives and ends all the same" {
	bundle "$(args sh -c 'cat /proc/self/cgroup; exit 6')"
	run cowrun --cgroup-manager disabled run -b "$BUNDLE" "$ID"
	assert_status 6
	[[ ! $output =~ cowrun-$ID ]]
	bundle "$(args sleep 1000)"
	cowrun --cgroup-manager=disabled run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	PID=$(<"$SCRATCH/pid")
	[ ! -e "$CGROUP/cowrun-$ID" ]
	[ "$(cowrun ps --format json "$ID")" = "[$PID]" ]
	fails "^cowrun: pause: cannot pause container '$ID': it has no cgroup" cowrun pause "$ID"
	cowrun exec "$ID" true
	cowrun delete --force "$ID"
	ended "$PID"
	# what nothing would hold is refused, or at least told
	bundle "$(args true) | .linux.resources.pids.limit = 10"
	fails "^cowrun: run: linux.resources: 'pids.max' cannot be set without a cgroup \(option --cgroup-manager\)$" \
		cowrun --cgroup-manager disabled run -b "$BUNDLE" "$ID"
	assert_gone "$ID"
	local rules
	# podman's, for everybody and for those with --privileged
	for rules in '{allow: false, access: "rwm"}' '{allow: false, access: "rwm"}, {allow: true, access: "rwm"}'; do
		bundle "$(args true) | .linux.resources.devices = [$rules]"
		run cowrun --cgroup-manager disabled run -b "$BUNDLE" "$ID"
		assert_output ''
	done
	bundle "$(args true) | .linux.resources.devices = [{allow: false, access: \"rwm\"}, {allow: true, type: \"c\", major: 1, access: \"r\"}]"
	run --separate-stderr cowrun --cgroup-manager disabled run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_one_line "^cowrun: warning: linux.resources.devices: without a cgroup the rules are not enforced$"
}
