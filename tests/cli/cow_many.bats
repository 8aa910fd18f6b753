# cow run -n: many containers by one command.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

# all_names: of all containers, in order
all_names() { cow ps -q -a | sort; }

teardown() { all_names | xargs -r "$COW" --root "$STATE" --store "$STORE" rm -f >/dev/null; }

@test "run -n: each has a name of its own, printed when it runs" {
	run cow run -d -n 7 --name "$NAME" "$IMAGE" sleep 1000
	assert_status 0
	[ "$(sort <<<"$output")" = "$(printf "$NAME-%d\n" 1 2 3 4 5 6 7)" ]
	[ "$(cow ps -q | sort)" = "$(sort <<<"$output")" ]
	# each is a container like any other: its host name, its monitor, its end
	run cow exec "$NAME-3" hostname
	assert_output "$NAME-3"
	run cow stop "$NAME-3"
	assert_status 0
	[ "$(cow ps -q | wc -l)" = 6 ]
	run cow run -d -n 3 "$IMAGE" sleep 1000
	assert_status 0
	[ "$(sort -u <<<"$output" | wc -l)" = 3 ]
	[ "$(cow ps -q | wc -l)" = 9 ]
}

@test "run -n: one that fails is told, and those that run stay" {
	cow run -d --name "$NAME-5" "$IMAGE" sleep 1000
	run --separate-stderr cow run -d -n 100 --name "$NAME" "$IMAGE" sleep 1000
	assert_status 125
	[ "$stderr" = "cow: run: container '$NAME-5' already exists: it is running" ]
	# what was on its way beside it has come up, and is told; no more were begun
	[ "$(printf '%s\n%s\n' "$output" "$NAME-5" | sort)" = "$(all_names)" ]
	[ "$(all_names | wc -l)" -lt 100 ]
	run cow run -d -n 3 nothing:1 true
	assert_status 125
	assert_output_matches "no image 'nothing:1'|'docker.io/library/nothing:1'"
	[ "$(all_names | grep -c nothing)" = 0 ]
}

@test "run -n, interrupted: no more are begun, and none is untold" {
	"$COW" --root "$STATE" --store "$STORE" run -d -n 5000 --name "$NAME" "$IMAGE" sleep 1000 >"$SCRATCH/names" 2>"$SCRATCH/said" 3>&- &
	local pid=$! status=0
	until [ -s "$SCRATCH/names" ]; do kill -0 $pid; done
	kill -INT $pid
	wait $pid || status=$?
	[ "$status" = 125 ]
	grep -q 'interrupted: [0-9]* of 5000 were begun' "$SCRATCH/said"
	[ "$(sort "$SCRATCH/names")" = "$(all_names)" ]
	[ "$(wc -l <"$SCRATCH/names")" -lt 5000 ]
}

@test "run -n: what it cannot be together with" {
	local words
	for words in "-n 3" "-dt -n 3" "-d -n 0" "-d -n 1000000"; do
		# shellcheck disable=SC2086
		run cow run $words "$IMAGE" true
		assert_status 125
		assert_output "cow: run: option --count: is from 1 to 100000, with --detach and without --tty"
	done
	[ -z "$(all_names)" ]
}
