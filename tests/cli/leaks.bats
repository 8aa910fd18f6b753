# tests/leaks: that it sees what stays behind, of each kind, and does not mind what is not ours.
# alone: whatever another test has at work would be left behind here
load helpers

setup() {
	need_host "tests/leaks runs on the host"
	export COWRUN_TEST=leaks$RANDOM LEAKS_GRACE=0 # a run of its own
	MARK=cowrun-test.$COWRUN_TEST
	leaks snapshot
}

leaks() { "$BATS_TEST_DIRNAME/../leaks" "$1" "$SCRATCH/leaks"; }

# caught REGEX: compare fails and says so
caught() {
	run leaks compare
	assert_status 1
	assert_output_matches "$1"
}

clean() {
	LEAKS_GRACE=60 run leaks compare
	assert_status 0
	assert_output ''
}

@test "nothing left behind" {
	clean
}

@test "a process with the mark in its environment" {
	sleep 1000 3>&- &
	await executes $! sleep
	caught "process $! .*sleep 1000"
	kill $!
	clean
}

@test "a process of the build, without the mark" {
	[ -x "$HELPERS/hog" ] || skip "needs the helper programs"
	env -i "$HELPERS/hog" 1 forever >"$SCRATCH/hog" 3>&- &
	until grep -q ready "$SCRATCH/hog"; do :; done
	caught "process $! .*hog 1 forever"
	kill $!
	clean
}

@test "a process in a cgroup with the mark" {
	mkdir "$CGROUP/$MARK-1"
	env -u COWRUN_TEST sleep 1000 3>&- &
	await executes $! sleep
	echo $! >"$CGROUP/$MARK-1/cgroup.procs"
	caught "process $! .*sleep 1000"
	caught "cgroup $CGROUP/$MARK-1"
	kill $!
	wait || true
	rmdir "$CGROUP/$MARK-1"
	clean
}

@test "a mount" {
	mkdir "/dev/shm/$MARK"
	mount -t tmpfs cowrun-leak "/dev/shm/$MARK"
	run leaks compare
	umount "/dev/shm/$MARK"
	rmdir "/dev/shm/$MARK"
	assert_status 1
	assert_output_matches "mount /dev/shm/$MARK tmpfs cowrun-leak"
	clean
}

@test "directories" {
	mkdir "/run/$MARK" "/tmp/$MARK" "/dev/shm/$MARK"
	run leaks compare
	rmdir "/run/$MARK" "/tmp/$MARK" "/dev/shm/$MARK"
	assert_status 1
	assert_output "left behind:
directory /dev/shm/$MARK
directory /run/$MARK
directory /tmp/$MARK"
}

@test "a network interface" {
	need_program ip
	ip link add cowleak0 type veth peer name cowleak1 || skip "needs veth interfaces in the kernel"
	run leaks compare
	ip link delete cowleak0
	assert_status 1
	assert_output_matches 'interface cowleak0'
}

@test "what another run has does not count" {
	mkdir /dev/shm/cowrun-test.another.x
	run leaks compare
	rmdir /dev/shm/cowrun-test.another.x
	assert_status 0
}

@test "what is on its way out gets time" {
	sleep 0.5 3>&- &
	clean
}
