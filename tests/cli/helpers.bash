# What every command-line test has at hand: `load helpers` at the top of its .bats file.
#
#   $COWRUN $COW      the programs of the build that is tested; $HELPERS: the static programs of tests/programs
#   $SCRATCH          an empty directory on tmpfs, one a file; $STATE and $STORE: state root and store in it
#   $ID               a container id that no other test has (and $ID-a, $ID-b)
#   $CGROUP           where cgroup v2 is mounted
#   cowrun, cow       the programs with that state root and store
#   $COWRUN_GUEST     the guest kernel's version, empty on the host
#
# The same files run on the host and in the guest. A test that makes sense only on one side says so by a need_*
# line, which skips it by name and reason elsewhere.
# shellcheck shell=bash disable=SC2154 # status, output and stderr are set by run of bats
bats_require_minimum_version 1.5.0

# The mark of this test run: on processes as a variable, on directories and ids as "cowrun-test.$COWRUN_TEST".
# tests/leaks goes by it. tests/run sets it; under bats alone it comes from bats' own directory.
export COWRUN_TEST=${COWRUN_TEST:-${BATS_RUN_TMPDIR##*[-.]}}
# (Every test begins with this file: what takes a process is done once for all of a file.)
[ -n "${CGROUP:-}" ] || OUT=$(readlink -f "${OUT:-$BATS_TEST_DIRNAME/../../build}")
COWRUN=$OUT/cowrun
COW=$OUT/cow
HELPERS=$OUT/tests
ID=cowrun-test.$COWRUN_TEST-${BATS_TEST_NUMBER:-0}
[ -n "${CGROUP:-}" ] || CGROUP=$(awk '{ for (i = 7; i <= NF; i++) if ($i == "-") break; if ($(i + 1) == "cgroup2") { print $5; exit } }' /proc/self/mountinfo)
export OUT COWRUN COW HELPERS ID CGROUP

# --- before and after. A file with a setup_file, teardown_file or teardown of its own calls these from it. -----
scratch_make() {
	SCRATCH=$(mktemp -d "/dev/shm/cowrun-test.$COWRUN_TEST.XXXXXX")
	STATE=$SCRATCH/state
	STORE=$SCRATCH/store
	export SCRATCH STATE STORE
}

scratch_remove() { rm -rf --one-file-system "$SCRATCH"; }

containers_remove() {
	local id
	[ -x "$COWRUN" ] && [ -d "$STATE" ] || return 0
	for id in $(cowrun list -q); do cowrun delete --force "$id"; done
}

setup_file() { scratch_make; }
teardown_file() { scratch_remove; }
teardown() { containers_remove; }

# Without fd 3, which is bats' own: bats waits for whoever holds it. In the same way `run` waits for whoever holds
# its output, so a detached container needs its own: cowrun run -d ... >"$SCRATCH/out" 2>&1
cowrun() { "$COWRUN" --root "$STATE" "$@" 3>&-; }
cow() { "$COW" --root "$STATE" --store "$STORE" "$@" 3>&-; }

# --- what a test needs ------------------------------------------------------------------------------------------
need_host() { [ -z "${COWRUN_GUEST:-}" ] || skip "needs the host: ${1:?why}"; }
need_guest() { [ -n "${COWRUN_GUEST:-}" ] || skip "needs the guest: ${1:?why}"; }
need_static() { [ -z "${SAN:-}" ] || skip "needs static programs, which the sanitizers are not: ${1:?why}"; }
# What `make test` has no time for. A guest that comes to such a test has the time: it runs but what is asked for.
need_length() { [ -n "${COWRUN_ALL:-}${COWRUN_GUEST:-}" ] || skip "at full length only (COWRUN_ALL)${1:+: $1}"; }
need_program() { command -v "$1" >/dev/null || skip "needs '$1'"; }

# need_controller NAME...: in cgroup v2
need_controller() {
	local name
	for name; do
		grep -qw "$name" "$CGROUP/cgroup.controllers" || skip "needs the $name controller in cgroup v2"
	done
}

# need_kernel VERSION WHAT: what came with that version
need_kernel() {
	printf '%s\n' "$1" "$(uname -r)" | sort -VC || skip "needs kernel $1 or later: ${2:?what}"
}

# Of another process, by PTRACE_GETREGSET
need_registers() {
	[ -z "${COWRUN_GUEST:-}" ] || need_kernel 7 "User-Mode Linux that reads a process's registers"
}

# --- what a process is at ------------------------------------------------------------------------------------------
# A container counts as running from the record of its first process on, which has its hooks and all of its set-up
# before it: who waits for what it does, waits for that.
# executes PID NAME: that program, and no longer the one that it was forked of
executes() { [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ]; }
# asleep PID: it is sleep(1), and has nothing to do any more
asleep() { executes "$1" sleep && grep -qs '^State:.S' "/proc/$1/status"; }

# await COMMAND...: until it succeeds; whoever waits two minutes for what takes an instant waits in vain, however busy
# the machine is.
await() {
	local end=$((SECONDS + 120))
	until "$@"; do
		[ $SECONDS -lt $end ] || { say "waited in vain for: $*"; return 1; }
		sleep 0.01
	done
}

# --- bundles ----------------------------------------------------------------------------------------------------
# rootfs_make DIR: a root file system of one static busybox under all its names.
rootfs_make() {
	mkdir -p "$1"/{bin,dev,etc,mnt,proc,root,sys,tmp,var}
	chmod 1777 "$1/tmp"
	cp "$(command -v busybox)" "$1/bin/busybox"
	(cd "$1/bin" && busybox --list | perl -nle 'symlink "busybox", $_ unless $_ eq "busybox"')
	printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/bin/false app:x:1000:1000:app:/tmp:/bin/sh >"$1/etc/passwd"
	printf '%s\n' root:x:0: nogroup:x:65534: app:x:1000: extra:x:1001:app >"$1/etc/group"
}

# make_bundle DIR [FILTER]: a bundle that runs /bin/true in every namespace but user and time, with podman's
# default capabilities and no limit; the jq filter changes config.json. Arguments after it are jq's (--arg ...).
make_bundle() {
	local dir=$1 filter=${2:-.} base
	shift $(($# < 2 ? $# : 2))
	[ -d "$dir" ] || mkdir -p "$dir"
	[ -d "$SCRATCH/rootfs" ] || rootfs_make "$SCRATCH/rootfs"
	[ -d "$dir/rootfs" ] || cp -a "$SCRATCH/rootfs" "$dir/rootfs"
	[ -e "$SCRATCH/.config.json" ] || config | jq . >"$SCRATCH/.config.json"
	# What is asked most is only another command: a jq for each would be half of a test's time.
	if [[ $#$filter =~ ^0'(.process.args = '(\[(\"([^\"\\[:cntrl:]]|\\.)*\"(, )?)*\])')'(' | .')?$ ]]; then
		base=$(<"$SCRATCH/.config.json")
		printf '%s\n' "${base%%\"args\": *}\"args\": ${BASH_REMATCH[1]},${base#*\"/bin/true\"*],}" >"$dir/config.json"
	else
		jq "$@" "$filter" "$SCRATCH/.config.json" >"$dir/config.json"
	fi
}

# member KEY TEXT: of a document of ours, with a member of the outermost object on each line; "null" where it has none.
# As jq -r has it, at a tenth of its price.
member() {
	local value
	[ -n "$2" ] || return 0
	if ! [[ $1 =~ ^[A-Za-z_]+$ ]]; then
		jq -r ".$1" <<<"$2"
	elif ! [[ $2 =~ $'\n\t"'"$1"'": '([^$'\n']*[^$'\n',]) ]]; then
		echo null
	else
		value=${BASH_REMATCH[1]}
		case $value in
		"["* | "{"* | *\\*) jq -r ".$1" <<<"$2" ;;
		*) value=${value#\"} && printf '%s\n' "${value%\"}" ;;
		esac
	fi
}

config() {
	local caps='["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"]'
	cat <<-EOT
	{
	  "ociVersion": "1.2.0",
	  "process": {
	    "terminal": false,
	    "user": {"uid": 0, "gid": 0},
	    "args": ["/bin/true"],
	    "env": ["PATH=/bin", "TERM=dumb", "COWRUN_TEST=$COWRUN_TEST"],
	    "cwd": "/",
	    "capabilities": {"bounding": $caps, "effective": $caps, "permitted": $caps},
	    "noNewPrivileges": true
	  },
	  "root": {"path": "rootfs", "readonly": false},
	  "hostname": "test",
	  "mounts": [
	    {"destination": "/proc", "type": "proc", "source": "proc"},
	    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
	     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
	    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
	     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
	    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
	     "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
	    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
	     "options": ["nosuid", "noexec", "nodev"]},
	    {"destination": "/sys", "type": "sysfs", "source": "sysfs",
	     "options": ["nosuid", "noexec", "nodev", "ro"]}
	  ],
	  "linux": {
	    "resources": {},
	    "namespaces": [
	      {"type": "pid"}, {"type": "mount"}, {"type": "network"},
	      {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"}
	    ],
	    "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
	    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
	  }
	}
	EOT
}

# --- assertions: silent when they hold, else they say what was expected and what was seen ------------------------
say() { printf '%s\n' "$*" >&2; }

# After `run`: its status.
assert_status() {
	[ "$status" -eq "$1" ] || { say "expected status $1, saw $status; stdout: $output; stderr: ${stderr:-}"; return 1; }
}

# After `run`: its output, all of it, or a regular expression that it matches.
assert_output() {
	[ "$output" = "$1" ] || { say "expected output: $1; saw: $output; stderr: ${stderr:-}"; return 1; }
}
# One of the lines of either stream is it, or (-m) matches it.
assert_line() {
	local how=-x
	[ "$1" != -m ] || { how=-E && shift; }
	grep -q $how -e "$1" <<<"$output"$'\n'"${stderr:-}" ||
		{ say "expected a line: $1; saw: $output; stderr: ${stderr:-}"; return 1; }
}
assert_output_matches() {
	[[ $output =~ $1 ]] || { say "expected output to match: $1; saw: $output; stderr: ${stderr:-}"; return 1; }
}

# After `run --separate-stderr`: an error is one line, and tells what the regular expression asks for.
assert_one_line() {
	if [[ -z $stderr || $stderr == *$'\n'* || ! $stderr =~ $1 ]]; then
		say "expected one line on stderr that matches: $1; saw: $stderr"
		return 1
	fi
}

# fails REGEX COMMAND...: it ends with a status that is not 0 and not a signal's, and with that one line.
fails() {
	local regex=$1
	shift
	run --separate-stderr "$@"
	if [ "$status" -eq 0 ] || [ "$status" -gt 128 ] && [ "$status" -ne 255 ]; then
		say "expected '$*' to fail, saw status $status; stdout: $output; stderr: $stderr"
		return 1
	fi
	assert_one_line "$regex"
}

# --- the canary: what no container may touch ---------------------------------------------------------------------
# canary_make puts a secret into $CANARY; assert_canary_unchanged holds it, the programs and some sysctls against
# what they were.
canary_make() {
	CANARY=$SCRATCH/hostdir
	mkdir -p "$CANARY"
	echo "CANARY-$RANDOM" >"$CANARY/secret"
	chmod 600 "$CANARY/secret"
	export CANARY
	canary_state >"$SCRATCH/canary"
}

# What is written to has another time; sums of the programs would cost more than the attacks.
canary_state() {
	find "$CANARY" "$COWRUN" "$COW" -printf '%p %y %i %m %U:%G %s %T@ %l\n'
	grep -rsH . "$CANARY" /proc/sys/kernel/{core_pattern,domainname,hostname,modprobe} || true
}

assert_canary_unchanged() {
	local now
	now=$(canary_state)
	[ "$now" = "$(<"$SCRATCH/canary")" ] || { diff -u "$SCRATCH/canary" - <<<"$now" >&2; false; }
}
