# Bundles of an ordinary user, by `cowrun`.
load helpers
load containers
load user

setup_file() {
	scratch_make
	user_make
	rootfs_make "$HOME_DIR/bundle/rootfs"
	chown -R "$USER_ID:$USER_ID" "$HOME_DIR/bundle"
	as_user sh -c 'cd "$HOME/bundle" && "$1" spec --rootless && mv config.json usual.json' - "$USER_PROGRAMS/cowrun"
}

teardown_file() {
	user_remove
	scratch_remove
}

setup() { BUNDLE=$HOME_DIR/bundle; }

teardown() {
	local id
	for id in $(ucowrun list -q); do ucowrun delete --force "$id"; done
}

# user_bundle FILTER [JQ ARGUMENTS]: what `cowrun spec --rootless` wrote, without a terminal, and with that change
user_bundle() { jq "${@:2}" ".process.terminal = false | .root.readonly = false | $1" "$BUNDLE/usual.json" >"$BUNDLE/config.json"; }

# all ids that the user has
many() {
	echo "(.linux | .uidMappings, .gidMappings) |= [{containerID: 0, hostID: $USER_ID, size: 1}, {containerID: 1, hostID: $SUBIDS, size: 65536}]"
}

# user_inside SCRIPT [FILTER]
user_inside() {
	user_bundle "$(args sh -c "$1") | ${2:-.}"
	run --separate-stderr ucowrun run -b "$BUNDLE" "$ID"
}

user_refuses() {
	user_bundle "$2"
	fails "$1" ucowrun run -b "$BUNDLE" "$ID"
	[ ! -e "$RUN_DIR/cowrun/$ID" ]
}

@test "a user's container: root inside, himself outside, with devices, masks and names of its own" {
	user_inside 'id -u; hostname; echo x >/dev/null; cat /proc/keys; echo made >/made; grep -c . /proc/net/dev; echo $$'
	assert_status 0
	assert_output $'0\ncowrun\n3\n1'
	[ "$(stat -c %u "$BUNDLE/rootfs/made")" = "$USER_ID" ]
	[ ! -e "$RUN_DIR/cowrun/$ID" ]
}

@test "a user's container with subordinate ids: files of several owners" {
	user_inside 'echo >/tmp/a; chown 33:34 /tmp/a; id -G' "$(many) | .process.capabilities[] += [\"CAP_CHOWN\"] | .process.user.additionalGids = [5, 6]"
	assert_status 0
	assert_output '0 5 6'
	[ "$(stat -c %u:%g "$BUNDLE/rootfs/tmp/a")" = "$((SUBIDS + 32)):$((SUBIDS + 33))" ]
	user_inside 'id -u; echo x >/tmp/b' "$(many) | .process.user = {uid: 1000, gid: 1000}"
	assert_output 1000
	[ "$(stat -c %u "$BUNDLE/rootfs/tmp/b")" = $((SUBIDS + 999)) ]
}

@test "a user's container: from create to delete, by calls that know it by its name only" {
	user_bundle "$(args sleep 1000) | $(many) | .process.user = {uid: 33, gid: 33}"
	ucowrun create -b "$BUNDLE" --pid-file "$HOME_DIR/pid" "$ID" >"$SCRATCH/out" 2>&1
	ucowrun start "$ID"
	[ "$(stat -c %u "/proc/$(<"$HOME_DIR/pid")")" = $((SUBIDS + 32)) ]
	run ucowrun state "$ID"
	[ "$(jq -r .status <<<"$output")" = running ]
	[ "$(ucowrun list -f json | jq -r '.[0].owner')" = "$USER_NAME" ]
	run ucowrun exec "$ID" id -u
	assert_output 33
	run ucowrun exec --user 0:5 "$ID" sh -c 'id -u; id -g; exit 4'
	assert_status 4
	assert_output $'0\n5'
	run ucowrun exec -t "$ID" tty <<<''
	assert_output_matches /dev/pts/0
	ucowrun kill "$ID" KILL
	await ended "$(<"$HOME_DIR/pid")"
	ucowrun delete "$ID"
	[ ! -e "$RUN_DIR/cowrun/$ID" ]
}

@test "a user's container with one id: exec, whose groups are those that he cannot drop" {
	user_bundle "$(args sleep 1000)"
	ucowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	run ucowrun exec "$ID" id -u
	assert_output 0
	run as_user sh -c 'exec "$@"' - "$USER_PROGRAMS/cowrun" exec "$ID" sh -c 'exit 3'
	assert_status 3
	ucowrun delete --force "$ID"
}

