# Whatever moment a program of ours dies at, and whatever becomes of a record: one delete --force (for `cow`: rm -f)
# leaves nothing, everybody else's containers are listed, and the id serves again.
# shellcheck disable=SC2016 # $ENV is for jq
load helpers
load containers
load crash

setup_file() {
	scratch_make
	seed_and_bundles
	if grep -qw hugetlb "$CGROUP/cgroup.controllers"; then
		echo '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}'
	else
		echo '{"pids": {"limit": 77}}'
	fi >"$SCRATCH/limits"
	if [ -x "$COW" ]; then
		tar -C "$SCRATCH/rootfs" -cf - . | cow import --env "CRASH=$SCRATCH" --env PATH=/bin - image >/dev/null
	fi
}

teardown() {
	local pid
	for pid in ${ENDS:-}; do kill "$pid"; done
	containers_remove
}

# --- sweeps -------------------------------------------------------------------------------------------------------------
# What is swept: prepare WHAT ID makes what the command needs, and gives it in $CALL.
prepare() {
	local run=("$COWRUN" --root "$STATE") cow=("$COW" --root "$STATE" --store "$STORE")
	case $1 in
	start) cowrun create -b "$SCRATCH/long" "$2" ;;
	exec | pause | update | delete) cowrun run -d -b "$SCRATCH/long" "$2" ;;
	cow-rm) cow run -d --name "$2" image sleep 1000 ;;
	esac >/dev/null 2>&1
	case $1 in
	run) CALL=("${run[@]}" run -b "$SCRATCH/brief" "$2") ;;
	detach) CALL=("${run[@]}" run -d -b "$SCRATCH/long" "$2") ;;
	create) CALL=("${run[@]}" create -b "$SCRATCH/long" "$2") ;;
	delete) CALL=("${run[@]}" delete --force "$2") ;;
	exec) CALL=("${run[@]}" exec "$2" true) ;;
	whole) rm -rf "$STATE/.seccomp" && CALL=("${run[@]}" run -b "$SCRATCH/whole" "$2") ;;
	terminal) CALL=("${run[@]}" run -d --console-socket "$SCRATCH/console" -b "$SCRATCH/terminal" "$2") ;;
	update) CALL=("${run[@]}" update -r "$SCRATCH/limits" "$2") ;;
	start | pause) CALL=("${run[@]}" "$1" "$2") ;;
	cow-run) CALL=("${cow[@]}" run --name "$2" image true) ;;
	cow-detach) CALL=("${cow[@]}" run -d --name "$2" image sleep 1000) ;;
	cow-launch) CALL=("${cow[@]}" run -d --name "$2" image true) ;;
	cow-rm) CALL=("${cow[@]}" rm -f "$2") ;;
	esac
}

# remove WHAT ID, and again WHAT ID: the same id serves once more
remove() { case $1 in cow-*) cow rm -f "$2" ;; *) cowrun delete --force "$2" ;; esac; }
again() { case $1 in cow-*) cow run --rm --name "$2" image true ;; *) cowrun run -b "$SCRATCH/brief" "$2" ;; esac; }

listed() { [ "$(cowrun list -q)" = "$1" ]; }

# after WHAT ID: what is wrong after one of them died, a line each
after() {
	local said
	cowrun list >/dev/null || echo "list fails"
	cowrun list -q | grep -qxF "$ID-neighbour" || echo "list hides the others"
	said=$(remove "$1" "$2" 2>&1 >/dev/null) || echo "delete --force: status $?"
	[ -z "$said" ] || echo "delete --force says: $said"
	leaks "$2"
	listed "$ID-neighbour" || echo "list shows: $(cowrun list -q)"
	said=$(again "$1" "$2" 2>&1) || echo "the id does not serve again: $said"
	leaks "$2" | sed 's/^/at the second use: /'
}

