# cow diff and cow commit: what a container has changed of its image, and an image of that.
# shellcheck disable=SC2154 # stderr is set by run of bats
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

# --- commit -----------------------------------------------------------------------------------------------------
# tree IMAGE: as a container of it sees it, all but most of /bin: names with kinds, modes, owners, link counts, times and contents
tree() {
	# shellcheck disable=SC2016
	cow run --rm "$1" sh -c 'cd / && find . -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o ! -path "./bin/[!t]*" -print | sort |
		while read -r name; do
			if [ -d "$name" ]; then stat -c "%n %F %a %u:%g - %Y" "$name"; else stat -c "%n %F %a %u:%g %h %Y" "$name"; fi; [ ! -f "$name" ] || sha256sum <"$name"; readlink "$name"; done
		true' | grep -v '^\. '
}

change_all='echo new >/new; ln /new /dir/new; echo more >>/dir/a; rm /dir/sub/b; rm -r /gone; echo now a file >/gone
	rm -r /dir/sub/deep; mkdir /dir/sub/deep; echo x >/dir/sub/deep/x; chmod 4711 /new; chown 1000:1001 /dir/a
	mkfifo /fifo; ln -sf nowhere /dir/link; rm /etc/group; echo again >/etc/group; rm /bin/true; mkdir /bin/true'

@test "commit: the image is what the container saw" {
	cow run --name "$NAME" files sh -ec "$change_all"
	run --separate-stderr cow commit -m "a test" -a "me <me@example.org>" "$NAME" changed:1
	assert_status 0
	assert_output_matches '^changed:1 sha256:[0-9a-f]{64}$'
	[ -z "$stderr" ]
	# What the container itself would see now, but for what runs in it.
	cow commit --json "$NAME" twice >"$SCRATCH/json"
	[ "$(jq '.[0].layers | length' "$SCRATCH/json")" = 2 ]
	tree changed:1 >"$SCRATCH/tree"
	grep -x './new regular file 4711 0:0 2 [0-9]*' "$SCRATCH/tree"
	grep -x './dir/a regular file 644 1000:1001 1 [0-9]*' "$SCRATCH/tree"
	grep -x './gone regular file 644 0:0 1 [0-9]*' "$SCRATCH/tree"
	grep -x './fifo fifo 644 0:0 1 [0-9]*' "$SCRATCH/tree"
	grep -x './bin/true directory 755 0:0 - [0-9]*' "$SCRATCH/tree"
	grep -x './dir/sub/deep/x regular file .*' "$SCRATCH/tree"
	grep -x nowhere "$SCRATCH/tree"
	run grep -E '^\./(dir/sub/b|dir/sub/deep/c|gone/d) ' "$SCRATCH/tree"
	assert_output ''
	# A container of it has nothing to tell, and the same layer is made again.
	cow run --name "$NAME-a" changed:1 echo
	run cow diff "$NAME-a"
	assert_output ''
	[ "$(cow images --json | jq '[.[] | select(.name | test("changed|twice")) | .layers[1]] | unique | length')" = 1 ]
	[ "$(cow inspect --type image changed:1 | jq -r '.[0] | .Author, .History[-1].comment, .History[-1].author, (.History | length)')" = \
		$'me <me@example.org>\na test\nme <me@example.org>\n2' ]
	cow rm "$NAME-a" >/dev/null
	cow rmi changed:1 twice
}

@test "commit: of a commit, and after its image is gone" {
	cow tag files base
	cow run --name "$NAME" base sh -c 'rm -r /dir; echo 1 >/one'
	cow commit -q "$NAME" one
	cow run --name "$NAME-a" one sh -c 'mkdir /dir; echo 2 >/dir/two; rm /one'
	cow rmi one base
	cow commit -q "$NAME-a" two
	# shellcheck disable=SC2016 # for the shell in it
	run cow run --rm two sh -c 'ls -d /* /dir; ls /dir/*; echo /dir: $(ls /dir)'
	[[ $output != */one* && $output == */dir:*two* && $output != *sub* ]] || { say "$output"; return 1; }
	[ "$(cow inspect --type image two | jq '.[0].RootFS.Layers | length')" = 3 ]
	cow rm "$NAME-a" >/dev/null
	cow rmi two
}

