# podman on top of it, and conmon between: what they do with a container from its start to its removal. The first
# test is of every run; the others are for full length, those of limits in a guest kernel.
load helpers
load containers
load podman

setup_file() {
	scratch_make
	! command -v podman >/dev/null || podman_make
}

teardown() {
	[ -n "${PODMAN_FIRST:-}" ] || return 0
	podman pod rm --all --force --time 0 >/dev/null 2>&1 || true
	podman rm --all --force --time 0 >/dev/null 2>&1 || true
}

teardown_file() {
	podman_remove
	scratch_remove
}

# seen FORMAT: what podman inspect says of the container
seen() { podman inspect "$ID" --format "{{$1}}"; }
seen_is() { [ "$(seen "$1")" = "$2" ]; }

@test "podman: a container from run to rm, and nothing is left" {
	need_podman
	run podman run --rm busy sh -c 'echo hello; exit 3'
	assert_status 3
	assert_output hello
	run -127 podman run --rm busy nosuch
	assert_output_matches "executable file 'nosuch' not found in .PATH"
	run podman run --rm busy /bin
	assert_status 126
	[ "$(podman info -f '{{.Host.OCIRuntime.Path}}')" = "$COWRUN" ] # by the lines of examples/engines
	run timeout 200 "$HELPERS/terminal" run 24x80 wait:'$ ' 'send:readlink /proc/self/fd/0; stty size; exit 5\n' ends -- \
		bash -c 'podman run --rm -it -e PS1="$ " busy sh'
	assert_status 5
	assert_output_matches $'/dev/pts/[0-9]+\r\n24 80'
	podman run -d --name "$ID" busy sh -c 'echo started; exec sleep 1000' >/dev/null
	run podman exec "$ID" sh -c 'cat; exit 4' <<<inside
	assert_status 4
	podman top "$ID" | grep -q 'sleep 1000'
	not podman_is_empty
	run podman logs "$ID"
	assert_output started
	podman stop -t 0 "$ID" >/dev/null
	seen_is .State.ExitCode 137
	podman rm "$ID" >/dev/null
	assert_podman_is_empty
}

# mem ARGUMENTS: by cow mem --json, where podman's cgroups are; figures FILTER: of a row of it, what no other process
# changes
mem() { in_podman env COW_PODMAN_DIR="$PODMAN/graph" "$COW" mem --json "$@"; }
figures() { jq -c "$1 | [.name, .id, .engine, .processes, .unique_bytes, .kinds.anon, .page_table_bytes]"; }

