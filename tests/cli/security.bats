# Attacks on the runtime as they have been made on others, against a canary on the host: a file and a directory that no
# container may touch. Each attack is also made on somebody without protection, to see that it would have been noticed.
# COWRUN_ALL=1 makes the races and the matrix of /dev longer.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

MANY=${COWRUN_ALL:+20}
MANY=${MANY:-1}
NO_DEV='.mounts |= map(select(.destination | startswith("/dev") | not))'
PTRACE='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]'

setup() {
	canary_make
	bundle
}

teardown() {
	local pid
	for pid in ${ATTACKERS:-}; do kill -KILL "$pid" || true; done
	containers_remove
	rm -rf --one-file-system "$SCRATCH/bundle" "$SCRATCH/volume" "$CANARY"
}

# The way from the container's root to the canary, as an image would write it: far enough up.
outside() { echo "../../../../../../../..$CANARY${1:+/$1}"; }

# attempt [FILTER ...]: a start that may succeed, or be refused in one line; the canary is as it was
attempt() {
	bundle "$@"
	run --separate-stderr timeout 30 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	[ "$status" -ne 124 ] || { say "hangs"; return 1; }
	[ "$status" -eq 0 ] || assert_one_line '^cowrun: run: ' || return 1
	assert_canary_unchanged || return 1
	assert_gone "$ID"
}

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
# passing N: so many processes of exec pass by. One may fail to: the watcher keeps opening the container's own programs.
passing() {
	local i
	for i in $(seq $(($1 * MANY))); do cowrun exec "$ID" /bin/true </dev/null >/dev/null 2>&1 || true; done
}

@test "a process of exec shows nothing of the host on its way in" {
	watcher
	passing 60
	# what is seen is the container's own program, once it is executed
	run grep -v -e '^watching' -e '^exe /bin/busybox$' -e '^cwd /$' -e '^root /$' -e '^fd /dev/null$' -e '^environ PATH=/bin$' \
		-e '^writable /bin/busybox$' -e '^traced /bin/busybox$' "$SCRATCH/out"
	assert_output ''
	assert_canary_unchanged
}

