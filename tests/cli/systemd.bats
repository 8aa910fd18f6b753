# Cgroups by systemd: --cgroup-manager systemd and --systemd-cgroup, with a systemd that the tests boot (systemd.bash).
load helpers
load containers
load systemd
load user

setup_file() {
	scratch_make
	systemd_boot
}

teardown_file() {
	systemd_end
	scratch_remove
}

teardown() {
	[ -n "$BATS_TEST_COMPLETED" ] || cat "$SCRATCH"/out* >&2
	[ -z "${USER_NAMESPACE:-}" ] || user_remove
	containers_remove
}

# Of limits a guest tries one in every run, and these at full length: there each takes half a minute.
full_with() { need_length && need_controller "$@"; }

cowrun() { booted "$COWRUN" --root "$STATE" --cgroup-manager systemd "$@"; }

# unit KEY: of the container's unit, as systemd has it
unit() { booted systemctl show -P "$1" "${2:-cowrun-$ID.scope}"; }
unit_is() { [ "$(unit "$1")" = "$2" ] || { say "$1 is $(unit "$1"), not $2"; return 1; }; }
# unit_has KEY=VALUE...: all at once, since asking is not quick
unit_has() {
	local line seen
	seen=$(booted systemctl show "cowrun-$ID.scope")
	for line; do
		grep -qxF -- "$line" <<<"$seen" || { say "expected $line, saw $(grep "^${line%%=*}=" <<<"$seen")"; return 1; }
	done
}
unit_gone() { [ -z "$(booted systemctl list-units --all --plain --no-legend "${1:-cowrun-$ID.scope}")" ]; }

# Its group as the host sees it; and what it has of a file.
group() { echo "$MANAGED$(unit ControlGroup)"; }
knob() { cat "$(group)/$1"; }

# Nothing is left: record, group, unit.
all_gone() {
	assert_gone "$ID" && [ ! -e "$MANAGED/system.slice/cowrun-$ID.scope" ] && unit_gone
}

@test "a container's life in a scope" {
	created "$(args sleep 1000)"
	unit_has ActiveState=active Slice=system.slice Delegate=yes "Description=cowrun container $ID" DefaultDependencies=no \
		TasksAccounting=yes "ControlGroup=/system.slice/cowrun-$ID.scope"
	# born there, and alone: who kept the place is gone, and so is the program that spoke with systemd
	[ "$(booted cat "/sys/fs/cgroup/system.slice/cowrun-$ID.scope/cgroup.procs")" = "$PID" ]
	not booted pgrep -f cowrun-keeper
	not booted pgrep cowrun-systemd
	cowrun start "$ID"
	status_is "$ID" running
	run cowrun exec "$ID" cat /proc/self/cgroup
	assert_output_matches "0::/$" # it sees its own group as the root
	cowrun exec -d "$ID" sleep 1001 >"$SCRATCH/out" 2>&1
	run cowrun ps -f json "$ID"
	[ "$(jq length <<<"$output")" = 2 ]
	cowrun pause "$ID"
	status_is "$ID" paused
	cowrun resume "$ID"
	fails "cannot delete container '$ID' that is not stopped: running" cowrun delete "$ID"
	cowrun kill "$ID" KILL
	await status_is "$ID" stopped
	cowrun delete "$ID"
	all_gone
}

# Where cowrun itself is asked for the state, as all its commands are.
state() { cowrun state "$1" | jq -r ".$2"; }

@test "run: in the foreground, with its status, and nothing stays" {
	need_length
	bundle "$(args sh -c 'cat /proc/self/cgroup; exit 7')"
	run cowrun run -b "$BUNDLE" "$ID"
	assert_status 7
	all_gone
}

@test "cgroupsPath is slice, prefix and name" {
	sleeper '.linux.cgroupsPath = "cowrun-a-b.slice:web:'"$ID"'"'
	local scope=web-$ID.scope
	[ "$(unit ControlGroup "$scope")" = "/cowrun.slice/cowrun-a.slice/cowrun-a-b.slice/$scope" ]
	grep -qx "unit $scope" "$STATE/$ID/record"
	cowrun delete --force "$ID"
	assert_gone "$ID"
	unit_gone "$scope"
	[ ! -e "$MANAGED/cowrun.slice/cowrun-a.slice/cowrun-a-b.slice/$scope" ]
	refuses "^cowrun: run: linux.cgroupsPath: '/a/b' is not of the form slice:prefix:name" '.linux.cgroupsPath = "/a/b"'
	refuses "^cowrun: run: linux.cgroupsPath: 'a' is no slice" '.linux.cgroupsPath = "a:b:c"'
}

