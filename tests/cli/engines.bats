# The command lines of those who call: word for word as conmon (podman, cri-o), go-runc (containerd, Docker,
# BuildKit) and buildah put them together, in the order of a container's life, and what each reads of the answers.
load helpers
load containers

# Engines name the root by an option of two words or of one, before the command; and write a log.
setup() { LOG=$SCRATCH/$BATS_TEST_NUMBER.json; }

# is_json FILTER: it holds for the document in $output, which is one and nothing else
is_json() {
	jq -se "length == 1 and (.[0] | $1)" <<<"$output" >/dev/null || { say "not $1: $output"; return 1; }
}

# logged REGEX: the log is one record (podman reads the whole file as one object, containerd the last one of level
# error), its time is RFC 3339, and its text is that
logged() {
	[ "$(wc -l <"$LOG")" = 1 ] || { cat "$LOG" >&2; return 1; }
	jq -e --arg what "$1" '(keys == ["level", "msg", "time"]) and .level == "error" and (.msg | test($what)) and
		(.time | test("^20[0-9-]+T[0-9:]+(\\.[0-9]+)?(Z|[+-][0-9:]+)$"))' "$LOG" >/dev/null || { cat "$LOG" >&2; return 1; }
	rm "$LOG"
}

# --- go-runc: containerd's shim, and so Docker's -------------------------------------------------------------------
go_runc() { "$COWRUN" --root "$STATE" --log "$LOG" --log-format json "$@" 3>&-; }

@test "go-runc: a container's life" {
	bundle "$(args sleep 1000) | .annotations = {a: \"b\"}"
	go_runc create --bundle "$BUNDLE" --pid-file "$BUNDLE/init.pid" --no-new-keyring "$ID" >"$SCRATCH/out" 2>&1
	[[ $(od -An -c "$BUNDLE/init.pid" | tr -d ' ') =~ ^[0-9]+$ ]] # it is given to Atoi() as it is
	run --separate-stderr go_runc state "$ID"
	is_json ".id == \"$ID\" and .pid == $(<"$BUNDLE/init.pid") and .status == \"created\" and .bundle == \"$BUNDLE\" and
		.rootfs == \"$BUNDLE/rootfs\" and .ociVersion == \"1.3.0\" and .annotations == {a: \"b\"}"
	jq -r .created <<<"$output" | grep -qE '^20[0-9-]+T[0-9:]+(\.[0-9]+)?Z$' # time.Time
	go_runc start "$ID"
	jq '.process | .args = ["sh", "-c", "exit 7"]' "$BUNDLE/config.json" >"$SCRATCH/process"
	run go_runc exec --process "$SCRATCH/process" "$ID"
	assert_status 7
	jq '.process' "$BUNDLE/config.json" >"$SCRATCH/process"
	go_runc exec --process "$SCRATCH/process" --detach --pid-file "$BUNDLE/exec.pid" "$ID" >"$SCRATCH/out" 2>&1
	run --separate-stderr go_runc ps --format json "$ID"
	is_json "sort == ([$(<"$BUNDLE/init.pid"), $(<"$BUNDLE/exec.pid")] | sort)"
	run --separate-stderr go_runc list --format=json
	is_json "map([.id, .status, .owner]) == [[\"$ID\", \"running\", \"root\"]]"
	echo '{"memory": {}, "cpu": {}}' | go_runc update --resources=- "$ID"
	run --separate-stderr go_runc events --stats "$ID"
	is_json ".type == \"stats\" and .id == \"$ID\""
	go_runc pause "$ID"
	go_runc resume "$ID"
	go_runc kill "$ID" 15
	go_runc kill --all "$ID" 9
	await status_is "$ID" stopped
	go_runc kill --all "$ID" 9
	go_runc delete "$ID"
	[ ! -s "$LOG" ]
}

@test "go-runc: what fails is one record, and containerd's words are in it" {
	bundle "$(args true)"
	go_runc delete --force "$ID" # the shim's clean-up, of what is not there
	[ ! -s "$LOG" ]
	not go_runc delete "$ID" 2>/dev/null
	logged "does not exist"
	not go_runc kill "$ID" 15 2>/dev/null
	logged "does not exist"
	go_runc create --bundle "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	rm -f "$SCRATCH/pid"
	not go_runc create --bundle "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" 2>/dev/null
	logged "already exists"
	[ ! -e "$SCRATCH/pid" ]
	go_runc start "$ID"
	await status_is "$ID" stopped
	not go_runc kill "$ID" 15 2>/dev/null
	logged "container not running"
	bundle '.process.args = ["/no/such"]'
	not go_runc run --bundle "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID-a" 2>/dev/null
	logged "no such file or directory"
	[ ! -e "$SCRATCH/pid" ]
}