@test "a user's container: knobs that are its own are set, those of the host are refused by name" {
	user_inside 'cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj; ulimit -n' \
		'.linux.sysctl = {"net.ipv4.ip_forward": "1"} | .process.oomScoreAdj = 500 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 100}]'
	assert_output $'1\n500\n100'
	user_refuses 'oom_score_adj to -500: lowering it needs CAP_SYS_RESOURCE' '.process.oomScoreAdj = -500'
	# the host's network: its sysfs cannot be made, and is the host's, read-only
	user_inside 'ls /sys/class/net; touch /sys/x' 'del(.linux.namespaces[] | select(.type == "network"))'
	assert_status 1
	assert_output "$(ls /sys/class/net)"
}

@test "what a user cannot have is named" {
	user_refuses 'linux.uidMappings\[0\]: the host.s ids from 5 on, 1 of them, are not all ours: we have 54321 and '"$SUBIDS" \
		'.linux.uidMappings = [{containerID: 0, hostID: 5, size: 1}]'
	user_refuses 'uid 54321 is not root, and needs a user namespace' \
		'del(.linux.namespaces[] | select(.type == "user")) | del(.linux.uidMappings, .linux.gidMappings)'
	user_refuses 'can be set' '.linux.gidMappings[0].size = 1 | .process.user.additionalGids = [0]'
	user_refuses "mounts\[[0-9]+\]: id-map '/usr': only the host's root may" \
		'.mounts += [{destination: "/x", type: "bind", source: "/usr", options: ["rbind"], uidMappings: .linux.uidMappings, gidMappings: .linux.gidMappings}]'
	user_refuses "bind source '/etc': has mounts below it, which only the host's root may leave out \(hint: rbind\)" \
		'.mounts += [{destination: "/x", type: "bind", source: "/etc", options: ["bind"]}]'
	: >"$SCRATCH/etc/none"
	PREPARE="mount --bind $SCRATCH/etc/none /etc/subuid" \
		user_refuses "user '$USER_NAME' \(54321\) has no subordinate ids in '/etc/subuid' \(hint: .*$USER_NAME:100000:65536\)" "$(many)"
	(umask 077 && : >"$SCRATCH/etc/secret")
	PREPARE="mount --bind $SCRATCH/etc/secret /etc/subuid" \
		user_refuses "read subordinate ids: .*'/etc/subuid': permission denied" "$(many)"
	local -x PREPARE='mount --bind /etc/hostname "$(command -v newgidmap)"' # no program any more
	user_refuses "there is no program 'newgidmap' .*Debian's package uidmap" "$(many)"
	PREPARE='mount --bind "$(command -v newuidmap)" "$(command -v newuidmap)"; mount -o remount,bind,nosuid "$(command -v newuidmap)"'
	user_refuses 'map subordinate ids: newuidmap: ' "$(many)"
}

@test "a user's container without rights to cgroups has none, which is no error unless a limit is asked for" {
	need_host "the guest has every controller"
	user_bundle "$(args sleep 1000) | .linux.cgroupsPath = \"/nosuch/$ID\""
	ucowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	[ ! -e "$CGROUP/nosuch" ]
	fails 'it has no cgroup' ucowrun pause "$ID"
	fails 'it has no cgroup' ucowrun update --pids-limit 10 "$ID"
	ucowrun kill --all "$ID" KILL
	ucowrun delete --force "$ID"
	user_refuses 'hugetlb.*limits need a cgroup that is delegated' '.linux.resources = {hugepageLimits: [{pageSize: "2MB", limit: 0}]}'
	fails 'make a cgroup: none here is ours' ucowrun --rootless false run -b "$BUNDLE" "$ID"
	user_bundle "$(args true) | .linux.cgroupsPath = \"/nosuch/$ID\""
	fails "make the cgroup '/nosuch/$ID': permission denied" ucowrun --rootless=false run -b "$BUNDLE" "$ID"
	ucowrun --rootless true run -b "$BUNDLE" "$ID"
}

