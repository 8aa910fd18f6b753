# cow run --net and -p: networks by pasta and slirp4netns, and those of others. The host of these tests is a network
# namespace of its own, with one interface, a name server and two web servers; nothing leaves it.
load helpers
load cow

setup_file() {
	scratch_make
	[ -n "${COWRUN_GUEST:-}" ] || host_make
	image_make
}

# The holder of the namespaces, and in them what serves. Perl's is the name server: it answers 192.0.2.77.
host_make() {
	unshare -n -m sleep 1000 3>&- &
	HOST=$!
	export HOST SERVERS
	eventually eval '[ "$(readlink "/proc/$HOST/ns/net")" != "$(readlink /proc/self/ns/net)" ]'
	printf 'search example.test\nnameserver 192.0.2.1\n' >"$SCRATCH/resolv.conf"
	host sh -c 'mount --make-rprivate / && mount --bind "$SCRATCH/resolv.conf" /etc/resolv.conf && ip link set lo up &&
		ip link add up0 type veth peer name up1 && ip addr add 192.0.2.1/24 dev up0 && ip link set up0 up &&
		ip link set up1 up && ip route add default via 192.0.2.254'
	mkdir "$SCRATCH/web"
	echo hello >"$SCRATCH/web/hello"
	serve busybox httpd -f -p 127.0.0.1:8000 -h "$SCRATCH/web"
	serve busybox httpd -f -p 192.0.2.1:8001 -h "$SCRATCH/web"
	serve perl -e 'use IO::Socket::INET;
		my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "192.0.2.1", LocalPort => 53) or die "bind: $!";
		while (defined $s->recv(my $q, 512)) {
			my $end = index($q, "\0", 12) + 5;
			$s->send(substr($q, 0, 2) . pack("n5", 0x8180, 1, 1, 0, 0) . substr($q, 12, $end - 12) .
				pack("n3Nn", 0xc00c, 1, 1, 60, 4) . pack("C4", 192, 0, 2, 77));
		}'
	eventually host busybox wget -qO- http://127.0.0.1:8000/hello
	eventually host busybox wget -qO- http://192.0.2.1:8001/hello
}

serve() {
	nsenter -t "$HOST" -n -m -- "$@" >/dev/null 2>&1 3>&- &
	SERVERS+=" $!"
}

teardown_file() {
	# shellcheck disable=SC2086 # words
	[ -z "${HOST:-}" ] || kill $SERVERS "$HOST"
	scratch_remove
}

setup() { need_host "a guest has neither veth nor tun"; }

host() { nsenter -t "$HOST" -n -m -- "$@"; }
cow() {
	if [ -z "${HOST:-}" ]; then "$COW" --root "$STATE" --store "$STORE" "$@" 3>&-
	else host "$COW" --root "$STATE" --store "$STORE" "$@" 3>&-; fi
}

need_network() { [ -e /dev/net/tun ] || skip "needs /dev/net/tun"; need_program "$1"; }

# in_network WORDS SCRIPT: what the script says in such a container
in_network() { run --separate-stderr cow run --rm --net "$1" "$IMAGE" sh -c "$2"; }

# background OPTIONS... -- COMMAND...
background() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	cow run -d --name "$NAME" "${options[@]}" "$IMAGE" "${@:2}" >"$SCRATCH/out" 2>&1
}

# The keeper and all below it; what is not there is not told.
descendants() {
	local pid
	echo "$1"
	# shellcheck disable=SC2013 # words of one line
	for pid in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do descendants "$pid"; done
}
network_processes() { descendants "$(inspect "$NAME" network_pid)"; }
all_gone() { local pid; for pid; do is_gone "$pid" || return 1; done; }

reaches_out() {
	need_network "$1"
	in_network "user:$1" 'ip -o -4 addr show tap0 | sed -E "s/.*inet ([^ ]+).*/\1/"; ip route | head -n 1
		nslookup -type=a some.name | sed -n "s/^Address: *192/192/p"; wget -qO- http://192.0.2.1:8001/hello'
	assert_status 0
	assert_output "10.0.2.100/24
default via 10.0.2.2 dev tap0 
192.0.2.77
hello"
	assert_nothing_left
}

@test "pasta: address, route, names and servers, from the first command on" { reaches_out pasta; }
@test "slirp4netns: address, route, names and servers, from the first command on" { reaches_out slirp4netns; }

keeps_loopback_apart() {
	need_network "$1"
	in_network "user:$1,host-loopback" 'wget -qO- http://10.0.2.2:8000/hello'
	assert_status 0
	assert_output hello
	in_network "user:$1" 'wget -qO- http://127.0.0.1:8000/hello || timeout 1 wget -qO- http://10.0.2.2:8000/hello || echo no'
	assert_output no
}