@test "go-runc: a pid file is put in place whole" {
	bundle
	echo before >"$SCRATCH/pid"
	ln "$SCRATCH/pid" "$SCRATCH/other-name"
	go_runc create --bundle "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" >/dev/null 2>&1
	[ "$(<"$SCRATCH/other-name")" = before ] # renamed over, not written into
	alive "$(<"$SCRATCH/pid")"
	[ -z "$(find "$SCRATCH" -maxdepth 1 -name '*pid*' ! -name pid)" ]
}

@test "go-runc: where systemd is to make the cgroup, and is not there" {
	bundle "$(args true)"
	not unshare -m sh -c 'mount -t tmpfs tmpfs /run && exec "$0" "$@"' "$COWRUN" --root "$STATE" --log "$LOG" --log-format json \
		--systemd-cgroup create --bundle "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID" 2>/dev/null
	logged '^create: systemd is not reached: nobody answers at .* --cgroup-manager cgroupfs\)$'
	assert_gone "$ID"
	# cri-o says it to every command
	go_runc create --bundle "$BUNDLE" "$ID" >/dev/null 2>&1
	go_runc --systemd-cgroup state "$ID" >/dev/null
	go_runc --systemd-cgroup delete --force "$ID"
	go_runc --rootless=false --debug list --format=json >/dev/null
}

@test "BuildKit: run, with what it ends by" {
	bundle "$(args sh -c 'exit 5')"
	run go_runc run --bundle "$BUNDLE" --keep "$ID"
	assert_status 5
	run --separate-stderr go_runc state "$ID"
	is_json '.status == "stopped" and .pid == 0'
	not go_runc kill "$ID" 9 2>/dev/null
	logged "container not running"
	go_runc delete "$ID"
}

# --- conmon: podman and cri-o ------------------------------------------------------------------------------------
# What podman has conmon say, and what it says itself with next to no environment.
conmon() { "$COWRUN" --log-format=json --log "$LOG" --root="$STATE" --cgroup-manager cgroupfs "$@" 3>&-; }
podman() { env -i XDG_RUNTIME_DIR="$SCRATCH" "$COWRUN" --root="$STATE" "$@" 3>&-; }

@test "conmon: a container's life" {
	bundle "$(args sleep 1000)"
	conmon create --bundle "$BUNDLE" --pid-file "$SCRATCH/pidfile" --no-pivot --no-new-keyring "$ID" >"$SCRATCH/out" 2>&1
	podman start "$ID"
	jq '.process | .args = ["sleep", "1001"]' "$BUNDLE/config.json" >"$SCRATCH/process"
	conmon exec --pid-file "$SCRATCH/exec.pid" --process "$SCRATCH/process" --detach --preserve-fds 0 "$ID" >"$SCRATCH/out" 2>&1
	alive "$(<"$SCRATCH/exec.pid")"
	run --separate-stderr podman state "$ID"
	is_json '.status == "running"'
	echo '{"pids": null, "devices": null}' >"$SCRATCH/podman123"
	podman update "--resources=$SCRATCH/podman123" "$ID"
	podman pause "$ID"
	podman resume "$ID"
	podman kill "$ID" 15
	podman kill --all "$ID" 9
	await ended "$(<"$SCRATCH/exec.pid")"
	podman delete --force "$ID"
	podman delete --force "$ID"
	assert_gone "$ID"
	[ ! -s "$LOG" ]
}

@test "conmon: exec that fails leaves no pid file, and one record" {
	sleeper
	jq '.process | .args = ["nosuch"]' "$BUNDLE/config.json" >"$SCRATCH/process"
	run conmon exec --pid-file "$SCRATCH/none.pid" --process "$SCRATCH/process" --detach "$ID"
	assert_status 255
	[ ! -e "$SCRATCH/none.pid" ]
	logged 'executable file .nosuch. not found in .PATH: no such file or directory$' # podman's 127
	jq '.process | .args = ["/etc/passwd"]' "$BUNDLE/config.json" >"$SCRATCH/process"
	run conmon exec --pid-file "$SCRATCH/none.pid" --process "$SCRATCH/process" --detach "$ID"
	logged 'permission denied$' # and its 126
}