@test "commit: changes of the configuration, and nothing else" {
	cow run --name "$NAME" files true
	cow commit -q -c 'CMD ["echo", "from the commit"]' -c 'ENV A=b' --change 'LABEL x=y' "$NAME" config
	run cow run --rm config
	assert_output 'from the commit'
	[ "$(cow inspect --type image config | jq -r '.[0] | .Config.Labels.x, (.RootFS.Layers | length), .History[-1].empty_layer')" = $'y\n1\ntrue' ]
	fails "change 'RUN x': 'RUN' is none of " cow commit -c 'RUN x' "$NAME" no
	fails "'a b' is not an image name" cow commit "$NAME" 'a b'
	fails "container '$NAME-x' does not exist" cow commit "$NAME-x" no
	fails "no image 'no:latest'" cow history no
	cow rmi config
}

@test "commit: a running container goes on, and is frozen meanwhile" {
	cow run -d --name "$NAME" files sh -c 'while :; do echo >>/ticks; done' >"$SCRATCH/out" 2>&1
	eventually cow exec "$NAME" test -e /ticks
	cow commit -q "$NAME" running
	is_status "$NAME" running
	cow commit -q --pause=false "$NAME" running
	is_status "$NAME" running
	cowrun pause "$NAME"
	cow commit -q "$NAME" running
	is_status "$NAME" paused
	cowrun resume "$NAME"
	run cow run --rm running sh -c 'test -s /ticks && echo there'
	assert_output there
	cow rmi running
}

@test "commit: whoever is killed, the container is thawed, and nothing is left" {
	cow run -d --name "$NAME" files sh -c 'dd if=/dev/zero of=/large bs=1M count=64 2>/dev/null; echo >/done; exec sleep 1000' >"$SCRATCH/out" 2>&1
	eventually cow exec "$NAME" test -e /done
	local signal pid victim who
	for who in packer reader; do
		for signal in KILL TERM; do
			"$COW" --root "$STATE" --store "$STORE" commit "$NAME" killed >/dev/null 2>&1 3>&- &
			pid=$!
			until is_status "$NAME" paused || ! kill -0 $pid 2>/dev/null; do :; done
			victim=$pid
			[ $who = reader ] || read -r victim <"/proc/$pid/task/$pid/children" || true
			kill -"$signal" "$victim" 2>/dev/null || true
			wait $pid || true
			eventually is_status "$NAME" running
		done
	done
	cow commit -q "$NAME" after
	cow rmi after
	[ -z "$(ls "$STORE/tmp")$(ls "$STORE/trash")" ]
}

@test "commit: waits for another one of the container, which has it paused" {
	cow run -d --name "$NAME" files sh -c 'echo >/done; exec sleep 1000' >"$SCRATCH/out" 2>&1
	eventually cow exec "$NAME" test -e /done
	local lock pid
	exec {lock}<"$STORE/containers/$NAME/u"
	flock "$lock"
	cowrun pause "$NAME"
	"$COW" --root "$STATE" --store "$STORE" commit "$NAME" second >/dev/null 2>&1 3>&- {lock}<&- &
	pid=$!
	eventually grep -q -- "-> FLOCK .* $pid " /proc/locks
	cow commit -q --pause=false "$NAME" first
	cowrun resume "$NAME"
	exec {lock}<&-
	wait "$pid"
	is_status "$NAME" running
	cow rmi first second
}

@test "commit: files that overlay did not copy, since images share them" {
	cow run --name "$NAME-a" files sh -c 'cp /bin/busybox /dir/second; mkdir /dir/sub/two; echo two >/dir/sub/two/f'
	cow commit -q "$NAME-a" shared
	cow run --name "$NAME" shared sh -c 'mv /dir /moved; chmod 600 /moved/second; mv /moved/sub/b /moved/b; rm -r /moved/sub/deep
		ln /bin/busybox /busybox; chmod 700 /moved/sub/two/f; mkdir /dir; mv /moved/sub/two /dir/two'
	[ "$(cow diff "$NAME" | grep -cxE 'A /busybox|C /dir|D /dir/a|D /dir/sub|A /dir/two/f|A /moved/second')" = 6 ]
	cow commit -q "$NAME" moved
	# shellcheck disable=SC2016
	run cow run --rm moved sh -c 'cd /; find dir moved | sort; cat dir/two/f moved/b; stat -c %a moved/second dir/two/f
		cmp /busybox /bin/busybox && cmp /moved/second /bin/busybox && ls /bin/busybox /gone/d'
	assert_output "$(printf '%s\n' dir dir/two dir/two/f moved moved/a moved/b moved/link moved/second moved/sub two b \
		600 700 /bin/busybox /gone/d)"
	cow rm "$NAME-a" >/dev/null
	cow rmi shared moved
}