@test "pasta: the host's loopback is the router's address when asked for, and else nowhere" { keeps_loopback_apart pasta; }
@test "slirp4netns: the host's loopback is the router's address when asked for, and else nowhere" { need_length; keeps_loopback_apart slirp4netns; }

publishes() {
	need_network "$1"
	cp "$HELPERS/probe" "$SCRATCH/web/"
	background --net "$1" -p 8080:80 -p 192.0.2.1:5300:5353/udp -v "$SCRATCH/web:/web" -- \
		sh -c '/web/probe echo 5353 & exec httpd -f -p 80 -h /web'
	[ "$(cow inspect "$NAME" | jq -c '.[0] | [.network, .ports]')" = "[\"$1\",[\"8080:80/tcp\",\"192.0.2.1:5300:5353/udp\"]]" ]
	cow ps | grep -q '8080:80/tcp 192.0.2.1:5300:5353/udp$'
	[ "$(cow ps --json | jq -c '.[0].ports')" = '["8080:80/tcp","192.0.2.1:5300:5353/udp"]' ]
	eventually host busybox wget -qO- http://127.0.0.1:8080/hello
	[ "$(host busybox wget -qO- http://192.0.2.1:8080/hello)" = hello ]
	# asked again until it is answered: datagrams may get lost
	run host perl -e 'use IO::Socket::INET; use IO::Select;
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "192.0.2.1", PeerPort => 5300) or die;
		for (1 .. 50) { $s->send("hi"); next unless IO::Select->new($s)->can_read(0.2);
			if (defined $s->recv(my $answer, 9)) { print $answer; exit } }'
	assert_output hi
	# a port of the host is had once
	fails "run: network: $1.* 8080:80" cow run --rm --name "$NAME-2" --net "$1" -p 8080:80 "$IMAGE" true
	assert_nothing_of "$NAME-2"
	cow rm -f "$NAME"
	# and free when `rm` returns
	run --separate-stderr cow run --rm --net "$1" -p 8080:80 "$IMAGE" true
	assert_status 0
	assert_nothing_left
}

@test "pasta: ports of TCP and UDP, shown by ps and inspect" { publishes pasta; }
@test "slirp4netns: ports of TCP and UDP, shown by ps and inspect" { publishes slirp4netns; }

# ends_after PROGRAM COMMAND...: the network's processes end when that has been done; $NAME runs
ends_after() {
	local pids
	mapfile -t pids < <(network_processes)
	[ "${#pids[@]}" -ge 2 ]
	"${@:2}"
	eventually all_gone "${pids[@]}"
}

ends_with_container() {
	need_network "$1"
	background --net "$1" -- sleep 1000
	ends_after "$1" kill -9 "$(inspect "$NAME" pid)"
	cow wait "$NAME"
	cow rm "$NAME"
	background --net "$1" -- sleep 1000
	ends_after "$1" cow rm -f "$NAME"
	# the monitor is not who keeps it: the container has a network without him, and both end together
	background --net "$1" -- sh -c 'until [ -e /tmp/go ]; do sleep 0.1; done; wget -qO- http://192.0.2.1:8001/hello >/tmp/got; sleep 1000'
	kill -9 "$(monitor_of "$NAME")"
	cow exec "$NAME" touch /tmp/go
	eventually eval '[ "$(cow exec "$NAME" cat /tmp/got)" = hello ]'
	ends_after "$1" kill -9 "$(inspect "$NAME" pid)"
	cow rm -f "$NAME"
	# whoever kills the keeper kills what it keeps
	background --net "$1" -- sleep 1000
	ends_after "$1" kill -9 "$(inspect "$NAME" network_pid)"
	is_status "$NAME" running
	cow rm -f "$NAME"
	assert_nothing_left
}

@test "pasta ends with the container, whatever ends that" { ends_with_container pasta; }
@test "slirp4netns ends with the container, whatever ends that" { need_length; ends_with_container slirp4netns; }

@test "in the foreground: it ends when cow is killed and its container after it" {
	need_network pasta
	cow run --name "$NAME" --net pasta "$IMAGE" sleep 1000 >"$SCRATCH/out" 2>&1 &
	local job=$!
	eventually is_executing "$NAME" sleep
	ends_after pasta eval 'kill -9 "$(awk "{ print \$4 }" "/proc/$(inspect "$NAME" pid)/stat")"; cow rm -f "$NAME"'
	ends_with 137 "$job"
	assert_nothing_left
}

@test "what is typed at a terminal is for the container, and not for its network" {
	need_network pasta
	background --net pasta -- sleep 1000
	local pid session
	session=$(awk '{ print $6 }' "/proc/$(monitor_of "$NAME")/stat")
	for pid in $(network_processes); do [ "$(awk '{ print $6 }' "/proc/$pid/stat")" != "$session" ]; done
	cow rm -f "$NAME"
}

