# The process of a container: who it is, what it may do, where it is, and what it has with it.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

# status KEY: a line of its /proc/self/status
STATUS='status() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }; '
ALL_SETS='(.process.capabilities | .bounding, .effective, .permitted, .inheritable, .ambient)'

# bits NAME...: capabilities as the kernel prints them
bits() {
	local name names=(CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
		NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT)
	local sum=0 i
	for name; do
		for i in "${!names[@]}"; do [ "${names[i]}" != "$name" ] || sum=$((sum | 1 << i)); done
	done
	printf '%016x' $sum
}

# --- who ------------------------------------------------------------------------------------------------------------
@test "user, group and groups are those asked for, and no others" {
	gives "1000 1000 1000 1000|1001 1001 1001 1001|5 7" "$STATUS"'echo $(status Uid)"|"$(status Gid)"|"$(status Groups)' \
		'.process.user = {uid: 1000, gid: 1001, additionalGids: [7, 5]}'
	gives "0 0 0 0|0 0 0 0|" "$STATUS"'echo $(status Uid)"|"$(status Gid)"|"$(status Groups)'
}

@test "the caller's groups are not inherited" {
	need_program setpriv
	bundle "$(args sh -c "$STATUS status Groups")"
	run setpriv --groups 4242,4343 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output ''
}

@test "access that is denied to a group is denied" {
	bundle
	mkdir -p "$BUNDLE/rootfs/denied"
	chown 0:1001 "$BUNDLE/rootfs/denied"
	chmod 707 "$BUNDLE/rootfs/denied"
	gives "denied" 'ls /denied 2>/dev/null || echo denied' '.process.user = {uid: 1000, gid: 1000, additionalGids: [1001]}'
	gives "" 'ls /denied' '.process.user = {uid: 1000, gid: 1000}'
	sleeper '.process.user = {uid: 1000, gid: 1000, additionalGids: [1001]}'
	run cowrun exec "$ID" ls /denied
	assert_status 1
}

@test "ids that mean no one are refused" {
	refuses "^cowrun: run: process.user.uid: 4294967295 is out of range" '.process.user.uid = 4294967295'
	refuses "process.user.uid: .*-1" '.process.user.uid = -1'
	refuses "process.user.uid: .*4294967296" '.process.user.uid = 4294967296'
	refuses "process.user.additionalGids\[1\]: 4294967295" '.process.user.additionalGids = [1, 4294967295]'
	refuses "process.user.gid: expected .*, found" '.process.user.gid = "root"'
}

@test "exec's --user is two numbers and nothing else" {
	sleeper
	local word
	for word in root 1x -1 ' 1' '1 ' 0x1 01 :1 1: 1:2:3 4294967295 4294967296 99999999999999999999 1:x ''; do
		fails "^cowrun: exec: option --user: '.*' is not UID\[:GID\]" cowrun exec --user "$word" "$ID" id -u
	done
	run cowrun exec --user 4294967294 "$ID" id -u
	assert_output 4294967294
	run cowrun exec --user 2147483648:7 "$ID" sh -c 'echo $(id -u):$(id -g)'
	assert_output 2147483648:7
	run cowrun exec -u 1 "$ID" sh -c 'echo $(id -u):$(id -g)'
	assert_output 1:0
}

@test "the umask is 0022, or what is asked for" {
	gives 0022 umask
	gives 0077 umask '.process.user.umask = 63'
	refuses "^cowrun: run: process.user.umask: 512 is out of range" '.process.user.umask = 512'
}

# --- what it may do ---------------------------------------------------------------------------------------------------
@test "each set of capabilities is exactly what is asked for" {
	local some all
	some=$(bits KILL CHOWN)
	all=$(bits KILL CHOWN NET_RAW SETUID)
	gives "$some $some $all $some 0000000000000000" "$STATUS"'echo $(for set in CapInh CapPrm CapBnd CapEff CapAmb; do status $set; done)' \
		'.process.capabilities = {inheritable: ["CAP_KILL", "CAP_CHOWN"], permitted: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL", "CAP_CHOWN"],
			bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW", "CAP_SETUID"]} | .process.user.uid = 0 | .process.noNewPrivileges = false' ||
		# root's execve() adds all of the bounding set to what is permitted (capabilities(7))
		assert_output "$some $all $all $all 0000000000000000"
}

@test "without capabilities there are none" {
	local none=0000000000000000
	gives "$none $none $none $none $none" "$STATUS"'echo $(for set in CapInh CapPrm CapEff CapBnd CapAmb; do status $set; done)' \
		'del(.process.capabilities)'
}

