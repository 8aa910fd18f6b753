# linux.netDevices: network devices of the host that a container gets. The host of these tests is a network namespace of
# its own, with one pair of devices.
load helpers
load containers

setup() {
	need_program ip
	rm -f "$SCRATCH/holder"
	unshare -n bash -c 'ip link add out0 type veth peer name peer && echo && exec sleep 1000' >"$SCRATCH/holder" 2>&1 3>&- &
	HOLDER=$!
	await test -s "$SCRATCH/holder"
	nsenter -t "$HOLDER" -n ip link show out0 >/dev/null || skip "needs veth in the kernel"
}

teardown() {
	containers_remove
	kill "$HOLDER"
}

host() { nsenter -t "$HOLDER" -n -- "$@"; }
cowrun() { host "$COWRUN" --root "$STATE" "$@" 3>&-; }
DEVICE='.linux.netDevices = {out0: {}}'

@test "a device is the container's, with its address and size, and up; and the host's no longer" {
	host ip link set out0 mtu 1789 address 02:11:22:33:44:55
	gives "out0: mtu 1789 02:11:22:33:44:55 1" \
		'ip -o link show out0 | sed -E "s/^[0-9]+: (out0)@[^:]*:.*(mtu [0-9]+) .*ether ([^ ]+).*/\1: \2 \3/" | tr "\n" " "; ip -o link show out0 | grep -c "[<,]UP[,>]"' "$DEVICE"
	not host ip link show out0 2>"$SCRATCH/err"
}

@test "it has another name there when it is told" {
	gives "eth0 " 'ip -o link | sed -nE "s/^[0-9]+: ([^@:]+)@.*/\1/p" | tr "\n" " "' '.linux.netDevices = {out0: {name: "eth0"}}'
}

@test "permanent addresses of global scope come along, and no others" {
	host ip address add 169.254.169.77/32 dev out0
	host ip address add 10.9.8.7/24 brd + dev out0
	host ip address add 10.9.8.8/24 dev out0 valid_lft 1000 preferred_lft 1000
	host ip address add 127.0.0.33/8 scope host dev out0
	host ip address add 10.7.7.7 peer 10.7.7.8/32 dev out0
	# (the guest's kernel has no IPv6)
	local six=
	[ ! -e /proc/net/if_inet6 ] || { six="fd00:1::5/64 " && host ip -6 address add fd00:1::5/64 dev out0; }
	gives "169.254.169.77/32 10.9.8.7/24 brd 10.9.8.255 10.7.7.7 peer 10.7.7.8/32 $six" \
		'ip address show out0 | sed -nE "s/^ *inet6? (.*) scope global.*/\1/p" | tr "\n" " "' "$DEVICE"
}

@test "into a joined network namespace, where it stays" {
	unshare -n sleep 1000 3>&- &
	local other=$!
	await eval '[ "$(namespace_of "$other" net)" != "$(namespace_of self net)" ]'
	gives "" true "$DEVICE | (.linux.namespaces[] | select(.type == \"network\")).path = \"/proc/$other/ns/net\""
	nsenter -t "$other" -n ip link show out0 >/dev/null
	kill "$other"
}

@test "in a user namespace, and seen by createRuntime hooks" {
	printf '#!/bin/sh\npid=$(sed -E "s/.*\\"pid\\": *([0-9]+).*/\\1/")\nnsenter -t $pid -n ip -o link show out0 >%s\n' "$SCRATCH/seen" >"$SCRATCH/hook"
	chmod +x "$SCRATCH/hook"
	BUNDLE=$SCRATCH/mapped
	make_bundle "$BUNDLE" "$DEVICE | $(args ip link show out0)"' | .linux.namespaces += [{type: "user"}] | .hooks.createRuntime = [{path: $hook, env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings' --arg hook "$SCRATCH/hook"
	chown -hR 100000:100000 "$BUNDLE/rootfs"
	cowrun run -b "$BUNDLE" "$ID"
	grep -q out0 "$SCRATCH/seen"
}

@test "a device that is not there, or cannot have the name, is told, and nothing is moved" {
	refuses "^cowrun: run: linux.netDevices.none: find it: no such device" '.linux.netDevices = {out0: {}, none: {}}'
	refuses "^cowrun: run: linux.netDevices.out0: move it into the container as 'lo': file exists" '.linux.netDevices = {out0: {name: "lo"}}'
	host ip link show out0 >/dev/null
}

# By its other name it is found before it is moved, and not after.
@test "a device that has gone meanwhile does not take the host's of the name inside with it" {
	host ip link property add dev out0 altname other0 2>/dev/null || skip "needs other names of devices"
	host ip link add kept0 type veth peer name kept1
	refuses "^cowrun: run: linux.netDevices.other0: find it: no such device" '.linux.netDevices = {out0: {name: "in0"}, other0: {name: "kept0"}}'
	host ip link show kept0 >/dev/null
}
