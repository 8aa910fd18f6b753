# Templates of programs that know nothing of it: the stub is brought into them while they sleep.
load helpers
load cow
load fork
load python
load containers
load crash

T=$ID-t

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/sleepy" "$HELPERS/foreign" "$HELPERS/heir" "$SCRATCH/rootfs/bin/"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" "$IMAGE" >/dev/null
}
setup() { need_host "a User-Mode Linux cannot read registers before 7, and has no CONFIG_CHECKPOINT_RESTORE to tell where libc has its number"; }
teardown() {
	forks_remove "$T"
	assert_nothing_left
}
teardown_file() { scratch_remove; }

template() { cow template create --inject "$@" >/dev/null; }

# says FORK LINE: it is what the fork has written, all of it
says() { [ "$(cow logs "$1" 2>&1)" = "$2" ]; }

@test "a C program goes on in each fork with what it had, and its template sleeps" {
	template "$T" "$IMAGE" sleepy 3600
	for fork in "$ID-f" "$ID-g"; do
		cow fork --name "$fork" "$T" >/dev/null
		eventually says "$fork" "woken: pid 1, interrupted, third 0.333333, locks are its own"
	done
	# It has no more open than what it was given and what its forks begin in, and nobody below it.
	pid=$(inspect "$T" pid)
	fds=("/proc/$pid/fd"/*)
	[ "${fds[*]##*/}" = "0 1 2 3 4" ]
	[[ $(readlink "/proc/$pid/fd/4") == mnt:* ]]
	eventually eval '[ -z "$(cat "/proc/$pid/task/$pid/children")" ]' # who bore the forks is reaped some time
	says "$T" ""
	# It ends when it is told to, and they go on.
	kill "$pid"
	eventually is_gone "$pid"
	is_status "$ID-f" running
}

@test "a fork has files, limits and names of its own" {
	template "$T" "$IMAGE" sleepy 3600
	cow fork --name "$ID-f" --hostname own --user 7 "$T" >/dev/null
	eventually has_line "$ID-f" woken
	run -0 cow exec "$ID-f" sh -c 'hostname; grep -w -e Uid -e CapEff -e NoNewPrivs -e Seccomp -e SigBlk -e SigCgt /proc/1/status
		ls /proc/1/fd'
	say "$output"
	assert_output_matches '^own
Uid:	7	7	7	7
SigBlk:	0000000000000000
SigCgt:	0000000000000000
CapEff:	0000000000000000
NoNewPrivs:	[01]
Seccomp:	2
0
1
2$'
}

@test "libc knows the CPU that a fork runs on, wherever it is moved" {
	[ "$(nproc)" -gt 1 ] || skip "needs two CPUs"
	template "$T" "$IMAGE" heir woken
	cow fork --name "$ID-f" "$T" >/dev/null
	cow wait "$ID-f" >/dev/null
	says "$ID-f" "$(yes "knows a CPU" | head -n "$(nproc)")"
}

@test "Python goes on in its loop" {
	python_image_make "${IMAGE%:*}:python"
	template "$T" "${IMAGE%:*}:python" python3 -c 'import json, os, time
warm = json.dumps([1.5, 0.1 + 0.2])
rounds = 0
while os.getpid() != 1:
	time.sleep(0.5)
	rounds += 1
print(warm, rounds > 0, open("/etc/hostname-of-it").read() if os.path.exists("/etc/hostname-of-it") else "none", flush=True)
open("/written", "w").write("by a fork")
time.sleep(3600)'
	cow fork --name "$ID-f" "$T" >/dev/null
	cow fork --name "$ID-g" "$T" >/dev/null
	for fork in "$ID-f" "$ID-g"; do
		eventually says "$fork" "[1.5, 0.30000000000000004] True none"
		eventually cow exec "$fork" test -e /written
	done
}

@test "its memory can be frozen" {
	template --freeze always "$T" "$IMAGE" sleepy 3600 memory
	grep -q /memfd:cow-template "/proc/$(inspect "$T" pid)/maps"
	cow fork -n 3 "$T" >"$SCRATCH/names"
	while read -r fork; do
		eventually says "$fork" "woken: pid 1, interrupted, third 0.333333, locks are its own"
		grep -q /memfd:cow-template "/proc/$(inspect "$fork" pid)/maps"
	done <"$SCRATCH/names"
}

@test "a shell goes on to wait for its line" {
	template "$T" "$IMAGE" sh -c 'mkfifo /fifo; warm=yes; read -r line </fifo; echo "$warm $line"; exec sleep 1000'
	for fork in "$ID-f" "$ID-g"; do
		cow fork --name "$fork" "$T" >/dev/null
		cow exec "$fork" sh -c "echo to $fork >/fifo"
		eventually says "$fork" "yes to $fork"
	done
}

# refused WHY COMMAND...: no template of that can be, and none is left
refused() {
	local why=$1 tries
	shift
	# (A second may be too short for the program to get there, where others want the processors too: then once more.)
	for tries in {1..20}; do
		run cow template create --inject --inject-wait 1 "$T" "$IMAGE" "$@"
		say "$output"
		assert_status 125
		[[ $output != *"$why"* ]] || break
	done
	[[ $output == *"$why"* ]]
	run cow inspect "$T"
	[ "$status" != 0 ]
}

@test "what cannot be forked is refused, with the reason" {
	refused 'with one thread; after 1000 ms it has 2 threads' sleepy 3600 thread
	refused 'after 1000 ms it has a child' sleepy 3600 child
	refused 'after 1000 ms it does not sleep' sleepy 3600 busy
	refused 'has closed file descriptor 3' sleepy 3600 closed
	refused 'ended before it was ready' true
	# These the stub itself refuses, in there.
	refused "its file descriptor 4 is a socket ('socket:" sleepy 3600 listens
	refused "its file descriptor 4 is a file ('/tmp/file')" sleepy 3600 file
	refused "some of its memory is anonymous shared memory" sleepy 3600 shared
	[ "$(uname -m)" != x86_64 ] || refused 'is a 32-bit program' foreign
}

# Ended in one of its calls of ptrace(), but the last, which lets it go.
@test "killed as it brings the stub in: the program ends with it, or sleeps on" {
	need_injection
	local k n create=("$COW" --root "$STATE" --store "$STORE" template create --inject "$T" "$IMAGE" sleepy 3600)
	SEED=${SEED:-$RANDOM}
	say "SEED=$SEED"
	strace -qq -o "$SCRATCH/calls" -e trace=ptrace "${create[@]}" 3>&- >/dev/null
	n=$(grep -c '^ptrace' "$SCRATCH/calls")
	[ "$n" -gt 20 ]
	cow rm -f "$T" >/dev/null
	for k in 1 $(seq 2 $((n - 1)) | choose 4); do
		killed ptrace "$k" "${create[@]}" >/dev/null || true
		say "point $k of $n"
		if [ "$k" = 1 ]; then
			is_status "$T" running
			grep -q 'SigCgt:	0000000000000000' "/proc/$(inspect "$T" pid)/status"
		else
			eventually is_status "$T" stopped
		fi
		says "$T" ""
		cow rm -f "$T" >/dev/null
	done
}