@test "nor to one who may trace processes" {
	watcher "$PTRACE"
	passing 60
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
	for i in $(seq $((15 * MANY))); do
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

# --- 3. CVE-2019-16884, CVE-2019-19921, CVE-2023-28642: /proc and /sys are not what they seem --------------------------------
@test "a /proc or /sys that is a symlink is refused by name" {
	local at
	for at in proc sys; do
		rm -rf "$BUNDLE/rootfs/$at"
		mkdir -p "$BUNDLE/rootfs/bad-$at/self/attr"
		ln -s "/bad-$at" "$BUNDLE/rootfs/$at"
		attempt
		assert_status 1
		assert_one_line "mount on '/$at': it must be an ordinary directory, and is or lies behind a symlink"
		rm "$BUNDLE/rootfs/$at"
		ln -s "$(outside)" "$BUNDLE/rootfs/$at"
		attempt
		assert_status 1
		assert_one_line "'/$at'.*symlink"
		rm "$BUNDLE/rootfs/$at"
		mkdir "$BUNDLE/rootfs/$at"
	done
	attempt
	assert_status 0
}

@test "a mount that reaches /proc by a detour is refused" {
	ln -s proc "$BUNDLE/rootfs/detour"
	ln -s /proc/self "$BUNDLE/rootfs/further"
	local to
	for to in /detour/self /detour/sys /further/attr /detour/1; do
		attempt '.mounts += [{destination: $to, type: "none", source: $from, options: ["rbind"]}]' --arg to "$to" --arg from "$CANARY"
		assert_status 1
		assert_one_line "mounts\[6\].*(inside /proc|$to)"
	done
}

# --- 4, 14. CVE-2021-30465, CVE-2024-45310, CVE-2025-24965: mount points are made outside ------------------------------------
@test "mount points that are symlinks lead nowhere outside" {
	local name
	for name in etc/resolv.conf etc/hosts etc/hostname run/.containerenv; do
		mkdir -p "$BUNDLE/rootfs/${name%/*}"
		ln -sf "$(outside made)" "$BUNDLE/rootfs/$name"
		attempt '.mounts += [{destination: $to, type: "none", source: $from, options: ["bind"]}]' --arg to "/$name" --arg from "$BUNDLE/config.json"
		rm -f "$BUNDLE/rootfs/$name"
	done
	rm -rf "$BUNDLE/rootfs/etc"
	ln -s "$(outside)" "$BUNDLE/rootfs/etc"
	attempt '.mounts += [{destination: "/etc/deep/file", type: "none", source: $from, options: ["bind"]}]' --arg from "$BUNDLE/config.json"
	attempt '.mounts += [{destination: "/etc/deep/dir", type: "tmpfs", source: "x"}]'
	attempt '.process.cwd = "/etc/made/by/cwd"'
	attempt '.linux.devices = [{path: "/etc/device", type: "c", major: 1, minor: 3}]'
	assert_status 1
	[ ! -e "$CANARY/deep" ]
}

# swapping DIR: there d is a directory and link a symlink to the canary, and they change places all the time
swapping() {
	mkdir -p "$1/d"
	ln -sfn "$(outside)" "$1/link"
	"$HELPERS/probe" swap "$1" d link >"$SCRATCH/swap" 3>&- &
	ATTACKERS="${ATTACKERS:-} $!"
	await grep -q swapping "$SCRATCH/swap"
}

@test "mount points in a volume that another one changes all the time stay inside" {
	local i volume=$SCRATCH/volume
	local mounts='.mounts += [{destination: "/v", type: "none", source: $volume, options: ["rbind"]},
		{destination: "/v/d/sub/deep", type: "tmpfs", source: "x"}]'
	swapping "$volume"
	bundle "$mounts" --arg volume "$volume"
	for i in $(seq $((60 * MANY))); do
		run --separate-stderr timeout 30 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
		[ "$status" -eq 0 ] || { [ "$status" -eq 1 ] && assert_one_line "^cowrun: run: mounts\[7\].*'/v/d/sub/deep'"; } || { say "start $i: status $status"; return 1; }
	done
	assert_canary_unchanged
	run ! grep -q "$CANARY" /proc/self/mountinfo
}

@test "(they would not have, by their path)" {
	local volume=$SCRATCH/volume
	# a container's root is not ours, so the way up is shorter
	swapping "$volume"
	for _ in $(seq 2000); do mkdir -p "$volume/d/sub/deep" 2>/dev/null || true; [ ! -e "$CANARY/sub" ] || break; done
	[ -d "$CANARY/sub" ]
}

# --- 5. CVE-2025-31133: masks made of the container's /dev/null ----------------------------------------------------------------
@test "a mask is the host's /dev/null, whatever the image has there" {
	local to
	for to in /proc/sys/kernel/domainname "$(outside secret)" /etc/passwd; do
		rm -rf "$BUNDLE/rootfs/dev"
		mkdir "$BUNDLE/rootfs/dev"
		ln -s "$to" "$BUNDLE/rootfs/dev/null"
		attempt "$NO_DEV"
		attempt "$NO_DEV | $(args sh -c 'echo overwritten >/proc/timer_list; [ "$(stat -c %t:%T /proc/timer_list)" = 1:3 ]')"
		rm "$BUNDLE/rootfs/dev/null"
	done
	attempt "$NO_DEV | $(args sh -c 'echo overwritten >/proc/timer_list; [ "$(stat -c %t:%T /proc/timer_list)" = 1:3 ]')"
	assert_status 0
}

