# Attacks on the runtime as they have been made on others: what it shows of the host, and what it lets a container keep.
# The numbers are those of tests/weak.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers
load attacks

# watcher [FILTER ...]: a container whose first process is `probe watch`, and says what it sees into $SCRATCH/out.
# It has its own procfs in /proc and a handle on nothing else.
watcher() {
	bundle
	cp "$HELPERS/probe" "$BUNDLE/rootfs/bin"
	sleeper "$(args probe watch 600) | ${1:-.}"
	await grep -q watching "$SCRATCH/out"
}

saw() { grep -q "$1" "$SCRATCH/out"; }

# unprotected COMMAND...: a process of the host's that walks into the container's pid namespace with all it has
unprotected() {
	nsenter -t "$PID" -p -F -- unshare -f --kill-child "$@" </dev/null >/dev/null 2>&1 3>&- &
	ATTACKERS="$ATTACKERS $!"
}

# --- 1. CVE-2016-9962: what passes by is looked at --------------------------------------------------------------------
# Processes of exec pass by. One may fail to: the watcher keeps opening the container's own programs.
passing() {
	local i
	for i in $(seq "$RACES"); do cowrun exec "$ID" /bin/true </dev/null >/dev/null 2>&1 || true; done
}

@test "a process of exec shows nothing of the host on its way in" {
	watcher
	passing
	# what is seen is the container's own program, once it is executed
	run grep -v -e '^watching' -e '^exe /bin/busybox$' -e '^cwd /$' -e '^root /$' -e '^fd /dev/null$' -e '^environ PATH=/bin$' \
		-e '^writable /bin/busybox$' -e '^traced /bin/busybox$' "$SCRATCH/out"
	assert_output ''
	assert_canary_unchanged
}

@test "nor to one who may trace processes" {
	watcher "$PTRACE"
	passing
	run grep -e "$SCRATCH" -e "$OUT" -e '^fd /proc' -e '^fd /sys' -e "^environ .*COWRUN_" -e '^exe /[^bm]' "$SCRATCH/out"
	assert_output ''
	assert_canary_unchanged
}

@test "(the one who looks would have seen it)" {
	cp "$(command -v sleep)" "$CANARY/program"
	watcher "$PTRACE"
	ATTACKERS=
	(cd "$CANARY" && exec 9<secret && unprotected "$CANARY/program" 1000; echo "$ATTACKERS" >"$SCRATCH/attackers")
	ATTACKERS=$(<"$SCRATCH/attackers")
	await saw "^exe .*/hostdir/program"
	await saw "^fd .*/hostdir/secret"
	await saw "^cwd .*/hostdir"
}

# --- 2. CVE-2019-5736: the runtime's own program is overwritten ---------------------------------------------------------
@test "the runtime's program cannot be opened for writing by what it starts" {
	local i
	printf '#!/proc/self/exe\n' >"$BUNDLE/rootfs/bin/self"
	chmod +x "$BUNDLE/rootfs/bin/self"
	local own
	for own in /proc/self/exe /bin/self; do
		bundle "$(args $own)"
		cowrun run -b "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 || true
		assert_gone "$ID"
	done
	watcher "$PTRACE"
	for i in $(seq $((RACES / 4))); do
		cowrun exec "$ID" /proc/self/exe >/dev/null 2>&1 || true
		cowrun exec "$ID" /bin/self >/dev/null 2>&1 || true
	done
	run grep -e "^writable .*cowrun" -e "^writable $OUT" "$SCRATCH/out"
	assert_output ''
	assert_canary_unchanged
}

@test "(a program of the host would have been seen to be writable)" {
	cp "$(command -v sleep)" "$CANARY/program"
	watcher "$PTRACE"
	ATTACKERS=
	unprotected "$CANARY/program" 1000
	await saw "^exe .*/hostdir/program"
	local pid
	for pid in $(cowrun_pids_of program); do kill "$pid"; done
	await saw "^writable .*program"
}
cowrun_pids_of() { grep -lsx "$1" /proc/[0-9]*/comm | cut -d / -f 3; }

# --- 9. CVE-2024-21626: a file descriptor of ours is a way out ---------------------------------------------------------------------------
@test "no working directory leads out by a file descriptor" {
	local n
	local fds=({3..12} 19 33)
	[ -z "${COWRUN_ALL:-}" ] || fds=({0..1023})
	exec 7<"$CANARY" 19<"$CANARY" 33<"$CANARY"
	for n in "${fds[@]}"; do
		bundle "$(args sh -c 'pwd; ls -a . ..') | .process.cwd = \"/proc/self/fd/$n\""
		run --separate-stderr "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
		[ "$status" -ne 0 ] || [[ $output != *secret* && $output != *unreachable* ]] || { say "cwd $n: $output"; return 1; }
		[ "$status" -eq 0 ] || assert_one_line "working directory|process.cwd"
	done
	sleeper
	for n in {3..12} 19 33; do
		ln -sfn "/proc/self/fd/$n" "$BUNDLE/rootfs/way"
		run --separate-stderr "$COWRUN" --root "$STATE" exec --cwd /way "$ID" sh -c 'pwd; ls -a . ..'
		[ "$status" -ne 0 ] || [[ $output != *secret* && $output != *unreachable* ]] || { say "exec --cwd $n: $output"; return 1; }
		run --separate-stderr "$COWRUN" --root "$STATE" exec --cwd "/proc/self/fd/$n" "$ID" sh -c 'ls -a . ..'
		[ "$status" -ne 0 ] || [[ $output != *secret* ]] || { say "exec --cwd fd $n: $output"; return 1; }
	done
	# (handed on on purpose, it is one, and refused all the same)
	ln -sfn /proc/self/fd/3 "$BUNDLE/rootfs/way"
	run --separate-stderr "$COWRUN" --root "$STATE" exec --preserve-fds 1 --cwd /way "$ID" sh -c 'ls -a' 3<"$CANARY"
	[ "$status" -ne 0 ] || [[ $output != *secret* ]]
	exec 7<&- 19<&- 33<&-
	assert_canary_unchanged
}

