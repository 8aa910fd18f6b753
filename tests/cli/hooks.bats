# Hooks of all six kinds: when they run, where, with what, and what their failure means.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

# A script that says into the file named first which hook it was, what it got on stdin, and where it was.
setup() {
	LOG=$SCRATCH/log
	rm -f "$LOG"*
	HOOK=$SCRATCH/hook
	cat >"$HOOK" <<-'EOT'
		#!/bin/sh
		state=$(cat)
		echo "$1 $(echo "$state" | sed 's/.*"status":"\([a-z]*\)".*/\1/')" >>"$2"
		echo "$state" >"$2.$1.state"
		for ns in mnt net uts pid; do readlink /proc/self/ns/$ns; done >"$2.$1.ns"
		env | sort >"$2.$1.env"
		pwd >"$2.$1.cwd"
	EOT
	chmod +x "$HOOK"
}

# all: a jq filter with a hook of each kind; those of the container's side write to /log inside
all() {
	bundle
	cp "$HOOK" "$BUNDLE/rootfs/hook"
	rm -f "$BUNDLE/rootfs"/log*
	jq -nr --arg hook "$HOOK" --arg log "$LOG" '
		["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
		| map({(.): [{path: $hook, args: ["hook", ., $log]}]}) | add
		| .startContainer = [{path: "/hook", args: ["hook", "startContainer", "/log"]}]
		| ".hooks = \(tojson)"'
}

# one KIND COMMAND...: a filter with one hook
one() {
	local kind=$1
	shift
	jq -nr --arg kind "$kind" '".hooks[\"\($kind)\"] += [\({path: $ARGS.positional[0], args: $ARGS.positional})]"' --args -- "$@"
}

pid_of() { jq .pid "$LOG.$1.state"; }

@test "each kind runs at its time, and is told the status" {
	bundle "$(args sh -c 'while [ ! -e /go ]; do sleep 0.02; done') | $(all)"
	rm -f "$BUNDLE/rootfs/go"
	cowrun create -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	[ "$(cat "$LOG")" = $'prestart created\ncreateRuntime created\ncreateContainer creating' ]
	[ ! -e "$BUNDLE/rootfs/log" ]
	cowrun start "$ID"
	[ "$(cat "$LOG")" = $'prestart created\ncreateRuntime created\ncreateContainer creating\npoststart running' ]
	[ "$(cat "$BUNDLE/rootfs/log")" = "startContainer created" ]
	touch "$BUNDLE/rootfs/go"
	await status_is "$ID" stopped
	[ "$(tail -n 1 "$LOG")" = "poststart running" ]
	cowrun delete "$ID"
	[ "$(tail -n 1 "$LOG")" = "poststop stopped" ]
	[ "$(wc -l <"$LOG")" = 5 ]
}

@test "run runs all of them, in order" {
	bundle "$(args true) | $(all)"
	cowrun run -b "$BUNDLE" "$ID"
	[ "$(cut -d ' ' -f 1 "$LOG" | xargs)" = "prestart createRuntime createContainer poststart poststop" ]
	[ "$(cat "$BUNDLE/rootfs/log")" = "startContainer created" ]
}

@test "the state on stdin is that of runtime.md, with the pid as it is seen there" {
	sleeper "$(all) | .annotations = {\"a\": \"b\"}"
	local kind
	for kind in prestart createRuntime createContainer poststart; do
		[ "$(jq -c '[.ociVersion, .id, .bundle, .annotations]' "$LOG.$kind.state")" = "[\"1.3.0\",\"$ID\",\"$BUNDLE\",{\"a\":\"b\"}]" ] ||
			{ cat "$LOG.$kind.state" >&2; false; }
		[ "$(wc -l <"$LOG.$kind.state")" = 1 ]
	done
	[ "$(pid_of prestart) $(pid_of createRuntime) $(pid_of poststart)" = "$PID $PID $PID" ]
	[ "$(pid_of createContainer)" = 1 ]
	[ "$(jq .pid "$BUNDLE/rootfs/log.startContainer.state")" = 1 ]
	cowrun delete --force "$ID"
	[ "$(jq -c '[.id, .pid]' "$LOG.poststop.state")" = "[\"$ID\",0]" ]
}

@test "hooks of the runtime are in its namespaces, those of the container in the container's" {
	sleeper "$(all)"
	local kind here
	here=$(for ns in mnt net uts pid; do namespace_of self $ns; done)
	for kind in prestart createRuntime poststart; do
		[ "$(cat "$LOG.$kind.ns")" = "$here" ]
	done
	[ "$(cat "$LOG.createContainer.ns")" = "$(for ns in mnt net uts pid; do namespace_of "$PID" $ns; done)" ]
	[ "$(cat "$BUNDLE/rootfs/log.startContainer.ns")" = "$(for ns in mnt net uts pid; do namespace_of "$PID" $ns; done)" ]
	cowrun delete --force "$ID"
	[ "$(cat "$LOG.poststop.ns")" = "$here" ]
}

@test "before pivot_root the container's files are to be seen from the host" {
	cat >"$SCRATCH/look" <<-EOT
		#!/bin/sh
		pid=\$(sed 's/.*"pid":\([0-9]*\).*/\1/')
		ls -d /proc/\$pid/root/$SCRATCH >$LOG.host
		grep -c "$BUNDLE/rootfs\|/dev/mqueue\|/sys " /proc/\$pid/mounts >$LOG.mounts
	EOT
	chmod +x "$SCRATCH/look"
	bundle "$(one createRuntime "$SCRATCH/look")"
	cowrun run -b "$BUNDLE" "$ID"
	[ -s "$LOG.host" ]
	[ "$(cat "$LOG.mounts")" -ge 2 ]
}

@test "what hooks mount below the bundle's root is the container's, from outside and from inside its namespaces" {
	cat >"$SCRATCH/inside" <<-EOT
		#!/bin/sh
		mount -t tmpfs hooked "$SCRATCH/bundle/rootfs/mnt" && echo inside >"$SCRATCH/bundle/rootfs/mnt/file"
	EOT
	cat >"$SCRATCH/outside" <<-EOT
		#!/bin/sh
		pid=\$(sed 's/.*"pid":\([0-9]*\).*/\1/')
		nsenter -t \$pid -m sh -c 'mount -t tmpfs hooked "$SCRATCH/bundle/rootfs/var" && echo outside >"$SCRATCH/bundle/rootfs/var/file"'
	EOT
	chmod +x "$SCRATCH/inside" "$SCRATCH/outside"
	bundle "$(args cat /mnt/file /var/file) | $(one createContainer "$SCRATCH/inside") | $(one createRuntime "$SCRATCH/outside")"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output $'inside\noutside'
	[ ! -e "$BUNDLE/rootfs/mnt/file" ] && [ ! -e "$BUNDLE/rootfs/var/file" ]
}

@test "no hook of the runtime is the image's, whatever way leads to it" {
	bundle
	mkdir -p "$BUNDLE/rootfs$SCRATCH"
	printf '#!/bin/sh\necho image >"%s"\n' "$LOG.who" >"$BUNDLE/rootfs$SCRATCH/who"
	printf '#!/bin/sh\necho host >"%s"\n' "$LOG.who" >"$SCRATCH/who"
	chmod +x "$SCRATCH/who" "$BUNDLE/rootfs$SCRATCH/who"
	for kind in createRuntime createContainer; do
		rm -f "$LOG.who"
		bundle "$(one $kind "/usr/..$SCRATCH/who")"
		cowrun run -b "$BUNDLE" "$ID"
		[ "$(<"$LOG.who")" = host ]
	done
}

@test "a hook has its own environment, the runtime's, or none" {
	local env='.hooks.prestart[0].env = ["ONLY=this"] | .hooks.createContainer[0].env = ["PATH=/bin:/usr/bin", "ONLY=that"]'
	bundle "$(args true) | $(all) | $env | .process.env += [\"IN=process\"]"
	OUTSIDE=1 cowrun run -b "$BUNDLE" "$ID"
	grep -qx ONLY=this "$LOG.prestart.env"
	run ! grep -q OUTSIDE "$LOG.prestart.env"
	grep -qx OUTSIDE=1 "$LOG.createRuntime.env"
	grep -qx ONLY=that "$LOG.createContainer.env"
	run ! grep -q OUTSIDE "$LOG.createContainer.env"
	grep -qx IN=process "$BUNDLE/rootfs/log.startContainer.env"
	run ! grep -q OUTSIDE "$BUNDLE/rootfs/log.startContainer.env"
}

@test "what an image has in its environment does not reach hooks of the runtime" {
	bundle "$(args true) | $(all) | .process.env += [\"LD_PRELOAD=/evil.so\", \"LD_LIBRARY_PATH=/evil\"]"
	cowrun run -b "$BUNDLE" "$ID" 2>/dev/null || true
	run ! grep -l LD_ "$LOG".*.env
}

@test "hooks of the runtime run in the bundle, without files of the caller" {
	bundle
	printf '#!/bin/sh\nls -l /proc/self/fd >%s.fds\npwd >%s.cwd\n' "$LOG" "$LOG" >"$SCRATCH/fds"
	chmod +x "$SCRATCH/fds"
	bundle "$(one prestart "$SCRATCH/fds")"
	cd /
	cowrun run -b "$BUNDLE" "$ID" 7</ 9<"$BUNDLE/config.json"
	[ "$(cat "$LOG.cwd")" = "$BUNDLE" ]
	[ "$(grep -c -e ' 7 -> ' -e ' 9 -> ' "$LOG.fds")" = 0 ]
}

@test "the last line that a failing hook says is told, whichever it is" {
	local kind script='printf "first\nbad luck\n\n" >&2; exit 3'
	for kind in prestart createRuntime createContainer startContainer poststart; do
		refuses "^cowrun: run: error running $kind hook #1: exit status 3 of '/bin/sh': bad luck$" \
			"$(args sleep 1000) | $(one $kind /bin/true) | $(one $kind /bin/sh -c "$script")"
	done
	bundle "$(args sleep 1000) | $(one poststop /bin/sh -c "$script")"
	cowrun run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	assert_one_line "poststop hook #0: exit status 3 of '/bin/sh': bad luck$"
	refuses "hook #0: exit status 1 of '/bin/sh': x{255}$" "$(one createContainer /bin/sh -c 'head -c 100000 /dev/zero | tr "\0" x >&2; echo x >&2; exit 1')"
}

@test "what a hook says and does not fail goes to the caller" {
	bundle "$(one prestart /bin/sh -c 'echo a >&2; echo b >/dev/stdout; echo c >&2') | $(one createContainer /bin/sh -c 'echo d >&2')"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_status 0
	assert_output b
	[ "$stderr" = $'a\nc\nd' ]
}

@test "createContainer hooks run in the bundle, startContainer hooks in the container" {
	bundle "$(all)"
	cd /
	cowrun run -b "$BUNDLE" "$ID"
	[ "$(cat "$LOG.createContainer.cwd")" = "$BUNDLE" ]
	[ "$(cat "$BUNDLE/rootfs/log.startContainer.cwd")" = / ]
}

@test "a startContainer hook has HOME as the program has it" {
	bundle "$(args true) | $(all)"' | .process.user.uid = 1000'
	chmod 777 "$BUNDLE/rootfs"
	cowrun run -b "$BUNDLE" "$ID"
	grep -qx HOME=/tmp "$BUNDLE/rootfs/log.startContainer.env"
}

@test "a hook that fails ends create, run or start, with its name, and nothing is left" {
	local kind
	for kind in prestart createRuntime; do
		refuses "^cowrun: run: error running $kind hook #0: exit status 1 of '/bin/false'" "$(one $kind /bin/false)"
		refuses "^cowrun: run: error running $kind hook #1: execute '/no/such/hook': no such file" "$(one $kind /bin/true) | $(one $kind /no/such/hook)"
	done
	refuses "^cowrun: run: error running poststart hook #0: exit status 1 of '/bin/false'" "$(args sleep 1000) | $(one poststart /bin/false)"
	refuses "^cowrun: run: error running createContainer hook #0: exit status 1 of '/bin/false'" "$(one createContainer /bin/false)"
	refuses "^cowrun: run: error running startContainer hook #0: exit status 1 of '/bin/false'" "$(one startContainer /bin/false)"
	refuses "^cowrun: run: error running createContainer hook #0: '/no/such' cannot be executed" "$(one createContainer /no/such)"
	refuses "^cowrun: run: error running prestart hook #0: '/bin/sh' was killed by signal 9" "$(one prestart /bin/sh -c 'kill -9 $$')"
	refuses "^cowrun: run: error running createContainer hook #0: '/bin/sh' was killed by signal 15" "$(one createContainer /bin/sh -c 'kill $$')"
	refuses "hooks.prestart\[0\].path: 'hook' is not an absolute path" "$(one prestart hook)"
}

@test "a first process that dies while it is set up ends run and create, and nothing is left" {
	local kind
	for kind in prestart createRuntime; do
		bundle "$(one $kind /bin/sh -c 'kill -KILL $(sed "s/.*\"pid\":\([0-9]*\).*/\1/")')"
		fails "^cowrun: create: the container's process died while it was set up \(signal 9\)$" cowrun create -b "$BUNDLE" "$ID"
		assert_gone "$ID"
		fails "^cowrun: run: the container's process died while it was set up \(signal 9\)$" cowrun run -b "$BUNDLE" "$ID"
		assert_gone "$ID"
	done
}