# sweep N WHAT [STRACE OPTION]: at N points
sweep() {
	local n=$1 what=$2 id=$ID-x name k wrong bad=0 tried=0 missed=0
	FOLLOW=("${@:3}")
	need_injection
	cowrun run -d -b "$SCRATCH/other" "$ID-neighbour" >/dev/null 2>&1
	prepare "$what" "$id"
	strace "${FOLLOW[@]}" -qq -o "$SCRATCH/baseline" "${CALL[@]}" </dev/null >/dev/null 2>&1 3>&-
	remove "$what" "$id" >/dev/null
	# one process after the other where forks are followed: each counts for itself
	calls "$SCRATCH/baseline" | awk '!seen[$2, $3]++ { print $2, $3 }' >"$SCRATCH/points"
	while read -r name k <&5; do
		prepare "$what" "$id"
		killed "$name" "$k" "${CALL[@]}" </dev/null >/dev/null 2>"$SCRATCH/said" && missed=$((missed + 1))
		tried=$((tried + 1))
		wrong=$(after "$what" "$id")
		[ -n "$wrong" ] || continue
		bad=$((bad + 1))
		say "$what killed at $name $k (SEED=$SEED):" $'\n'"$wrong"
		mop "$id" 2>/dev/null
	done 5< <(choose "$n" <"$SCRATCH/points")
	[ -z "${COWRUN_ALL:-}" ] || echo "# $what: $tried points, $missed not reached, $bad leak" >&3
	alive "$(state "$ID-neighbour" pid)"
	[ "$tried" -gt 0 ] && [ "$bad" = 0 ]
}

@test "run, killed at any system call" { sweep 2 run; }
@test "run --detach, killed at any system call" { sweep 1 detach; }
@test "create, killed at any system call" { sweep 2 create; }
@test "start, killed at any system call" { sweep 1 start; }
@test "exec, killed at any system call" { sweep 1 exec; }
@test "run with a filter that is not kept yet, an agent, clocks and hooks, killed at any system call" { ends_of_sockets && sweep 1 whole; }
@test "run --detach with a terminal, killed at any system call" { ends_of_sockets && sweep 1 terminal; }
@test "update, killed at any system call" { sweep 1 update; }
@test "pause, killed at any system call" { sweep 1 pause; }
@test "delete, killed at any system call" { sweep 1 delete; }
@test "cow run, killed at any system call" { sweep 1 cow-run; }
@test "cow run --detach, killed at any system call" { sweep 1 cow-detach; }
@test "who launches for cow run --detach, and its monitor, killed at any system call" { sweep 1 cow-launch -f; }
@test "cow rm, killed at any system call" { sweep 1 cow-rm; }

# --- the container's first process --------------------------------------------------------------------------------------
# Killed while it sets up, at each call that none but it makes, up to the execve() of its program (or
# until it is ready to be started): the runtime says so
# in one line, and leaves nothing without being asked to.
first_process() {
	local n=$1 what=$2 id=$ID-x name k rc bad=0 tried=0 wrong
	FOLLOW=(-f)
	need_injection
	cowrun run -d -b "$SCRATCH/other" "$ID-neighbour" >/dev/null 2>&1
	prepare "$what" "$id"
	# what is created is deleted from behind, as strace waits for it
	strace -f -qq -o "$SCRATCH/baseline" "${CALL[@]}" </dev/null >/dev/null 2>&1 3>&- &
	[ "$what" != create ] || { await status_is "$id" created; cowrun delete --force "$id"; }
	wait
	cowrun delete --force "$id"
	calls "$SCRATCH/baseline" | awk '
		NR == 1 { runtime = $1 }
		$1 == runtime { not_alone[$2] }
		{ line[NR] = $0 }
		END {
			for (i = 1; i <= NR; i++) {
				split(line[i], f)
				if (f[2] == "execve" || f[2] == "accept4") at_work[f[1]]
				if (f[1] != runtime && !(f[1] in at_work) && !(f[2] in not_alone)) print f[2], f[3]
			}
		}' | sort -u >"$SCRATCH/points"
	while read -r name k <&5; do
		prepare "$what" "$id"
		rc=0
		killed "$name" "$k" "${CALL[@]}" </dev/null >/dev/null 2>"$SCRATCH/said" || rc=$?
		tried=$((tried + 1))
		[ "$what" != exec ] || { status_is "$id" running && cowrun delete --force "$id"; } || say "exec: the container went too"
		wrong=$(
			[ "$rc" -ge 1 ] && [ "$rc" != 137 ] || echo "status $rc"
			[ "$(wc -l <"$SCRATCH/said")" = 1 ] && grep -q '^cowrun: ' "$SCRATCH/said" || echo "says: $(cat "$SCRATCH/said")"
			leaks "$id"
			listed "$ID-neighbour" || echo "list shows: $(cowrun list -q)"
		)
		[ -n "$wrong" ] || continue
		bad=$((bad + 1))
		say "first process of $what killed at $name $k (SEED=$SEED):" $'\n'"$wrong"
		mop "$id" 2>/dev/null
	done 5< <(choose "$n" <"$SCRATCH/points")
	[ -z "${COWRUN_ALL:-}" ] || echo "# first process of $what: $tried points, $bad wrong" >&3
	[ "$tried" -gt 0 ] && [ "$bad" = 0 ]
}