@test "--systemd-cgroup says the same, and --cgroup-manager more" {
	need_length
	bundle "$(args sleep 1000)"
	booted "$COWRUN" --root "$STATE" --systemd-cgroup run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	unit_is ActiveState active
	# the others need not be told, as podman's do not
	booted "$COWRUN" --root "$STATE" delete --force "$ID"
	all_gone
	booted "$COWRUN" --root "$STATE" --systemd-cgroup --cgroup-manager disabled run -b "$BUNDLE" "$ID-a" &
	await [ -s "$STATE/$ID-a/record" ]
	await grep -q '^init' "$STATE/$ID-a/record"
	not grep -q '^unit' "$STATE/$ID-a/record"
	cowrun delete --force "$ID-a"
	wait $! || true
	unit_gone "cowrun-$ID-a.scope"
}

@test "a unit that is there is another's, and stays" {
	need_length
	booted systemd-run -q --scope --unit "cowrun-$ID.scope" sleep 1000 >"$SCRATCH/out" 2>&1 &
	await unit_is ActiveState active
	refuses "^cowrun: run: systemd: start 'cowrun-$ID.scope': Unit cowrun-$ID.scope " "$(args true)"
	unit_is ActiveState active
	booted systemctl stop "cowrun-$ID.scope"
	wait $! || true
}

@test "a unit that has failed is no obstacle" {
	need_length
	booted systemd-run -q --scope --unit "cowrun-$ID.scope" -p RuntimeMaxSec=1ms -p TimeoutStopSec=1s sleep 1000 \
		>"$SCRATCH/out" 2>&1 || true
	await unit_is ActiveState failed
	bundle "$(args true)"
	cowrun run -b "$BUNDLE" "$ID"
	all_gone
}

@test "annotations are properties of the unit" {
	need_length
	sleeper '.annotations = {"org.systemd.property.TimeoutStopSec": "5",
		"org.systemd.property.CollectMode": "'\''inactive'\''",
		"org.systemd.property.Description": "\"a web server\"", "a.b": "c"}'
	unit_has TimeoutStopUSec=5s CollectMode=inactive "Description=a web server"
	cowrun delete --force "$ID"
	refuses "^cowrun: run: annotations.org.systemd.property.MemoryHigh: 'much' is no value of a property" \
		'.annotations = {"org.systemd.property.MemoryHigh": "much"}'
	refuses "^cowrun: run: annotations.org.systemd.property.PIDs: is not for config.json to say" \
		'.annotations = {"org.systemd.property.PIDs": "[uint32 1]"}'
	refuses "^cowrun: run: systemd: start 'cowrun-$ID.scope': " '.annotations = {"org.systemd.property.NoSuch": "1"}'
	all_gone
}

@test "systemctl stop ends the container" {
	need_length
	bundle "$(args sh -c 'trap "exit 3" TERM; echo >/ready; while :; do sleep 1 & wait; done')"
	cowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	await test -e "$BUNDLE/rootfs/ready"
	booted systemctl stop "cowrun-$ID.scope"
	status_is "$ID" stopped
	unit_gone
	cowrun delete "$ID"
	all_gone
}

@test "killed from outside, its unit goes, and delete needs nobody" {
	sleeper
	booted kill -KILL "$PID"
	await unit_gone
	status_is "$ID" stopped
	[ ! -e "$MANAGED/system.slice/cowrun-$ID.scope" ]
	cowrun delete "$ID"
	all_gone
}

@test "systemd reloaded leaves it alone" {
	need_length
	sleeper
	booted systemctl daemon-reload
	status_is "$ID" running
	unit_has ActiveState=active Delegate=yes "Description=cowrun container $ID"
	run cowrun exec "$ID" echo here
	assert_output here
	cowrun delete --force "$ID"
	all_gone
}

