# What podman makes of a container is the same with crun and with cowrun: what it prints, and what it ends by. At full
# length only; the limit of memory in a guest kernel.
#
# On a host whose root may not raise RLIMIT_MEMLOCK crun cannot load device rules, so there all containers of both have
# none (--privileged).
load helpers
load containers
load podman

setup_file() {
	scratch_make
	[ -z "${COWRUN_ALL:-}${COWRUN_GUEST:-}" ] || ! command -v podman >/dev/null || podman_make
}

teardown() {
	[ -n "${PODMAN_FIRST:-}" ] || return 0
	podman rm --all --force --time 0 >/dev/null 2>&1 || true
}

teardown_file() {
	podman_remove
	scratch_remove
}

# same SCENARIO: a function that prints. It calls podman by `with`, which tells the status too.
same() {
	need_full
	local RUNTIME
	for RUNTIME in crun cowrun; do
		"$1" 2>&1 | alike >"$SCRATCH/seen.$RUNTIME"
		teardown
	done
	[ -s "$SCRATCH/seen.crun" ]
	diff -u "$SCRATCH/seen.crun" "$SCRATCH/seen.cowrun" >&2
}

with() {
	local status=0
	podman --runtime "$RUNTIME" "$@" || status=$?
	echo "$1: status $status"
}

# What may differ: ids, times, the runtime's name, and its words in an error, which podman puts before or behind its own.
alike() {
	sed -E -e 's/[0-9a-f]{64}/ID/g; s/[0-9a-f]{12}/ID/g' -e 's/20[0-9]{2}-[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+)/TIME/g' \
		-e 's/([0-9]+ (second|minute)s?|Less than a second|About a minute) ago/AGO/' \
		-e 's/^Error: (crun|cowrun): .*: (OCI [a-z ]+)$/Error: RUNTIME: \2/' \
		-e 's/^(Error: OCI runtime error): (crun|cowrun): .*/\1: RUNTIME/' -e 's/\<(crun|cowrun)\>/RUNTIME/g'
}

# What a container is run with here.
here() { [ -n "${COWRUN_GUEST:-}" ] || echo --privileged; }
# sleeper OPTIONS...
sleeper() {
	# shellcheck disable=SC2046 # none or one
	with run -d --name "$ID" $(here) "$@" busy sleep 1000
}
once() {
	# shellcheck disable=SC2046
	with run --rm --name "$ID" $(here) "$@"
}
# seen FORMAT...: what inspect says
seen() {
	local format
	for format; do echo "$format: $(podman inspect "$ID" --format "{{$format}}")"; done
}

# --- what is compared -----------------------------------------------------------------------------------------------
codes() {
	once busy sh -c 'echo out; echo err >&2; exit 3'
	once busy true
	once busy sh -c 'kill -9 $$; sleep 5'
	once --pid host busy sh -c 'kill -9 $$'
	once busy nosuch
	once busy /no/such
	once busy /etc/passwd
	once busy /bin
	once --workdir /etc/passwd busy true
	once --user nosuch busy true
	once --no-such-option busy true
	once --read-only busy sh -c 'echo x >/x'
	once --sysctl kernel.nosuch=1 busy true
	once --volume /no/such:/mnt busy true
	once --device /dev/nosuch busy true
	once --security-opt seccomp=/no/such busy true
	once --security-opt apparmor=nosuch busy true
	once --annotation a=b --hostname '' busy hostname
}

inside() {
	local what
	# crun makes /dev/null the user's where that is his standard input, so of his /dev nothing is compared
	once busy sh -c 'ls -l /dev | awk "{ print \$1, \$3, \$4, \$5, \$6, \$NF }"'
	for what in 'id -u; id -g; id -G' 'cat /proc/self/uid_map' 'grep -E "^(Cap|NoNewPrivs|Seccomp:|Groups|Umask)" /proc/self/status' \
		'awk "{ print \$5, substr(\$6, 1, 2) }" /proc/self/mountinfo | sort' \
		'ulimit -a' 'env | sort' 'cat /proc/self/cgroup' 'pwd; hostname' 'cat /proc/self/oom_score_adj' 'ls /proc/self/fd | wc -l' \
		'cat /etc/hosts /etc/hostname' 'for n in /proc/self/ns/*; do test -e $n && echo $n; done'; do
		once --hostname here busy sh -c "$what"
		with run --rm --name "$ID" --hostname here --cgroups disabled --user 1000:1000 busy sh -c "$what"
	done
	once --uidmap 0:100000:65536 --gidmap 0:200000:65536 --read-only --tmpfs /run busy sh -c 'cat /proc/self/?id_map; mount | grep /run; stat -c "%u %a" / /tmp'
	once -t busy sh -c 'stat -c %a /dev/console /dev/pts; tty | tr -d 0-9'
}