@test "conmon: a console socket whose name is longer than a socket's may be" {
	need_program python3
	local deep
	deep=$SCRATCH/$(printf 'd%.0s' {1..120})
	mkdir -p "$deep"
	bundle "$(args echo shown) | .process.terminal = true"
	# conmon: one message, the name and one file descriptor, which it keeps (its end would be a hangup)
	(cd "$deep" && exec python3 -c '
import array, os, socket
s = socket.socket(socket.AF_UNIX)
s.bind("s")
s.listen()
open("listening", "w")
c, _ = s.accept()
data, ancillary, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(4))
assert 0 < len(data) < 4096 and len(ancillary) == 1 and len(ancillary[0][2]) == 4
master = array.array("i", ancillary[0][2])[0]
assert os.isatty(master)
shown = b""
while not shown.endswith(b"\n"):
    shown += os.read(master, 100)
assert shown == b"shown\r\n"
' 3>&-) &
	local receiver=$!
	await test -e "$deep/listening"
	conmon create --bundle "$BUNDLE" --pid-file "$SCRATCH/pidfile" --console-socket "$deep/s" "$ID" >"$SCRATCH/out" 2>&1
	podman start "$ID"
	ends_with 0 $receiver
}

@test "cri-o: exec in the foreground, kill by name, update by standard input" {
	sleeper
	jq '.process | .args = ["sh", "-c", "cat; exit 4"]' "$BUNDLE/config.json" >"$SCRATCH/process"
	run conmon exec --process "$SCRATCH/process" "$ID" <<<"typed"
	assert_status 4
	assert_output typed
	echo '{}' | conmon update --resources - "$ID"
	conmon kill "$ID" TERM
	conmon kill "$ID" KILL
	await status_is "$ID" stopped
	conmon kill -a "$ID" 9
	conmon delete --force "$ID"
}

@test "podman: what it asks of a runtime" {
	# "supports checkpoints": by the status; "supports pods restore": by those words
	cowrun checkpoint --help >/dev/null
	run cowrun restore --lsm-mount-context
	[[ $status -ne 0 && $output == *"flag needs an argument"* ]]
	cowrun --version | grep -q '^cowrun version [0-9.]*$'
	cowrun --version | grep -q '^commit: '
}

# --- buildah -------------------------------------------------------------------------------------------------------
@test "buildah: in the bundle, polled, and ended without a signal's name" {
	bundle "$(args sleep 1000)"
	cd "$BUNDLE"
	cowrun create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" --no-pivot "$ID" >"$SCRATCH/out" 2>&1
	cowrun start "$ID"
	[[ $(state "$ID" status) =~ ^(creating|created|running|stopped)$ ]]
	cowrun kill "$ID" # SIGTERM, which a first process may be deaf to
	cowrun kill "$ID" SIGKILL
	await status_is "$ID" stopped
	cowrun delete "$ID"
	rm "$BUNDLE/pid"
}

# --- whose root ----------------------------------------------------------------------------------------------------
@test "the state root of who is not the host's root is in XDG_RUNTIME_DIR" {
	need_program setpriv
	local as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	fails "there is no state root '/run/user/1/cowrun'" env XDG_RUNTIME_DIR=/run/user/1 "${as_nobody[@]}" "$COWRUN" state "$ID"
	fails "there is no state root '/run/user/1/cowrun'" env XDG_RUNTIME_DIR=/run/user/1 unshare -Ur "$COWRUN" state "$ID"
	XDG_RUNTIME_DIR=/run/user/1 "${as_nobody[@]}" "$COWRUN" list -q
	# empty is unset; and the host's root has one root, in whatever session
	fails "'/tmp/cowrun-65534'" env XDG_RUNTIME_DIR= "${as_nobody[@]}" "$COWRUN" state "$ID"
	fails "'/run/cowrun'" env XDG_RUNTIME_DIR=/run/user/1 "$COWRUN" state "$ID"
}