@test "the state root of a user: in his session's directory, or one in /tmp that is his alone" {
	local tmp="mkdir $SCRATCH/tmp.$BATS_TEST_NUMBER; chmod 1777 $SCRATCH/tmp.$BATS_TEST_NUMBER; mount --bind $SCRATCH/tmp.$BATS_TEST_NUMBER /tmp"
	user_bundle "$(args true)"
	[ ! -e "/run/user/$USER_ID" ]
	PREPARE=$tmp run as_user env -u XDG_RUNTIME_DIR sh -c '"$@" && stat -c "%a %u" /tmp/cowrun-54321' - "$USER_PROGRAMS/cowrun" run -b "$BUNDLE" "$ID"
	assert_output '700 54321'
	rm -r "$SCRATCH/tmp.$BATS_TEST_NUMBER"
	# somebody else was there first
	PREPARE="$tmp; mkdir -m 777 /tmp/cowrun-54321" fails 'not ours alone' as_user env -u XDG_RUNTIME_DIR "$USER_PROGRAMS/cowrun" run -b "$BUNDLE" "$ID"
	rm -r "$SCRATCH/tmp.$BATS_TEST_NUMBER"
	PREPARE="$tmp; ln -s $HOME_DIR /tmp/cowrun-54321" fails "state root '/tmp/cowrun-54321'" as_user env -u XDG_RUNTIME_DIR "$USER_PROGRAMS/cowrun" run -b "$BUNDLE" "$ID"
}

# own_cgroup: in PREPARE, what makes a cgroup the user's, with a leaf in it where he is, as a service manager's
# delegation does it
own_cgroup() {
	DELEGATED=$CGROUP/cowrun-$ID-user
	mkdir -p "$DELEGATED/shell"
	chown "$USER_ID" "$DELEGATED" "$DELEGATED"/cgroup.{procs,subtree_control} "$DELEGATED/shell" "$DELEGATED/shell/cgroup.procs"
	export PREPARE="echo \$\$ >$DELEGATED/shell/cgroup.procs"
}

@test "a user's container in a cgroup that was delegated to him: it is made there, frozen, killed and removed" {
	own_cgroup
	user_bundle "$(args sleep 1000)"
	ucowrun run -d -b "$BUNDLE" --pid-file "$HOME_DIR/pid" "$ID" >"$SCRATCH/out" 2>&1
	grep -q "^0::/cowrun-$ID-user/cowrun-$ID$" "/proc/$(<"$HOME_DIR/pid")/cgroup"
	run ucowrun exec "$ID" cat /proc/self/cgroup
	assert_output_matches '0::/$'
	ucowrun pause "$ID"
	[ "$(ucowrun state "$ID" | jq -r .status)" = paused ]
	ucowrun resume "$ID"
	ucowrun kill --all "$ID" KILL
	await ended "$(<"$HOME_DIR/pid")"
	ucowrun delete "$ID"
	[ ! -e "$DELEGATED/cowrun-$ID" ]
	rmdir "$DELEGATED/shell" "$DELEGATED"
}

@test "a user's limits in a cgroup that was delegated to him" {
	need_controller memory pids cpu
	own_cgroup
	cp "$HELPERS/hog" "$BUNDLE/rootfs/bin/hog"
	user_bundle "$(args hog 64) | .linux.resources = {memory: {limit: 33554432, swap: 33554432}}"
	run --separate-stderr ucowrun run -b "$BUNDLE" "$ID"
	assert_status 137
	assert_one_line 'killed: out of memory \(limit 32 MiB'
	user_bundle "$(args sleep 1000) | .linux.resources = {pids: {limit: 20}, cpu: {quota: 50000, period: 100000}}"
	ucowrun run -d -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	[ "$(<"$DELEGATED/cowrun-$ID/pids.max")" = 20 ]
	[ "$(<"$DELEGATED/cowrun-$ID/cpu.max")" = "50000 100000" ]
	ucowrun update --pids-limit 30 "$ID"
	[ "$(<"$DELEGATED/cowrun-$ID/pids.max")" = 30 ]
	[ "$(ucowrun events --stats "$ID" | jq .data.pids.limit)" = 30 ]
	ucowrun delete --force "$ID"
	# a controller that does not get there
	echo -pids >"$DELEGATED/cgroup.subtree_control"
	echo -pids >"$CGROUP/cgroup.subtree_control"
	user_refuses "cannot set limits: .* delegated" '.linux.resources = {pids: {limit: 20}}'
	echo +pids >"$CGROUP/cgroup.subtree_control"
	rmdir "$DELEGATED/shell" "$DELEGATED"
}
