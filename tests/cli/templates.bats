# What templates there are, how long their files stay, and what their forks find of them.
# shellcheck disable=SC2154 # stderr is set by run of bats
load helpers
load cow

setup_file() {
	scratch_make
	rootfs_make "$SCRATCH/rootfs"
	cp "$HELPERS/warm" "$SCRATCH/rootfs/bin/"
	mkdir -p "$SCRATCH/rootfs/dir"
	echo a >"$SCRATCH/rootfs/dir/a"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/rootfs.tar" .
	cow import -q "$SCRATCH/rootfs.tar" "$IMAGE" >/dev/null
}
teardown() {
	cow template rm -f "$NAME" >/dev/null 2>&1 || true
	cow rm -f "$ID-o" >/dev/null
}
teardown_file() { scratch_remove; }

# template [FILE]: of 8 MiB
template() { cow template create "$NAME" "$IMAGE" warm 8 "$@" >/dev/null; }
of_template() { cow template inspect "$NAME" | jq -r ".[0].$1"; }
made() { [ "$(of_template forks_made)" = "$1" ]; }

@test "a template is listed, with what it holds and how many forks it has made" {
	template
	run cow template ls -q
	assert_output "$NAME"
	run of_template status
	assert_output ready
	# 8 MiB of its own and what else a process has, frozen or not.
	[ "$(of_template memory_bytes)" -gt 8388608 ]
	[ "$(of_template memory_bytes)" -lt 16777216 ]
	run of_template 'forks | length'
	assert_output 0
	cow fork -n 3 "$NAME" >"$SCRATCH/forks"
	run of_template 'forks | sort | .[]'
	assert_output "$(sort "$SCRATCH/forks")"
	made 3
	cow rm -f "$(head -n 1 "$SCRATCH/forks")"
	run of_template 'forks | length'
	assert_output 2
	made 3
	run cow template ls
	assert_line -m "^NAME +IMAGE +COMMAND +STATUS +MEMORY +FROZEN +FORKS +MADE$"
	assert_line -m "^$NAME +$IMAGE +'?warm 8.* +ready, [0-9]+ seconds? +[0-9.]+ MiB .* 2 +3$"
	[ "$(cow template ls --json)" = "$(cow template inspect "$NAME")" ]
}

@test "ps and inspect tell templates from forks from others" {
	template
	cow fork --name "$ID-f" "$NAME" >/dev/null
	cow run -d --name "$ID-o" "$IMAGE" sleep 1000 >/dev/null
	run jq -r '.[] | .name + " " + (.is_template | tostring) + " " + (.template | tostring)' <(cow ps --json)
	assert_line "$NAME true null"
	assert_line "$ID-f null $NAME"
	assert_line "$ID-o null null"
	run jq -r '.[] | .name + " " + (.is_template | tostring) + " " + (.template | tostring)' <(cow inspect "$NAME" "$ID-f")
	assert_line "$NAME true null"
	assert_line "$ID-f null $NAME"
	run cow ps
	assert_line -m "^$NAME .* template, up "
	fails "'$ID-f' is a container and no template" cow template inspect "$ID-f"
	fails "'$ID-f' is a container and no template" cow template rm "$ID-f"
}

@test "rm: not while it has forks, which are named; --force takes them too" {
	template
	cow fork --name "$ID-f" "$NAME" >/dev/null
	cow fork --name "$ID-g" "$NAME" >/dev/null
	fails "the files of '$NAME' are those of its forks too: '$ID-f', '$ID-g'" cow template rm "$NAME"
	fails "the files of '$NAME' are those of its forks too" cow rm -f "$NAME"
	# It goes on, and so do they.
	is_status "$NAME" running
	is_status "$ID-f" running
	cow rm -f "$ID-f" >/dev/null
	fails "too: '$ID-g'" cow template rm "$NAME"
	run cow template rm -f "$NAME"
	assert_output "$NAME"
	assert_nothing_left
	run cow template ls -q
	assert_output ''
}

@test "rm: a template with its forks, in whatever order they are named" {
	template
	cow fork --name "$ID-f" "$NAME" >/dev/null
	cow fork --name "$ID-g" "$NAME" >/dev/null
	fails "the files of '$NAME' are those of its forks too: '$ID-g'" cow rm -f "$NAME" "$ID-f"
	is_status "$NAME" running
	run cow rm -f "$NAME" "$ID-g"
	assert_output "$ID-g"$'\n'"$NAME"
	assert_nothing_left
}

