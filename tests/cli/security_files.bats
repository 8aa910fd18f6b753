# Attacks on the runtime as they have been made on others: files that are not what they seem, before a start, in the
# middle of it and at the end. The numbers are those of tests/weak.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers
load attacks

# --- 3. CVE-2019-16884, CVE-2019-19921, CVE-2023-28642: /proc and /sys are not what they seem --------------------------------
@test "a /proc or /sys that is a symlink is refused by name" {
	local at
	for at in proc sys; do
		rm -rf "$BUNDLE/rootfs/$at"
		mkdir -p "$BUNDLE/rootfs/bad-$at/self/attr"
		ln -s "/bad-$at" "$BUNDLE/rootfs/$at"
		attempt
		assert_status 1
		assert_one_line "'/$at' is, or lies behind, a symlink: must be mounted on ordinary directory"
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
	local name way
	for name in etc/resolv.conf etc/hosts etc/hostname run/.containerenv; do
		mkdir -p "$BUNDLE/rootfs/${name%/*}"
		[[ $name == etc/h* ]] && way=far_up || way=outside
		ln -sf "$($way made)" "$BUNDLE/rootfs/$name"
		attempt '.mounts += [{destination: $to, type: "none", source: $from, options: ["bind"]}]' --arg to "/$name" --arg from "$BUNDLE/config.json"
		rm -f "$BUNDLE/rootfs/$name"
	done
	rm -rf "$BUNDLE/rootfs/etc"
	ln -s "$(outside)" "$BUNDLE/rootfs/etc"
	attempt '.mounts += [{destination: "/etc/deep/file", type: "none", source: $from, options: ["bind"]}]' --arg from "$BUNDLE/config.json"
	attempt '.mounts += [{destination: "/etc/deep/dir", type: "tmpfs", source: "x"}]'
	attempt '.process.cwd = "/etc/made/by/cwd"'
	attempt '.linux.devices = [{path: "/etc/device", type: "c", major: 1, minor: 3}]'
	[ ! -e "$CANARY/deep" ] && [ ! -e "$CANARY/made" ] && [ ! -e "$CANARY/device" ]
}

@test "mount points in a volume that another one changes all the time stay inside" {
	local i volume=$SCRATCH/volume
	local mounts='.mounts += [{destination: "/v", type: "none", source: $volume, options: ["rbind"]},
		{destination: "/v/d/sub/deep", type: "tmpfs", source: "x"}]'
	swapping "$volume"
	bundle "$mounts" --arg volume "$volume"
	for i in $(seq "$RACES"); do
		run --separate-stderr timeout 200 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
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
	local to mount masked dev=$SCRATCH/volume
	masked="$(args sh -c 'echo overwritten >/proc/timer_list; [ "$(stat -c %t:%T /proc/timer_list)" = 1:3 ]') | $NO_DEV"
	mount='.mounts += [{destination: "/dev", type: "none", source: $dev, options: ["rbind"]}]'
	for to in /proc/sys/kernel/domainname "$(outside secret)" /etc/passwd; do
		rm -rf "$BUNDLE/rootfs/dev" "$dev"
		mkdir "$BUNDLE/rootfs/dev" "$dev"
		ln -s "$to" "$BUNDLE/rootfs/dev/null"
		ln -s "$to" "$dev/null"
		attempt "$masked"
		# in a /dev of somebody else's nothing is made, and so nothing is refused
		attempt "$masked | $mount" --arg dev "$dev"
		assert_status 0
	done
	rm "$BUNDLE/rootfs/dev/null"
	attempt "$masked"
	assert_status 0
}

@test "a /dev/null that changes while masks are made does not matter" {
	local i dev=$SCRATCH/volume
	mkdir -p "$dev"
	mknod "$dev/null" c 1 3
	ln -s /proc/sys/kernel/domainname "$dev/link"
	rm -f "$SCRATCH/swap"
	"$HELPERS/probe" swap "$dev" null link >"$SCRATCH/swap" 3>&- &
	ATTACKERS=$!
	await grep -qs swapping "$SCRATCH/swap"
	bundle "$NO_DEV"' | .mounts += [{destination: "/dev", type: "none", source: $dev, options: ["rbind"]}] | '"$(args sh -c \
		'echo overwritten >/proc/timer_list; [ "$(stat -c %t:%T /proc/timer_list)" = 1:3 ] && [ "$(cat /proc/sys/kernel/domainname)" != overwritten ]')" --arg dev "$dev"
	for i in $(seq $((RACES / 2))); do
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
	RANDOM=${SEED:-2026} # a sample, the same for the same SEED
	local n=$((COWRUN_ALL ? ${#cases[@]} : 10))
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
	need_kernel 6.15 "mounts on detached mounts"
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

@test "nor what a hook has mounted over it" {
	cat >"$SCRATCH/hook" <<-EOT
		#!/bin/sh
		cd "$SCRATCH/bundle/rootfs" && mount -t tmpfs fake proc && cd proc && mkdir -p sys/kernel && echo sink >sys/kernel/domainname
	EOT
	chmod +x "$SCRATCH/hook"
	sleeper '.hooks.createContainer = [{path: $hook}] | .linux.sysctl = {"kernel.domainname": "applied"} |
		del(.linux.maskedPaths, .linux.readonlyPaths)' --arg hook "$SCRATCH/hook"
	run cat "/proc/$PID/root/proc/sys/kernel/domainname"
	assert_output sink
	[ "$(nsenter -t "$PID" -u -- cat /proc/sys/kernel/domainname)" = applied ]
}

@test "nor while somebody mounts over it and takes that away, all the time" {
	need_kernel 6.15 "mounts on detached mounts"
	local i may='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_ADMIN"]'
	local script='mkdir -p /tmp/fake/self /tmp/fake/sys/kernel && echo sink >/tmp/fake/self/oom_score_adj && echo sink >/tmp/fake/sys/kernel/domainname &&
		echo ready && while :; do mount --bind /tmp/fake /proc; umount /proc; done'
	sleeper "$(args sh -c "$script") | $may"
	await grep -q ready "$SCRATCH/out"
	bundle "$(args true)"' | .process.oomScoreAdj = 777 | .linux.sysctl = {"kernel.domainname": "applied"} | del(.hostname) |
		(.linux.namespaces[] | select(.type == "mount" or .type == "pid")) |= (.path = "/proc/\($pid)/ns/" + {mount: "mnt", pid: "pid"}[.type])' --arg pid "$PID"
	for i in $(seq $((RACES / 4))); do
		run --separate-stderr timeout 200 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID-b"
		assert_status 0 || { say "start $i"; return 1; }
	done
	[ "$(cat "/proc/$PID/root/tmp/fake/self/oom_score_adj" "/proc/$PID/root/tmp/fake/sys/kernel/domainname")" = $'sink\nsink' ]
	assert_canary_unchanged
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
