# A further process in a container: cowrun exec.
load helpers
load containers

@test "exec runs a further process, and ends with its status" {
	sleeper
	run cowrun exec "$ID" sh -c 'exit 42'
	assert_status 42
	run cowrun exec "$ID" sh -c 'kill -KILL $$'
	assert_status 137
	run cowrun exec "$ID" sh -c 'hostname; cat' <<<word
	assert_output $'test\nword'
	status_is "$ID" running
}

@test "exec fails with 255" {
	sleeper
	run cowrun exec "$ID" /nope
	assert_status 255
	run cowrun exec "$ID-none" true
	assert_status 255
}

@test "exec takes what the process shall be from its options" {
	sleeper
	run cowrun exec --user 1000:1001 --cwd /tmp -e A=1 --env=B=2 -g 5 --additional-gids=7 "$ID" \
		sh -c 'echo "$(id -u) $(id -g) $(id -G) $(pwd) $A $B"'
	assert_output "1000 1001 1001 5 7 /tmp 1 2"
	run cowrun exec -c CAP_SYS_ADMIN "$ID" grep CapEff /proc/self/status
	[ $((0x${output##*[[:space:]]} >> 21 & 1)) = 1 ]
	run cowrun exec "$ID" grep CapEff /proc/self/status
	[ $((0x${output##*[[:space:]]} >> 21 & 1)) = 0 ]
}

@test "exec takes what the process shall be from a file, and nothing else" {
	sleeper '.process.env += ["OF=container"]'
	jq -n '{args: ["sh", "-c", "echo $(id -u) $(pwd) $OF $OWN"], cwd: "/tmp", env: ["PATH=/bin", "OWN=1"], user: {uid: 7, gid: 8}}' \
		>"$SCRATCH/process.json"
	run cowrun exec --process "$SCRATCH/process.json" "$ID"
	assert_output "7 /tmp 1"
	echo '{"args": ["true"]' >"$SCRATCH/broken.json"
	fails "^cowrun: exec: .*broken.json:[0-9]+:[0-9]+: " cowrun exec -p "$SCRATCH/broken.json" "$ID"
	echo '{"args": "true", "cwd": "/"}' >"$SCRATCH/broken.json"
	fails "^cowrun: exec: .*args: expected" cowrun exec -p "$SCRATCH/broken.json" "$ID"
	fails "^cowrun: exec: read '/nope'" cowrun exec -p /nope "$ID"
}

@test "exec of a file has HOME, and none of the container's environment" {
	sleeper
	echo '{"args": ["/bin/env"], "cwd": "/", "env": ["FOO=bar"]}' >"$SCRATCH/process.json"
	run cowrun exec -p "$SCRATCH/process.json" "$ID"
	assert_output $'FOO=bar\nHOME=/root'
	echo '{"args": ["/bin/env"], "cwd": "/"}' >"$SCRATCH/process.json"
	run cowrun exec -p "$SCRATCH/process.json" "$ID"
	assert_output HOME=/root
}

@test "an AppArmor profile is refused where there is no AppArmor" {
	! grep -qs Y /sys/module/apparmor/parameters/enabled || skip "needs a kernel without AppArmor"
	refuses "^cowrun: run: process.apparmorProfile: 'box' requested but AppArmor is not enabled in this kernel \(LSMs: [a-z, ]+\)$" '.process.apparmorProfile = "box"'
	sleeper
	fails "^cowrun: exec: process.apparmorProfile: 'box' requested but AppArmor is not enabled" cowrun exec --apparmor box "$ID" true
}

@test "an SELinux label is refused where there is no SELinux" {
	! grep -qw selinuxfs /proc/filesystems || skip "needs a kernel without SELinux"
	refuses "^cowrun: run: process.selinuxLabel: 'a:b:c' requested but SELinux is not enabled in this kernel \(LSMs: [a-z, ]+\)$" '.process.selinuxLabel = "a:b:c"'
	sleeper
	fails "^cowrun: exec: process.selinuxLabel: 'a:b' requested but SELinux is not enabled" cowrun exec --process-label a:b "$ID" true
}

@test "exec --detach returns while the process runs, and leaves it to the caller" {
	sleeper
	cowrun exec -d --pid-file "$SCRATCH/exec" "$ID" sleep 1001 >/dev/null 2>&1
	local pid
	pid=$(<"$SCRATCH/exec")
	alive "$pid"
	[ "$(namespace_of "$pid" mnt)" = "$(namespace_of "$PID" mnt)" ]
	grep -q "sleep" "/proc/$pid/comm"
	[ "$(cowrun ps --format json "$ID" | jq "index($pid) != null")" = true ]
}

@test "exec works in what is created, and not in what has stopped" {
	created
	run cowrun exec "$ID" hostname
	assert_output test
	cowrun start "$ID"
	await status_is "$ID" stopped
	fails "^cowrun: exec: cannot exec in container '$ID': container not running: stopped" cowrun exec "$ID" true
}
