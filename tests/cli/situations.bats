# What users meet most, and lose hours with: each is told in one line that names the object, what was attempted and
# why it failed, and leaves nothing behind. The numbers are for reference; 11's and 12's other halves need a guest
# (limits.bats), 13 needs a store (cow_errors.bats: a store on overlay).
load helpers
load containers

# program NAME CONTENT: an executable file of the bundle's root
program() {
	bundle
	printf "%b" "$2" >"$BUNDLE/rootfs/bin/$1"
	chmod +x "$BUNDLE/rootfs/bin/$1"
}

# cannot_run NAME REGEX: run, create and exec say so
cannot_run() {
	refuses "^cowrun: run: $2" "$(args "$1")"
	fails "^cowrun: create: $2" cowrun create -b "$BUNDLE" "$ID"
	assert_gone "$ID"
	sleeper
	fails "^cowrun: exec: $2" cowrun exec "$ID" "$1"
	cowrun delete --force "$ID"
}

@test "1: the root file system is not there" {
	refuses "^cowrun: run: root.path: rootfs 'nope' in '$SCRATCH/bundle': it does not exist$" '.root.path = "nope"'
	refuses "^cowrun: run: root.path: rootfs '/etc/passwd' in '$SCRATCH/bundle': it is not a directory$" '.root.path = "/etc/passwd"'
}

@test "2: the command is not found" {
	cannot_run nosuch "executable file 'nosuch' not found in \\\$PATH: no such file or directory$"
	refuses "^cowrun: run: executable file '/no/such' not found: no such file or directory$" "$(args /no/such)"
	refuses "^cowrun: run: executable file '/etc/passwd/x' not found: no such file or directory$" "$(args /etc/passwd/x)"
}

@test "3: the command is no program, or one for another machine" {
	program junk 'junk\n'
	refuses "^cowrun: run: executable file '/bin/junk' is no program that this kernel can run: no '#!' line and no binary of this machine" "$(args junk)"
	# as start says it, for what create could not know
	cowrun create -b "$BUNDLE" "$ID" >/dev/null 2>&1
	fails "^cowrun: start: start container '$ID': executable file '/bin/junk' is no program" cowrun start "$ID"
	await status_is "$ID" stopped
	cowrun delete "$ID"
	program empty ''
	refuses "^cowrun: run: executable file '/bin/empty' is no program that this kernel can run" "$(args empty)"
	cp "$BUNDLE/rootfs/bin/busybox" "$BUNDLE/rootfs/bin/foreign"
	printf '\x08\x00' | dd of="$BUNDLE/rootfs/bin/foreign" bs=1 seek=18 conv=notrunc status=none
	refuses "^cowrun: run: executable file '/bin/foreign' is built for another machine \(ELF machine 8, " "$(args foreign)"
}

@test "4: the script's interpreter is not there, or has a carriage return" {
	program script '#!/bin/nope -x\n'
	cannot_run script "executable file '/bin/script' exists, but its interpreter '/bin/nope' does not: no such file or directory$"
	program script '#! /etc/passwd\n'
	refuses "^cowrun: run: executable file '/bin/script' has an interpreter '/etc/passwd' that is not executable: permission denied$" "$(args script)"
	program script '#!/bin/sh\r\necho\r\n'
	refuses "^cowrun: run: executable file '/bin/script' has Windows line endings: its interpreter is read as '/bin/sh' with a carriage return" "$(args script)"
}

@test "5: the program's loader is not there" {
	bundle
	cp "$(readlink -f "$(command -v ls)")" "$BUNDLE/rootfs/bin/dynamic"
	refuses "^cowrun: run: executable file '/bin/dynamic' needs the loader '/lib[^']*', which is not in the container: no such file or directory$" "$(args dynamic)"
}

@test "6: the command is not executable, a directory, or nothing at all" {
	bundle
	echo >"$BUNDLE/rootfs/bin/plain"
	cannot_run plain "executable file 'plain' is not executable: permission denied$"
	refuses "^cowrun: run: executable file '/bin/plain' is not executable: permission denied$" "$(args /bin/plain)"
	refuses "^cowrun: run: executable file '/bin' is a directory: permission denied$" "$(args /bin)"
	refuses "^cowrun: run: process.args: empty: nothing to run$" '.process.args = []'
}

@test "7: config.json is no JSON" {
	bundle
	printf '{\n "process": {\n  "args": ["sh"\n  "-c"]}}' >"$BUNDLE/config.json"
	fails "^cowrun: run: config.json:4:[0-9]+: .*near '\"-c\"'$" cowrun run -b "$BUNDLE" "$ID"
	assert_gone "$ID"
}