@test "no program is found behind a file descriptor of ours" {
	local n
	for n in {3..12}; do
		bundle "$(args "/proc/self/fd/$n/secret")"
		run --separate-stderr "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 9<"$CANARY"
		[ "$status" -eq 1 ]
		assert_one_line "/proc/self/fd/$n"
	done
	assert_canary_unchanged
}

# A procfs shows the host's processes, and they have the host's files: an image may name its program so.
@test "no program or directory is found behind the procfs that sysctls are written to" {
	local n host way
	cp "$(command -v busybox)" "$CANARY/busybox"
	canary_state >"$SCRATCH/canary"
	(cd "$CANARY" && exec setpriv --bounding-set=-all --inh-caps=-all busybox sleep 1000 3>&-) &
	ATTACKERS=$!
	host=$ATTACKERS
	await test "/proc/$host/exe" -ef "$(command -v busybox)"
	# (who holds one gets there)
	exec 7</proc
	"/proc/self/fd/7/$host/cwd/busybox" true
	exec 7<&-
	for n in {3..10}; do
		way=/proc/self/fd/$n/$host/cwd
		attempt "$(args "$way/busybox" true)"' | .linux.sysctl = {"kernel.domainname": "x"} | .process.oomScoreAdj = 1'
		assert_status 1
		assert_one_line "executable file '$way/busybox' not found"
	done
}

@test "what is to be started holds no directory open but its root" {
	local fd
	created '.linux.sysctl = {"kernel.domainname": "x"} | .process.oomScoreAdj = 1'
	for fd in "/proc/$PID"/fd/*; do
		# (what directories are masked with is an empty one)
		[ ! -d "$fd" ] || [ "$fd" -ef "/proc/$PID/root" ] || [ -z "$(ls -A "$fd")" ] || { say "$(ls -l "$fd"): $(ls "$fd")"; return 1; }
	done
}

# --- 13. the cgroup of the host -------------------------------------------------------------------------------------------------------------
@test "a container's cgroup file system shows its own group and no other" {
	local may='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_DAC_OVERRIDE"]'
	inside 'cat /mnt/../mnt/cgroup.procs >/dev/null; ls -d /mnt/cowrun-* 2>/dev/null; echo 1 2>/dev/null >/mnt/cgroup.procs || echo refused' \
		"$may | .mounts += [{destination: \"/mnt\", type: \"cgroup\", source: \"cgroup\", options: [\"ro\"]}]"
	assert_status 0
	assert_output refused
}

@test "no cgroupsPath leads out of the hierarchy, or to where it does not say" {
	local path deep
	deep=$(printf '/d%.0s' {1..60})
	for path in "/../../$ID" "/$ID/../../x" "$ID/.." "/$ID//x" "/$ID/./x" "/$ID/$(printf 'x%.0s' {1..300})" "/$ID$deep"; do
		bundle '.linux.cgroupsPath = $path' --arg path "$path"
		fails "cgroup(sPath|s path| path)?.*$ID" cowrun run -b "$BUNDLE" "$ID" || { say "$path"; return 1; }
		assert_gone "$ID"
		[ ! -e "$CGROUP/$ID" ] || { say "$path: made"; return 1; }
	done
}

# --- 15. privilege that its caller has not --------------------------------------------------------------------------------------
@test "a setuid cowrun or cow refuses to be one" {
	need_static "a setuid program finds no library of a sanitizer"
	local program
	for program in cowrun cow; do
		cp "$OUT/$program" "$SCRATCH/$program"
		chmod 4755 "$SCRATCH/$program"
		chmod 755 "$SCRATCH"
		fails "setuid" setpriv --reuid 65534 --regid 65534 --clear-groups "$SCRATCH/$program" --root "$STATE" list
		chown 0:0 "$SCRATCH/$program" && chmod 2755 "$SCRATCH/$program"
		fails "setuid" setpriv --reuid 65534 --regid 65534 --clear-groups "$SCRATCH/$program" --root "$STATE" list
		chmod 755 "$SCRATCH/$program"
		"$SCRATCH/$program" --version >/dev/null
	done
}

# --- 16. who may look at the records -----------------------------------------------------------------------------------------------------------
@test "records are for nobody else" {
	need_program setpriv
	sleeper
	[ -z "$(find "$STATE" ! -type s -perm /077)" ]
	chmod 755 "$SCRATCH"
	run setpriv --reuid 65534 --regid 65534 --clear-groups ls "$STATE/$ID"
	chmod 700 "$SCRATCH"
	[ "$status" -ne 0 ]
}
