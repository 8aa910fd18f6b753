# cow images, history, tag, inspect of an image, gc: what is known of images, and their names.
# shellcheck disable=SC2153,SC2154 # stderr is set by run of bats, NAME by cow.bash
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

# history_make: an image with a history, of two layers, loaded as "told:1"
history_make() {
	layout_make "$SCRATCH/layout" '.author = "me" | .created = "2026-01-02T03:04:05Z" | .config.Labels = {a: "b"}
		| .config.Healthcheck = {Test: ["CMD", "true"], Interval: 5} | .history = [
		{created: "2026-01-02T03:04:05Z", created_by: "RUN something", comment: "first"},
		{created: "2026-01-02T03:04:06Z", created_by: "ENV A=B", empty_layer: true}]'
	cow load --name told:1 "$SCRATCH/layout" >/dev/null
}

@test "history: the newest first, with the sizes of layers" {
	history_make
	run cow history told:1
	assert_status 0
	[[ ${lines[1]} =~ ^[0-9]+' '[a-z]+' ago  ENV A=B '.*' 0 B  -'$ ]] || { say "$output"; return 1; }
	[[ ${lines[2]} =~ 'RUN something'.*' MiB  first'$ ]] || { say "$output"; return 1; }
	run jq -r '.[] | "\(.created_by) \(.layer != null) \(.size_bytes > 0)"' <(cow history --json told:1)
	assert_output $'ENV A=B false false\nRUN something true true'
}

@test "history: layers of an image that does not tell" {
	run jq -r '.[] | "\(.created_by) \(.size_bytes > 0)"' <(cow history --json "$IMAGE")
	assert_output 'null true'
	run --separate-stderr cow history nothing
	assert_status 1
	[ "$stderr" = "cow: history: no image 'nothing:latest' in the store '$STORE'" ]
}

@test "tag: one image, two names" {
	cow tag "$IMAGE" second/name
	cow images -q | grep -x second/name:latest
	[ "$(cow images --json | jq -r '[.[] | select(.name == "second/name:latest" or .name == env.IMAGE) | .id] | unique | length')" = 1 ]
	cow run --rm second/name true
	cow rmi second/name
	cow run --rm "$IMAGE" true
	fails "'a b' is not an image name" cow tag "$IMAGE" 'a b'
	fails "no image 'nothing:latest'" cow tag nothing x
}

@test "tag: a name that another image had" {
	cow import --cmd other "$TAR" other:1 >/dev/null
	local id
	id=$(cow images --json | jq -r '.[] | select(.name == "other:1") | .id')
	[ -e "$STORE/blobs/sha256/${id#*:}" ]
	cow tag "$IMAGE" other:1
	[ ! -e "$STORE/blobs/sha256/${id#*:}" ]
	cow rmi other:1
}

@test "inspect: an image, with docker's keys" {
	history_make
	cow tag told:1 again:2
	cow inspect told:1 >"$SCRATCH/told"
	run jq -r '.[0] | .Author, .Created, .Os, (.RepoTags | join(" ")), .Config.Cmd[0], .Config.Labels.a,
		.Config.Healthcheck.Test[0], .RootFS.Type, (.RootFS.Layers | length), .History[0].comment, (.Size > 1000),
		(.Digest | startswith("sha256:")), (.RepoDigests[0] | startswith("again@sha256:"))' "$SCRATCH/told"
	assert_output $'me\n2026-01-02T03:04:05Z\nlinux\nagain:2 told:1\n/bin/sh\nb\nCMD\nlayers\n1\nfirst\ntrue\ntrue\ntrue'
	cow rmi again:2
}

@test "inspect: of two kinds, the container first" {
	cow tag "$IMAGE" "$NAME"
	cow run --name "$NAME" "$IMAGE" true
	[ "$(cow inspect "$NAME" | jq -r '.[0].name')" = "$NAME" ]
	[ "$(cow inspect --type image "$NAME" | jq -r '.[0].Os')" = linux ]
	[ "$(cow inspect "$IMAGE" "$NAME" | jq length)" = 2 ]
	cow rm "$NAME"
	[ "$(cow inspect "$NAME" | jq -r '.[0].Os')" = linux ]
	fails "container '$NAME' does not exist" cow inspect --type container "$NAME"
	cow rmi "$NAME"
	fails "no container and no image '$NAME'" cow inspect "$NAME"
}