@test "a /dev/null that changes while masks are made does not matter" {
	local i dev=$SCRATCH/volume
	mkdir -p "$dev"
	mknod "$dev/null" c 1 3
	ln -s /proc/sys/kernel/domainname "$dev/link"
	"$HELPERS/probe" swap "$dev" null link >"$SCRATCH/swap" 3>&- &
	ATTACKERS=$!
	await grep -q swapping "$SCRATCH/swap"
	bundle "$NO_DEV"' | .mounts += [{destination: "/dev", type: "none", source: $dev, options: ["rbind"]}] | '"$(args sh -c \
		'echo overwritten >/proc/timer_list; [ "$(stat -c %t:%T /proc/timer_list)" = 1:3 ] && [ "$(cat /proc/sys/kernel/domainname)" != overwritten ]')" --arg dev "$dev"
	for i in $(seq $((30 * MANY))); do
		run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
		assert_status 0
	done
	assert_canary_unchanged
}

# --- 7, and the matrix: CVE-2026-41579, CVE-2026-47766, CVE-2025-52565 -----------------------------------------------------------
@test "a /dev that is a symlink leads nowhere outside" {
	echo mine >"$CANARY/ptmx"
	canary_state >"$SCRATCH/canary"
	rm -rf "$BUNDLE/rootfs/dev"
	ln -s "$(outside)" "$BUNDLE/rootfs/dev"
	attempt "$NO_DEV"
	assert_status 1
	assert_one_line "'/dev'.*symlink"
	attempt
	assert_status 1
	assert_one_line "'/dev'.*symlink"
}

# plant KIND PATH: puts that there
plant() {
	rm -rf "$2"
	case $1 in
	symlink) ln -s "$(outside made)" "$2" ;;
	secret) ln -s "$(outside secret)" "$2" ;;
	fifo) mkfifo "$2" ;;
	dir) mkdir "$2" ;;
	file) echo image >"$2" ;;
	device) mknod "$2" c 1 11 ;;
	esac
}

