# cow history, tag, inspect of an image: what is known of images, and their names.
# shellcheck disable=SC2154 # stderr is set by run of bats
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
