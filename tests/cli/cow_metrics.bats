# cow metrics: OpenMetrics text, held against a strict parser, over Unix sockets and loopback ports.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow

# Two containers of 8 and 1 MiB, for all tests: A and B.
setup_file() {
	scratch_make
	image_make
	A=$NAME-a B=$NAME-b
	export A B
	cow run -d --name "$A" "$IMAGE" hog 8 forever >/dev/null
	cow run -d --name "$B" "$IMAGE" hog 1 forever >/dev/null
	eventually has_line "$A" ready
	eventually has_line "$B" ready
}

setup() {
	need_program curl
	[ -e /usr/lib/python3/dist-packages/prometheus_client/openmetrics ] || skip "needs python3-prometheus-client"
}

# What a test has started, is ended by its pid.
teardown() {
	local pid
	for pid in ${SERVERS:-}; do kill -KILL "$pid" 2>/dev/null || true; done
}
teardown_file() {
	containers_remove
	scratch_remove
}

# serve WORD...: cow metrics with these words, in the background; SERVER is its pid, WHERE where it listens
serve() {
	: >"$SCRATCH/where"
	"$COW" --root "$STATE" --store "$STORE" metrics "$@" >"$SCRATCH/where" 2>"$SCRATCH/errors" 3>&- &
	SERVER=$!
	SERVERS+=" $SERVER"
	eventually test -s "$SCRATCH/where"
	WHERE=$(<"$SCRATCH/where")
}

