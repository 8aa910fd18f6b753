# cow diff: what a container has changed of its image.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
	files_make
}

# files_make: the image "files", in which there is something to change
files_make() {
	local root=$SCRATCH/rootfs
	mkdir -p "$root"/dir/sub/deep "$root/gone" "$root/run" "$root/var"
	echo a >"$root/dir/a"
	echo b >"$root/dir/sub/b"
	echo c >"$root/dir/sub/deep/c"
	echo d >"$root/gone/d"
	ln -s ../run "$root/var/run"
	ln -s a "$root/dir/link"
	tar -C "$root" -cf "$SCRATCH/files.tar" .
	cow import -q "$SCRATCH/files.tar" files >/dev/null
}

# changes SCRIPT: what a container of that image has changed after it, without /bin
changes() {
	cow run --name "$NAME" files sh -ec "$1"
	cow diff "$NAME"
}

@test "diff: added, changed, deleted" {
	run changes 'echo new >/new; mkdir -p /top/in; echo more >>/dir/a; rm /dir/sub/b; ln -sf sub /dir/link'
	assert_output $'C /dir\nC /dir/a\nC /dir/link\nC /dir/sub\nD /dir/sub/b\nA /new\nA /top\nA /top/in'
	run jq -rc '.[0], .[4]' <(cow diff --json "$NAME")
	assert_output $'{"path":"/dir","change":"modified"}\n{"path":"/dir/sub/b","change":"deleted"}'
}

@test "diff: nothing" {
	run changes true
	assert_output ''
	run cow diff --json "$NAME"
	assert_output '[]'
}

@test "diff: what was opened, or changed and set back, is no change; what was changed behind its time is" {
	run changes 'exec 3<>/dir/a; chmod 600 /dir/sub/b; chmod 644 /dir/sub/b'
	assert_output ''
	cow rm "$NAME"
	run changes 'touch -r /dir/a /dev/shm/time; echo x >/dir/a; touch -r /dev/shm/time /dir/a'
	assert_output $'C /dir\nC /dir/a'
}

@test "diff: a directory made again, in the place of a file, and a file in the place of a directory" {
	run changes 'rm -r /dir/sub; mkdir -p /dir/sub/deep; echo x >/dir/sub/x; rm /dir/a; mkdir /dir/a; rm -r /gone; echo >/gone'
	assert_output $'C /dir\nC /dir/a\nC /dir/sub\nD /dir/sub/b\nC /dir/sub/deep\nD /dir/sub/deep/c\nA /dir/sub/x\nC /gone'
}

@test "diff: what mounts need is no change" {
	mkdir -p "$SCRATCH/volume"
	cow run --name "$NAME" -v "$SCRATCH/volume:/made/for/it" -v "$SCRATCH/volume:/var/run/x" -v "$SCRATCH/volume:/dir/v" files \
		sh -c 'echo >/made/for/it/file; echo >/beside'
	run cow diff "$NAME"
	assert_output 'A /beside'
}

@test "diff: while it runs, and of whom there is none" {
	cow run -d --name "$NAME" files sh -c 'echo >/here; exec sleep 1000' >"$SCRATCH/out" 2>&1
	eventually cow exec "$NAME" test -e /here
	run cow diff "$NAME"
	assert_output 'A /here'
	fails "container '$NAME-x' does not exist" cow diff "$NAME-x"
}

@test "diff: names that could speak to a terminal" {
	# shellcheck disable=SC2016 # for the shell in it
	run changes 'touch "$(printf "/a\nD \033b")"'
	assert_output 'A /a?D ?b'
}