@test "8: a value of config.json is of the wrong type" {
	refuses "^cowrun: run: process.args: expected a list, found 'sh'$" '.process.args = "sh"'
	refuses "^cowrun: run: linux.resources.memory.limit: expected an integer, found '32M'$" '.linux.resources.memory.limit = "32M"'
}

@test "9: there is no container of that id, perhaps in that state root" {
	bundle
	fails "^cowrun: state: container 'nope' does not exist: there is no state root '$SCRATCH/none'$" "$COWRUN" --root "$SCRATCH/none" state nope
	(umask 077 && mkdir -p "$STATE")
	fails "^cowrun: kill: container 'nope' does not exist \(in '$STATE', which has none\)$" cowrun kill nope
	created
	fails "^cowrun: start: container 'nope' does not exist \(in '$STATE', which has 1 other\)$" cowrun start nope
	cowrun delete --force nope
}

@test "10: the host has cgroup v1, and what the limit needs is there" {
	need_host "the guest has no v1"
	grep -qw memory "$CGROUP/cgroup.controllers" && skip "needs a host whose memory controller is not in cgroup v2"
	refuses "^cowrun: run: cannot limit memory: the controller 'memory' is bound to cgroup v1 on this host \(hint: boot with systemd.unified_cgroup_hierarchy=1, or leave the limit out\)$" \
		'.linux.resources = {memory: {limit: 33554432}}'
	refuses "^cowrun: run: cannot limit the number of processes: the controller 'pids' is bound" '.linux.resources = {pids: {limit: 10}}'
	refuses "^cowrun: run: cannot limit cpu time: the controller 'cpu' is bound" '.linux.resources = {cpu: {quota: 10000}}'
	# what asks for no limit needs none: -1, and the weight that containerd writes for everybody
	bundle "$(args true) | .linux.resources = {pids: {limit: -1}, memory: {limit: -1, swap: -1}, cpu: {quota: -1, shares: 1024}}"
	cowrun run -b "$BUNDLE" "$ID"
	cowrun --cgroup-manager disabled run -b "$BUNDLE" "$ID"
}

@test "11: the limit's controller is not there, or cannot be handed down" {
	grep -qw rdma "$CGROUP/cgroup.controllers" ||
		refuses "^cowrun: run: cannot limit RDMA devices: the controller 'rdma' is offered neither by this kernel nor by a cgroup above this one$" \
			'.linux.resources.rdma = {mlx5_0: {hcaHandles: 1}}'
	# a group with processes of its own above the container's
	local controller limit
	read -r controller _ <"$CGROUP/cgroup.controllers"
	case $controller in
	hugetlb) limit='{hugepageLimits: [{pageSize: "2MB", limit: 0}]}' ;;
	# (one that is for single threads too may be had there)
	*) limit='{unified: {"memory.max": "67108864"}}' controller=memory ;;
	esac
	sleeper ".linux.cgroupsPath = \"/cowrun-$ID-full\""
	bundle "$(args true) | .linux.cgroupsPath = \"/cowrun-$ID-full/inner\" | .linux.resources = $limit"
	fails "^cowrun: run: cannot enable '\+$controller' in '/cowrun-$ID-full': it has processes of its own, which cgroup v2 allows only in groups at the end of a path$" \
		cowrun run -b "$BUNDLE" "$ID-a"
	assert_gone "$ID-a"
	[ ! -e "$CGROUP/cowrun-$ID-full/inner" ]
}

@test "14: who runs it is not root, or there are no user namespaces" {
	need_program setpriv
	bundle "$(args true)"
	install -d -o 65534 "$SCRATCH/nobody"
	chmod 755 "$SCRATCH"
	fails "^cowrun: run: linux.namespaces: uid 65534 is not root, and needs a user namespace" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$COWRUN" --root "$SCRATCH/nobody" run -b "$BUNDLE" "$ID"
	fails "^cowrun: create: linux.namespaces: uid 65534 is not root" setpriv --reuid 65534 --regid 65534 --clear-groups "$COWRUN" --root "$SCRATCH/nobody" create -b "$BUNDLE" "$ID"
	[ -z "$(ls -A "$SCRATCH/nobody")" ]
	chmod 700 "$SCRATCH"
	refuses "^cowrun: run: linux.uidMappings: empty, but a new user namespace is asked for$" '.linux.namespaces += [{type: "user"}]'
	bundle "$(args true) | .linux.namespaces += [{type: \"user\"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = .linux.uidMappings"
	# shellcheck disable=SC2016 # for the inner shell
	fails "^cowrun: run: make a user namespace: no more are allowed here \(user.max_user_namespaces\)$" unshare -Urm \
		sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$0" --cgroup-manager disabled --root "$1" run -b "$2" "$3"' \
		"$COWRUN" "$STATE" "$BUNDLE" "$ID"
	assert_gone "$ID"
}

