# The command line itself: spellings, --help, --version, spec.
load helpers
load containers

@test "options are taken in all spellings" {
	bundle "$(args sh -c 'exit 3')"
	local root="$STATE" spelling
	for spelling in "--bundle $BUNDLE" "--bundle=$BUNDLE" "-b $BUNDLE" "-b$BUNDLE" "-bundle $BUNDLE" "-bundle=$BUNDLE" "-b=$BUNDLE"; do
		# shellcheck disable=SC2086 # words
		run "$COWRUN" --root="$root" --rootless=true --systemd-cgroup=false run $spelling --no-pivot -no-subreaper "$ID"
		assert_status 3
	done
	run "$COWRUN" -root "$root" run --detach=false -b "$BUNDLE" -- "$ID"
	assert_status 3
}

@test "--help says what there is, of every command, and succeeds" {
	local verb
	run cowrun --help
	assert_status 0
	for verb in create start run state kill delete exec list ps pause resume spec features; do
		assert_output_matches $'\n'" +$verb +[A-Z]"
		run cowrun $verb --help
		assert_status 0
		assert_output_matches "^usage: cowrun $verb"
		run cowrun $verb -h
		assert_status 0
		run cowrun --help
	done
	run cowrun
	assert_status 0
	assert_output_matches '^usage: cowrun '
}

@test "--version says cowrun's and the specification's" {
	run cowrun --version
	assert_status 0
	assert_output_matches $'^cowrun version [0-9.]+\n.*spec: 1\.'
	run cowrun -v
	assert_output_matches '^cowrun version'
}

@test "spec writes a config.json that runs" {
	bundle
	mkdir "$SCRATCH/new"
	cowrun spec -b "$SCRATCH/new"
	fails "make '$SCRATCH/new/config.json': file exists" cowrun spec -b "$SCRATCH/new"
	cp -a "$BUNDLE/rootfs" "$SCRATCH/new"
	jq "$(args sh -c 'exit 2')" "$SCRATCH/new/config.json" >"$SCRATCH/new/c"
	mv "$SCRATCH/new/c" "$SCRATCH/new/config.json"
	run cowrun run -b "$SCRATCH/new" "$ID"
	assert_status 2
}