@test "run, its container's first process killed before the program" { first_process 1 run; }
@test "create, its container's first process killed" { first_process 1 create; }
@test "exec, its process killed before the program" { first_process 1 exec; }

# --- what is another's --------------------------------------------------------------------------------------------------
# In the group of somebody else's container nothing is killed, whoever failed to get it or died before he knew.
@test "who is late for his own directory leaves alone who has it" {
	need_injection
	local late=0
	bundle "$(args sleep 1000)"
	mkdir -p "$STATE"
	# it stands still when it has made the directory
	strace -qq -o "$SCRATCH/trace" -e trace=mkdirat -e inject=mkdirat:signal=STOP:when=1 \
		"$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" >"$SCRATCH/said" 2>&1 3>&- &
	local tracer=$!
	await test -d "$STATE/$ID"
	local stopped
	stopped=$(pgrep -P $tracer)
	await grep -q '^State:.[tT]' "/proc/$stopped/status"
	cowrun delete --force "$ID"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	kill -CONT "$stopped"
	wait $tracer || late=$?
	[ "$late" = 1 ]
	grep -q "container '$ID' already exists" "$SCRATCH/said"
	status_is "$ID" running
}

@test "who does not get its cgroup leaves alone who has it" {
	local path=/cowrun-$ID-shared
	bundle "$(args sleep 1000) | .linux.cgroupsPath = \"$path\""
	cowrun run -d -b "$BUNDLE" "$ID-a" >/dev/null 2>&1
	fails "cgroup '$path': container's cgroup is not empty" cowrun run -b "$BUNDLE" "$ID-b"
	assert_gone "$ID-b"
	status_is "$ID-a" running
	bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" "$ID-c" >/dev/null 2>&1
	fails "cgroup '/cowrun-$ID-c': container's cgroup is not empty" "$COWRUN" --root "$SCRATCH/elsewhere" run -b "$BUNDLE" "$ID-c"
	status_is "$ID-c" running
}

@test "delete --force kills nobody in a cgroup that a killed creator did not get" {
	need_injection
	bundle "$(args sleep 1000) | .linux.cgroupsPath = \"/cowrun-$ID-shared\""
	cowrun run -d -b "$BUNDLE" "$ID-a" >/dev/null 2>&1
	# the first mkdirat() makes the record's directory, the second one the group
	run ! killed mkdirat 2 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID-b" </dev/null
	grep -q '^cgroup ' "$STATE/$ID-b/record"
	run --separate-stderr cowrun delete --force "$ID-b"
	assert_status 0
	assert_one_line "cgroup '/cowrun-$ID-shared' stays: processes live in it that container '$ID-b' did not start"
	assert_gone "$ID-b"
	status_is "$ID-a" running
}

# --- damaged records ----------------------------------------------------------------------------------------------------
# damage KIND DIR: what is done to the record in it
damage() {
	local record=$2/record
	case $1 in
	empty) : >"$record" ;;
	missing) rm "$record" ;;
	garbage) head -c 4000 /dev/urandom >"$record" ;;
	zeros) truncate -s 0 "$record" && truncate -s 4096 "$record" ;;
	huge) truncate -s 100M "$record" ;;
	directory) rm "$record" && mkdir "$record" && echo x >"$record/file" ;;
	"cut in "*) sed -zi "s/\(\n\?${1##* } .\).*/\1/" "$record" ;;
	esac
}

# Each with a neighbour that stays as it was. A record that lost lines at its end may still be whole for `state`.
damaged() {
	local kind=$1 shown
	sleeper '.process.env += ["CRASH=\($ENV.SCRATCH)"]'
	damage "$kind" "$STATE/$ID"
	shown=$(cowrun list -q) || { say "list fails"; return 1; }
	[ "$shown" = "$ID"$'\n'"$ID-neighbour" ] || { say "list shows: $shown"; return 1; }
	if [[ $kind != cut* || $kind == "cut in id" ]]; then
		fails "^cowrun: state: the record of container '$ID' is damaged: .*\(hint: delete --force\)" cowrun state "$ID" || return 1
	fi
	alive "$PID" || { say "its process is gone too early"; return 1; }
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0 || return 1
	[ -z "$(leaks "$ID")" ] || { leaks "$ID" >&2; return 1; }
	cowrun run -b "$SCRATCH/brief" "$ID"
}

@test "of a damaged record delete --force finds all by the name" {
	local kind
	cowrun run -d -b "$SCRATCH/other" "$ID-neighbour" >/dev/null 2>&1
	for kind in empty missing garbage zeros huge directory "cut in id" "cut in bundle" "cut in created" \
		"cut in cgroup" "cut in init"; do
		damaged "$kind" || { say "record $kind"; return 1; }
	done
	status_is "$ID-neighbour" running
}