@test "15: an rlimit is above what may be raised" {
	need_program setpriv
	bundle "$(args true) | .process.rlimits = [{type: \"RLIMIT_NOFILE\", soft: 1000, hard: 99999999}]"
	fails "^cowrun: run: set RLIMIT_NOFILE: cannot raise the hard limit from $(ulimit -Hn) to 99999999: that needs CAP_SYS_RESOURCE$" \
		setpriv --bounding-set=-sys_resource "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_gone "$ID"
}

@test "16: seccomp names what libseccomp does not know" {
	local profile='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["not_a_syscall"], action: "SCMP_ACT_ERRNO"}]}'
	# a system call, for an older library than the profile's: passed over, and told to who asks
	bundle "$(args true) | $profile"
	cowrun --log "$SCRATCH/seccomp.log" --log-level debug run -b "$BUNDLE" "$ID"
	grep -q "linux.seccomp.syscalls\[0\].names\[0\]: unknown system call 'not_a_syscall'" "$SCRATCH/seccomp.log"
	refuses "^cowrun: run: linux.seccomp.syscalls\[0\].action: 'SCMP_ACT_NOPE' is unknown \(known: SCMP_ACT_KILL, .*\)$" \
		"$profile | .linux.seccomp.syscalls[0].action = \"SCMP_ACT_NOPE\""
}

@test "17: a file system cannot be mounted" {
	refuses "^cowrun: run: mounts\[6\]: mount tmpfs on '/tmp': option 'sizee=3': tmpfs: Unknown parameter 'sizee'$" \
		'.mounts += [{destination: "/tmp", type: "tmpfs", source: "x", options: ["sizee=3"]}]'
	refuses "^cowrun: run: mounts\[6\]: mount tmpfs on '/tmp': option 'size=abc': tmpfs: Bad value for 'size'$" \
		'.mounts += [{destination: "/tmp", type: "tmpfs", source: "x", options: ["size=abc"]}]'
	refuses "^cowrun: run: mounts\[6\]: mount on '/tmp': this kernel has no file system 'nofs'$" '.mounts += [{destination: "/tmp", type: "nofs", source: "x"}]'
}

@test "18: the source of a bind is not there, or not of the target's kind" {
	refuses "^cowrun: run: mounts\[6\]: bind source '/no/such/source': no such file or directory$" \
		'.mounts += [{destination: "/tmp", type: "bind", source: "/no/such/source", options: ["bind"]}]'
	refuses "^cowrun: run: mounts\[6\]: the source is a directory, and '/bin/busybox' in the container is a file$" \
		'.mounts += [{destination: "/bin/busybox", type: "bind", source: "/tmp", options: ["bind"]}]'
	refuses "^cowrun: run: mounts\[6\]: the source is a file, and '/tmp' in the container is a directory$" \
		'.mounts += [{destination: "/tmp", type: "bind", source: "/etc/passwd", options: ["bind"]}]'
}

@test "19: a terminal is asked for, and nobody is there to have it" {
	bundle '.process.terminal = true'
	fails "^cowrun: create: process.terminal is true, and a detached process needs --console-socket for it$" cowrun create -b "$BUNDLE" "$ID"
	assert_gone "$ID"
}

@test "20: a hook is not there, or fails" {
	refuses "^cowrun: run: error running prestart hook #0: execute '/no/hook': no such file or directory$" '.hooks.prestart = [{path: "/no/hook"}]'
	refuses "^cowrun: run: error running createRuntime hook #1: exit status 3 of '/bin/sh': bad$" \
		'.hooks.createRuntime = [{path: "/bin/true"}, {path: "/bin/sh", args: ["sh", "-c", "echo bad >&2; exit 3"]}]'
}