@test "the record is damaged: delete --force finds the scope" {
	need_length
	sleeper
	sed -i '/^cgroup /d; /^unit /d; s/^init .*/init x/' "$STATE/$ID/record"
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	[[ $stderr == *"its cgroup '/system.slice/cowrun-$ID.scope' is found by name, with 1 process, and removed"* ]]
	await ended_there "$PID"
	all_gone
}
ended_there() { not booted grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

@test "its maker is killed: the scope goes by itself" {
	need_static "a leak sanitizer does not work under strace"
	local call
	bundle "$(args true)"
	# before systemd is asked, while it is, and when the first process is about to be born
	for call in socketpair:1 recvfrom:1 recvfrom:2; do
		booted strace -qq -o "$SCRATCH/trace" -e trace="${call%:*}" -e inject="${call%:*}:signal=KILL:when=${call#*:}" \
			"$COWRUN" --root "$STATE" --cgroup-manager systemd run -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1 || true
		grep -q '^unit ' "$STATE/$ID/record"
		await unit_gone
		cowrun delete --force "$ID"
		all_gone
	done
}

@test "a first process that fails takes its scope along, and is who tells why" {
	need_static "a leak sanitizer does not work under strace"
	bundle "$(args true)"' | .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 3, access: "rwm"}] |
		.mounts += [{destination: "/x", type: "tmpfs", source: "x", options: ["nosuch=1"]}]'
	# late with the rules of devices: systemd has removed the group by then
	run --separate-stderr booted strace -qq -o "$SCRATCH/trace" -e trace=recvfrom -e inject=recvfrom:delay_exit=700000:when=2 \
		"$COWRUN" --root "$STATE" --cgroup-manager systemd run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_one_line "^cowrun: run: mounts\[[0-9]+\]: mount tmpfs on '/x': option 'nosuch=1': "
	all_gone
}

# What other units do meanwhile (here: run to their end, again and again) does not make it wait longer.
@test "a job that does not end is given up, and taken back" {
	need_length "it waits for 30 s"
	local noise
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sleep 1000\n' >"$UNITS/slow.service"
	printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sleep 1\n' >"$UNITS/noise.service"
	booted systemctl daemon-reload
	booted systemctl start --no-block slow.service
	while booted systemctl start noise.service; do :; done >/dev/null 2>&1 3>&- &
	noise=$!
	bundle "$(args true)"' | .annotations = {"org.systemd.property.After": "['\''slow.service'\'']"}'
	run --separate-stderr booted timeout 200 "$COWRUN" --root "$STATE" --systemd-cgroup run -b "$BUNDLE" "$ID"
	kill "$noise"
	assert_status 1
	assert_one_line "^cowrun: run: systemd: start 'cowrun-$ID.scope': its job has not ended after 30 s$"
	await unit_gone # and slow.service begins still
	all_gone
	booted systemctl kill -s KILL slow.service
}

@test "what is restored is born in a scope, which it keeps alive" {
	need_static "a leak sanitizer does not work under strace"
	mkdir "$SCRATCH/bin" "$SCRATCH/image"
	# a stand-in for CRIU
	cat >"$SCRATCH/bin/criu" <<-'EOT'
		#!/bin/bash
		until [ "$1" = --pidfile ]; do shift; done
		sleep 1000 </dev/null >/dev/null 2>&1 &
		echo "$!" >"$2"
	EOT
	chmod +x "$SCRATCH/bin/criu"
	echo '["", "", ""]' >"$SCRATCH/image/descriptors.json"
	bundle "$(args true)"
	# late with it: by then systemd has removed what is empty
	PATH=$SCRATCH/bin:$PATH booted strace -qq -o "$SCRATCH/trace" -e trace=recvfrom -e inject=recvfrom:delay_exit=700000:when=2 \
		"$COWRUN" --root "$STATE" --systemd-cgroup restore -d --image-path "$SCRATCH/image" -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	status_is "$ID" running
	unit_is ActiveState active
	cowrun delete --force "$ID"
	all_gone
}

@test "without systemd the error says where it was looked for" {
	need_length
	bundle "$(args true)"
	run --separate-stderr booted env -u DBUS_SYSTEM_BUS_ADDRESS unshare -m sh -c \
		'mount -t tmpfs tmpfs /run && exec "$0" --root "$1" --systemd-cgroup run -b "$2" "$3"' "$COWRUN" "$STATE" "$BUNDLE" "$ID"
	assert_status 1
	assert_one_line "^cowrun: run: systemd is not reached: nobody answers at '/run/systemd/private', nor at the bus '/run/dbus/system_bus_socket' \(hint: systemd must be this host's init; without it, --cgroup-manager cgroupfs\)$"
	all_gone
}