@test "images: what is its own, and what others have too" {
	history_make # of the layer that $IMAGE has
	echo other >"$SCRATCH/other" && tar -C "$SCRATCH" -cf "$SCRATCH/other.tar" other
	cow import "$SCRATCH/other.tar" example.org/team/other:3 >/dev/null
	cow tag told:1 told:2
	run jq -r '.[] | "\(.name) \(.own_bytes == .size_bytes) \(.shared_bytes == .size_bytes)"' <(cow images --json)
	assert_output "$IMAGE false true"$'\nexample.org/team/other:3 true false\ntold:1 false true\ntold:2 false true'
	cow rmi "$IMAGE" # two names of one image are one
	run jq -r '.[] | "\(.own_bytes == .size_bytes)"' <(cow images --json told)
	assert_output $'true\ntrue'
	cow import -q "$TAR" "$IMAGE" >/dev/null
	local name
	for name in other example.org/team/other other:3 '*oth*' 'o*'; do
		run cow images -q "$name"
		assert_output example.org/team/other:3
	done
	run cow images -q nothing
	assert_output ''
	cow images --digests told:1 | grep -q "$(cow images --json told:1 | jq -r '.[0].digest')"
	cow rmi told:1 told:2 other:3
}

@test "gc: what nothing uses, and nothing else" {
	cow gc >/dev/null
	run cow gc
	assert_output 'freed 0 B'
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >"$SCRATCH/out" 2>&1
	head -c 100000 /dev/urandom >"$SCRATCH/once" && tar -C "$SCRATCH" -cf "$SCRATCH/once.tar" once
	cow import "$SCRATCH/once.tar" once >/dev/null
	local layer
	layer=$(cow images --json once | jq -r '.[0].layers[0]')
	rm "$STORE/images/once:latest.json" # as a crash between two steps, of no image yet
	mkdir "$STORE/tmp/work-dead" && echo >"$STORE/tmp/work-dead/file"
	echo '{' >"$STORE/images/.x.json.12345" && echo >"$STORE/blobs/sha256/.y.1"
	run cow gc --dry-run
	[[ $output =~ ^'layers: 1 '.*'blobs: 1 '.*'work: 3 '.*'would free '[1-9][0-9]*' KiB'$ ]] || { say "$output"; return 1; }
	[ -e "$STORE/layers/${layer#*:}" ]
	run jq -r '.removed[] | select(.kind != "objects") | "\(.kind) \(.count)"' <(cow gc --json)
	assert_output $'layers 1\nbases 0\nblobs 1\nwork 3'
	[ ! -e "$STORE/layers/${layer#*:}" ] && [ ! -e "$STORE/tmp/work-dead" ]
	[ -z "$(find "$STORE/images" "$STORE/blobs" -name '.*' -type f)" ]
	# What runs, runs on; what is being made is not touched.
	cow rmi "$IMAGE" && cow gc >/dev/null
	cow exec "$NAME" true
	mkfifo "$SCRATCH/slow"
	"$COW" --store "$STORE" import "$SCRATCH/slow" slow >/dev/null 3>&- &
	local pid=$!
	exec 4>"$SCRATCH/slow"
	head -c 100000 "$TAR" >&4
	until [ -n "$(ls -A "$STORE/tmp" 2>/dev/null)" ]; do :; done
	cow gc >/dev/null
	tail -c +100001 "$TAR" >&4
	exec 4>&-
	wait $pid
	cow run --rm slow true
	cow tag slow "$IMAGE" && cow rmi slow
}

@test "rmi: several names, and an image of two" {
	cow tag "$IMAGE" one && cow tag "$IMAGE" two
	run cow rmi one two
	[[ $output == 'one:latest: removed, with 0 layers '*two:latest* ]] || { say "$output"; return 1; }
	cow run --rm "$IMAGE" true
}
