# Hosts of a test file's own, for engines that want a machine: `load hosts` behind `load helpers` and `load containers`.
#
# A host is a set of namespaces. A shell that does nothing holds them, from host_make to its end; its end, which comes
# with that of the test file at the latest, is the end of every process on the host and of all that they mounted.
#
#   mount     cgroup v2 is on /sys/fs/cgroup, where engines look for it, and /run is an empty tmpfs
#   cgroup    its root is a group of this test, with all controllers for those below; its own processes are in "own"
#   pid       the first process is that shell, which reaps
#   network   lo, and what the test adds
#   uts       its name is the host's
#
# The engines are Debian 12's, unpacked below build/ by `make engines`. Their sockets, roots and logs are in
# $SCRATCH/HOST.
# shellcheck shell=bash disable=SC2154,SC2016 # set by bats; for inner shells
ENGINES=$(readlink -f "$BATS_TEST_DIRNAME/../../build")/engines
export PATH=$ENGINES/usr/bin:$ENGINES/usr/sbin:$PATH

need_engines() { [ "${CI:-}" = true ] || [ -d "$ENGINES" ] || skip "needs Debian's engines: run make engines"; }

# Of every run; at full length; and with limits, at full length too, which is when a guest comes here at all. What can
# be seen on the host is seen there only: a guest is ten times slower.
need_quick() {
	need_host "a guest is for limits"
	need_engines
}
need_full() {
	need_quick
	need_length
}
need_limits() {
	need_engines
	need_length
	need_controller memory cpu pids
}

# shellcheck disable=SC2153 # helpers sets it
host_group() { echo "$CGROUP/cowrun-test.$COWRUN_TEST-$1.${SCRATCH##*.}"; }

host_make() {
	local dir=$SCRATCH/$1 group
	group=$(host_group "$1")
	mkdir -p "$dir" "$group/own"
	rm -f "$dir/ready" "$dir/never"
	mkfifo "$dir/never"
	# A cgroup namespace has its root where its maker is, and no process may be there later.
	(
		echo $BASHPID >"$group/cgroup.procs"
		exec setpriv --pdeathsig KILL unshare --cgroup bash -c '
			echo $$ >"$1/own/cgroup.procs"
			exec unshare --mount --pid --net --uts --ipc --fork --kill-child --mount-proc --propagation private bash -c "
				set -e
				mount -t tmpfs -o mode=755 tmpfs /run
				umount -R /sys/fs/cgroup # the same again would not be mounted over it
				mount -t cgroup2 cgroup2 /sys/fs/cgroup
				cd /sys/fs/cgroup && sed \"s/\<[a-z]/+&/g\" cgroup.controllers >cgroup.subtree_control
				ip link set lo up
				hostname \$0
				touch \$1/ready
				read -r _ <>\$1/never" "$0" "$2"
		' "$1" "$group" "$dir"
	) >"$dir/holder" 2>&1 3>&- &
	echo $! >"$dir/pid.holder"
	disown # its end is not told
	await test -e "$dir/ready" || { cat "$dir/holder" >&2; return 1; }
	pgrep -P "$(<"$dir/pid.holder")" >"$dir/pid.first"
}

# on HOST COMMAND...
on() {
	local host=$1
	shift
	bash -c 'echo $$ >"$0/own/cgroup.procs"; exec nsenter --target "$1" --mount --cgroup --pid --net --uts --ipc -- "${@:2}"' \
		"$(host_group "$host")" "$(<"$SCRATCH/$host/pid.first")" "$@" 3>&-
}

# For shells below a terminal too.
export -f on host_group

# host_end HOST: at once, as when the power goes. What it was in the cgroups goes too.
host_end() {
	[ -e "$SCRATCH/$1/pid.holder" ] || return 0
	kill -KILL "$(<"$SCRATCH/$1/pid.holder")" 2>/dev/null || true
	await host_is_gone "$1"
	rm "$SCRATCH/$1/pid.holder"
}