@test "every capability of this kernel is in the sets that it is asked for, and in no other" {
	local names all cap bit have=0x
	have+=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
	mapfile -t names < <(capsh --decode=ffffffffffffffff | sed 's/.*=//' | tr , '\n' | grep ^cap_ | tr '[:lower:]' '[:upper:]')
	[ ${#names[@]} -ge 40 ]
	for bit in "${!names[@]}"; do
		[ $((have >> bit & 1)) = 1 ] || continue
		[ -n "${COWRUN_ALL:-}" ] || [ $((bit % 8)) = 2 ] || continue # one container each
		cap=$(printf '%016x' $((1 << bit)))
		all+="$cap "
		# in the ambient set it stays with an ordinary user, in the bounding set alone with nobody
		gives "$cap $cap $cap $cap $cap" "$STATUS"'echo $(for set in CapInh CapPrm CapEff CapBnd CapAmb; do status $set; done)' \
			"$ALL_SETS = [\"${names[bit]}\"] | .process.user.uid = 1000"
	done
	[[ $all == *"$(bits SYS_CHROOT)"* ]]
	gives "$(bits) $(bits) $(bits) $(bits KILL) $(bits)" "$STATUS"'echo $(for set in CapInh CapPrm CapEff CapBnd CapAmb; do status $set; done)' \
		'.process.capabilities = {bounding: ["CAP_KILL"]} | .process.user.uid = 1000'
}

@test "exec --cap adds to all sets but the inheritable one" {
	local show='for set in CapInh CapPrm CapEff CapBnd CapAmb; do status $set; done' none
	none=$(bits)
	sleeper '.process.capabilities = {}'
	run cowrun exec "$ID" sh -c "$STATUS"'echo $('"$show)"
	assert_output "$none $none $none $none $none"
	run cowrun exec --cap CAP_KILL -c CAP_CHOWN "$ID" sh -c "$STATUS"'echo $('"$show)"
	assert_output "$none $(bits KILL CHOWN) $(bits KILL CHOWN) $(bits KILL CHOWN) $none"
	cowrun delete --force "$ID"
	# what is inheritable already becomes ambient, too
	sleeper '.process.user.uid = 1000 | .process.capabilities = {inheritable: ["CAP_CHOWN", "CAP_FOWNER"], permitted: ["CAP_KILL", "CAP_CHOWN"],
		effective: ["CAP_KILL"], bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"], ambient: ["CAP_CHOWN"]}'
	run cowrun exec --cap CAP_FOWNER "$ID" sh -c "$STATUS"'echo $('"$show)"
	assert_output "$(bits CHOWN FOWNER) $(bits CHOWN FOWNER) $(bits CHOWN FOWNER) $(bits KILL CHOWN FOWNER) $(bits CHOWN FOWNER)"
}

@test "an ordinary user has what is ambient, and nothing more" {
	local none=0000000000000000
	gives "$none $none $(bits KILL CHOWN)" "$STATUS"'echo $(status CapPrm) $(status CapEff) $(status CapBnd)' \
		'.process.user.uid = 1000 | .process.capabilities = ({} | .bounding = ["CAP_KILL", "CAP_CHOWN"] | .effective = .bounding | .permitted = .bounding)'
	gives "$(bits KILL) $(bits KILL) $(bits KILL)" "$STATUS"'echo $(status CapPrm) $(status CapEff) $(status CapAmb)' \
		"$ALL_SETS = [\"CAP_KILL\"] | .process.user.uid = 1000"
}

@test "capabilities that cannot be had are left out with a warning" {
	bundle "$(args sh -c "$STATUS status CapBnd")"' | (.process.capabilities | .bounding, .effective, .permitted) = ["CAP_KILL", "CAP_NO_SUCH"]'
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output "$(bits KILL)"
	assert_one_line '^cowrun: warning: ignoring unknown or unavailable capabilities: \[CAP_NO_SUCH\]$'
	# ambient and not inheritable: left out as well
	bundle "$(args sh -c "$STATUS status CapAmb")"' | .process.user.uid = 1000 | .process.capabilities |= (.inheritable = ["CAP_KILL"] | .ambient = ["CAP_KILL", "CAP_CHOWN"])'
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output "$(bits KILL)"
	assert_one_line "^cowrun: warning: can't raise ambient capability CAP_CHOWN: it is not permitted and inheritable as well$"
	# of many one line (buildah asks for all that it has as ambient ones)
	bundle "$(args true) | .process.capabilities |= (.inheritable = [] | .ambient = [\"CAP_KILL\", \"CAP_CHOWN\"])"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_one_line "^cowrun: warning: can't raise ambient capabilities \[CAP_CHOWN CAP_KILL\]: they are not permitted and inheritable as well$"
	# what libcap would take for one is none
	bundle "$(args sh -c "$STATUS status CapBnd")"' | .process.capabilities = {bounding: ["kill", "cap_kill", "5", "CAP_", "CAP_KILL ", "CAP_CHOWN"]}'
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output "$(bits CHOWN)"
	assert_one_line '^cowrun: warning: ignoring unknown or unavailable capabilities: \[kill cap_kill 5 CAP_ CAP_KILL \]$'
}

@test "no_new_privs is as asked for" {
	gives 1 "$STATUS status NoNewPrivs" '.process.noNewPrivileges = true'
	gives 0 "$STATUS status NoNewPrivs" '.process.noNewPrivileges = false'
}

@test "a set-user-id program gains nothing under no_new_privs" {
	bundle
	cp "$HELPERS/probe" "$BUNDLE/rootfs/bin/probe"
	chmod 4755 "$BUNDLE/rootfs/bin/probe"
	gives "1000 1000" 'probe ids' '.process.user.uid = 1000'
	gives "1000 0" 'probe ids' '.process.user.uid = 1000 | .process.noNewPrivileges = false'
	rm "$BUNDLE/rootfs/bin/probe"
}

# --- where and with what ------------------------------------------------------------------------------------------------
@test "cwd is the working directory, and made where it is missing" {
	rm -rf "$SCRATCH/bundle/rootfs/not"
	gives /tmp pwd '.process.cwd = "/tmp"'
	gives /not/yet pwd '.process.cwd = "/not/yet"'
	[ -d "$BUNDLE/rootfs/not/yet" ]
	refuses "^cowrun: run: process.cwd: 'tmp' is not an absolute path" '.process.cwd = "tmp"'
	refuses "^cowrun: run: change to the working directory '/etc/passwd': not a directory" '.process.cwd = "/etc/passwd"'
}

@test "cwd may be a directory that only root enters, or only the user" {
	bundle
	mkdir -p "$BUNDLE/rootfs/private"/{root,user}
	chmod 700 "$BUNDLE/rootfs/private"/{root,user}
	chown 1000:1000 "$BUNDLE/rootfs/private/user"
	gives "/private/root refused" 'echo "$PWD" $(ls . 2>/dev/null || echo refused)' \
		'.process.user = {uid: 1000, gid: 1000} | .process.cwd = "/private/root" | .process.env += ["PWD=/private/root"] | del(.process.capabilities)'
	gives /private/user pwd '.process.user = {uid: 1000, gid: 1000} | .process.cwd = "/private/user" | del(.process.capabilities)'
}

@test "the environment is what is asked for, and nothing of the caller's" {
	bundle "$(args env) | .process.env = [\"PATH=/bin\", \"A=1\", \"B=two words\", \"C=\", \"HOME=/h\"]"
	SECRET=1 run cowrun run -b "$BUNDLE" "$ID"
	assert_output $'PATH=/bin\nA=1\nB=two words\nC=\nHOME=/h'
	refuses "process.env\[0\]: 'NOVALUE' is not NAME=VALUE" '.process.env = ["NOVALUE"]'
}

@test "a name is in the environment once, and its last value holds" {
	bundle "$(args env) | .process.env = [\"PATH=/nope\", \"ONE=two\", \"ONELY=x\", \"ONE=\", \"HOME=/a\", \"PATH=/bin\", \"ONE=three\"]"
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output $'ONELY=x\nHOME=/a\nPATH=/bin\nONE=three'
	# an empty HOME is none
	bundle "$(args env) | .process.env = [\"HOME=/override\", \"HOME=\", \"PATH=/bin\"]"
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output $'PATH=/bin\nHOME=/root'
	bundle "$(args env)"' | .process.env = ([range(3000) | "V\(. % 1000)=\(.)"] + ["PATH=/bin", "HOME=/"])'
	run cowrun run -b "$BUNDLE" "$ID"
	[ "${#lines[@]}" = 1002 ]
	[ "${lines[0]}" = V0=2000 ]
}

@test "HOME comes from the container's account file where it is not said" {
	local home='echo "$HOME"'
	gives /root "$home"
	gives /tmp "$home" '.process.user.uid = 1000'
	gives / "$home" '.process.user.uid = 4711'
	gives /said "$home" '.process.env += ["HOME=/said"]'
	bundle
	mv "$BUNDLE/rootfs/etc/passwd" "$SCRATCH/passwd"
	gives / "$home"
	# neither a link out of the container nor something that never ends is read
	ln -s "../../../../..$SCRATCH/passwd" "$BUNDLE/rootfs/etc/passwd"
	gives / "$home"
	ln -sf /dev/zero "$BUNDLE/rootfs/etc/passwd"
	gives / "$home"
	rm "$BUNDLE/rootfs/etc/passwd"
	mkfifo "$BUNDLE/rootfs/etc/passwd"
	gives / "$home"
	rm "$BUNDLE/rootfs/etc/passwd"
	mv "$SCRATCH/passwd" "$BUNDLE/rootfs/etc/passwd"
	sleeper
	run cowrun exec "$ID" sh -c "$home"
	assert_output /root
	run cowrun exec -u 1000 "$ID" sh -c "$home"
	assert_output /tmp
}

@test "the program is looked for in the container's PATH" {
	bundle
	mkdir -p "$BUNDLE/rootfs/opt"/{a,b}
	printf '#!/bin/sh\necho found\n' >"$BUNDLE/rootfs/opt/b/prog"
	chmod +x "$BUNDLE/rootfs/opt/b/prog"
	: >"$BUNDLE/rootfs/opt/a/prog" # not executable: the next one counts
	bundle '.process.args = ["prog"] | .process.env = ["PATH=/opt/a:/opt/b"]'
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output found
	bundle '.process.args = ["./prog"] | .process.cwd = "/opt/b"'
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output found
	bundle '.process.args = ["prog"] | .process.cwd = "/opt/b" | .process.env = ["PATH=/bin"]'
	fails "executable file 'prog' not found in \\\$PATH: no such file or directory" cowrun run -b "$BUNDLE" "$ID"
}

@test "arguments arrive as they are" {
	bundle "$(args sh -c 'for a; do echo "[$a]"; done' sh '' 'two  words' $'new\nline' '*' "'\"\\" 'ü')"
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output $'[]\n[two  words]\n[new\nline]\n[*]\n['"'"$'"\\]\n[ü]'
}

# --- limits ---------------------------------------------------------------------------------------------------------------
@test "rlimits are set, soft and hard" {
	gives $'100 200\n0 0\n1000' 'echo $(ulimit -Sn) $(ulimit -Hn); echo $(ulimit -Sc) $(ulimit -Hc); ulimit -Su' \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_NPROC", soft: 1000, hard: 1000}]'
	gives 100 'ulimit -f' '.process.rlimits = [{type: "RLIMIT_FSIZE", soft: 51200, hard: 51200}]'
	bundle "$(args sh -c 'ulimit -t')"' | .process.rlimits = [{type: "RLIMIT_CPU", soft: 77777, hard: 77777}]'
	sed -i s/77777/18446744073709551615/ "$BUNDLE/config.json" # which jq would round
	run cowrun run -b "$BUNDLE" "$ID"
	assert_output unlimited
}

@test "rlimits that make no sense are refused" {
	refuses "process.rlimits\[0\].type: .*'RLIMIT_NOPE'" '.process.rlimits = [{type: "RLIMIT_NOPE", soft: 1, hard: 1}]'
	refuses "process.rlimits\[1\]: RLIMIT_CORE is there twice" '.process.rlimits = [{type: "RLIMIT_CORE", soft: 1, hard: 1}, {type: "RLIMIT_CORE", soft: 1, hard: 1}]'
	refuses "process.rlimits\[0\]: RLIMIT_CORE: soft limit 2 is above the hard limit 1" '.process.rlimits = [{type: "RLIMIT_CORE", soft: 2, hard: 1}]'
}

@test "a hard limit above ours is raised where we may, else told with the limit there is" {
	need_program setpriv
	local filter='.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 512, hard: 600}]'
	bundle "$(args sh -c 'ulimit -Hn') | $filter"
	fails "^cowrun: run: set RLIMIT_NOFILE: cannot raise the hard limit from 512 to 600: that needs CAP_SYS_RESOURCE" \
		setpriv --bounding-set -sys_resource --inh-caps -sys_resource prlimit --nofile=512:512 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_gone "$ID"
	setpriv --dump | grep -q 'Capability bounding set:.*sys_resource' || return 0
	run prlimit --nofile=512:512 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_output 600
}

@test "oom_score_adj is raised, and what is not asked for is not changed" {
	gives 321 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 321'
	gives "$(cat /proc/self/oom_score_adj)" 'cat /proc/self/oom_score_adj'
	refuses "process.oomScoreAdj: 1001 is out of range" '.process.oomScoreAdj = 1001'
}

@test "oom_score_adj is lowered only by who may" {
	need_program setpriv
	bundle '.process.oomScoreAdj = -999'
	fails "^cowrun: run: set oom_score_adj to -999: lowering it needs CAP_SYS_RESOURCE" \
		setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_gone "$ID"
}

@test "sysctls of the container's namespaces are set, in both spellings" {
	gives "80 9|example.org|123" 'echo "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start) $(cat /proc/sys/net/ipv4/ip_default_ttl)|$(cat /proc/sys/kernel/domainname)|$(cat /proc/sys/fs/mqueue/queues_max)"' \
		'.linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "80", "net/ipv4/ip_default_ttl": "9", "kernel.domainname": "example.org", "fs.mqueue.queues_max": "123"}'
	[ "$(cat /proc/sys/net/ipv4/ip_default_ttl)" != 9 ]
}

@test "sysctls of the host, or with a value of two lines, are refused" {
	refuses "linux.sysctl\['kernel.panic'\]" '.linux.sysctl = {"kernel.panic": "1"}'
	refuses "linux.sysctl\['net.ipv4.ip_forward'\]" '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | del(.linux.namespaces[] | select(.type == "network"))'
	refuses "linux.sysctl\['net/../kernel/panic'\]" '.linux.sysctl = {"net/../kernel/panic": "1"}'
	refuses "linux.sysctl\['kernel.shm_rmid_forced'\]" '.linux.sysctl = {"kernel.shm_rmid_forced": "1\nkernel.panic=1"}'
	refuses "set sysctl 'net/nope' to '1': no such file" '.linux.sysctl = {"net.nope": "1"}'
	refuses "set sysctl 'net/ipv4/ip_default_ttl' to 'x': invalid argument" '.linux.sysctl = {"net.ipv4.ip_default_ttl": "x"}'
}

# --- exec is the same, unless it is told otherwise ------------------------------------------------------------------------
@test "a process of exec is confined as the first one is" {
	local filter='.process.user = {uid: 1000, gid: 1001, additionalGids: [5], umask: 63} | .process.oomScoreAdj = 100 |
		.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]'
	[ ! -e /proc/self/ns/time ] || filter+=' | .linux.namespaces += [{type: "time"}] | .linux.timeOffsets.monotonic = {secs: 7}'
	local noNew of pid
	for noNew in true false; do
		sleeper "$filter | .process.noNewPrivileges = $noNew"
		cowrun exec -d --pid-file "$SCRATCH/exec" "$ID" sleep 1000 >/dev/null 2>&1
		for pid in "$PID" "$(<"$SCRATCH/exec")"; do
			of=$SCRATCH/confinement.$pid
			{
				grep -E '^(Umask|Uid|Gid|Groups|Cap|NoNew|Seccomp|Sig(Blk|Ign|Cgt))' "/proc/$pid/status"
				cat "/proc/$pid"/{limits,cgroup,mountinfo,oom_score_adj}
				readlink "/proc/$pid"/ns/* "/proc/$pid"/{root,cwd}
				cat "/proc/$pid"/{timens_offsets,attr/current} 2>/dev/null || true # where this kernel has them
				tr '\0' '\n' <"/proc/$pid/environ" | sort
				awk '{ print $6 == $1 }' "/proc/$pid/stat" # the leader of its session
			} >"$of"
		done
		diff "$SCRATCH/confinement.$PID" "$SCRATCH/confinement.$(<"$SCRATCH/exec")" >&2
		cowrun delete --force "$ID"
	done
}

@test "the session keyring is the container's, for exec as well" {
	bundle
	cp "$HELPERS/probe" "$BUNDLE/rootfs/bin"
	# Whose keyring is whose: a number that the kernel gives once.
	run "$HELPERS/probe" keyring
	[[ $output != *ENOSYS ]] || skip "this kernel has no keyrings"
	local caller=$output first
	sleeper "$(args sh -c 'probe keyring; sleep 1000')"
	await test -s "$SCRATCH/out"
	first=$(<"$SCRATCH/out")
	[[ $first == *" _ses" ]]
	[ "${first%% *}" != "${caller%% *}" ]
	# exec's is another one, and not the caller's
	run cowrun exec "$ID" probe keyring
	[[ $output == *" _ses" ]]
	[ "${output%% *}" != "${caller%% *}" ]
	[ "${output%% *}" != "${first%% *}" ]
	cowrun delete --force "$ID"
	cowrun run -d --no-new-keyring -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1
	await test -s "$SCRATCH/out"
	[ "$(<"$SCRATCH/out")" = "$caller" ]
	run cowrun exec "$ID" probe keyring
	assert_output "$caller"
}
