# tests/run itself: a suite that counts a failure as nothing is worse than none. A small tree with a runner of its
# own is given programs that fail in every way there is.
load helpers

setup_file() {
	scratch_make
	mkdir -p "$SCRATCH"/tree/{tests/cli,build/tests/unit}
	cp "$BATS_TEST_DIRNAME"/../{run,tap,leaks} "$SCRATCH/tree/tests"
}

setup() {
	need_host "the runner does not run in the guest"
	unset SAN # what is run here is no build at all
	export LEAKS_MARKED=1 # and others are at work on this host
	rm -f "$SCRATCH"/tree/build/tests/unit/* "$SCRATCH"/tree/tests/cli/*
}

# unit NAME LINE...: a unit program that is this shell script
unit() {
	printf '%s\n' '#!/bin/bash' "${@:2}" >"$SCRATCH/tree/build/tests/unit/$1"
	chmod +x "$SCRATCH/tree/build/tests/unit/$1"
}

# verdict STATUS LINE: what the runner ends with
verdict() {
	run env CI=false TEST_KERNELS='' "$SCRATCH/tree/tests/run" "$SCRATCH/tree/build"
	assert_status "$1"
	[ "${lines[-1]}" = "$2" ] || { say "expected the last line '$2', saw: $output"; return 1; }
}

@test "what passes is counted, and the leak check with it" {
	unit good 'echo 1..2; echo ok 1 - a; echo ok 2 - b'
	verdict 0 "3 passed, 0 failed"
}

@test "what a run left that was killed is cleared away, and no other's" {
	local dead
	bash -c 'echo $$' >"$SCRATCH/dead"
	read -r dead <"$SCRATCH/dead"
	mkdir "/dev/shm/cowrun-test.${dead}a.it" "/dev/shm/cowrun-test.$$b.it"
	verdict 0 "1 passed, 0 failed"
	[ ! -e "/dev/shm/cowrun-test.${dead}a.it" ]
	rmdir "/dev/shm/cowrun-test.$$b.it"
}

@test "nothing to run is not an error" {
	verdict 0 "1 passed, 0 failed"
}

@test "a failing test is counted, and shown with what it said" {
	unit bad 'echo 1..2; echo not ok 1 - a; echo "# because"; echo ok 2 - b; exit 1'
	verdict 1 "2 passed, 1 failed"
	assert_output_matches $'not ok: a\n    # because\n'
}

# What is left of a log that was cut is its end.
@test "the last lines name what failed, with file and line" {
	unit bad 'echo "not ok 1 - a: no"; echo ok 2 - b; echo "not ok 3 - c"; echo 1..3; echo "# failed at tests/unit/bad.c:7"; echo "# failed at tests/unit/other.h:8"; exit 2'
	unit mute 'exit 1'
	printf '%s\n' 'helper() { false; }' '' >"$SCRATCH/tree/tests/cli/helpers.bash"
	printf '%s\n' 'load helpers' '@test "a, b	c" {' true 'helper # here' '}' '@test "d" {' 'echo in test file x, line 5' false '}' >"$SCRATCH/tree/tests/cli/x.bats"
	verdict 1 "2 passed, 5 failed"
	printf '%s\n' "${lines[@]: -6:5}" | sort >"$SCRATCH/told"
	diff -u - "$SCRATCH/told" <<-EOT
		failed: bad: a: no (unit: tests/unit/bad.c:7)
		failed: bad: c (unit: tests/unit/other.h:8)
		failed: mute: no plan (status 1) (unit)
		failed: x: a, b c (host: tests/cli/x.bats:4)
		failed: x: d (host: tests/cli/x.bats:8)
	EOT
}

@test "a failing test is counted when the program's status hides it" {
	unit bad 'echo 1..1; echo not ok 1 - a; exit 0'
	verdict 1 "1 passed, 1 failed"
}

@test "a plan that is not met fails" {
	unit short 'echo 1..3; echo ok 1 - a'
	verdict 1 "2 passed, 1 failed"
	assert_output_matches 'planned 3 tests, ran 1'
}

@test "a crash fails" {
	unit crash 'echo 1..1; echo ok 1 - a; kill -SEGV $$'
	verdict 1 "2 passed, 1 failed"
	assert_output_matches 'killed by signal 11'
}

@test "a program without a plan or without tests fails, and what it said is shown" {
	unit mute 'echo cannot start >&2; exit 1'
	unit empty 'echo 1..0'
	verdict 1 "1 passed, 2 failed"
	assert_output_matches 'cannot start'
	assert_output_matches 'no test at all'
}

@test "a status without a failing test fails" {
	unit status 'echo 1..1; echo ok 1 - a; exit 3'
	verdict 1 "2 passed, 1 failed"
	assert_output_matches 'status 3'
}

@test "a program that does not end fails, and is ended" {
	unit slow 'echo 1..1; sleep 1000'
	TEST_TIMEOUT=3 verdict 1 "1 passed, 1 failed"
	assert_output_matches 'out of time after 3 s'
}

@test "a skip is counted and told with its reason" {
	unit skips 'echo 1..2; echo "ok 1 - a # SKIP no such thing"; echo ok 2 - b'
	verdict 0 "2 passed, 0 failed, 1 skipped"
	assert_output_matches 'skipped: skips: a \(unit: no such thing\)'
}

@test "bats files count too, failing set-up and all" {
	printf '%s\n' '@test "a" { true; }' '@test "b" { false; }' '@test "c" { skip "why"; }' >"$SCRATCH/tree/tests/cli/x.bats"
	printf '%s\n' 'setup_file() { false; }' '@test "a" { true; }' >"$SCRATCH/tree/tests/cli/y.bats"
	verdict 1 "2 passed, 2 failed, 1 skipped"
}

@test "a file that must be alone runs when all others are through" {
	printf '%s\n' '# alone: why' "@test \"a\" { [ -e '$SCRATCH/through' ]; }" >"$SCRATCH/tree/tests/cli/a.bats"
	printf '%s\n' "@test \"b\" { sleep 1; touch '$SCRATCH/through'; }" >"$SCRATCH/tree/tests/cli/b.bats"
	verdict 0 "3 passed, 0 failed"
}

@test "a guest runs the tests that need one, and of the others none" {
	local tests="$SCRATCH/tree/tests"
	mkdir -p "$tests/vm"
	# a guest that is this host
	printf '%s\n' '#!/bin/bash' 'until [ "$1" = -- ]; do shift; done' 'shift; exec "$@"' >"$tests/vm/run"
	chmod +x "$tests/vm/run"
	# (in two parts, or this file would be one for a guest itself)
	printf '%s\n' '@test "a (b|c), \"d\"" {' 'need_''guest "why"' '}' '@test "a" {' true '}' \
		'@test "c" {' '# guest: why' true '}' >"$tests/cli/some.bats"
	printf '%s\n' 'setup() {' 'need_''controller memory pids' '}' '@test "a" {' true '}' '@test "b" {' true '}' >"$tests/cli/all.bats"
	printf '%s\n' '@test "a" {' 'need_''controller cpuset' '}' >"$tests/cli/none.bats"
	echo 'need_''guest() { :; }; need_''controller() { :; }' >"$tests/cli/needs.bash"
	sed -i '1i load needs' "$tests"/cli/*.bats
	run env TEST_KERNELS=here "$tests/run" "$SCRATCH/tree/build"
	rm "$tests/vm/run"
	assert_status 0
	[ "${lines[-1]}" = "12 passed, 0 failed" ] || { say "$output"; return 1; }
	[ "$(grep -c "^$(uname -r) *some .* 2 ok$" <<<"$output")" = 1 ]
	[ "$(grep -c "^$(uname -r) *all .* 2 ok$" <<<"$output")" = 1 ]
	run ! grep "^$(uname -r) *none " <<<"$output"
}

@test "what a test leaves behind fails" {
	unit litters 'echo 1..1; mkdir "/dev/shm/cowrun-test.$COWRUN_TEST.left"; echo ok 1 - a'
	LEAKS_GRACE=0 verdict 1 "1 passed, 1 failed"
	rmdir /dev/shm/cowrun-test.*.left
	assert_output_matches 'directory /dev/shm/cowrun-test\.[0-9]+[ab]\.left'
}

@test "a guest that does not start is a skip, in CI a failure" {
	mkdir -p "$SCRATCH/tree/tests/vm"
	printf '%s\n' '#!/bin/bash' 'echo "vm: no such luck" >&2; exit 125' >"$SCRATCH/tree/tests/vm/run"
	chmod +x "$SCRATCH/tree/tests/vm/run"
	run env CI=false TEST_KERNELS=none "$SCRATCH/tree/tests/run" "$SCRATCH/tree/build"
	assert_status 0
	assert_output_matches 'skipped: vm: guest \(none: vm: no such luck\)'
	run env CI=true TEST_KERNELS=none "$SCRATCH/tree/tests/run" "$SCRATCH/tree/build"
	assert_status 1
	assert_output_matches '1 passed, 1 failed$'
}