host_is_gone() {
	local group
	group=$(host_group "$1")
	[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
}

# host_holds HOST: what is there of containers: groups, records, mounts, and processes (those of an engine have the
# names of PROGRAM...)
host_holds() {
	local host=$1 programs
	shift
	programs=$(IFS='|'; echo "bash|nsenter|find|ps|awk|grep|$*")
	on "$host" bash -c '
		ps -e -o comm= | grep -vxE "$0"
		find /sys/fs/cgroup -mindepth 2 -type d
		find /run/cowrun -mindepth 1 -maxdepth 1 ! -name ".*" 2>/dev/null
		awk "\$5 ~ /rootfs|merged|\/shm$/ && \$5 != \"/dev/shm\" { print \$5 }" /proc/self/mountinfo' "$programs"
}

host_is_empty() { [ -z "$(host_holds "$@")" ]; }

# patiently COMMAND...: await, for what takes an engine its time on a slow machine; and not as often, since each look
# starts a client of tens of megabytes
patiently() {
	local end=$((SECONDS + 120))
	until "$@"; do
		[ $SECONDS -lt $end ] || { say "waited in vain for: $*"; return 1; }
		sleep 0.1
	done
}

# engine_ready HOST COMMAND...: the engine answers it; if not, the last lines of the log of its host
engine_ready() {
	patiently "${@:2}" >/dev/null 2>&1 || { tail -n 20 "$SCRATCH/$1/log" >&2; return 1; }
}

# crun as it runs here: it knows no hybrid host, and cannot load device rules without CAP_SYS_RESOURCE. With all
# controllers it needs nothing special.
crun_make() {
	local options=
	grep -qw memory "$CGROUP/cgroup.controllers" || options=--cgroup-manager=disabled
	printf '#!/bin/sh\nexec %s %s "$@"\n' "$(command -v crun)" "$options" >"$SCRATCH/crun"
	chmod 755 "$SCRATCH/crun"
}

# compared FUNCTION [OURS THEIRS]: it prints the same with either runtime, which it finds in $RUNTIME
compared() {
	rm -f "$SCRATCH"/{ours,theirs}
	RUNTIME=${2:-$COWRUN} "$1" >"$SCRATCH/ours" 2>&1
	RUNTIME=${3:-$SCRATCH/crun} "$1" >"$SCRATCH/theirs" 2>&1
	[ -s "$SCRATCH/ours" ] && diff -u "$SCRATCH/theirs" "$SCRATCH/ours" >&2
}

# What they said, after a test that failed.
compared_tell() {
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 20 "$SCRATCH"/{ours,theirs} >&2 2>/dev/null || true
}

# status COMMAND...: what it says on standard output, and what it ends by
status() {
	"$@" 2>/dev/null || { echo "status $?"; return 0; }
	echo "status 0"
}

# A command for a container with a limit of 16 MiB and the helpers at /mnt, killed for want of memory, that stays until
# it is told to end: containerd's shim stops to listen when the group is empty, and then may not hear of it.
HOG='/mnt/hog 64; status=$?; until [ -e /end ]; do sleep 0.1; done; exit $status'

# dockerd_start HOST [OPTION...]: a dockerd there, as examples/engines has it, without a bridge of its own, for docker_on
dockerd_start() {
	local dir=$SCRATCH/$1
	host_make "$1"
	mkdir "$dir/client"
	jq --arg ours "$COWRUN" --arg theirs "$SCRATCH/crun" '.runtimes.cowrun.path = $ours | .runtimes.crun.path = $theirs' \
		"$BATS_TEST_DIRNAME/../../examples/engines/daemon.json" >"$dir/daemon.json"
	dockerd_run "$@"
}

# Where none is left of the one before.
dockerd_run() {
	local dir=$SCRATCH/$1
	on "$1" dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root "$dir/exec" \
		--pidfile "$dir/pid.dockerd" -H "unix://$dir/socket" --storage-driver overlay2 --bridge=none "${@:2}" >>"$dir/log" 2>&1 &
	engine_ready "$1" docker_on "$1" version
}

docker_on() {
	DOCKER_BUILDKIT=0 timeout --foreground 120 docker --config "$SCRATCH/$1/client" -H "unix://$SCRATCH/$1/socket" "${@:2}" 3>&-
}
export -f docker_on
