# cow mem: exact figures of real containers, and estimates where frames are not told.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

# up NAME WORDS...: a container of the image in the background, when its program has said "ready"
up() {
	local name=$1
	shift
	cow run -d --name "$name" "$IMAGE" "$@" >/dev/null
	eventually has_line "$name" ready
}

# measure [ARGUMENTS]: by cow mem --json; census FILTER: of what it saw; holds FILTER: that is so
measure() { cow mem --json "$@" >"$SCRATCH/census"; }
census() { jq -c "$1" "$SCRATCH/census"; }
holds() { [ "$(census "$1")" = true ] || { say "does not hold: $1; saw $(<"$SCRATCH/census")"; return 1; }; }

# The store is on tmpfs, so the pages of its files count as shared memory.
FILES='(.kinds.file.private_bytes + .kinds.file.shared_bytes + .kinds.shmem.private_bytes + .kinds.shmem.shared_bytes)'
export FILES

@test "ten containers of one image: the files of the second and later ones cost nothing again" {
	# guest: another kernel flags other pages
	local i first all
	up "$NAME-1" sh -c 'echo ready; while :; do sleep 1000; done'
	eventually sleeps_in "$NAME-1"
	measure
	first=$(census ".containers[0] | $FILES")
	for i in 2 3 4 5 6 7 8 9 10; do
		up "$NAME-$i" sh -c 'echo ready; while :; do sleep 1000; done'
		eventually sleeps_in "$NAME-$i"
	done
	[ "$first" -gt 500000 ]
	measure
	holds '.exact'
	holds '.containers | length == 10'
	# What each has of files that nobody else maps: at most a tenth of what the first one had.
	holds ".containers | map(.kinds.file.private_bytes + .kinds.shmem.private_bytes) | max <= $first / 10"
	# And so the whole set: the files once, and not ten times.
	all=$(census '[.union_bytes - ([.containers[] | .kinds.anon.private_bytes + .kinds.forked.private_bytes] | add)] | .[0]')
	[ "$all" -le $((first + 9 * first / 10)) ]
	echo "# files of the first: $first bytes; of ten: $all bytes in all"
	# Each shares with the nine others, by name.
	holds '[.containers[] | (.shared_with | length == 9) and ([.shared_with[].name] | sort | unique | length == 9)] | all'
	holds "[.containers[] | .name as \$me | .shared_with | all(.name != \$me and (.name | startswith(\"$NAME-\")))] | all"
	# The sums agree with each other.
	holds '[.containers[] | .private_bytes + .shared_bytes == .unique_bytes] | all'
	holds '([.containers[].unique_bytes] | add) == .union_bytes + .saved_bytes'
	holds '[.containers[] | ([.kinds[] | .private_bytes] | add) == .private_bytes] | all'
	holds '[.containers[] | .cost_bytes >= .private_bytes + .kernel_bytes] | all'
	holds '[.containers[] | .kernel_bytes == .page_table_bytes + .kernel_stack_bytes or .charged_bytes != null] | all'
	run cow mem
	[ "${#lines[@]}" -ge 12 ]
	assert_output_matches "$NAME-1 +2 .* $NAME-[0-9]+ $NAME-[0-9]+ \+[78] "
	[[ ${lines[-1]} =~ ^'10 containers: '.*' in all, '.*' without sharing, '.*' saved ('[0-9]+' %). Exact.'$ ]]
}

@test "what a container allocates is its own, page by page" {
	# guest: another kernel flags other pages
	cow run -d --name "$NAME-a" "$IMAGE" hog 16 forever >/dev/null
	cow run -d --name "$NAME-b" "$IMAGE" hog 8 forever >/dev/null
	eventually has_line "$NAME-a" ready
	eventually has_line "$NAME-b" ready
	measure
	holds '.containers[0].kinds.anon.private_bytes | . >= 16777216 and . < 16777216 + 1048576'
	holds '.containers[1].kinds.anon.private_bytes | . >= 8388608 and . < 8388608 + 1048576'
	holds '[.containers[].kinds | .anon.shared_bytes + .forked.shared_bytes] == [0, 0]'
	holds '.containers[0].monitor_bytes | . > 0 and . <= 65536'
	measure "$NAME-b"
	holds '.containers | map(.name) == ["'"$NAME-b"'"]'
	cowrun pause "$NAME-a"
	measure
	holds '.exact and (.containers | length == 2)'
	cow stop -t 0 "$NAME-a"
	measure
	holds '.containers | map(.name) == ["'"$NAME-b"'"]'
}