# parse: the text in $SCRATCH/text; sample NAME LABEL=VALUE...: the values of its samples of that name with these labels
parse() { "$BATS_TEST_DIRNAME/metrics.py" <"$SCRATCH/text" >"$SCRATCH/samples"; }
sample() {
	jq -r --args '($ARGS.positional[1:] | map(split("=") | {key: .[0], value: (.[1:] | join("="))})) as $labels |
		select(.name == $ARGS.positional[0]) | . as $sample |
		select($labels | all($sample.labels[.key] == .value)) | .value' "$@" <"$SCRATCH/samples"
}
scrape() { curl -sS "$@" >"$SCRATCH/text" && parse; }
scrape_unix() { scrape --max-time 30 --unix-socket "$1" http://localhost/metrics; }

@test "the text is what a strict parser takes, and says what cow mem says" {
	cow metrics --once --pairs >"$SCRATCH/text"
	parse
	cow mem --json >"$SCRATCH/census"
	[ "$(grep -c '^{"family"' "$SCRATCH/samples")" -ge 25 ]
	local name figure
	for name in "$A" "$B"; do
		for figure in unique private shared kernel cost swap; do
			[ "$(sample "cow_container_${figure}_bytes" "name=$name")" = \
				"$(jq ".containers[] | select(.name == \"$name\").${figure}_bytes" "$SCRATCH/census")" ]
		done
		[ "$(sample cow_container_kind_private_bytes "name=$name" kind=anon)" = \
			"$(jq ".containers[] | select(.name == \"$name\").kinds.anon.private_bytes" "$SCRATCH/census")" ]
	done
	[ "$(sample cow_container_shared_with_bytes "name=$A" "with=$B")" = \
		"$(jq ".containers[] | select(.name == \"$A\").shared_with[] | select(.name == \"$B\").bytes" "$SCRATCH/census")" ]
	[ "$(sample cow_union_bytes)" = "$(jq .union_bytes "$SCRATCH/census")" ]
	[ "$(sample cow_container_info role=container | wc -l)" = 2 ]
	[ "$(sample cow_census_exact)" = 1 ]
	[ "$(tail -n 1 "$SCRATCH/text")" = '# EOF' ]
	# Absent, and not 0, where the host cannot tell.
	[ "$(sample cow_container_charged_bytes | wc -l)" = "$(jq '[.containers[].charged_bytes | numbers] | length' "$SCRATCH/census")" ]
	cow metrics --once "$B" >"$SCRATCH/text"
	parse
	[ "$(sample cow_container_processes)" = 1 ]
	[ -z "$(sample cow_container_shared_with_bytes)" ]
}

# connections REGEX: to $WHERE, on its side, with such a receive queue; have_asked N: and are not read yet
connections() {
	local port=${WHERE##*:}
	grep -ciE "^ *[0-9]+: 0100007F:$(printf %04X "${port%/metrics}") 0100007F:[0-9A-F]+ 01 [0-9A-F]+:$1 " /proc/net/tcp
}
have_asked() { [ "$(connections '0*[1-9A-F][0-9A-F]*')" = "$1" ]; }

@test "a loopback port: one census a scrape, and one for all that come meanwhile" {
	serve -l 127.0.0.1:0
	[[ $WHERE =~ ^http://127.0.0.1:[0-9]+/metrics$ ]]
	run curl -sS -D "$SCRATCH/head" -o "$SCRATCH/text" "$WHERE"
	assert_status 0
	parse
	grep -qi '^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8' "$SCRATCH/head"
	[ "$(sample cow_container_processes "name=$A")" = 1 ]
	[ "$(sample cow_censuses_total)" = 1 ]
	scrape --max-time 30 "$WHERE"
	[ "$(sample cow_censuses_total)" = 2 ]
	# It stands still until all of them have asked.
	local i pids=()
	kill -STOP "$SERVER"
	for i in {1..30}; do
		curl -sS --max-time 100 "$WHERE" >"$SCRATCH/scrape.$i" 3>&- &
		pids+=($!)
	done
	eventually have_asked 30
	kill -CONT "$SERVER"
	wait "${pids[@]}"
	for i in {1..30}; do [ "$(tail -n 1 "$SCRATCH/scrape.$i")" = '# EOF' ]; done
	scrape --max-time 30 "$WHERE"
	[ "$(sample cow_censuses_total)" -lt 25 ]
	kill -TERM "$SERVER"
	ends_with 0 "$SERVER"
	[ ! -s "$SCRATCH/errors" ]
}

@test "it can be ended while somebody waits" {
	local i n pids=()
	for i in 1 2 3; do
		serve -l 127.0.0.1:0
		# Behind a census is a rest, in which those who ask wait.
		scrape --max-time 30 "$WHERE"
		for n in 1 2 3; do
			curl -sS --max-time 30 "$WHERE" >"$SCRATCH/scrape" 2>&1 3>&- &
			pids+=($!)
		done
		# Some are there, most likely.
		for n in {1..30}; do
			! connections '[0-9A-F]+' >/dev/null || break
		done
		kill -TERM "$SERVER"
		ends_with 0 "$SERVER"
	done
	for i in "${pids[@]}"; do wait "$i" || true; done
	[ ! -s "$SCRATCH/errors" ]
}

@test "what is no scrape is told so" {
	serve -l 127.0.0.1:0
	status_of() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }
	[ "$(status_of "${WHERE%/metrics}/")" = 404 ]
	[ "$(status_of "$WHERE/")" = 404 ]
	[ "$(status_of -X POST -d x "$WHERE")" = 405 ]
	[ "$(status_of -H 'Host: example.org' "$WHERE")" = 403 ]
	[ "$(status_of -I "$WHERE")" = 200 ]
	[ "$(curl -sS "${WHERE%/metrics}/")" = 'The metrics are at /metrics.' ]
}

@test "a Unix socket is its owner's, is removed, and is replaced where nobody listens" {
	local socket=$SCRATCH/a-directory-with-a-name-that-is-longer-than-a-socket-address-has-room-for-and-more-than-that/socket
	mkdir "${socket%/*}"
	serve --listen "unix:$socket"
	[ "$(stat -c '%a %F' "$socket")" = '600 socket' ]
	(cd "${socket%/*}" && scrape_unix socket)
	[ "$(sample cow_container_processes "name=$A")" = 1 ]
	fails "somebody listens at '.*/socket' already" cow metrics --listen "unix:$socket"
	(cd "${socket%/*}" && scrape_unix socket)
	# One that was killed leaves it, and another one takes its place.
	kill -KILL "$SERVER"
	wait "$SERVER" || true
	[ -S "$socket" ]
	serve --listen "unix:$socket"
	(cd "${socket%/*}" && scrape_unix socket)
	kill -INT "$SERVER"
	ends_with 0 "$SERVER"
	[ ! -e "$socket" ]
	echo text >"$socket"
	fails "is there, and is no socket" cow metrics --listen "unix:$socket"
	[ "$(<"$socket")" = text ]
}

@test "who only holds connections does not keep others out" {
	serve -l 127.0.0.1:0
	local tries held
	# (On a machine that is so busy that they are dropped for being slow meanwhile, once more.)
	for tries in {1..5}; do
		hold_connections
		scrape --max-time 60 "$WHERE"
		[ "$(sample cow_container_processes "name=$A")" = 1 ]
		held=$(connections '[0-9A-F]+' || true)
		[ "$held" -lt 32 ] || break
	done
	[ "$held" -ge 32 ] || { say "in $tries tries nobody was held any more"; return 1; }
	[ "$held" -le 65 ] || { say "it came late, beside $held that are held"; return 1; }
	# And a request without an end is dropped at once.
	run curl -sS --max-time 20 -H "X: $(printf '%20000s' x)" "$WHERE"
	[[ $status -ne 0 || $output != *EOF* ]]
	scrape --max-time 30 "$WHERE"
	[ "$(sample cow_container_processes "name=$A")" = 1 ]
}

# Many that never come to the end of what they ask: 256 of them, for which there is a place, and fewer than 32.
hold_connections() {
	local port=${WHERE#http://127.0.0.1:}
	[ -z "${HOLDER:-}" ] || kill "$HOLDER"
	rm -f "$SCRATCH/held"
	/usr/bin/python3 - "${port%/metrics}" "$SCRATCH/held" <<-'EOT' 3>&- &
	import socket, sys, time
	held = []
	for i in range(280):
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	    s.setblocking(False)
	    try:
	        s.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-" + b"x" * (i % 3 * 100))
	    except OSError:
	        pass
	    held.append(s)
	open(sys.argv[2], "w").write("yes")
	time.sleep(60)
	EOT
	HOLDER=$!
	SERVERS+=" $HOLDER"
	eventually test -s "$SCRATCH/held"
}

@test "one that was full listens again when it has answered" {
	serve -l 127.0.0.1:0
	local port=${WHERE#http://127.0.0.1:}
	# 256 wait for a census that stands still, and those behind them for a place. It is there at once when all the
	# others are answered, and not when the server next looks around by itself, a minute later.
	timeout 300 /usr/bin/python3 - "${port%/metrics}" "$SERVER" <<-'EOT' 3>&-
	import os, re, select, signal, socket, sys, time
	port, server = int(sys.argv[1]), sys.argv[2]
	held = []
	def ask():
	    s = socket.create_connection(("127.0.0.1", port))
	    s.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
	    held.append(s)
	def await_(what, seconds):
	    end = time.monotonic() + seconds
	    while not what():
	        if time.monotonic() > end:
	            sys.exit("waited in vain, line %d" % sys._getframe(1).f_lineno)
	        time.sleep(0.005)
	def censuses():
	    return [int(pid) for pid in open(f"/proc/{server}/task/{server}/children").read().split()]
	def stands(pid):
	    try:
	        os.kill(pid, signal.SIGSTOP)
	        await_(lambda: re.search(r"^State:\s[TZ]", open(f"/proc/{pid}/status").read(), re.M), 60)
	        return "T (stopped)" in open(f"/proc/{pid}/status").read()
	    except OSError:
	        return False
	def unread():
	    return len(re.findall(r"(?im)^ *\d+: 0100007F:%04X \S+ 01 \S+:0*[1-9A-F]\S* " % port, open("/proc/net/tcp").read()))
	while True:
	    ask()
	    await_(lambda: censuses() or select.select(held[-1:], [], [], 0)[0], 60)
	    if any([stands(pid) for pid in censuses()]):
	        break
	    held.clear()
	while len(held) < 256:
	    ask()
	    await_(lambda: unread() == 0, 60)
	for i in range(40):
	    ask()
	await_(lambda: unread() == 40, 60)
	os.kill(censuses()[0], signal.SIGCONT)
	await_(lambda: unread() == 0, 40)
	EOT
}

@test "names are what they are, whatever is in them" {
	local group=$CGROUP/cowrun-test.$COWRUN_TEST-'"quoted" back\slash'$'\033容器\xff'
	mkdir "$group"
	cow metrics --once --cgroup "$group" >"$SCRATCH/text"
	rmdir "$group"
	parse
	[ "$(sample cow_container_processes "name=cowrun-test.$COWRUN_TEST-\"quoted\" back\\slash"$'\033容器\xef\xbf\xbd')" = 0 ]
}

@test "no container at all; a census that fails" {
	"$COW" --root "$SCRATCH/none" metrics --once >"$SCRATCH/text"
	parse
	[ "$(sample cow_union_bytes)" = 0 ]
	[ -z "$(sample cow_container_processes)" ]
	fails 'none' cow metrics --once "$NAME-none"
	serve -l 127.0.0.1:0 "$NAME-none"
	run curl -sS -w ' %{http_code}' "$WHERE"
	assert_output_matches "$NAME-none.* 500$"
	grep -q "$NAME-none" "$SCRATCH/errors"
}

@test "addresses of other devices are refused" {
	fails "'0.0.0.0:9477': not of the loopback device" cow metrics -l 0.0.0.0:9477
	fails "'\[::\]:9477': not of the loopback device" cow metrics -l '[::]:9477'
	fails "neither unix:PATH nor" cow metrics -l 9477
	serve -l 127.0.0.1:0
	local port=${WHERE#http://}
	fails "listen at '127.0.0.1:.*in use" cow metrics -l "${port%/metrics}"
}

@test "systemd hands over its socket" {
	need_program systemd-socket-activate
	systemd-socket-activate -l "$SCRATCH/activated" "$COW" --root "$STATE" --store "$STORE" metrics >"$SCRATCH/out" 2>&1 3>&- &
	SERVERS+=" $!"
	eventually grep -q " 00010000 .* $SCRATCH/activated\$" /proc/net/unix # somebody listens
	scrape_unix "$SCRATCH/activated"
	[ "$(sample cow_container_processes "name=$A")" = 1 ]
	kill -TERM "${SERVERS##* }"
	ends_with 0 "${SERVERS##* }"
	# It is systemd's to remove.
	[ -S "$SCRATCH/activated" ]
}
