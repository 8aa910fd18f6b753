# A systemd of the tests' own: `load systemd` behind `load helpers`. It is the init of a pid namespace, with the mount,
# cgroup, uts, ipc and network namespaces that keep it away from the host, and with no units but its own.
#
#   systemd_boot    in setup_file; systemd_end in teardown_file
#   booted CMD...   runs the command there
# shellcheck shell=bash disable=SC2154

# The group below which all of its groups are; and the directory of its units.
systemd_names() {
	MANAGED=$CGROUP/cowrun-test.$COWRUN_TEST-systemd
	UNITS=$SCRATCH/units
	export MANAGED UNITS
}

# Its first process: the host's files read-only, and /run and the cgroups as systemd wants to find them.
systemd_init() {
	cat <<-'EOT'
		set -e
		mount -o remount,bind,ro /
		mount --bind /proc/sys /proc/sys
		mount -o remount,bind,ro /proc/sys
		mount -t tmpfs -o mode=755 tmpfs /run
		umount -l /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		mkdir /run/lock /run/empty
		while grep -qx 0 /sys/fs/cgroup/cgroup.procs; do sleep 0.01; done # unshare, which leaves; see below
		export container=cowrun-test SYSTEMD_UNIT_PATH=/run/systemd/system.control:/run/systemd/transient:$UNITS SYSTEMD_LOG_TARGET=null
		export SYSTEMD_GENERATOR_PATH=/run/empty SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/run/empty
		exec /lib/systemd/systemd --system --unit=tests.target
	EOT
}

systemd_boot() {
	need_program /lib/systemd/systemd
	systemd_names
	mkdir -p "$UNITS" "$MANAGED"
	printf '[Unit]\nDescription=up\n' >"$UNITS/tests.target"
	systemd_init >"$SCRATCH/init"
	sh -c 'echo $$ >"$MANAGED/cgroup.procs" && exec unshare -m -p -C -u -i -n -f --mount-proc --kill-child sh "$SCRATCH/init"' \
		</dev/null >"$SCRATCH/systemd.log" 2>&1 3>&- &
	SYSTEMD=$!
	disown
	await_pid
	# Who is in it hinders systemd to hand down controllers.
	echo "$SYSTEMD" >"$CGROUP/cgroup.procs"
	export SYSTEMD SYSTEMD_INIT
	local end=$((SECONDS + 120))
	until booted systemctl is-active -q tests.target 2>/dev/null; do
		if [ $SECONDS -ge $end ] || ! kill -0 "$SYSTEMD"; then
			cat "$SCRATCH/systemd.log" >&2
			return 1
		fi
		sleep 0.02
	done
	mkdir "$MANAGED/tests"
	# It has set what it sets. The kernel gives a user namespace a proc only where it sees one that is whole.
	booted umount /proc/sys
}

# Once unshare has forked.
await_pid() {
	local end=$((SECONDS + 120))
	until SYSTEMD_INIT=$(cat "/proc/$SYSTEMD/task/$SYSTEMD/children") && [ -n "$SYSTEMD_INIT" ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.01
	done
	SYSTEMD_INIT=${SYSTEMD_INIT% }
}

systemd_end() {
	[ -z "${SYSTEMD:-}" ] || kill -KILL "$SYSTEMD"
	[ ! -d "${MANAGED:-}" ] || {
		until grep -qx 'populated 0' "$MANAGED/cgroup.events"; do sleep 0.01; done
		find "$MANAGED" -depth -type d -exec rmdir {} +
	}
}

# In a group of systemd's hierarchy, as everything there is. (Only then may the kernel let it put somebody elsewhere.)
# BOOTED: another one.
booted() {
	(
		[ ! -d "$MANAGED/tests" ] || echo $BASHPID >"${BOOTED:-$MANAGED/tests}/cgroup.procs"
		exec nsenter -t "$SYSTEMD_INIT" -m -p -C -u -i -n -- "$@" 3>&-
	)
}
