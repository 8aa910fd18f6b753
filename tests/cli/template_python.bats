# Python as a template: cow_template.ready(), what of the template is gone in a fork, and what is shared with it.
load helpers
load cow
load python

PYTHON_IMAGE=${IMAGE%:*}:python
T=$ID-t

setup_file() {
	scratch_make
	need_program /usr/bin/python3
	python_image_make "$PYTHON_IMAGE"
	mkdir -m 777 "$SCRATCH/out"
}

teardown() {
	local left
	left=$(cow ps -aq | grep -vx -- "$T" || true)
	# shellcheck disable=SC2086 # names, one a word
	[ -z "$left" ] || cow rm -f $left >/dev/null
	cow rm -f "$T" >/dev/null 2>&1 || true
	rm -rf "$SCRATCH"/out/*
	assert_nothing_left
}

# template_make [OPTION...] -- SCRIPT: a template that runs it
template_make() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	printf '%s\n' "$2" >"$SCRATCH/out/program.py"
	cow template create -v "$SCRATCH/out:/out" "${options[@]}" "$T" "$PYTHON_IMAGE" python3 /out/program.py >/dev/null
}

# fork_run [OPTION...] -- [WORD...]: a fork to its end; $status, and $output: its log
fork_run() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	cow fork --name "$NAME" "${options[@]}" "$T" "$@" >/dev/null
	status=$(cow wait "$NAME")
	output=$(cow logs "$NAME" 2>&1)
	cow rm "$NAME" >/dev/null
}

@test "what is drawn by chance differs in all forks" {
	local n=100 kind
	[ -z "${COWRUN_ALL:-}" ] || n=1000
	# All has been drawn from before: what is kept somewhere is the same in all forks, if nobody sees to it.
	template_make -- 'import json, multiprocessing, os, random, ssl, sys, tempfile, uuid
def draw():
    return {"kernel": os.urandom(8).hex(), "openssl": ssl.RAND_bytes(8).hex(), "random": random.random(),
        "uuid4": str(uuid.uuid4()), "uuid1": str(uuid.uuid1()), "node": uuid.getnode(),
        "temporary": next(tempfile._get_candidate_names()), "key": multiprocessing.current_process().authkey.hex()}
draw()
import cow_template
cow_template.ready()
print(json.dumps(draw()), flush=True)'
	cow fork -n $n "$T" >"$SCRATCH/names"
	for container in $(<"$SCRATCH/names"); do
		eventually has_line "$container" kernel
		cow logs "$container"
	done >"$SCRATCH/drawn"
	for kind in kernel openssl random uuid4 uuid1 node temporary key; do
		[ "$(jq ".$kind" "$SCRATCH/drawn" | sort -u | wc -l)" = $n ] || { say "$kind:" && jq ".$kind" "$SCRATCH/drawn" | sort | uniq -cd >&2; return 1; }
	done
}

@test "a fork has arguments, environment and time zone of its own" {
	template_make -e SECRET=hidden -e BOTH=template -- 'import ctypes, json, os, sys, time
import cow_template
cow_template.ready()
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print(json.dumps({"argv": [os.fsencode(word).hex() if word[0] > "z" else word for word in sys.argv], "secret": os.environ.get("SECRET"), "both": os.environ["BOTH"], "c": [str(getenv(b"SECRET")),
    getenv(b"BOTH").decode()], "fd": os.environ.get("COW_TEMPLATE_FD"), "zone": time.tzname[0], "pid": os.getpid(),
    "child": os.popen("echo $BOTH $SECRET").read()}))'
	fork_run -e BOTH=fork -e TZ=XYZ-3 -- one "two three" $'\xff'
	assert_status 0
	[ "$(jq -c '[.argv, .secret, .both, .c, .fd, .zone, .pid, .child]' <<<"$output")" = \
		'[["one","two three","ff"],null,"fork",["None","fork"],null,"XYZ",1,"fork\n"]' ] || { say "$output"; return 1; }
	# None: the template's.
	fork_run -e BOTH= --
	assert_status 0
	[ "$(jq -c '[.argv, .both]' <<<"$output")" = '[["/out/program.py"],""]' ] || { say "$output"; return 1; }
}

@test "a fork without a network of its own is in the host's, not in its template's" {
	template_make -- 'import os, cow_template
cow_template.ready()
print(os.readlink("/proc/self/ns/net"), os.uname().nodename)'
	fork_run --net host --
	assert_output "$(readlink /proc/self/ns/net) $(uname -n)"
	fork_run --
	assert_output_matches "^net:\[[0-9]+\] $NAME\$"
	[ "${output% *}" != "$(readlink /proc/self/ns/net)" ]
}

@test "fork handlers run: those before once, those in the child in each fork" {
	template_make -- 'import gc, os
counts = {"before": 0, "child": 0, "parent": 0}
def count(what): counts[what] += 1
os.register_at_fork(before=lambda: count("before"), after_in_child=lambda: count("child"), after_in_parent=lambda: count("parent"))
import threading, cow_template
cow_template.ready()
thread = threading.Thread(target=lambda: count("child"))
thread.start()
thread.join()
print(counts, gc.isenabled(), gc.get_freeze_count() > 1000, os.fork() and os.wait()[1])'
	for _ in 1 2 3; do
		fork_run --
		assert_status 0
		assert_output_matches "'before': [12], 'child': 2, 'parent': [01]\} True True 0"
	done
}

@test "a fork has less than a MiB to itself, after a garbage collection too" {
	local private
	template_make -- 'import asyncio, decimal, json, ssl, gc, os, signal, sys
DATA = [{"number": n, "text": str(n)} for n in range(100_000)]
import cow_template
cow_template.ready()
if sys.argv[1:]:
    gc.collect()
os.write(1, b"ready\n")
signal.pause()'
	for words in "" "program collect"; do
		# shellcheck disable=SC2086 # words
		cow fork --name "$NAME" "$T" $words >/dev/null
		eventually has_line "$NAME" ready
		# What it reads of frozen memory, or of a file, is nobody else's at the moment, and none of it is a copy.
		private=$(cow mem --json | jq --arg name "$NAME" '.containers[] | select(.name == $name) |
			.private_bytes - .kinds.shmem.private_bytes - .kinds.file.private_bytes')
		# 13 MiB and more where the collector has written to all objects
		[ "$private" -le $((${#words} ? 1400000 : 1048576)) ] || { say "'$words': private: $private"; return 1; }
		cow rm -f "$NAME" >/dev/null
	done
}

@test "cow_template.leave() ends a fork with its status, with what it has to say, and atexit's" {
	template_make -- 'import atexit, sys, cow_template
cow_template.ready()
atexit.register(print, "at exit")
print("end")
if sys.argv[1:]: cow_template.leave(7)
sys.exit(8)'
	fork_run -- program leave
	assert_status 7
	assert_output $'end\nat exit'
	fork_run --
	assert_status 8
	assert_output $'end\nat exit'
}

@test "a thread and an event loop are refused, with the reason" {
	fails "another thread" cow template create "$T" "$PYTHON_IMAGE" python3 -c 'import threading, time, cow_template
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
cow_template.ready()'
	fails "an epoll instance|a socket" cow template create "$T" "$PYTHON_IMAGE" python3 -c 'import asyncio, cow_template
loop = asyncio.new_event_loop()
cow_template.ready()'
	assert_nothing_left
}

@test "the same program runs plainly" {
	run --separate-stderr cow run --rm -e PYTHONPATH=/template -v "$OUT/template:/template:ro" "$PYTHON_IMAGE" \
		python3 -c 'import cow_template; print(cow_template.ready())'
	assert_status 0
	assert_output False
}