@test "21: what has stopped is signalled, started, executed in, paused" {
	created "$(args true)"
	cowrun start "$ID"
	await status_is "$ID" stopped
	fails "^cowrun: kill: container not running: '$ID': it has stopped$" cowrun kill "$ID" KILL
	fails "^cowrun: start: cannot start container '$ID': it has stopped$" cowrun start "$ID"
	fails "^cowrun: exec: cannot exec in container '$ID': container not running: stopped$" cowrun exec "$ID" true
	fails "^cowrun: pause: cannot pause container '$ID': container not running: stopped$" cowrun pause "$ID"
	# a monitor of cow knows more
	printf 'exit 3 1700000000.000000000\n' >>"$STATE/$ID/record"
	fails "^cowrun: kill: container not running: '$ID': it has stopped \(status 3, at 2023-11-14T22:13:20Z\)$" cowrun kill "$ID"
}

@test "22: the id is in use, or its maker did not come to an end" {
	sleeper
	fails "^cowrun: create: container '$ID' already exists: it is running$" cowrun create -b "$BUNDLE" "$ID"
	fails "^cowrun: start: cannot start container '$ID': it is running$" cowrun start "$ID"
	fails "^cowrun: delete: cannot delete container '$ID' that is not stopped: running$" cowrun delete "$ID"
	cowrun delete --force "$ID"
	mkdir -m 700 "$STATE/$ID"
	echo "id $ID" >"$STATE/$ID/record" # as it is left by who is killed then (crash.bats kills)
	local why='its making was broken off \(hint: delete --force\)$'
	fails "^cowrun: create: container '$ID' already exists: $why" cowrun create -b "$BUNDLE" "$ID"
	fails "^cowrun: start: cannot start container '$ID': $why" cowrun start "$ID"
	fails "^cowrun: kill: container not running: '$ID': $why" cowrun kill "$ID"
	flock "$STATE/$ID" "$COWRUN" --root "$STATE" create -b "$BUNDLE" "$ID" 2>"$SCRATCH/err" && return 1
	[ "$(<"$SCRATCH/err")" = "cowrun: create: container '$ID' already exists: it is being made" ]
	cowrun delete --force "$ID"
	assert_gone "$ID"
}

@test "23: the record is damaged" {
	sleeper
	local text why
	cp "$STATE/$ID/record" "$SCRATCH/record"
	for text in "it is empty:" "line 2: 'init' is not as it was written:id $ID\ninit 12 x\n" "it is of 'other':id other\n" \
		"its first line is cut off:id $ID" "it has a byte 0 at 3:id \\x00\n"; do
		why=${text%%:*}
		[[ $text != line* ]] || why="line 2: 'init' is not as it was written"
		printf '%b' "${text#"$why:"}" >"$STATE/$ID/record"
		fails "^cowrun: state: the record of container '$ID' is damaged: $why \(hint: delete --force\)$" cowrun state "$ID"
	done
	fails "^cowrun: create: container '$ID' already exists: its record is damaged \(hint: delete --force\)$" cowrun create -b "$BUNDLE" "$ID"
	run --separate-stderr cowrun list -q
	assert_output "$ID"
	assert_one_line "^cowrun: warning: the record of container '$ID' is damaged: it has a byte 0 at 3"
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	assert_one_line "^cowrun: warning: the record of container '$ID' is damaged: its cgroup '/cowrun-$ID' is found by name, with 1 process, and removed$"
	await ended "$PID"
	assert_gone "$ID"
}

@test "24: a label is asked for, and its module is not there" {
	local lsms
	lsms=$(cat /sys/kernel/security/lsm 2>/dev/null || true)
	[[ $lsms == *apparmor* ]] ||
		refuses "^cowrun: run: process.apparmorProfile: 'x' requested but AppArmor is not enabled in this kernel \(LSMs: .*\)$" '.process.apparmorProfile = "x"'
	[[ $lsms == *selinux* ]] || grep -qw selinuxfs /proc/filesystems ||
		refuses "^cowrun: run: process.selinuxLabel: 'x' requested but SELinux is not enabled in this kernel \(LSMs: .*\)$" '.process.selinuxLabel = "x"'
}

@test "25: the working directory is not there: it is made, unless it is a relative one" {
	gives "/non/exist" pwd '.process.cwd = "/non/exist"'
	[ "$(stat -c %F "$BUNDLE/rootfs/non/exist")" = directory ]
	rm -r "$BUNDLE/rootfs/non"
	refuses "^cowrun: run: process.cwd: 'tmp' is not an absolute path$" '.process.cwd = "tmp"'
	sleeper
	# in these words: podman and docker make it 127
	fails "^cowrun: exec: change to the working directory '/non/exist': no such file or directory$" cowrun exec --cwd /non/exist "$ID" true
}