@test "of a damaged record delete --force finds a cgroup that config.json names" {
	sleeper ".linux.cgroupsPath = \"/cowrun-$ID-named/inner\""
	: >"$STATE/$ID/record"
	cowrun delete --force "$ID"
	await ended "$PID"
	[ ! -e "$CGROUP/cowrun-$ID-named/inner" ]
	rmdir "$CGROUP/cowrun-$ID-named"
}

@test "of a damaged record delete --force leaves alone who has its cgroup now" {
	local path=/cowrun-$ID-shared old
	sleeper ".linux.cgroupsPath = \"$path\""
	old=$PID
	kill -KILL "$old"
	await status_is "$ID" stopped
	cowrun run -d -b "$BUNDLE" "$ID-b" >"$SCRATCH/out" 2>&1
	: >"$STATE/$ID/record"
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	assert_one_line "the record of container '$ID' is damaged: its cgroup '$path' is that of container '$ID-b' now, and stays"
	[ ! -e "$STATE/$ID" ]
	status_is "$ID-b" running
}

@test "of a damaged record cow rm --force removes the files too" {
	cow run -d --name "$ID" image sleep 1000 >/dev/null
	: >"$STATE/$ID/record"
	run cow ps -a
	assert_status 0
	cow rm -f "$ID" >/dev/null
	run leaks "$ID"
	assert_output ""
}

@test "a container whose config.json is gone is deleted as any" {
	sleeper
	rm "$STATE/$ID/config.json"
	run cowrun list -q
	assert_output "$ID"
	status_is "$ID" running
	cowrun delete --force "$ID"
	await ended "$PID"
	assert_gone "$ID"
}

@test "what else lies in the state root is left alone" {
	mkdir -p "$STATE"
	echo stray >"$STATE/file"
	ln -s "$SCRATCH" "$STATE/link"
	mkdir "$STATE/not an id"
	run cowrun list -q
	assert_output ''
	cowrun delete --force file
	cowrun delete --force link
	fails "id 'not an id'" cowrun delete --force "not an id"
	fails "exist" cowrun create -b "$SCRATCH/brief" file
	[ "$(cat "$STATE/file")" = stray ]
	[ -d "$STATE/link/state" ]
	rmdir "$STATE/not an id"
	rm "$STATE/file" "$STATE/link"
}

# --- two processes that speak -------------------------------------------------------------------------------------------
# A namespace may begin with a fork (joined pid namespaces, clocks). What the new process says may be heard first.
@test "who is born by a fork is recorded before it goes on, whoever speaks first" {
	need_injection
	[ -e /proc/self/ns/time ] || skip "needs time namespaces"
	bundle "$(args sleep 1000)"' | .linux.namespaces += [{type: "time"}] |
		.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "cat >$0.part && mv $0.part $0", "\($ENV.SCRATCH)/told"]}]'
	strace -f -qq -o /dev/null -e trace=clone3 -e inject=clone3:delay_exit=200000 \
		timeout 200 "$COWRUN" --root "$STATE" run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1 3>&- &
	local tracer=$!
	await test -s "$SCRATCH/told"
	[ "$(jq .pid "$SCRATCH/told")" = "$(<"$SCRATCH/pid")" ]
	# strace ends with the last of them, and is told what its own child, the runtime, ended by
	await not pgrep -P "$tracer" >/dev/null
	status_is "$ID" running
	cowrun delete --force "$ID"
	ends_with 0 $tracer
}

# Only where the kernel knows device programs (cgroup v2) is there one.
@test "whoever dies while it keeps the device program leaves one file, which the next takes over" {
	need_program strace
	need_static "sanitizers do not like to be traced"
	cow run --rm --name "$ID-k" image true
	[ -e "$STATE/.devices" ] || skip "no program of device rules is kept here"
	local try
	for try in 1 2 3; do
		echo none >"$STATE/.devices"
		run strace -qqo /dev/null -e inject=renameat:signal=KILL:when=1 \
			"$COW" --root "$STATE" --store "$STORE" run --name "$ID-k" image true
		assert_status 137
		cow rm -f "$ID-k" >/dev/null
		[ "$(find "$STATE" -name '*devices*' | wc -l)" = 2 ]
	done
	cow run --rm --name "$ID-k" image true
	[ "$(find "$STATE" -name '*devices*')" = "$STATE/.devices" ]
}
