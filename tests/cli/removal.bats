# The order of removal does not matter: whatever of a container others have taken away, delete --force removes the rest,
# and tells what nobody would expect. (Damaged records, and makers that were killed, are in crash.bats.)
load helpers
load containers

# cleared [REGEX]: delete --force succeeds, says nothing (or one line that matches), and nothing is left
cleared() {
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	assert_output ''
	if [ $# = 0 ]; then [ -z "$stderr" ] || { say "$stderr"; return 1; }; else assert_one_line "$1"; fi
	ended "$PID"
	assert_gone "$ID"
	cowrun delete --force "$ID"
}

@test "its process is killed by somebody else" {
	sleeper
	kill -KILL "$PID"
	await status_is "$ID" stopped
	cleared
}

@test "its number is that of another's thread by now" {
	sleeper
	kill -KILL "$PID"
	await status_is "$ID" stopped
	"$HELPERS/leaderless" 1 >"$SCRATCH/ready" 3>&- &
	local other=$! thread
	await grep -q ready "$SCRATCH/ready"
	thread=$(find "/proc/$other/task" -mindepth 1 -maxdepth 1 ! -name "$other" -printf %f)
	sed -Ei "s/^init [0-9]+ /init $thread /" "$STATE/$ID/record"
	fails "container not running: '$ID': it has stopped" cowrun kill "$ID"
	cleared
	alive "$other"
	kill -KILL "$other"
	wait "$other" || true
}

@test "its group is killed by somebody else, and removed" {
	sleeper
	cowrun exec -d "$ID" sleep 1001 >/dev/null 2>&1
	echo 1 >"$CGROUP/cowrun-$ID/cgroup.kill"
	await rmdir "$CGROUP/cowrun-$ID" 2>/dev/null
	await status_is "$ID" stopped
	cleared
}

@test "its processes are moved to another group, and its own is removed" {
	sleeper
	cowrun exec -d --pid-file "$SCRATCH/second" "$ID" sleep 1001 >/dev/null 2>&1
	mkdir "$CGROUP/cowrun-$ID-else"
	echo "$PID" >"$CGROUP/cowrun-$ID-else/cgroup.procs"
	cat "$SCRATCH/second" >"$CGROUP/cowrun-$ID-else/cgroup.procs"
	await rmdir "$CGROUP/cowrun-$ID" 2>/dev/null
	status_is "$ID" running
	fails "cannot pause container '$ID': it has no cgroup$" cowrun pause "$ID"
	cleared
	await ended "$(<"$SCRATCH/second")"
	await rmdir "$CGROUP/cowrun-$ID-else" 2>/dev/null
}

@test "it has made groups below its own" {
	sleeper
	mkdir -p "$CGROUP/cowrun-$ID/below/more" "$CGROUP/cowrun-$ID/empty"
	cowrun exec -d --pid-file "$SCRATCH/second" "$ID" sleep 1001 >/dev/null 2>&1
	cat "$SCRATCH/second" >"$CGROUP/cowrun-$ID/below/more/cgroup.procs"
	cleared
	ended "$(<"$SCRATCH/second")"
}

@test "it is frozen, by us or by somebody else" {
	sleeper
	cowrun pause "$ID"
	cleared
	sleeper
	echo 1 >"$CGROUP/cowrun-$ID/cgroup.freeze"
	await status_is "$ID" paused
	cleared
}

@test "its bundle is gone" {
	bundle "$(args sleep 1000)"
	cp -a "$BUNDLE" "$SCRATCH/brief"
	cowrun run -d -b "$SCRATCH/brief" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	PID=$(<"$SCRATCH/pid")
	rm -rf "$SCRATCH/brief"
	status_is "$ID" running
	cleared
}

@test "all but its record is gone" {
	created
	find "$STATE/$ID" -mindepth 1 ! -name record -delete
	fails "^cowrun: start: " cowrun start "$ID"
	cleared
}

@test "its record is gone, and all else is there" {
	sleeper
	rm "$STATE/$ID/record"
	cleared "^cowrun: warning: the record of container '$ID' is damaged: its cgroup '/cowrun-$ID' is found by name, with 1 process, and removed$"
}

@test "its record is damaged, and it has no cgroup: what cannot be found is told" {
	bundle "$(args sleep 1000)"
	cowrun --cgroup-manager disabled run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	local init
	init=$(cowrun state "$ID" | jq .pid)
	sed -i 's/^init .*/init x/' "$STATE/$ID/record"
	cleared "^cowrun: warning: the record of container '$ID' is damaged, and no cgroup of its name is found: processes that it may have run on$"
	alive "$init"
	kill -KILL "$init"
}

@test "its record is damaged: a signal finds its group too, as engines kill before they delete" {
	local damage
	for damage in 'rm "$STATE/$ID/record"' ': >"$STATE/$ID/record"' 'echo garbage >"$STATE/$ID/record"'; do
		sleeper '.linux.cgroupsPath = $path' --arg path "/cowrun-$ID"
		eval "$damage"
		run --separate-stderr cowrun kill "$ID" KILL
		assert_status 0
		assert_one_line "^cowrun: warning: the record of container '$ID' is damaged: its cgroup is found by name, and all in it are signalled$"
		await ended "$PID"
		fails "the record of container '$ID' is damaged: .*" cowrun kill "$ID" KILL # nobody is there any more
		cleared "^cowrun: warning: .* is found by name, with 0 processes, and removed$"
	done
}

@test "its directory is gone: it is told, and left alone, as it may be another state root's" {
	sleeper
	mv "$STATE/$ID" "$SCRATCH/moved"
	local told="^cowrun: warning: container '$ID' does not exist in this state root, but its cgroup '/cowrun-$ID' has 1 process: left alone, as another state root may know it$"
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	assert_one_line "$told"
	mkdir "$SCRATCH/elsewhere"
	run --separate-stderr "$COWRUN" --root "$SCRATCH/elsewhere" delete --force "$ID"
	assert_one_line "$told"
	fails "use the cgroup '/cowrun-$ID': container's cgroup is not empty$" cowrun create -b "$BUNDLE" "$ID"
	alive "$PID"
	mv "$SCRATCH/moved" "$STATE/$ID"
	cleared
}

@test "the whole state root is gone" {
	sleeper
	mv "$STATE" "$SCRATCH/moved"
	fails "does not exist" cowrun state "$ID"
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	assert_one_line "left alone"
	mv "$SCRATCH/moved" "$STATE"
	cleared
}

@test "who ran it in the foreground is killed" {
	bundle "$(args sleep 1000)"
	cowrun run -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1 &
	local engine=$!
	await has_program "$ID" sleep
	PID=$(<"$SCRATCH/pid")
	# the shell's child is a shell: cowrun is a function
	kill -KILL "$(pgrep -P $engine)" 2>/dev/null || kill -KILL $engine
	wait $engine || true
	status_is "$ID" running
	cleared
}

@test "two remove it at once, while it is killed by a third" {
	sleeper
	cowrun delete --force "$ID" &
	local one=$!
	cowrun delete --force "$ID" &
	local two=$!
	kill -KILL "$PID" 2>/dev/null || true
	ends_with 0 $one
	ends_with 0 $two
	cleared
}
