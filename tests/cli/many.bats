# Many containers at once: no command of any of them fails, and nothing is left.
# 200 of each kind in `make test-all` (COWRUN_ALL), fewer in `make test`.
load helpers
load containers
load cow

setup_file() {
	scratch_make
	if [ -n "${COWRUN_ALL:-}" ]; then COUNT=200; else COUNT=32; fi
	image_make --env "MANY=$SCRATCH" --env PATH=/bin
	# with a filter, which nobody has compiled yet and all want at once
	make_bundle "$SCRATCH/bundle" "$(args sleep 1000) | .process.env += [\$mark] |
		.linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"acct\"], action: \"SCMP_ACT_ERRNO\"}]}" \
		--arg mark "MANY=$SCRATCH"
	# what `update` can change on this host, and where it is seen
	if grep -qw pids "$CGROUP/cgroup.controllers"; then
		LIMITS='{"pids": {"limit": 77}}' LIMITED=pids.max:77
	elif grep -qw hugetlb "$CGROUP/cgroup.controllers"; then
		LIMITS='{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}' LIMITED=hugetlb.2MB.max:4194304
	else
		LIMITS='{}' LIMITED=cgroup.freeze:1
	fi
	export COUNT LIMITS LIMITED
}

# says WANTED COMMAND...: it succeeds, and that is all it says
says() {
	local wanted=$1 said
	shift
	said=$("$@" 2>&1 </dev/null) && [[ $said == "$wanted" ]] && return
	say "$*: status $?; expected: '$wanted'; it said: $said"
	return 1
}

# is ID STATUS: without the price of jq
is() {
	local said
	said=$(cowrun state "$1")
	[[ $said == *"\"status\": \"$2\""* ]] || { say "expected $2, saw: $said"; return 1; }
}

# shellcheck disable=SC2016 # for the container's shell
start() { cowrun run -d --pid-file "$SCRATCH/pid.$1" -b "$SCRATCH/bundle" "$1" >"$SCRATCH/out.$1" 2>&1 </dev/null; }
live() {
	local id=$1 pid
	read -r pid <"$SCRATCH/pid.$id"
	says "$id" cowrun exec -e "ME=$id" "$id" sh -c 'echo "$ME"' &&
		says "" cowrun pause "$id" && is "$id" paused &&
		says "" cowrun update -r <(echo "$LIMITS") "$id" &&
		says "${LIMITED#*:}" cat "$CGROUP/cowrun-$id/${LIMITED%:*}" &&
		says "" cowrun resume "$id" && is "$id" running &&
		says "" cowrun kill "$id" KILL && await ended "$pid" && is "$id" stopped &&
		says "" cowrun delete "$id" && assert_gone "$id"
}

# shellcheck disable=SC2016 # for the container's shell
cow_start() { cow run -d --name "$1" "$IMAGE" sleep 1000 >"$SCRATCH/out.$1"; }
cow_live() {
	local id=$1
	says "$id" cow exec -e "ME=$id" "$id" sh -c 'echo "$ME"' &&
		says "$id" cow stop -t 0 "$id" &&
		says "$id" cow rm "$id"
}

# each FUNCTION: for each id, 16 at a time
# shellcheck disable=SC2016 # for the inner shell
each() {
	export -f start live cow_start cow_live says is say await alive ended assert_gone cowrun cow
	seq "$COUNT" | xargs -P 16 -I {} bash -c "$1"' "$0-{}"' "$ID" 3>&-
}

# what is left of them, a line each
left() {
	find "$STATE" "$STORE"/{containers,tmp,trash} -mindepth 1 -maxdepth 1 ! -name .seccomp ! -name .devices 2>/dev/null
	find "$CGROUP" -type d -name "*$ID*"
	grep -F "$SCRATCH" /proc/self/mountinfo
	grep -lszxF "MANY=$SCRATCH" /proc/[0-9]*/environ
	grep -lsF "cowrun-$ID" /proc/[0-9]*/cgroup
}
nothing_left() { not left >"$SCRATCH/left"; }

# many START LIVE LIST: all are there at once, and meanwhile LIST never fails
many() {
	local lister
	each "$1"
	[ "$(cowrun list -f json | jq '[.[] | select(.status == "running") | .pid] | unique | length')" = "$COUNT" ]
	(until [ -e "$SCRATCH/ended" ]; do "${@:3}" >/dev/null && sleep 0.1 || exit; done) &
	lister=$!
	each "$2" || touch "$SCRATCH/failed"
	touch "$SCRATCH/ended"
	wait $lister
	rm "$SCRATCH/ended"
	[ ! -e "$SCRATCH/failed" ]
	await nothing_left || { cat "$SCRATCH/left" >&2; return 1; }
}

@test "many containers at once live each its life, and nothing is left" { many start live cowrun list; }
@test "many containers of an image at once live each its life, and nothing is left" { many cow_start cow_live cow ps; }