@test "a poststart or startContainer hook that fails makes start fail, and the container stop" {
	local kind
	for kind in poststart startContainer; do
		bundle "$(args sleep 1000) | $(one $kind /bin/false)"
		cowrun create -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
		fails "^cowrun: start: .*$kind hook .*exit status 1" cowrun start "$ID"
		await status_is "$ID" stopped
		await ended "$(<"$SCRATCH/pid")"
		cowrun delete "$ID"
		assert_gone "$ID"
	done
}

@test "a poststart hook that fails stops a container without a cgroup, too" {
	bundle "$(args sleep 1000) | $(one poststart /bin/false)"
	cowrun --cgroup-manager disabled create -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	fails "poststart hook" cowrun --cgroup-manager disabled start "$ID"
	await ended "$(<"$SCRATCH/pid")"
}

@test "a poststop hook that fails is a warning" {
	bundle "$(args sleep 1000) | $(one poststop /bin/false) | $(one poststop /bin/touch "$LOG.second")"
	cowrun run -d -b "$BUNDLE" "$ID" >/dev/null 2>&1
	run --separate-stderr cowrun delete --force "$ID"
	assert_status 0
	assert_one_line "^cowrun: warning: .*poststop hook #0: exit status 1 of '/bin/false'"
	assert_gone "$ID"
	[ -e "$LOG.second" ]
}

