# Bad input: one line on stderr that names the object, what was tried and why it failed; and nothing is left behind.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers

# --- the document --------------------------------------------------------------------------------------------------
@test "a bundle that is not there" {
	fails "^cowrun: run: open the bundle '/no/such/bundle': no such file or directory" cowrun run -b /no/such/bundle "$ID"
	fails "^cowrun: create: open the bundle '/etc/passwd': not a directory" cowrun create -b /etc/passwd "$ID"
	[ ! -e "$STATE/$ID" ]
}

@test "a config.json that is not there, or no file" {
	bundle
	rm "$BUNDLE/config.json"
	fails "^cowrun: run: bundle '$BUNDLE': open 'config.json': no such file or directory" cowrun run -b "$BUNDLE" "$ID"
	mkdir "$BUNDLE/config.json"
	fails "^cowrun: run: bundle '$BUNDLE': open 'config.json': not a regular file" cowrun run -b "$BUNDLE" "$ID"
	rmdir "$BUNDLE/config.json"
	mkfifo "$BUNDLE/config.json"
	fails "^cowrun: run: bundle '$BUNDLE': open 'config.json': not a regular file" timeout 200 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	rm "$BUNDLE/config.json"
	ln -s /dev/zero "$BUNDLE/config.json"
	fails "^cowrun: run: bundle '$BUNDLE': open 'config.json': not a regular file" timeout 200 "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	rm "$BUNDLE/config.json"
	assert_gone "$ID"
}

# text REGEX TEXT: a config.json of that text is refused
text() {
	bundle
	printf '%b' "$2" >"$BUNDLE/config.json"
	fails "^cowrun: run: $1" cowrun run -b "$BUNDLE" "$ID"
	assert_gone "$ID"
}

@test "a config.json that is no JSON, with the place" {
	text "config.json:2:5: unexpected token near '}'" '{"a":\n [1,}'
	text "config.json: empty document" ''
	text "config.json:1:1: begins with a byte order mark" '\xef\xbb\xbf{}'
	text "config.json: expected an object, found a list" '[]'
	text "config.json:[0-9:]+ .*" '{"a": 1, "a": 2}'
	text "config.json:[0-9:]+ .*" '{"a": "\\u0000"}'
	text "config.json:[0-9:]+ .*" "$(printf '[%.0s' {1..3000})"
}

@test "a value of the wrong type or out of range, with its path" {
	refuses "^cowrun: run: process.args: expected a list, found 'sh'" '.process.args = "sh"'
	refuses "^cowrun: run: process.args\[1\]: expected a string, found 7" '.process.args = ["sh", 7]'
	refuses "^cowrun: run: root.readonly: expected true or false, found 'yes'" '.root.readonly = "yes"'
	refuses "^cowrun: run: process.user.uid: must be an integer" '.process.user.uid = 1.5'
	refuses "^cowrun: run: linux.resources.memory.limit: expected an integer, found '32M'" '.linux.resources.memory.limit = "32M"'
	refuses "^cowrun: run: ociVersion: '2.0.0' is not a version 1.x" '.ociVersion = "2.0.0"'
	refuses "^cowrun: run: ociVersion: missing" 'del(.ociVersion)'
	refuses "^cowrun: run: process: missing: nothing to run" 'del(.process)'
	refuses "^cowrun: run: process.args: empty: nothing to run" '.process.args = []'
	refuses "^cowrun: run: process.cwd: missing" 'del(.process.cwd)'
	refuses "^cowrun: run: hostname: 'a+\.\.\.' is longer than 64 bytes" '.hostname = "a" * 65'
}

@test "unknown keys are no error" {
	bundle "$(args true) | .unknown = {\"a\": [1]} | .process.later = 1 | .linux.new = null | .windows = {}"
	cowrun run -b "$BUNDLE" "$ID"
}

@test "what is asked for and cannot be done is an error, never left out" {
	refuses "^cowrun: run: linux.personality.flags\[0\]: .* is not supported" '.linux.personality = {domain: "LINUX", flags: ["a"]}'
}

@test "a group of resctrl needs resctrl, and what it is missing is told" {
	[ ! -e /sys/fs/resctrl/tasks ] || skip "resctrl is mounted"
	refuses "^cowrun: run: linux.intelRdt: no resctrl is mounted on '/sys/fs/resctrl' \(hint: mount -t resctrl " '.linux.intelRdt = {closID: "a"}'
	refuses "^cowrun: run: linux.intelRdt.closID: '..' is no name of a group" '.linux.intelRdt = {closID: ".."}'
}