@test "whatever an image has in place of what is made in /dev, nothing outside is made, changed or waited for" {
	local names=(null zero full random urandom tty fd stdin stdout stderr core ptmx pts shm mqueue console) kinds=(symlink secret fifo dir file device)
	local cases=() mounted ro user name kind nth
	for mounted in . "$NO_DEV"; do
		for ro in false true; do
			for user in '' yes; do
				for name in "${names[@]}"; do
					for kind in "${kinds[@]}"; do cases+=("$mounted:$ro:$user:$name:$kind"); done
				done
			done
		done
	done
	RANDOM=2026 # a sample, always the same
	local n=$((COWRUN_ALL ? ${#cases[@]} : 40))
	for nth in $(seq 0 $((n - 1))); do
		[ -n "${COWRUN_ALL:-}" ] || nth=$(((RANDOM * 32768 + RANDOM) % ${#cases[@]}))
		IFS=: read -r mounted ro user name kind <<<"${cases[nth]}"
		local filter="$mounted | .root.readonly = $ro"
		rm -rf "$BUNDLE/rootfs/dev"
		mkdir "$BUNDLE/rootfs/dev"
		plant "$kind" "$BUNDLE/rootfs/dev/$name"
		if [ -n "$user" ]; then
			chown -h 100000:100000 "$BUNDLE/rootfs" "$BUNDLE/rootfs/dev" "$BUNDLE/rootfs"/{proc,sys}
			filter+=' | .linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
		fi
		attempt "$filter" || { say "with $name as $kind, read-only: $ro, user namespace: ${user:-no}, mounts: $mounted; status $status"; return 1; }
		chown -h 0:0 "$BUNDLE/rootfs" "$BUNDLE/rootfs"/{proc,sys}
	done
}

# --- 8. CVE-2025-52881: writes to /proc go elsewhere --------------------------------------------------------------------------------
@test "what is written to /proc is written there, whatever somebody has mounted over it" {
	local may='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_ADMIN"]'
	local script='mkdir /tmp/fake && mount -t tmpfs fake /tmp/fake && mkdir -p /tmp/fake/self /tmp/fake/sys/kernel /tmp/fake/sys/net/ipv4 &&
		echo sink >/tmp/fake/self/oom_score_adj && echo sink >/tmp/fake/sys/kernel/domainname && echo sink >/tmp/fake/sys/net/ipv4/ip_default_ttl &&
		mount --bind /tmp/fake /proc && echo ready && exec sleep 1000'
	sleeper "$(args sh -c "$script") | $may"
	await grep -q ready "$SCRATCH/out"
	local other=$PID
	bundle "$(args sleep 1000)"' | .process.oomScoreAdj = 777 | .linux.sysctl = {"kernel.domainname": "applied", "net.ipv4.ip_default_ttl": "77"} | del(.hostname) |
		(.linux.namespaces[] | select(.type == "mount" or .type == "pid")) |= (.path = "/proc/\($pid)/ns/" + {mount: "mnt", pid: "pid"}[.type])' --arg pid "$other"
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID-b" >/dev/null 2>&1
	PID=$(<"$SCRATCH/pid")
	[ "$(cat "/proc/$PID/oom_score_adj")" = 777 ]
	[ "$(nsenter -t "$PID" -u -n -- cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_default_ttl)" = $'applied\n77' ]
	run nsenter -t "$other" -m -- /bin/cat /proc/self/oom_score_adj /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_default_ttl
	assert_output $'sink\nsink\nsink'
	assert_canary_unchanged
	# (by its path, it would have gone there)
	nsenter -t "$other" -m -- /bin/sh -c 'echo 5 >/proc/self/oom_score_adj'
	run nsenter -t "$other" -m -- /bin/cat /proc/self/oom_score_adj
	assert_output 5
}

# --- 9. CVE-2024-21626: a file descriptor of ours is a way out ---------------------------------------------------------------------------
@test "no working directory leads out by a file descriptor" {
	local n
	exec 7<"$CANARY" 19<"$CANARY" 33<"$CANARY"
	for n in {3..12} 19 33; do
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

# --- 13. the cgroup of the host -------------------------------------------------------------------------------------------------------------
@test "a container's cgroup file system shows its own group and no other" {
	local may='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_DAC_OVERRIDE"]'
	inside 'cat /mnt/../mnt/cgroup.procs >/dev/null; ls -d /mnt/cowrun-* 2>/dev/null; echo 1 2>/dev/null >/mnt/cgroup.procs || echo refused' \
		"$may | .mounts += [{destination: \"/mnt\", type: \"cgroup\", source: \"cgroup\", options: [\"ro\"]}]"
	assert_status 0
	assert_output refused
}

# --- 22, 23. what is removed, and by which name ------------------------------------------------------------------------------------------------
@test "delete removes the record and follows nothing out of it" {
	sleeper
	ln -s "$CANARY" "$STATE/$ID/link"
	mkdir "$STATE/$ID/dir"
	ln -s "$CANARY/secret" "$STATE/$ID/dir/link"
	cowrun delete --force "$ID"
	assert_gone "$ID"
	assert_canary_unchanged
}

@test "delete does not go into what is mounted in the record" {
	sleeper
	unshare -m bash -c 'mkdir "$1/mnt" && mount --bind "$2" "$1/mnt" && "$0" --root "$3" delete --force "$4" 2>"$5"; echo $? >"$5.status"; ls "$1/mnt" >"$5.ls"' \
		"$COWRUN" "$STATE/$ID" "$CANARY" "$STATE" "$ID" "$SCRATCH/err"
	assert_canary_unchanged
	[ "$(<"$SCRATCH/err.status")" = 1 ]
	[ "$(wc -l <"$SCRATCH/err")" = 1 ]
	[ "$(<"$SCRATCH/err.ls")" = secret ]
	cowrun delete --force "$ID"
	assert_gone "$ID"
}

@test "what a container leaves where its mount points were is not followed at its end" {
	local script
	script="rm -rf /mnt/point && ln -s $(outside) /mnt/point; rm -rf /etc/hosts && ln -s $(outside secret) /etc/hosts; true"
	rm -rf "$SCRATCH/volume"
	mkdir -p "$SCRATCH/volume"
	attempt "$(args sh -c "$script")"' | .mounts += [{destination: "/mnt", type: "none", source: $volume, options: ["bind"]}]' --arg volume "$SCRATCH/volume"
	assert_status 0
	attempt '.mounts += [{destination: "/etc/hosts", type: "none", source: "config.json", options: ["bind"]}]'
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