life() {
	sleeper --stop-timeout 1
	seen .State.Status .State.Running .State.OOMKilled .State.ExitCode .State.Error .HostConfig.Runtime .Mounts
	with exec "$ID" sh -c 'echo in; exit 4'
	with exec "$ID" nosuch
	with exec "$ID" /etc/passwd
	with exec -w /no/such "$ID" true
	with exec -w /etc/passwd "$ID" true
	with exec -u nosuch "$ID" true
	with exec -u 1000:1000 -e A=b "$ID" sh -c 'id; env | sort; ls /proc/self/fd | wc -l'
	with exec -t "$ID" sh -c 'test -t 0 && echo terminal'
	with exec "$ID" sh -c 'kill -9 $$'
	with pause "$ID"
	seen .State.Status .State.Paused
	with exec "$ID" true
	with pause "$ID"
	with unpause "$ID"
	with unpause "$ID"
	with start "$ID"
	with rm "$ID"
	with stop "$ID"
	seen .State.Status .State.ExitCode .State.OOMKilled .State.Pid
	with exec "$ID" true
	with kill "$ID"
	with pause "$ID"
	with stop "$ID"
	with start "$ID"
	with kill --signal USR1 "$ID"
	seen .State.Running
	with kill "$ID"
	with wait "$ID"
	with ps -a --format '{{.Names}} {{.Exited}} {{.ExitCode}} {{.State}}'
	with rm "$ID"
	with rm "$ID"
	with inspect "$ID"
}

logs() {
	# shellcheck disable=SC2046
	with run --name "$ID" $(here) busy sh -c 'for i in 1 2 3; do echo "out $i"; echo "err $i" >&2; done; printf unfinished; exit 6' \
		>"$SCRATCH/streams.out" 2>"$SCRATCH/streams.err"
	cat "$SCRATCH"/streams.{out,err} # one after the other: how they mix is not said
	with logs "$ID" 2>/dev/null
	{ with logs "$ID" >/dev/null; } 2>&1
	with logs -t "$ID" 2>/dev/null
	with logs -f "$ID" 2>/dev/null
	seen .State.ExitCode
	with start -a "$ID" 2>/dev/null
	with logs "$ID" 2>/dev/null
	with rm "$ID"
	# of one stream, as which of two came last is not said
	# shellcheck disable=SC2046
	with run --name "$ID" $(here) busy seq 5
	with logs --tail 2 "$ID"
}

# Of figures: whether there are any.
stats() {
	sleeper
	with stats --no-stream --format '{{.Name}},{{.PIDs}},{{.NetIO}},{{.CPUNano}},{{.MemUsageBytes}},{{.MemLimit}}' "$ID" 2>/dev/null |
		awk -F, -v OFS=, '{ if ($4 > 0) $4 = "some"; if ($5 ~ /[1-9].* \//) $5 = "some" } 1'
	with top "$ID" pid user args capeff seccomp label
	with exec -d "$ID" sleep 1001
	await eval 'podman top "$ID" args | grep -q "sleep 1001"'
	with stats --no-stream --format '{{.PIDs}}' "$ID" 2>/dev/null
	with top "$ID" pid ppid user args
	with ps --format '{{.Names}} {{.Command}} {{.State}}'
	with stop -t 0 "$ID"
	with stats --no-stream --format '{{.Name}} {{.CPUPerc}}' "$ID"
	with top "$ID"
}

# Ends that are not the program's own.
ends() {
	sleeper
	kill -9 "$(pid_outside .State.Pid)"
	with wait "$ID"
	seen .State.Status .State.ExitCode .State.OOMKilled
	with start "$ID"
	kill -9 "$(pid_outside .State.ConmonPid)"
	with ps --format '{{.Names}} {{.State}}'
	with exec "$ID" echo "goes on"
	with stop -t 0 "$ID"
	with ps -a --format '{{.Names}} {{.State}}'
	with rm -f "$ID"
	with ps -a
}

oom() {
	with run --name "$ID" -m 16m --memory-swap 16m busy sh -c 'head -c 64m /dev/zero | tail' 2>/dev/null
	seen .State.OOMKilled .State.ExitCode .State.Status .State.Error
	with rm "$ID"
}

pid_outside() { # of a container's process, by its pid in podman's namespace
	local inner
	inner=$(podman inspect "$ID" --format "{{$1}}")
	grep -slE "^NSpid:[[:space:]]+([0-9]+[[:space:]]+)*$inner([[:space:]]+1)?$" /proc/[0-9]*/status | cut -d/ -f3 | head -n 1
}

@test "as with crun: exit codes" { same codes; }
@test "as with crun: what a container sees" { same inside; }
@test "as with crun: a life" { same life; }
@test "as with crun: logs" { same logs; }
@test "as with crun: stats and top" { same stats; }
@test "as with crun: processes that others kill" { same ends; }
@test "as with crun: the end for want of memory" { need_limits; same oom; }