# --- the program (as users meet it: situations.bats) ------------------------------------------------------------------
@test "a program that makes no sense is not read beyond its end" {
	local at
	for at in '\xff\xff\xff\xff\xff\xff\xff\xff' '\xd0\xff\xff\xff\xff\xff\xff\xff' '\x00\x08\x00\x00\x00\x00\x00\x00'; do
		bundle "$(args odd)"
		head -c 4096 "$BUNDLE/rootfs/bin/busybox" >"$BUNDLE/rootfs/bin/odd"
		printf "%b" "$at" | dd of="$BUNDLE/rootfs/bin/odd" bs=1 seek=32 conv=notrunc status=none
		printf '\xff\xff' | dd of="$BUNDLE/rootfs/bin/odd" bs=1 seek=56 conv=notrunc status=none
		chmod +x "$BUNDLE/rootfs/bin/odd"
		fails "^cowrun: run: .*'/bin/odd'" cowrun run -b "$BUNDLE" "$ID"
	done
}

# --- ids -----------------------------------------------------------------------------------------------------------------
@test "ids that lead elsewhere are refused by every command, and nothing is touched" {
	local id verb n=0 verbs=(start state kill delete 'delete --force' pause resume ps 'ps --format json')
	bundle
	canary_make
	mkdir -p "$STATE"
	for id in '' . .. ../x ../hostdir a/b a//b /etc $'a\nb' 'a b' é .hidden "$(printf 'a%.0s' {1..128})" "$(printf 'a%.0s' {1..1024})"; do
		fails "^cowrun: run: container id '" cowrun run -b "$BUNDLE" "$id"
		fails "^cowrun: create: container id '" cowrun create -b "$BUNDLE" "$id"
		for verb in "${verbs[@]}"; do
			[ -n "${COWRUN_ALL:-}" ] || [ $((n++ % 4)) = 0 ] || continue # each has its turn
			# shellcheck disable=SC2086 # words
			fails "^cowrun: ${verb%% *}: container id '" cowrun $verb "$id"
		done
		fails "^cowrun: exec: container id '" cowrun exec "$id" true
	done
	assert_canary_unchanged
	[ -z "$(ls -A "$STATE")" ]
}

@test "an id of all that is allowed is accepted" {
	bundle "$(args true)"
	cowrun run -b "$BUNDLE" "A-z_0+9.$ID"
	cowrun run -b "$BUNDLE" "_$(printf '%0126d' 1)"
}

# --- the state root ----------------------------------------------------------------------------------------------------------
@test "a state root that others may write to, or that cannot be made" {
	bundle "$(args true)"
	mkdir -p "$SCRATCH/open"
	chmod 777 "$SCRATCH/open"
	fails "^cowrun: run: open the state root '$SCRATCH/open': it is not ours alone to write \(owner 0, mode 777\)" \
		"$COWRUN" --root "$SCRATCH/open" run -b "$BUNDLE" "$ID"
	chmod 700 "$SCRATCH/open"
	chown 1000 "$SCRATCH/open"
	fails "it is not ours alone to write \(owner 1000" "$COWRUN" --root "$SCRATCH/open" list
	fails "^cowrun: run: open the state root '/etc/passwd': not a directory" "$COWRUN" --root /etc/passwd run -b "$BUNDLE" "$ID"
	fails "^cowrun: run: make the state root '/proc/nope': no such file or directory" "$COWRUN" --root /proc/nope run -b "$BUNDLE" "$ID"
}

@test "a state root is made with all that is missing above it, for nobody else" {
	bundle "$(args true)"
	"$COWRUN" --root "$SCRATCH/a/b/c" run -b "$BUNDLE" "$ID"
	[ "$(stat -c %a "$SCRATCH/a" "$SCRATCH/a/b" "$SCRATCH/a/b/c" | sort -u)" = 700 ]
	cowrun create -b "$BUNDLE" "$ID" >/dev/null 2>&1
	[ -z "$(find "$STATE" -perm /077 ! -type s)" ]
}

@test "a state root that is full, or takes no more files" {
	bundle "$(args true)"
	local options
	for options in size=4k nr_inodes=1 nr_inodes=2 nr_inodes=3 nr_inodes=4; do
		run --separate-stderr unshare -m bash -c 'mkdir -p "$1" && mount -t tmpfs -o "$2,mode=700" full "$1" &&
			if [[ $2 == size* ]]; then head -c 4096 /dev/zero >"$1/filler" && set -- "$1" "$2" "$3" "$4"; fi
			"$0" --root "$1" run -b "$3" "$4" 3>&-; echo "status $?"; rm -f "$1/filler"; ls -A "$1"' \
			"$COWRUN" "$SCRATCH/full" $options "$BUNDLE" "$ID"
		[ "$output" = "status 0" ] || { assert_output "status 1" && assert_one_line '^cowrun: run: .*: no space left on device'; } || { say "with $options"; false; }
		assert_gone "$ID"
	done
}

# --- the host ------------------------------------------------------------------------------------------------------------------
@test "a cgroup path that leads elsewhere, or is too long" {
	local before
	before=$(find "$CGROUP" -maxdepth 1 -type d | sort)
	refuses "^cowrun: run: linux.cgroupsPath: '/../x' has a component that is empty, '.', '..' or too long" '.linux.cgroupsPath = "/../x"'
	refuses "linux.cgroupsPath: 'a/../../b'" '.linux.cgroupsPath = "a/../../b"'
	refuses "linux.cgroupsPath: 'a//b'" '.linux.cgroupsPath = "a//b"'
	refuses "linux.cgroupsPath: '(aa)+" '.linux.cgroupsPath = "aa" * 150'
	refuses "linux.cgroupsPath: .*control characters" '.linux.cgroupsPath = "a\nb"'
	[ "$(find "$CGROUP" -maxdepth 1 -type d | sort)" = "$before" ] || true # others come and go
	[ ! -e "$CGROUP/x" ]
	[ ! -e "$CGROUP/a" ]
}