@test "commit: a file renamed over zeros of its size and time" {
	cow run --name "$NAME-a" files sh -c 'cd /dir; head -c 4096 /dev/zero >zero; head -c 4096 /dev/zero | tr \\0 5 >rand; touch -d @1000 zero rand'
	cow commit -q "$NAME-a" two
	cow run --name "$NAME" two mv -f /dir/rand /dir/zero
	[ "$(cow diff "$NAME")" = $'C /dir\nD /dir/rand\nC /dir/zero' ]
	cow commit -q "$NAME" renamed
	[ "$(cow run --rm renamed cat /dir/zero | tr -d '\0' | wc -c)" = 4096 ]
	cow rm "$NAME-a" >/dev/null
	cow rmi two renamed
}

@test "commit: a container's attributes that look like overlay's lead nowhere" {
	ln -s / "$SCRATCH/rootfs/escape"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/escape.tar" .
	rm "$SCRATCH/rootfs/escape"
	cow import -q "$SCRATCH/escape.tar" escape
	echo of the host >"$SCRATCH/secret"
	cow run --name "$NAME" escape sh -c 'echo of me >/f; echo >>/dir/a'
	local upper=$STORE/containers/$NAME/u
	setfattr -n user.overlay.opaque -v y "$upper/dir" || skip "no user.* attributes in the store"
	setfattr -n user.overlay.metacopy "$upper/f"
	setfattr -n user.overlay.redirect -v "/escape$SCRATCH/secret" "$upper/f"
	[ "$(cow diff "$NAME")" = $'C /dir\nC /dir/a\nA /f' ]
	cow commit -q "$NAME" escaped
	run cow run --rm escaped sh -c 'cat /f; ls /dir'
	assert_output $'of me\na\nlink\nsub'
	cow rmi escape escaped
}

@test "commit: a layer that comes again, below a root of its own mode" {
	chmod 711 "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/root.tar" .
	chmod 755 "$SCRATCH/rootfs"
	cow import -q "$SCRATCH/root.tar" again:0
	local n=0 text
	for text in v2 v1 v2; do
		cow run --rm --name "$NAME" again:$n stat -c %a / >"$SCRATCH/mode"
		[ "$(cat "$SCRATCH/mode")" = 711 ]
		cow run --name "$NAME" again:$n sh -c "echo $text >/dir/a; touch -d @1000 /dir/a /dir"
		cow commit -q "$NAME" again:$((++n))
		cow rm "$NAME" >/dev/null
	done
	run cow run --rm again:3 sh -c 'cat /dir/a; stat -c %a /'
	assert_output $'v2\n711'
	[ "$(cow inspect --type image again:3 | jq -c '.[0].RootFS.Layers | length, (unique | length)')" = $'4\n3' ]
	cow rmi again:0 again:1 again:2 again:3
}

@test "commit: names that mean a deletion are refused, sockets left out" {
	cow run --name "$NAME" files sh -c 'touch /dir/.wh.a'
	fails "'/dir/.wh.a' has a name that means a deletion in a layer" cow commit "$NAME" no
	fails "no image 'no:latest'" cow history no
	[ -z "$(ls "$STORE/tmp")$(ls "$STORE/trash")" ]
}

# --- export -----------------------------------------------------------------------------------------------------
@test "export: what is imported again is the same tree" {
	cow run --name "$NAME" files sh -ec "$change_all"
	cow commit -q "$NAME" exported
	cow export -o "$SCRATCH/export.tar" "$NAME"
	cow export exported >"$SCRATCH/export2.tar"
	cow export exported | cmp - "$SCRATCH/export2.tar"
	cow import "$SCRATCH/export.tar" again >/dev/null
	cow import "$SCRATCH/export2.tar" again2 >/dev/null
	tree exported >"$SCRATCH/tree"
	grep -q './dir/sub/deep/x ' "$SCRATCH/tree"
	tree again | diff "$SCRATCH/tree" -
	tree again2 | diff "$SCRATCH/tree" -
	run tar -tf "$SCRATCH/export.tar"
	[[ $output != *.wh.* ]] || { say "$output"; return 1; }
	cow rmi again again2 exported
}

@test "export: what there is not, and where it cannot be written" {
	fails "no container and no image 'nothing'" cow export -o "$SCRATCH/x.tar" nothing
	fails "create '$SCRATCH/no/x.tar': no such file or directory" cow export -o "$SCRATCH/no/x.tar" files
	[ ! -e "$SCRATCH/x.tar" ]
}
