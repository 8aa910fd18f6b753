#!/usr/bin/env bats
# What a start asks the kernel for, counted: a feature that a container does not ask for adds no call to it.
load helpers

# Bounds for one container of make_bundle, which has what everybody's has: six namespaces, six mounts, the usual
# devices, four masked paths. A call more needs a reason, in the commit that raises a bound.
RUN=354    # run: the parent's and the child's (40 prctl of them are the bounding set)
PARENT=169 # ... the parent's, which makes /dev while the child makes its namespaces
EXEC=192   # exec: both
DELETE=68  # delete of one that has ended

setup_file() {
	scratch_make
	make_bundle "$SCRATCH/plain"
	make_bundle "$SCRATCH/waits" '.process.args = ["/bin/sleep", "1000"]'
}

setup() {
	need_host "the bounds are for its kernel and processor"
	need_static "a dynamic program loads libraries"
	need_program strace
}

# calls [OPTION...] -- WORDS...: runs cowrun and leaves its system calls in $SCRATCH/calls, a line each
calls() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	strace -qqo "$SCRATCH/trace" -e signal=none "${options[@]}" "$COWRUN" --root "$STATE" "$@" 3>&-
	# Up to the execve() of /bin/true: what that does is not ours. An unfinished call has a second line.
	awk '{ who = "self"; if ($1 ~ /^[0-9]+$/) { who = $1; $1 = ""; sub(/^ +/, "") } }
		over[who] || !match($0, /^[a-z_0-9]+\(/) { next }
		{ print substr($0, 1, RLENGTH - 1) }
		/^execve\("\/bin\/true"/ { over[who] = 1 }' "$SCRATCH/trace" >"$SCRATCH/calls"
}

# at_most BOUND: what was counted, by name if it is more
at_most() {
	local n
	n=$(wc -l <"$SCRATCH/calls")
	[ "$n" -le "$1" ] && [ "$n" -ge $(($1 / 2)) ] && return
	say "$n calls where at most $1 are expected (and half of them at least):"
	sort "$SCRATCH/calls" | uniq -c | sort -rn >&2
	return 1
}

# times N NAME
times() {
	local n
	n=$(grep -cx "$2" "$SCRATCH/calls" || true)
	[ "$n" -eq "$1" ] || { say "$n calls of $2, expected $1"; return 1; }
}

@test "a run makes no more system calls than it did" {
	calls -f -- run --bundle "$SCRATCH/plain" "$ID"
	at_most $RUN
	times 1 clone3
	times 1 execveat
	times 1 memfd_create
	times 1 unshare
	times 0 mmap
	times 0 seccomp
	times 0 bpf
}

@test "the parent of a run makes no more system calls than it did" {
	calls -- run --bundle "$SCRATCH/plain" "$ID"
	at_most $PARENT
	times 6 mknodat
	times 6 symlinkat
}

@test "an exec makes no more system calls than it did" {
	cowrun run -d --bundle "$SCRATCH/waits" "$ID" >"$SCRATCH/out" 2>&1
	calls -f -- exec "$ID" /bin/true
	at_most $EXEC
	times 1 execveat
}

@test "a delete makes no more system calls than it did" {
	cowrun create --bundle "$SCRATCH/plain" "$ID" >"$SCRATCH/out" 2>&1
	cowrun delete --force "$ID"
	cowrun run --keep --bundle "$SCRATCH/plain" "$ID"
	calls -f -- delete "$ID"
	at_most $DELETE
	times 0 clone3
}
