# The namespaces of a container: new, the caller's, or joined by a path; and what belongs to each.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

WITHOUT='del(.linux.namespaces[] | select(.type == $type))'
USERNS='.linux.namespaces += [{type: "user"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]'

# The name of each type below /proc/PID/ns
file_of() {
	case $1 in
	network) echo net ;;
	mount) echo mnt ;;
	*) echo "$1" ;;
	esac
}

# A bundle whose files the user namespace's root owns, as a rootfs for it is made
mapped_bundle() {
	local filter=${1:-.}
	shift $(($# < 1 ? $# : 1))
	BUNDLE=$SCRATCH/mapped
	make_bundle "$BUNDLE" "$USERNS | $filter" "$@"
	chown -hR 100000:100000 "$BUNDLE/rootfs"
}

# mapped_inside SCRIPT [FILTER ...]
mapped_inside() {
	local script=$1 filter=${2:-.}
	shift $(($# < 2 ? $# : 2))
	mapped_bundle "$(args sh -c "$script") | $filter" "$@"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
}

@test "each listed namespace is a new one" {
	local type
	sleeper
	for type in pid network mount ipc uts cgroup; do
		[ "$(namespace_of "$PID" "$(file_of $type)")" != "$(namespace_of self "$(file_of $type)")" ] || { say "$type"; false; }
	done
	for type in user time; do
		[ "$(namespace_of "$PID" $type)" = "$(namespace_of self $type)" ] || { say "$type"; false; }
	done
}

@test "what is not listed is the caller's" {
	local type
	for type in pid network ipc uts cgroup; do
		sleeper "$WITHOUT | del(.hostname)" --arg type $type
		[ "$(namespace_of "$PID" "$(file_of $type)")" = "$(namespace_of self "$(file_of $type)")" ] || { say "$type"; false; }
		cowrun delete --force "$ID"
	done
}

@test "a namespace with a path is joined" {
	local type others
	sleeper
	others=$PID
	for type in pid network ipc uts cgroup; do
		ID=$ID-b sleeper "del(.hostname) | (.linux.namespaces[] | select(.type == \$type)).path = \$path" \
			--arg type $type --arg path "/proc/$others/ns/$(file_of $type)"
		[ "$(namespace_of "$PID" "$(file_of $type)")" = "$(namespace_of "$others" "$(file_of $type)")" ] || { say "$type"; false; }
		[ "$(namespace_of "$PID" mnt)" != "$(namespace_of "$others" mnt)" ]
		cowrun delete --force "$ID-b"
	done
}

@test "an empty path is none" {
	local user='.linux += {uidMappings: [{containerID: 0, hostID: 100000, size: 1000}], gidMappings: [{containerID: 0, hostID: 200000, size: 1000}]}'
	sleeper "$user"' | .linux.namespaces += [{type: "user"}] | .linux.namespaces |= map(.path = "")'
	for type in user pid mnt net ipc uts cgroup; do
		[ "$(namespace_of "$PID" $type)" != "$(namespace_of $$ $type)" ] || { say "$type"; false; }
	done
}

@test "a path of another type, or of no namespace, is refused" {
	refuses "^cowrun: run: linux.namespaces\[[0-9]\]: '/proc/self/ns/uts' is not a ipc namespace" \
		'(.linux.namespaces[] | select(.type == "ipc")).path = "/proc/self/ns/uts"'
	refuses "^cowrun: run: linux.namespaces\[[0-9]\]: '/etc/passwd' is not a network namespace" \
		'(.linux.namespaces[] | select(.type == "network")).path = "/etc/passwd"'
	refuses "^cowrun: run: linux.namespaces\[[0-9]\]: open '/proc/0/ns/net': no such file" \
		'(.linux.namespaces[] | select(.type == "network")).path = "/proc/0/ns/net"'
	refuses "^cowrun: run: linux.namespaces\[[0-9]\]: 'ipc' is there twice" '.linux.namespaces += [{type: "ipc"}]'
	refuses "linux.namespaces\[0\].type: .*'plan9'" '.linux.namespaces[0].type = "plan9"'
}

@test "the first process is PID 1, and sees no others" {
	gives $'1\n1' 'echo $$; set -- /proc/[0-9]*; echo $#'
}

@test "the first process of a joined pid namespace is not PID 1, and its siblings are there" {
	sleeper
	local script='echo $(($$ > 1)); cat /proc/1/comm' path="/proc/$PID/ns/pid"
	ID=$ID-b gives $'1\nsleep' "$script" '(.linux.namespaces[] | select(.type == "pid")).path = $path' --arg path "$path"
}

@test "the loopback device of a new network namespace is up, and the only one" {
	gives "lo 127.0.0.1/8" 'set -- $(ip -o -4 addr show); echo $2 $4; ip -o link | grep -v " lo: "; ping -c 1 -W 5 127.0.0.1 >/dev/null || echo dead' \
		'(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_NET_RAW"]'
}

@test "a joined network namespace is as it was found" {
	sleeper
	cowrun exec -c CAP_NET_ADMIN "$ID" ip link set lo down
	ID=$ID-b gives "" 'ip -o link show lo up' '(.linux.namespaces[] | select(.type == "network")).path = $path' --arg path "/proc/$PID/ns/net"
}

@test "host name and domain name are the container's alone" {
	local before
	before=$(hostname) domain=$(cat /proc/sys/kernel/domainname)
	gives "box example.org" 'echo $(hostname) $(cat /proc/sys/kernel/domainname)' '.hostname = "box" | .domainname = "example.org"'
	[ "$(hostname)" = "$before" ]
	[ "$(cat /proc/sys/kernel/domainname)" = "$domain" ]
	refuses "^cowrun: run: hostname: set, but linux.namespaces has no uts namespace" "$WITHOUT" --arg type uts
}

@test "the cgroup namespace begins at the container" {
	gives "0::/" "sed -n '/^0:/p' /proc/self/cgroup"
	gives "0::/cowrun-$ID" "sed -n '/^0:/p' /proc/self/cgroup" "$WITHOUT" --arg type cgroup
}

@test "cgroupsPath names the group" {
	sleeper '.linux.cgroupsPath = $path' --arg path "/cowrun-test.$COWRUN_TEST/inner"
	grep -q "^0::/cowrun-test.$COWRUN_TEST/inner$" "/proc/$PID/cgroup"
	cowrun delete --force "$ID"
	[ ! -e "$CGROUP/cowrun-test.$COWRUN_TEST" ]
}

@test "a cgroup that was there stays" {
	mkdir "$CGROUP/cowrun-test.$COWRUN_TEST"
	run cowrun_inner
	rmdir "$CGROUP/cowrun-test.$COWRUN_TEST"
	assert_status 0
}
cowrun_inner() {
	bundle '.linux.cgroupsPath = $path' --arg path "cowrun-test.$COWRUN_TEST/inner"
	cowrun run -b "$BUNDLE" "$ID"
	[ -d "$CGROUP/cowrun-test.$COWRUN_TEST" ] && [ ! -e "$CGROUP/cowrun-test.$COWRUN_TEST/inner" ]
}

@test "cgroup2 mounted shows the container's group" {
	gives "yes" '[ -e /mnt/cgroup.procs ] && [ ! -e /mnt/cgroup.controllers ] || grep -q . /mnt/cgroup.procs && echo yes' \
		'.mounts += [{destination: "/mnt", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"]}]'
	gives "1" 'grep -c . /mnt/cgroup.procs' "$WITHOUT | .mounts += [{destination: \"/mnt\", type: \"cgroup\", source: \"cgroup\", options: [\"ro\"]}]" \
		--arg type cgroup
}

# --- user namespaces ----------------------------------------------------------------------------------------------
@test "a new user namespace has the mappings asked for" {
	mapped_inside 'echo $(id -u) $(id -g) "|" $(cat /proc/self/uid_map) "|" $(cat /proc/self/gid_map)' \
		'.linux.gidMappings += [{containerID: 100000, hostID: 300000, size: 7}]'
	assert_output "0 0 | 0 100000 65536 | 0 100000 65536 100000 300000 7"
}

@test "the other namespaces belong to the user namespace" {
	mapped_inside 'hostname other && hostname; mount -t tmpfs none /mnt && echo mounted; ip link set lo down && echo down' \
		'(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"]'
	assert_output $'other\nmounted\ndown'
}

@test "files are written as the mapped user" {
	mapped_bundle "$(args sh -c 'touch /tmp/by-root') | .process.user = {uid: 0, gid: 0}"
	cowrun run -b "$BUNDLE" "$ID"
	[ "$(stat -c %u:%g "$BUNDLE/rootfs/tmp/by-root")" = 100000:100000 ]
	mapped_bundle "$(args sh -c 'touch /tmp/by-app') | .process.user = {uid: 1000, gid: 1001}"
	cowrun run -b "$BUNDLE" "$ID"
	[ "$(stat -c %u:%g "$BUNDLE/rootfs/tmp/by-app")" = 101000:101001 ]
}

@test "the default devices can be used in a user namespace" {
	mapped_inside 'echo x >/dev/null; head -c 3 /dev/zero | od -An -tx1; head -c 2 /dev/urandom | wc -c; stat -c "%F %t:%T %u" /dev/null /dev/full
		echo x >/dev/full || echo full' \
		'.process.args[2] |= . + " 2>/dev/null"'
	assert_output " 00 00 00"$'\n'"2"$'\n'"character special file 1:3 65534"$'\n'"character special file 1:7 65534"$'\n'"full"
}

@test "a user namespace without mappings, or that does not map the user, is refused" {
	refuses "^cowrun: run: linux.uidMappings: empty, but a new user namespace is asked for" '.linux.namespaces += [{type: "user"}]'
	refuses "^cowrun: run: process.user.uid: 70000 is not mapped by linux.uidMappings" "$USERNS | .process.user.uid = 70000"
	refuses "^cowrun: run: linux.uidMappings: set, but linux.namespaces has no user namespace" \
		'.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1}]'
	refuses "become root of the user namespace \(is container id 0 mapped\?\)" \
		"$USERNS | .linux.uidMappings[0].containerID = 1 | .process.user.uid = 1"
}

@test "a process of exec is in the user namespace too, with its root's identity" {
	mapped_bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	PID=$(<"$SCRATCH/pid")
	run cowrun exec "$ID" sh -c 'echo $(id -u) $(id -g) $(cat /proc/self/uid_map); grep CapEff /proc/self/status; hostname'
	assert_output "0 0 0 100000 65536"$'\n'"$(grep CapEff "/proc/$PID/status")"$'\n'"test"
	run cowrun exec -u 1000 "$ID" id -u
	assert_output 1000
	cowrun exec -d --pid-file "$SCRATCH/exec" "$ID" sleep 1001 >/dev/null 2>&1
	[ "$(stat -c %u "/proc/$(<"$SCRATCH/exec")")" = 100000 ]
	local type
	for type in user pid net mnt ipc uts cgroup; do
		[ "$(namespace_of "$(<"$SCRATCH/exec")" $type)" = "$(namespace_of "$PID" $type)" ] || { say "$type"; false; }
	done
}

@test "a user namespace is joined by path, with what belongs to it" {
	mapped_bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	PID=$(<"$SCRATCH/pid")
	mapped_bundle "$(args sh -c 'echo $(id -u) $(cat /proc/self/uid_map)')"' |
		del(.hostname, .linux.uidMappings, .linux.gidMappings) |
		(.linux.namespaces[] | select(.type == "user")).path = "/proc/" + $pid + "/ns/user" |
		(.linux.namespaces[] | select(.type == "uts")).path = "/proc/" + $pid + "/ns/uts" |
		(.linux.namespaces[] | select(.type == "network")).path = "/proc/" + $pid + "/ns/net"' --arg pid "$PID"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID-b"
	assert_status 0
	assert_output "0 0 100000 65536"
	# and by a process of exec
	jq '.process.args = ["sleep", "1000"]' "$BUNDLE/config.json" >"$SCRATCH/config.json"
	cp "$SCRATCH/config.json" "$BUNDLE/config.json"
	cowrun run -d -b "$BUNDLE" "$ID-b" >/dev/null 2>&1
	run cowrun exec -u 7 "$ID-b" sh -c 'echo $(id -u) $(cat /proc/self/uid_map)'
	assert_output "7 0 100000 65536"
}

@test "a namespace that does not belong to the user namespace is joined too, and by exec" {
	unshare --net sleep 1000 3>&- &
	local other=$!
	await eval '[ "$(namespace_of $other net)" != "$(namespace_of $$ net)" ]'
	mapped_bundle "$(args sleep 1000)"
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	mapped_bundle "$(args sleep 1000)"' |
		del(.linux.uidMappings, .linux.gidMappings) | .mounts |= map(select(.type != "sysfs")) | del(.linux.sysctl) |
		(.linux.namespaces[] | select(.type == "user")).path = "/proc/" + $pid + "/ns/user" |
		(.linux.namespaces[] | select(.type == "network")).path = "/proc/" + $other + "/ns/net"' --arg pid "$(<"$SCRATCH/pid")" --arg other "$other"
	cowrun run -d -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID-b" >"$SCRATCH/out" 2>&1 || { cat "$SCRATCH/out" >&2; kill $other; false; }
	[ "$(namespace_of "$(<"$SCRATCH/pid")" net)" = "$(namespace_of $other net)" ]
	run cowrun exec "$ID-b" readlink /proc/self/ns/net
	assert_output "$(namespace_of $other net)"
	kill $other
}

@test "a user namespace that denies setgroups is joined without groups" {
	unshare --user --map-root-user --net --ipc --uts sleep 1000 3>&- &
	local other=$!
	await executes "$other" sleep # all of its maps are written
	bundle "$(args sh -c 'echo "$(id -u)"; grep Groups /proc/self/status; cat /proc/self/setgroups')"' |
		del(.hostname) | .linux.namespaces = [.linux.namespaces[] | select(.type != "network" and .type != "ipc" and .type != "uts")] +
			[{type: "user", path: "/proc/\($pid)/ns/user"}, {type: "network", path: "/proc/\($pid)/ns/net"},
			{type: "ipc", path: "/proc/\($pid)/ns/ipc"}, {type: "uts", path: "/proc/\($pid)/ns/uts"}] |
		del(.mounts[] | select(.destination == "/dev/pts"))' --arg pid "$other"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	kill $other
	assert_status 0
	assert_output $'0\nGroups:\t \ndeny'
}

@test "oom_score_adj and rlimits are set in a user namespace as well" {
	mapped_inside 'echo $(cat /proc/self/oom_score_adj) $(ulimit -n)' \
		'.process.oomScoreAdj = 500 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]'
	assert_status 0
	assert_output "500 100"
}

@test "a user namespace's sysctls are set" {
	mapped_inside 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start' '.linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "80"}'
	assert_output 80
}
