# The rules of linux.resources.devices: what the kernel lets a container open, and what not.
load helpers
load containers

DENY='{"allow": false, "access": "rwm"}'
MKNOD='(.process.capabilities |= map_values(. + ["CAP_MKNOD", "CAP_SYSLOG"]))'

# rules RULE...: a jq filter
rules() { local IFS=,; echo ".linux.resources.devices = [$*]"; }

# tries [FILTER]: what a container can do with /dev/kmsg, which it makes, by reading, writing and both
tries() {
	inside 'mknod /dev/mine c 1 11 && echo made || echo not made
		(: </dev/mine) 2>&1 && echo read
		(: >/dev/mine) 2>&1 && echo written
		(: <>/dev/mine) 2>&1 && echo both; true' "$MKNOD | ${1:-.}"
	assert_status 0
}

@test "what no rule allows is made and not opened" {
	tries "$(rules "$DENY")"
	assert_output "made
sh: can't open /dev/mine: Operation not permitted
sh: can't create /dev/mine: Operation not permitted
sh: can't create /dev/mine: Operation not permitted"
}

@test "rules of a list that denies nothing by itself deny what they do not allow" {
	tries "$(rules '{"allow": true, "type": "c", "major": 1, "minor": 12, "access": "r"}')"
	assert_output_matches "^made"$'\n'"sh: can't open"
}

@test "the last rule wins, letter by letter" {
	# guest: a hierarchy with all controllers, and the verifier of another kernel
	local all='{"allow": true, "type": "c", "major": 1, "minor": -1, "access": "rwm"}'
	local no_write='{"allow": false, "type": "c", "major": 1, "minor": 11, "access": "w"}'
	local block='{"allow": false, "type": "b", "access": "rwm"}'
	tries "$(rules "$DENY" "$all" "$block")"
	assert_output "made
read
written
both"
	tries "$(rules "$DENY" "$all" "$no_write")"
	assert_output "made
read
sh: can't create /dev/mine: Operation not permitted
sh: can't create /dev/mine: Operation not permitted"
	tries "$(rules "$DENY" "$no_write" "$all")"
	assert_output_matches both
	tries "$(rules "$all" "$DENY")"
	assert_output_matches "^made"$'\n'"sh: can't open"
}

@test "without rules, and where they allow everything, there is no program and no limit" {
	tries
	assert_output_matches both
	tries "$(rules "$DENY" '{"allow": true, "access": "rwm"}')"
	assert_output_matches both
}

@test "the devices of every container work under every rule" {
	gives "0000|4|full|pts" 'echo x >/dev/null; : <>/dev/ptmx && pts=pts
		echo "$(head -c 2 /dev/zero | od -An -tx1 | tr -d " ")|$(head -c 4 /dev/urandom | wc -c)|$(echo x 2>/dev/null >/dev/full || echo full)|$pts"' \
		"$(rules "$DENY")"
}

@test "exec's processes are under the rules too" {
	# guest: a hierarchy with all controllers, and the verifier of another kernel
	sleeper "$MKNOD | $(rules "$DENY") | .linux.devices = [{path: \"/dev/kmsg\", type: \"c\", major: 1, minor: 11}]"
	run cowrun exec "$ID" sh -c ': </dev/kmsg'
	assert_status 1
	assert_output "sh: can't open /dev/kmsg: Operation not permitted"
}

@test "as many rules as fit a document" {
	# guest: a hierarchy with all controllers, and the verifier of another kernel
	tries "$(rules "$DENY") | .linux.resources.devices += [range(3000) | {allow: true, type: \"c\", major: 1, minor: (. + 12), access: \"rw\"}]"
	assert_output_matches "^made"$'\n'"sh: can't open"
	tries "$(rules "$DENY") | .linux.resources.devices += [range(3000) | {allow: true, type: \"c\", major: 1, minor: ., access: \"rw\"}]"
	assert_output_matches both
}

@test "without a cgroup there is nothing to put rules on" {
	bundle "$(args sh -c 'mknod /dev/mine c 1 11; : </dev/mine') | $MKNOD | $(rules "$DENY")"
	run --separate-stderr cowrun --cgroup-manager disabled run -b "$BUNDLE" "$ID"
	assert_status 0
}