@test "the scope is its user's, with the groups that he makes in it" {
	need_length
	sleeper '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings |
		.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev"]}]'
	local scope=$MANAGED/system.slice/cowrun-$ID.scope
	[ "$(stat -c %u "$scope" "$scope/cgroup.procs" "$scope/cgroup.max.depth")" = $'100000\n100000\n0' ]
	run cowrun exec "$ID" sh -c 'mkdir -p /sys/fs/cgroup/inner/most && echo $$ >/sys/fs/cgroup/inner/cgroup.procs && grep ^0: /proc/self/cgroup'
	assert_output 0::/inner
	run cowrun exec --cgroup inner/most "$ID" grep ^0: /proc/self/cgroup
	assert_output 0::/inner/most
	booted systemctl daemon-reload
	[ "$(stat -c %u "$scope" "$scope/inner/most")" = $'100000\n100000' ]
	cowrun delete --force "$ID"
	all_gone
}

by_bus() {
	booted unshare -m sh -c 'mount --bind /dev/null /run/systemd/private && exec "$0" --root "$@"' "$COWRUN" "$STATE" --systemd-cgroup "$@"
}

@test "by the bus, where systemd's own socket is not to be had" {
	need_length
	need_program dbus-daemon
	cat >"$SCRATCH/bus.conf" <<-EOT
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig><type>system</type><listen>systemd:</listen><policy context="default">
		<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/><allow receive_sender="*"/>
		</policy></busconfig>
	EOT
	printf '[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n' >"$UNITS/dbus.socket"
	printf '[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nType=notify\nExecStart=%s --nofork --nopidfile --config-file=%s --systemd-activation\n' \
		"$(command -v dbus-daemon)" "$SCRATCH/bus.conf" >"$UNITS/dbus.service"
	booted systemctl daemon-reload
	booted systemctl start dbus.service
	await booted dbus-send --system --print-reply --dest=org.freedesktop.systemd1 / org.freedesktop.DBus.Peer.Ping >"$SCRATCH/out"
	bundle "$(args sleep 1000)"
	by_bus run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	unit_has ActiveState=active Delegate=yes
	by_bus delete --force "$ID"
	all_gone
	booted systemctl stop dbus.service dbus.socket
}

# --- an ordinary user -----------------------------------------------------------------------------------------------
# A systemd of the user's, as logind would start it; as_booted WORD... is below it.
user_boot() {
	user_make
	cat >"$UNITS/user@.service" <<-EOT
		[Unit]
		DefaultDependencies=no
		[Service]
		User=%i
		Environment=XDG_RUNTIME_DIR=$RUN_DIR HOME=$HOME_DIR SYSTEMD_UNIT_PATH=$UNITS SYSTEMD_GENERATOR_PATH=/run/empty
		Environment=SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/run/empty
		Environment=SYSTEMD_LOG_TARGET=console
		StandardError=append:$SCRATCH/out.user
		Type=notify
		ExecStart=/lib/systemd/systemd --user --unit=tests.target
		Slice=user-%i.slice
		Delegate=yes
	EOT
	local file
	for file in passwd subuid subgid; do booted mount --bind "$SCRATCH/etc/$file" "/etc/$file"; done
	booted systemctl start "user@$USER_ID.service"
	USERS=$MANAGED/user.slice/user-$USER_ID.slice/user@$USER_ID.service
	mkdir "$USERS/tests"
}
as_booted() {
	BOOTED=$USERS/tests booted env XDG_RUNTIME_DIR="$RUN_DIR" HOME="$HOME_DIR" LOGNAME="$USER_NAME" \
		setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups "$@"
}
user_unit_gone() { [ -z "$(as_booted systemctl --user list-units --all --plain --no-legend "cowrun-$ID.scope")" ]; }

@test "an ordinary user's scopes are his own systemd's" {
	user_boot
	BUNDLE=$HOME_DIR/bundle
	rootfs_make "$BUNDLE/rootfs"
	chown -R "$USER_ID:$USER_ID" "$BUNDLE"
	as_user sh -c 'cd "$HOME/bundle" && exec "$0" spec --rootless' "$USER_PROGRAMS/cowrun"
	jq '.process.terminal = false | .process.args = ["sleep", "1000"]' "$BUNDLE/config.json" >"$SCRATCH/config"
	cat "$SCRATCH/config" >"$BUNDLE/config.json"
	as_booted "$USER_PROGRAMS/cowrun" --systemd-cgroup run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	local scope=$USERS/user.slice/cowrun-$ID.scope
	[ "$(as_booted systemctl --user show -P ControlGroup "cowrun-$ID.scope")" = "${scope#"$MANAGED"}" ]
	[ "$(stat -c %u "$scope")" = "$USER_ID" ]
	grep -qx 'unit-of-user ' "$RUN_DIR/cowrun/$ID/record"
	run as_booted "$USER_PROGRAMS/cowrun" exec "$ID" echo here
	assert_output here
	as_booted "$USER_PROGRAMS/cowrun" delete --force "$ID"
	[ ! -e "$scope" ]
	[ ! -e "$RUN_DIR/cowrun/$ID" ]
	user_unit_gone
	# of a damaged record the scope is found by its name
	as_booted "$USER_PROGRAMS/cowrun" --systemd-cgroup run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	: >"$RUN_DIR/cowrun/$ID/record"
	run --separate-stderr as_booted "$USER_PROGRAMS/cowrun" delete --force "$ID"
	assert_status 0
	[[ $stderr == *"its cgroup '${scope#"$MANAGED"}' is found by name, with 1 process, and removed"* ]]
	[ ! -e "$scope" ]
	user_unit_gone
	# with nobody to ask, the error says who
	as_user mkdir "$HOME_DIR/none"
	export RUN_DIR=$HOME_DIR/none
	run --separate-stderr as_booted "$USER_PROGRAMS/cowrun" --systemd-cgroup run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_one_line "^cowrun: run: the user's systemd is not reached: nobody answers at '$RUN_DIR/bus' \(hint: log in, or loginctl enable-linger; "
}