@test "the matrix is symmetrical, the legend explains every column" {
	up "$NAME-a" sh -c 'echo ready; sleep 1000'
	up "$NAME-b" sh -c 'echo ready; sleep 1000'
	run cow mem --matrix
	assert_status 0
	[ "$(awk -v a="$NAME-a" -v b="$NAME-b" '/^ / { m = 1 } m && $1 == a { x = $4 " " $5 } m && $1 == b { y = $2 " " $3 }
		END { print x == y && x != "" }' <<<"$output")" = 1 ]
	local word legend
	legend=$(cow mem --legend)
	for word in UNIQUE PRIVATE SHARED WITH KERNEL COST CHARGED LIMIT; do grep -q "^$word " <<<"$legend"; done
}

@test "nothing runs: nothing is used" {
	# guest: another kernel flags other pages
	cow run --name "$NAME" "$IMAGE" true
	run cow mem
	assert_status 0
	assert_output_matches '0 containers'
	measure
	holds '.exact and .containers == [] and .union_bytes == 0 and .saved_bytes == 0'
	run "$COW" --root "$SCRATCH/no-root" mem --json
	assert_status 0
	[ ! -e "$SCRATCH/no-root" ]
}

# foreign MIB COMMAND...: a group that is not ours with a hog in it, in $GROUP; started by COMMAND
foreign() {
	local mib=$1
	shift
	GROUP=$CGROUP/cowrun-test.$COWRUN_TEST-foreign
	mkdir -p "$GROUP"
	("$@" "$SCRATCH/hog" "$mib" forever >"$SCRATCH/foreign" 3>&- & echo $! >"$SCRATCH/pid"; echo $! >"$GROUP/cgroup.procs")
	eventually grep ready "$SCRATCH/foreign"
}

teardown() {
	containers_remove
	if [ -n "${GROUP:-}" ]; then
		echo 1 >"$GROUP/cgroup.kill"
		eventually rmdir "$GROUP"
	fi
}

@test "any cgroup can be measured" {
	cp "$HELPERS/hog" "$SCRATCH/hog"
	foreign 12 env
	measure --cgroup "$GROUP"
	holds '.exact and (.containers | length == 1)'
	holds '.containers[0].kinds.anon.private_bytes | . >= 12582912 and . < 13631488'
	cow run -d --name "$NAME" "$IMAGE" sleep 1000 >/dev/null
	measure --cgroup "$GROUP" "$NAME"
	holds ".containers | map(.name) == [\"$NAME\", \"${GROUP##*/}\"]"
	measure --cgroup "$GROUP"
	holds '.containers | length == 1'
}

@test "without the privilege there are estimates, and they are marked" {
	need_program setpriv
	chmod 711 "$SCRATCH"
	cp "$HELPERS/hog" "$SCRATCH/hog"
	chmod 755 "$SCRATCH/hog"
	foreign 12 setpriv --reuid 65534 --regid 65534 --clear-groups
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$COW" --root "$STATE" mem --cgroup "$GROUP"
	chmod 700 "$SCRATCH"
	assert_status 0
	assert_output_matches '~12\.[0-9] MiB'
	assert_output_matches 'Estimates: '
	[[ $output != *Exact* ]]
	chmod 711 "$SCRATCH"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$COW" --root "$STATE" mem --json --cgroup "$GROUP"
	chmod 700 "$SCRATCH"
	[ "$(jq -c '[.exact, .containers[0].private_bytes >= 12582912]' <<<"$output")" = '[false,true]' ]
}
