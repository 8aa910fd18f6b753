# The log: what engines read of a failure, and nothing else, unless more is asked for.
load helpers
load containers

@test "a failure is one record in the log, as JSON or text, and nothing else is" {
	bundle '.process.args = ["/no/such\"quoted\\"] | .process.capabilities.bounding += ["CAP_NO_SUCH"]'
	local log=$SCRATCH/log.json
	cowrun --log "$log" --log-format json run -b "$BUNDLE" "$ID" 2>"$SCRATCH/err" || true
	[ "$(wc -l <"$log")" = 1 ]
	[ "$(jq -r .level "$log")" = error ]
	[[ $(jq -r .msg "$log") == *"executable file '/no/such\"quoted\\' not found: no such file or directory" ]]
	date -d "$(jq -r .time "$log")" >/dev/null
	grep -qF "$(jq -r '.msg | .[-40:]' "$log")" "$SCRATCH/err"
	# appended to, by the next command
	cowrun --log="$log" --log-format=json state "$ID" 2>/dev/null || true
	[ "$(jq -r .level "$log" | tr '\n' ' ')" = "error error " ]
	[[ $(tail -n 1 "$log" | jq -r .msg) == *"container '$ID' does not exist"* ]]
	cowrun --log "$SCRATCH/log.txt" state "$ID" 2>/dev/null || true
	grep -q "^time=\"20.*\" level=error msg=\".*container '$ID' does not exist" "$SCRATCH/log.txt"
	# success says nothing
	bundle "$(args true)"
	cowrun --log "$SCRATCH/quiet" --log-format json run -b "$BUNDLE" "$ID"
	[ ! -s "$SCRATCH/quiet" ]
}

# warned OPTION...: of a container that is warned about, with these options; the log in $SCRATCH/log, stderr in $output
warned() {
	bundle "$(args true) | .process.capabilities.bounding += [\"CAP_NO_SUCH\"]"
	rm -f "$SCRATCH/log"
	run cowrun "$@" run -b "$BUNDLE" "$ID"
	assert_status 0
}
levels() { jq -r .level "$SCRATCH/log" | sort -u | tr '\n' ' '; }

@test "a warning is on stderr where there is no log, and in the log for who asks for it" {
	local to=(--log "$SCRATCH/log" --log-format json)
	warned
	assert_output_matches '^cowrun: warning: ignoring unknown or unavailable capabilities: \[CAP_NO_SUCH\]$'
	warned --log-level error
	assert_output ''
	# an engine's: what is on stderr is in the container's log
	warned "${to[@]}"
	assert_output ''
	[ ! -s "$SCRATCH/log" ]
	warned "${to[@]}" --log-level warning
	assert_output ''
	[ "$(levels)" = "warning " ]
	warned "${to[@]}" --log-level error
	assert_output ''
	[ ! -s "$SCRATCH/log" ]
}

@test "--debug tells what is done: in the log, or on stderr where there is none" {
	warned --log "$SCRATCH/log" --log-format json --debug
	[[ $output != *debug* ]]
	[ "$(levels)" = "debug warning " ]
	warned --log "$SCRATCH/log" --log-level debug
	grep -q '^time="20[^"]*Z" level=debug msg="' "$SCRATCH/log"
	warned --debug
	assert_output_matches $'(^|\n)time="20[^"]*Z" level=debug msg="'
	warned --debug --log-format json
	assert_output_matches $'(^|\n)\{"time":"20[^"]*Z","level":"debug","msg":"'
}

@test "the log may have any name, is its owner's, and is never cut" {
	local log="$SCRATCH/file:a log"
	cowrun --log "$log" state "$ID" 2>/dev/null || true
	[ "$(wc -l <"$log")" = 1 ]
	[ "$(stat -c %a "$log")" = 600 ]
	echo before >"$log"
	cowrun --log="$log" state "$ID" 2>/dev/null || true
	[ "$(head -n 1 "$log")" = before ]
	[ "$(wc -l <"$log")" = 2 ]
	# an option that is wrong is told there too
	cowrun --log="$log" --nope list 2>/dev/null || true
	grep -q "msg=\"unknown option '--nope'\"$" "$log"
}

@test "a log that cannot be written is told before anything is done" {
	bundle "$(args true)"
	fails "^cowrun: open the log '/no/such/log': no such file or directory$" cowrun --log /no/such/log run -b "$BUNDLE" "$ID"
	fails "^cowrun: open the log '/': is a directory$" cowrun --log / run -b "$BUNDLE" "$ID"
	assert_gone "$ID"
}

@test "bytes that are no UTF-8 do not spoil the log" {
	cowrun --log "$SCRATCH/log.bytes" --log-format json run -b $'/no/such\xff\xc0"\\' "$ID" 2>/dev/null || true
	[[ $(jq -r .msg "$SCRATCH/log.bytes") == "run: open the bundle '/no/such"*"\"\\': no such file or directory" ]]
}

@test "no file is read for the time of a record" {
	need_static "a leak sanitizer does not work under strace"
	need_program strace
	TZ=:/etc/passwd strace -f -e trace=open,openat -o "$SCRATCH/trace" "$COWRUN" --log "$SCRATCH/log.time" --root "$STATE" state "$ID" 2>/dev/null || true
	[ -s "$SCRATCH/log.time" ]
	not grep -E 'passwd|localtime|zoneinfo' "$SCRATCH/trace"
}