@test "ports alone ask for a network; into another none leads" {
	need_network pasta
	run --separate-stderr cow run --rm -p 8080:80 "$IMAGE" ip -o link show tap0
	assert_status 0
	fails "option --publish: no port can lead into network 'host' \(hint: --net user\)" cow run --net host -p 80:80 "$IMAGE" true
	fails "'80:80/tcp' and '127.0.0.1:80:81' are the same port of the host" cow run -p 80:80 -p 127.0.0.1:80:81 "$IMAGE" true
	fails "option --publish: port '80': not \[IP:\]HOSTPORT:PORT" cow run -p 80 "$IMAGE" true
}

@test "--net ns:PATH: a network namespace that somebody else made" {
	nsenter -t "$HOST" -n -m unshare -n sh -c 'ip link add mine type veth peer name other && exec sleep 1000' 3>&- &
	local other=$!
	eventually nsenter -t "$other" -n ip link show mine
	in_network "ns:/proc/$other/ns/net" 'ip -o link show mine | cut -d@ -f1; cat /etc/resolv.conf'
	assert_status 0
	assert_output_matches 'mine
search example.test
nameserver 192.0.2.1$'
	kill "$other"
	fails "'etc/ns' is not an absolute path" cow run --net ns:etc/ns "$IMAGE" true
	fails "/nonexistent" cow run --net ns:/nonexistent "$IMAGE" true
	assert_nothing_left
}

@test "--net container:NAME: that of another container" {
	need_network pasta
	background --net pasta -- sleep 1000
	in_network "container:$NAME" 'ip -o -4 addr show tap0 | grep -o "10[.0-9]*/24"; head -n 1 /etc/resolv.conf'
	assert_status 0
	assert_output "10.0.2.100/24
nameserver 10.0.2.3"
	cow rm -f "$NAME"
	fails "network: container '$NAME' does not exist" cow run --net "container:$NAME" "$IMAGE" true
	assert_nothing_left
}

@test "resolv.conf: the host's, the user's own, and none without a network" {
	in_network host 'cat /etc/resolv.conf; echo x >>/etc/resolv.conf'
	assert_status 1
	assert_output "$(cat "$SCRATCH/resolv.conf")"
	echo "nameserver 192.0.2.9" >"$SCRATCH/own"
	run --separate-stderr cow run --rm --net host -v "$SCRATCH/own:/etc/resolv.conf" "$IMAGE" cat /etc/resolv.conf
	assert_output "nameserver 192.0.2.9"
	in_network none 'cat /etc/resolv.conf'
	assert_status 1
	# It is for every user in there.
	run --separate-stderr cow run --rm --net host --user 33 "$IMAGE" cat /etc/resolv.conf
	assert_output "$(cat "$SCRATCH/resolv.conf")"
}

@test "neither program is there: the packages are named, and nothing is left" {
	fails "neither 'pasta' \(package passt\) nor 'slirp4netns' \(package slirp4netns\) is installed" \
		env PATH=/nonexistent "$COW" --root "$STATE" --store "$STORE" run --net user "$IMAGE" true
	fails "'slirp4netns' is not installed \(package slirp4netns\)" \
		env PATH=/nonexistent "$COW" --root "$STATE" --store "$STORE" run --net user:slirp4netns "$IMAGE" true
	assert_nothing_left
}

@test "a program that cannot: its own words, and nothing is left" {
	mkdir "$SCRATCH/bin"
	printf '#!/bin/sh\necho "not this" >&2\necho "no uplink today" >&2\nexit 1\n' >"$SCRATCH/bin/pasta"
	chmod +x "$SCRATCH/bin/pasta"
	PATH=$SCRATCH/bin:$PATH fails "run: network: pasta: no uplink today$" cow run --net user "$IMAGE" true
	printf '#!/bin/sh\nexit 1\n' >"$SCRATCH/bin/pasta"
	PATH=$SCRATCH/bin:$PATH fails "run: network: '$SCRATCH/bin/pasta' ended without a word$" cow run --net user "$IMAGE" true
	assert_nothing_left
}

@test "words that are none" {
	fails "'bridge' is not none\|host\|user" cow run --net bridge "$IMAGE" true
	fails "'ns' is not none" cow run --net ns "$IMAGE" true
	fails "'host:x' is not none" cow run --net host:x "$IMAGE" true
	fails "'tap' is neither pasta, slirp4netns nor host-loopback" cow run --net user:tap "$IMAGE" true
	fails "container id '../x'" cow run --net container:../x "$IMAGE" true
}