@test "rm: of one without forks, and of none" {
	template
	run cow template rm "$NAME"
	assert_output "$NAME"
	assert_nothing_left
	fails "container '$NAME' does not exist" cow template rm "$NAME"
}

@test "a fork finds what the template left, and what it writes is its own" {
	template /dir/warm
	cow fork --name "$ID-f" "$NAME" >/dev/null
	cow fork --name "$ID-g" "$NAME" >/dev/null
	run cow exec "$ID-f" sh -c 'cat /dir/warm /dir/a; echo more >>/dir/warm; rm /dir/a; echo >/new'
	assert_output $'warm\na'
	run cow exec "$ID-g" sh -c 'cat /dir/warm /dir/a; [ ! -e /new ]'
	assert_output $'warm\na'
	run cow diff "$ID-f"
	assert_output $'C /dir\nD /dir/a\nC /dir/warm\nA /new'
	run cow diff "$ID-g"
	assert_output ''
	run cow diff "$NAME"
	assert_output $'C /dir\nA /dir/warm'
	[ "$(cow export "$ID-f" | tar -xO dir/warm)" = $'warm\nmore' ]
}

@test "commit: a fork's image has two layers more, of which one is the template's" {
	local layers
	template /dir/warm
	cow fork --name "$ID-f" "$NAME" >/dev/null
	cow fork --name "$ID-g" "$NAME" >/dev/null
	cow exec "$ID-f" sh -c 'rm /dir/a; echo f >/own'
	cow exec "$ID-g" sh -c 'echo g >/own'
	cow commit -q "$ID-f" "$ID:f" >/dev/null
	cow commit -q "$ID-g" "$ID:g" >/dev/null
	run cow run --rm "$ID:f" sh -c 'cat /own /dir/warm; ls /dir'
	assert_output $'f\nwarm\nwarm'
	run cow run --rm "$ID:g" sh -c 'cat /own /dir/warm; ls /dir'
	assert_output $'g\nwarm\na\nwarm'
	layers=$(cow inspect "$ID:f" "$ID:g" | jq -c '[.[].RootFS.Layers]')
	run jq -c '[(.[0] | length), (.[1] | length), .[0][1] == .[1][1], .[0][2] == .[1][2]]' <<<"$layers"
	assert_output '[3,3,true,false]'
	run jq -r '.[0].History[-2:][].created_by' <(cow inspect "$ID:f")
	assert_output $'warm 8 /dir/warm\nwarm 8 /dir/warm'
	cow template rm -f "$NAME"
	cow rmi "$ID:f" >/dev/null
	cow rmi "$ID:g" >/dev/null
}

@test "a template that has ended leaves its files to its forks, and its image its name to another" {
	cow tag "$IMAGE" "$ID:gone"
	cow template create "$NAME" "$ID:gone" warm 8 /dir/warm >/dev/null
	cow rmi "$ID:gone" >/dev/null
	cow fork --name "$ID-f" -e WORD=here "$NAME" x echo y >/dev/null
	kill -9 "$(of_template pid)"
	eventually is_status "$NAME" stopped
	cow gc >/dev/null
	fails "template '$NAME' is not running" cow fork "$NAME"
	run cow exec "$ID-f" cat /dir/warm /dir/a
	assert_output $'warm\na'
	run jq -c '.[0] | [.status, .pid, .exit_status, .memory_bytes, .forks[0]]' <(cow template inspect "$NAME")
	assert_output "[\"stopped\",0,137,null,\"$ID-f\"]"
	run cow template ls
	assert_line -m "^$NAME .* exited \(137\) "
	fails "too: '$ID-f'" cow template rm "$NAME"
}

@test "mem: what a template has written is one layer of it and its forks" {
	need_registers
	cow template create --inject "$NAME" "$IMAGE" sh -c 'cp /bin/busybox /dir/sleep; exec /dir/sleep 100000' >/dev/null
	cow fork --name "$ID-f" "$NAME" >/dev/null
	cow fork --name "$ID-g" "$NAME" >/dev/null
	run jq -c '.files[] | select(.path == "/dir/sleep") | [.layer, (.containers | length)]' \
		<(cow mem --by file --json "$NAME" "$ID-f" "$ID-g")
	assert_output "[\"template $NAME\",3]"
	run cow mem --by layer "$ID-f" "$ID-g"
	assert_line -m "^template $NAME +- +2 "
}