@test "with few file descriptors a container starts, or it is said that they are too few" {
	need_program prlimit
	need_static "a program's libraries take file descriptors"
	bundle "$(args true)"
	local n
	for n in 4 6 8 10 12 14 16 18 20; do
		run --separate-stderr prlimit --nofile=$n:$n "$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
		[ "$status" -eq 0 ] || { [ "$status" -eq 1 ] && assert_one_line '^cowrun: .*: too many open files'; } || { say "with $n: status $status, $stderr"; false; }
		assert_gone "$ID"
	done
}

@test "with few file descriptors no living container counts as damaged, ended or unknown" {
	need_program prlimit
	need_static "a program's libraries take file descriptors"
	sleeper
	local n words
	for words in "state $ID" "kill $ID CONT" "delete $ID" "delete --force $ID"; do
		for n in 4 5 6 7 8 9 10 12 14; do
			# shellcheck disable=SC2086
			run --separate-stderr prlimit --nofile=$n:$n "$COWRUN" --root "$STATE" $words
			[ "$status" -ne 0 ] || break
			assert_one_line 'too many open files|cannot delete container|not stopped' || { say "with $n: $words"; false; }
		done
	done
	[ "$status" -eq 0 ]
	assert_gone "$ID"
}

# --- the command line ------------------------------------------------------------------------------------------------------------
@test "options and commands that do not exist" {
	fails "^cowrun: run: unknown option '--nope'" cowrun run --nope "$ID"
	fails "^cowrun: run: unknown option '-z'" cowrun run -z "$ID"
	fails "^cowrun: unknown option '--nope'" cowrun --nope run "$ID"
	fails "^cowrun: unknown command: No help topic for 'nope' \(hint: 'cowrun --help' lists them\)$" cowrun nope
	assert_status 3
	fails "^cowrun: run: option --bundle: flag needs an argument" cowrun run --bundle
	fails "^cowrun: run: option --detach: 'maybe' is neither true nor false" cowrun run --detach=maybe "$ID"
	fails "^cowrun: run: option --preserve-fds: '-1' is not a number" cowrun run --preserve-fds -1 "$ID"
	fails "^cowrun: run: usage: cowrun run \[options\] ID" cowrun run
	fails "^cowrun: run: usage: cowrun run \[options\] ID" cowrun run "$ID" x
	fails "^cowrun: exec: neither a command nor --process is given" cowrun exec "$ID"
	fails "^cowrun: option --log-format: 'xml' is none of text\|json" cowrun --log-format xml list
	fails "^cowrun: option --cgroup-manager: 'x' is none of cgroupfs\|systemd\|disabled" cowrun --cgroup-manager x list
	fails "^cowrun: option --rootless: 'x' is none of true\|false\|auto" cowrun --rootless=x list
	fails "^cowrun: list: option --format: 'xml' is none of table\|json" cowrun list -f xml
}

@test "output that cannot be written is an error" {
	bundle "$(args true)"
	cowrun create -b "$BUNDLE" "$ID" >/dev/null 2>&1
	local verb
	for verb in list "state $ID" "ps --format json $ID" --help; do
		# shellcheck disable=SC2086 # words
		"$COWRUN" --root "$STATE" $verb >/dev/full 2>"$SCRATCH/err" && { say "$verb succeeded"; return 1; }
		grep -q 'no space left on device$' "$SCRATCH/err" || { cat "$SCRATCH/err" >&2; false; }
	done
}

@test "a reader that goes away does not leave half a container" {
	bundle '.process.capabilities.bounding += ["CAP_NO_SUCH"] | .process.args = ["/nope"]'
	# the warning, and then the error, go to a pipe that nobody reads
	mkfifo "$SCRATCH/pipe"
	# shellcheck disable=SC2217 # it is there to hold the pipe open and not to read it
	sleep 1000 <"$SCRATCH/pipe" 3>&- &
	local reader=$!
	exec 8>"$SCRATCH/pipe"
	kill $reader
	wait $reader || true
	local seen=0
	"$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID" 2>&8 || seen=$?
	exec 8>&-
	[ $seen = 1 ]
	assert_gone "$ID"
}

@test "what a name holds does not make a second line or a control character" {
	bundle '.process.args = ["/no/such\n\u001b[31mred"]'
	fails "^cowrun: run: executable file '/no/such\?\?\[31mred' not found" cowrun run -b "$BUNDLE" "$ID"
	fails "^cowrun: run: open the bundle '/no\?such': no such file or directory" cowrun run -b $'/no\nsuch' "$ID"
}