@test "podman: cow mem has its containers by name, of cowrun and of crun" {
	need_podman
	local id name all
	podman run -d --name "$ID-ours" -v "$HELPERS:/mnt:ro" busy /mnt/hog 8 forever >"$SCRATCH/ours"
	podman --runtime crun run -d --privileged --name "$ID-theirs" -v "$HELPERS:/mnt:ro" busy /mnt/hog 4 forever >"$SCRATCH/theirs"
	await eval 'podman logs "$ID-ours" | grep -q ready && podman logs "$ID-theirs" | grep -q ready'
	all=$(mem --all)
	for name in ours theirs; do
		id=$(<"$SCRATCH/$name")
		[ "$(jq -c --arg id "$id" '[.containers[] | select(.id == $id) | .name, .engine]' <<<"$all")" = "[\"$ID-$name\",\"podman\"]" ]
		# The same as of its group alone, and what the program has written.
		[ "$(figures ".containers[] | select(.id == \"$id\")" <<<"$all")" = \
			"$(mem --cgroup "/sys/fs/cgroup/libpod_parent/libpod-$id" | figures '.containers[0]')" ]
	done
	jq -e --arg name "$ID" '[.containers[] | select(.engine == "podman") | .name[($name | length):], (.kinds.anon.private_bytes / 1048576 | floor)]
		| . == ["-ours", 8, "-theirs", 4] or . == ["-theirs", 4, "-ours", 8]' <<<"$all"
	# Those of cowrun are known to cow by their records too.
	[ "$(mem | jq -c '[.containers[] | .name, .engine]')" = "[\"$ID-ours\",\"podman\"]" ]
}

# --- at full length -----------------------------------------------------------------------------------------------
# sleeper: a container in the background whose first process sleeps
sleeper() { podman run -d --name "$ID" "$@" busy sleep 1000 >/dev/null; }

@test "podman: what run asks of a container" {
	need_full
	run podman run --rm --cgroups=disabled --read-only --user 1000 --hostname here busy sh -c 'id -u; hostname; echo x >/x'
	assert_status 1
	assert_output_matches $'^1000\nhere\n.*Read-only'
	run podman run --rm --uidmap 0:100000:65536 --gidmap 0:100000:65536 -v "$SCRATCH:/mnt:ro" busy awk '{ print $2 }' /proc/self/uid_map
	assert_output 100000
	run podman run --rm --userns nomap busy true # for ordinary users only
	assert_status 125
	run podman run --rm -t busy readlink /proc/self/fd/0
	assert_output_matches '^/dev/pts/[0-9]+'
	run podman run --rm --read-only --tmpfs /run -w /run busy sh -c 'echo y >y && cat y'
	assert_output y
	run podman run --rm --cap-drop all --cap-add chown --security-opt no-new-privileges busy grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status
	assert_output_matches 'CapEff:'$'\t''0+1'$'\n''NoNewPrivs:'$'\t''1'$'\n''Seccomp:'$'\t''2'
	run podman run --rm --ulimit nofile=77:88 --ulimit nproc=500:500 --env A=b --entrypoint sh busy -c 'ulimit -Sn; ulimit -Hn; echo $A'
	assert_output $'77\n88\nb'
	run podman run --rm --sysctl kernel.msgmax=4242 --ipc private busy cat /proc/sys/kernel/msgmax
	assert_output 4242
	run podman run --rm --device /dev/null:/dev/other busy sh -c 'echo gone >/dev/other && test -c /dev/other && echo there'
	assert_output there
	run podman run --rm --pid host --privileged busy sh -c 'test $(readlink /proc/1/ns/pid) = $(readlink /proc/self/ns/pid) && echo one'
	assert_output one
}

@test "podman: exit codes of podman's own, of the runtime's, of the program's" {
	need_full
	run podman run --rm --no-such-option busy true
	assert_status 125
	run podman run --rm --workdir /etc/passwd busy true # what else fails before the program
	[[ $status =~ ^12[67]$ ]]
	run podman run --rm busy /etc/passwd
	assert_status 126
	run -127 podman run --rm busy /no/such
	run podman run --rm --pid host busy sh -c 'kill -TERM $$'
	assert_status 143
	sleeper
	run podman exec "$ID" /etc/passwd
	assert_status 126
	run -127 podman exec "$ID" nosuch
	run -127 podman exec -w /nosuch "$ID" true
	run podman exec --user nosuch "$ID" true
	[ "$status" -ne 0 ]
	run podman exec no-such-container true
	assert_status 125
}

@test "podman: exec, with a terminal and in the background, as another and somewhere else" {
	need_full
	sleeper
	podman exec -d "$ID" sleep 1001 >/dev/null
	await eval 'podman top "$ID" args | grep -q "sleep 1001"'
	run podman exec --user 1000:1001 -w /tmp -e A=b "$ID" sh -c 'id -u; id -g; pwd; echo $A'
	assert_output $'1000\n1001\n/tmp\nb'
	run timeout 200 "$HELPERS/terminal" run 30x90 wait:'$ ' 'send:stty size; exit 6\n' ends -- \
		bash -c "podman exec -it -e PS1='\$ ' $ID sh"
	assert_status 6
	assert_output_matches '30 90'
	[ "$(podman exec --privileged "$ID" awk '/CapEff/ { print $2 }' /proc/self/status)" = "$(awk '/CapBnd/ { print $2 }' /proc/self/status)" ]
}

@test "podman: pause, stop by the container's own signal, start again, kill, wait" {
	need_full
	podman run -d --name "$ID" --stop-signal USR1 busy sh -c 'trap "echo asked; exit 9" USR1; echo ready; while :; do sleep 0.1; done' >/dev/null
	await eval 'podman logs "$ID" | grep -q ready'
	podman pause "$ID" >/dev/null
	seen_is .State.Status paused
	run podman exec "$ID" true
	[ "$status" -ne 0 ]
	podman unpause "$ID" >/dev/null
	podman stop "$ID" >/dev/null
	seen_is .State.ExitCode 9
	podman start "$ID" >/dev/null
	podman kill "$ID" >/dev/null
	run podman wait "$ID"
	assert_output 137
	run podman logs --tail 1 "$ID"
	[[ $output =~ asked|ready ]]
	podman restart -t 0 "$ID" >/dev/null
	seen_is .State.Running true
}

@test "podman: attach, logs that are followed, both streams" {
	need_full
	podman run -d -i --name "$ID" busy sh -c 'read line; echo "out $line"; echo err >&2; exit 3' >/dev/null
	podman logs -f "$ID" >"$SCRATCH/logs" 2>"$SCRATCH/errors" &
	podman attach "$ID" <<<typed >/dev/null 2>&1
	wait $!
	seen_is .State.ExitCode 3
	[ "$(cat "$SCRATCH/logs" "$SCRATCH/errors")" = $'out typed\nerr' ]
	run podman logs -t "$ID"
	assert_output_matches '^20[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+) out typed'
}

@test "podman: stats, top, a health check" {
	need_full
	sleeper --health-cmd 'test -e /healthy' --health-interval disable
	run podman stats --no-stream --format '{{.Name}} {{.CPUNano}}' "$ID"
	assert_output_matches "$ID [1-9]"
	run podman top "$ID" pid hpid user args
	assert_output_matches "1 +$(seen .State.Pid) +root +sleep 1000"
	run podman healthcheck run "$ID"
	assert_status 1
	podman exec "$ID" touch /healthy
	podman healthcheck run "$ID"
}

# podman 4.3 lets nobody make a device in the cgroup of a pod, where it makes that itself (cgroupfs): not crun either.
@test "podman: a pod" {
	need_full
	podman pod create --name "$ID-pod" --share-parent=false --infra-image busy --infra-command 'sleep 1002' --share ipc,uts,net --hostname together >/dev/null
	podman run -d --pod "$ID-pod" --name "$ID" busy sleep 1000 >/dev/null
	podman run -d --pod "$ID-pod" --name "$ID-b" busy sleep 1001 >/dev/null
	run podman exec "$ID-b" hostname
	assert_output together
	[ "$(podman exec "$ID" readlink /proc/self/ns/ipc)" = "$(podman exec "$ID-b" readlink /proc/self/ns/ipc)" ]
	[ "$(podman exec "$ID" readlink /proc/self/ns/pid)" != "$(podman exec "$ID-b" readlink /proc/self/ns/pid)" ]
	podman pod pause "$ID-pod" >/dev/null
	seen_is .State.Status paused
	podman pod unpause "$ID-pod" >/dev/null
	podman pod top "$ID-pod" args | grep -q 'sleep 1001'
	podman pod stop -t 0 "$ID-pod" >/dev/null
	podman pod rm "$ID-pod" >/dev/null
	[ -z "$(podman ps -aq)" ]
	assert_podman_is_empty
}

@test "podman: a hundred containers at once" {
	need_full
	local n=$((${#COWRUN_GUEST} ? 10 : 100))
	seq $n | xargs -P 8 -I '{}' bash -c 'podman run -d --name "$ID-{}" busy sleep 1000 >/dev/null'
	[ "$(podman ps -q | wc -l)" = $n ]
	[ "$(podman ps -a --filter status=running -q | wc -l)" = $n ]
	run podman exec "$ID-$n" echo inside
	assert_output inside
	seq $n | xargs -P 8 -I '{}' bash -c 'podman stop -t 0 "$ID-{}" >/dev/null && podman rm "$ID-{}" >/dev/null'
	[ -z "$(podman ps -aq)" ]
	assert_podman_is_empty
}

# The pids are those of podman's namespace. Where its conmon is gone podman 4.3 does not call delete, of crun neither:
# then that is ours to do.
@test "podman: rm --force, whatever others have taken away" {
	need_full
	local what where
	for what in 'kill -9 $pid' 'kill -9 $conmon' 'kill -9 $conmon $pid' 'rm $record/record' ': >$record/record' \
		'kill -9 $pid; until rmdir $group; do sleep 0.1; done' \
		'mkdir $group-else; echo $pid >$group-else/cgroup.procs; until rmdir $group; do sleep 0.1; done' \
		'kill -9 $conmon; rm $record/record; echo 1 >$group/cgroup.freeze'; do
		sleeper
		where="pid=$(seen .State.Pid) conmon=$(seen .State.ConmonPid) record=/run/cowrun/$(seen .Id)
			group=/sys/fs/cgroup/libpod_parent/libpod-$(seen .Id)"
		in_podman sh -c "$where; $what" 2>/dev/null
		podman rm --force --time 1 "$ID" >"$SCRATCH/out" 2>&1 || { say "after '$what': $(<"$SCRATCH/out")"; return 1; }
		[ -z "$(podman ps -aq)" ] || { say "after '$what' there are containers"; return 1; }
		[[ $what != *conmon* ]] || in_podman sh -c 'for id in $("$COWRUN" list -q); do "$COWRUN" delete --force "$id"; done'
		in_podman sh -c "$where; ! test -e \$group-else || until rmdir \$group-else; do sleep 0.1; done" 2>/dev/null
		assert_podman_is_empty || { say "after '$what'"; return 1; }
	done
}

@test "podman: limits, and an end for want of memory" {
	need_limits
	run podman run --rm --memory 32m --memory-swap 32m --pids-limit 20 --cpus 0.5 --cpu-shares 512 busy sh -c \
		'cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max cpu.weight'
	assert_output $'33554432\n0\n20\n50000 100000\n59'
	run podman run --name "$ID" --memory 16m --memory-swap 16m busy sh -c 'head -c 64m /dev/zero | tail'
	assert_status 137
	seen_is .State.ExitCode 137 # (whether it is OOMKilled no conmon before 2.2 tells, of crun's neither: its issue 426)
}

@test "podman: stats and update of a container with limits" {
	need_limits
	sleeper --memory 32m
	run podman stats --no-stream --format '{{.MemLimit}} {{.PIDs}} {{.MemUsageBytes}}' "$ID"
	assert_output_matches '^33554432 1 [1-9]'
	podman update --memory 64m --cpus 0.25 "$ID" >/dev/null
	run podman exec "$ID" sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max'
	assert_output $'67108864\n25000 100000'
}

@test "podman: what its stats count, and what cow mem does" {
	need_limits
	local name
	stats_start podman run -d
	await stats_ready podman logs
	stats_second podman run -d
	await eval 'podman logs second | grep -q ready'
	podman stats --no-stream --format '{{.Name}} {{.MemUsage}}' >"$SCRATCH/stats"
	mem --all >"$SCRATCH/all"
	stats_hold "$SCRATCH/all" "$SCRATCH/stats"
	# This podman's are the anonymous memory that is charged, and nothing else.
	grep -qE '^anon 6[7-9][.0-9]*MB' "$SCRATCH/stats"
	for name in reader shm first second; do grep -qE "^$name [.0-9]*kB" "$SCRATCH/stats"; done
}

# Of podman's image, which has other files than the template's: what runs is the template's memory.
@test "podman: containers that are forked from a template" {
	need_podman
	need_static "the template"
	local template=(env "$COW" --root "$STATE" --store "$STORE")
	cp "$HELPERS/warm" "$SCRATCH/rootfs/bin/"
	tar -C "$SCRATCH/rootfs" -c . | in_podman "${template[@]}" import -q - warm >/dev/null
	in_podman "${template[@]}" template create "$ID-t" warm warm >/dev/null
	run podman run --rm --annotation "org.cowrun.template=$STATE/$ID-t" busy warm status 7
	assert_status 7
	podman run -d --name "$ID" --annotation "org.cowrun.template=$STATE/$ID-t" -e WORD=engine busy warm echo podman >/dev/null
	await eval 'podman logs "$ID" 2>&1 | grep -q "^warm podman: pid 1, engine, memory w"'
	run podman exec "$ID" sh -c 'readlink /proc/1/exe; ls /bin/warm'
	[[ $output == */warm* ]]
	podman stop -t 0 "$ID" >/dev/null
	seen_is .State.ExitCode 137
	podman rm "$ID" >/dev/null
	in_podman "${template[@]}" rm -f "$ID-t" >/dev/null
	rm "$SCRATCH/rootfs/bin/warm"
	assert_podman_is_empty
}