@test "what was prepared before a hook failed gets its poststop hooks" {
	bundle "$(one createRuntime /bin/false) | $(one poststop /bin/touch "$LOG.stopped")"
	fails "createRuntime hook" cowrun run -b "$BUNDLE" "$ID"
	[ -e "$LOG.stopped" ]
}

@test "what fails before there is a process gets its poststop hooks too" {
	bundle "$(one poststop /bin/touch "$LOG.stopped") | .linux.resources.unified = {\"nosuch.max\": \"1\"}"
	fails "cannot set 'nosuch.max'" cowrun run -b "$BUNDLE" "$ID"
	[ -e "$LOG.stopped" ]
}

@test "a hook that does not end in its time is killed, and that is a failure" {
	refuses "^cowrun: run: error running prestart hook #0: '/bin/sleep' had not ended after 1 s, killed" \
		"$(one prestart /bin/sleep 1000) | .hooks.prestart[0].timeout = 1"
	refuses "^cowrun: run: error running createContainer hook #0: '/bin/sleep' had not ended after 1 s, killed" \
		"$(one createContainer /bin/sleep 1000) | .hooks.createContainer[0].timeout = 1"
	refuses "hooks.prestart\[0\].timeout: 0 is out of range \(1 to " "$(one prestart /bin/true) | .hooks.prestart[0].timeout = 0"
}

@test "a hook that leaves a process behind does not hold us up" {
	bundle "$(one prestart /bin/sh -c "sleep 1000 & echo \$! >$LOG.left")"
	timeout 200 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" >"$SCRATCH/out" 2>&1 3>&-
	kill "$(<"$LOG.left")"
}

@test "a hook that reads nothing, or says much, does not hold us up" {
	bundle "$(one prestart /bin/sh -c 'exec <&-; head -c 300000 /dev/zero') | .annotations.big = \$big" --arg big "$(head -c 100000 /dev/zero | tr '\0' x)"
	cowrun run -b "$BUNDLE" "$ID" >"$SCRATCH/out"
	[ "$(stat -c %s "$SCRATCH/out")" = 300000 ]
}