# --- limits ---------------------------------------------------------------------------------------------------------
knobs() { # FILE=VALUE...
	local pair scope
	scope=$MANAGED/system.slice/cowrun-$ID.scope
	for pair; do
		[ "$(<"$scope/${pair%%=*}")" = "${pair#*=}" ] || { say "expected $pair, saw $(<"$scope/${pair%%=*}")"; return 1; }
	done
}

@test "limits: what systemd has a property for it is told, and the files are exact" {
	need_controller memory cpu pids
	sleeper '.linux.resources = {memory: {limit: 67108864, reservation: 33554432}, cpu: {shares: 2048, quota: 12500, period: 100000},
		pids: {limit: 50}, unified: {"memory.high": "60000256"}}'
	unit_has MemoryMax=67108864 MemoryLow=33554432 MemoryHigh=60000256 CPUQuotaPerSecUSec=130ms CPUQuotaPeriodUSec=100ms TasksMax=50
	knobs memory.max=67108864 memory.low=33554432 'cpu.max=12500 100000' pids.max=50 memory.high=59998208
	cowrun update --memory 50m --pids-limit 60 --cpu-share 512 "$ID"
	unit_has MemoryMax=52428800 TasksMax=60 MemoryLow=33554432
	knobs memory.max=52428800 pids.max=60
	[ "$(knob cpu.weight)" = "$(unit CPUWeight)" ]
	# a new period leaves the quota as it is
	cowrun update --cpu-period 50000 "$ID"
	unit_has CPUQuotaPerSecUSec=250ms CPUQuotaPeriodUSec=50ms
	knobs 'cpu.max=12500 50000'
	# what systemd knows it writes again
	booted systemctl daemon-reload
	booted systemctl set-property --runtime "cowrun-$ID.scope" IPAccounting=no
	knobs memory.max=52428800 pids.max=60 memory.low=33554432 'cpu.max=12500 50000'
	fails "rejecting memory limit" cowrun update -r - "$ID" <<<'{"memory": {"limit": 4096, "checkBeforeUpdate": true}}'
	unit_has MemoryMax=52428800
	knobs memory.max=52428800
	cowrun update --memory -1 --memory-swap -1 --pids-limit -1 "$ID"
	unit_has MemoryMax=infinity TasksMax=infinity
	knobs memory.max=max pids.max=max
	cowrun delete --force "$ID"
	all_gone
}

@test "limits: one process, where another one had to keep the place" {
	full_with pids
	bundle "$(args cat /proc/self/cgroup) | .linux.resources.pids.limit = 1"
	cowrun create -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	unit_has TasksMax=1
	knobs pids.max=1
	cowrun start "$ID"
	await status_is "$ID" stopped
	grep -q '^0::/$' "$SCRATCH/out"
	cowrun delete "$ID"
	all_gone
}

@test "limits: a controller that systemd does not know is enabled down to the scope" {
	need_length
	need_controller hugetlb
	sleeper '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	knobs hugetlb.2MB.max=4194304
	cowrun delete --force "$ID"
}

@test "limits: killed for want of memory, it is told, and its unit goes" {
	full_with memory
	bundle "$(args sh -c 'x=$(head -c 30000000 /dev/zero | tr "\0" x); echo $x') | .linux.resources.memory = {limit: 8388608, swap: 8388608}"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	[ "$status" -ne 0 ]
	await unit_gone
	all_gone
}
