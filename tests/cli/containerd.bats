# containerd on top of it, by ctr and the runc v2 shim. The first test is of every run; the others are for full length,
# those of limits in a guest kernel. What must be the same with crun is told twice and compared.
load helpers
load containers
load hosts

IMAGE=docker.io/library/busy:latest

setup_file() {
	scratch_make
	[ -d "$ENGINES" ] || return 0
	crun_make
	host_make c
	cat >"$SCRATCH/c/config.toml" <<-EOT
		version = 2
		root = "$SCRATCH/c/root"
		state = "$SCRATCH/c/state"
		temp = "$SCRATCH/c/tmp"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$SCRATCH/c/socket"
	EOT
	on c containerd -c "$SCRATCH/c/config.toml" >"$SCRATCH/c/log" 2>&1 &
	engine_ready c ctr version
	image_make "$SCRATCH/busy.tar"
	ctr image import --no-unpack "$SCRATCH/busy.tar" >/dev/null
}

teardown() {
	local id
	compared_tell
	[ -d "$ENGINES" ] || return 0
	for id in $(ctr task ls -q 2>/dev/null); do ctr task delete -f "$id" || true; done >/dev/null 2>&1
	for id in $(ctr container ls -q 2>/dev/null); do ctr container rm "$id" || true; done >/dev/null 2>&1
}

teardown_file() {
	host_end c
	scratch_remove
}

ctr() { on c timeout --foreground 120 ctr -a "$SCRATCH/c/socket" -n test "$@"; }

# image_make TAR: an OCI image of one busybox, as an archive
image_make() {
	local layout=$SCRATCH/layout layer config manifest
	mkdir -p "$layout/blobs/sha256"
	rootfs_make "$SCRATCH/rootfs"
	layer=$(tar -C "$SCRATCH/rootfs" -c . | blob)
	config=$(jq -nc --arg layer "sha256:${layer% *}" '{architecture: "amd64", os: "linux",
		config: {Cmd: ["sh"], Env: ["PATH=/bin"]}, rootfs: {type: "layers", diff_ids: [$layer]}}' | blob)
	manifest=$(jq -nc "{schemaVersion: 2, config: $(descriptor config.v1+json "$config"),
		layers: [$(descriptor layer.v1.tar "$layer")]}" | blob)
	jq -nc --arg name "$IMAGE" "{schemaVersion: 2, manifests: [$(descriptor manifest.v1+json "$manifest") +
		{annotations: {\"io.containerd.image.name\": \$name}}]}" >"$layout/index.json"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$layout/oci-layout"
	tar -C "$layout" -cf "$1" .
}

# blob: keeps standard input, and prints its digest and its size
blob() {
	local digest
	cat >"$layout/blob"
	digest=$(sha256sum <"$layout/blob" | cut -d' ' -f1)
	mv "$layout/blob" "$layout/blobs/sha256/$digest"
	echo "$digest $(stat -c %s "$layout/blobs/sha256/$digest")"
}

descriptor() {
	echo "{mediaType: \"application/vnd.oci.image.$1\", digest: \"sha256:${2% *}\", size: ${2#* }}"
}

# run_ctr OPTION... ID COMMAND...: by the runtime in $RUNTIME; an option is one word
run_ctr() {
	local options=()
	while [[ $1 == -* ]]; do options+=("$1"); shift; done
	ctr run --runc-binary "${RUNTIME:-$COWRUN}" "${options[@]}" "$IMAGE" "$@"
}

# deleted_exec: the process e of c, with its status
deleted_exec() { status ctr task delete --exec-id e c >"$SCRATCH/deleted.now" && not grep -qx 'status 1' "$SCRATCH/deleted.now" && cat "$SCRATCH/deleted.now"; }
task_is() { ctr task ls | grep -qE "^$1 +[0-9]+ +$2"; }

@test "containerd: a container from run to rm, and nothing is left" {
	need_quick
	run run_ctr --rm "$ID" sh -c 'echo hello; exit 7'
	assert_status 7
	assert_output hello
	run run_ctr --rm "$ID" nosuch
	assert_output_matches "create: executable file 'nosuch' not found in .PATH: no such file or directory"
	run_ctr -d "$ID" sh -c 'trap "exit 9" TERM; touch /ready; while :; do sleep 0.1; done'
	run ctr task exec --exec-id e "$ID" sh -c 'echo inside; exit 4'
	assert_status 4
	assert_output inside
	run timeout 200 "$HELPERS/terminal" run 24x80 'wait:$ ' 'send:tty; exit 5\n' ends -- \
		bash -c 'on c ctr -a "$SCRATCH/c/socket" -n test task exec -t --exec-id e "$ID" env "PS1=$ " sh'
	assert_status 5
	assert_output_matches '/dev/pts/[0-9]'
	ctr task pause "$ID"
	task_is "$ID" PAUSED
	run ctr task exec --exec-id e "$ID" true
	assert_output_matches 'cannot exec in a paused'
	ctr task resume "$ID"
	ctr task metrics --format json "$ID" | jq -e 'has("memory")' >/dev/null
	ctr task ps "$ID" | grep -q "^[0-9]"
	ctr task exec --exec-id e "$ID" sh -c 'until [ -e /ready ]; do :; done'
	ctr task kill --signal TERM "$ID"
	patiently task_is "$ID" STOPPED
	run ctr task kill "$ID"
	assert_output_matches 'process already finished: not found'
	run ctr task delete "$ID"
	assert_output_matches 'exit code 9'
	ctr container rm "$ID"
	patiently host_is_empty c containerd || { host_holds c containerd >&2; return 1; }
}

# --- the same with crun ------------------------------------------------------------------------------------------
# What runs is named "c".
ends() {
	status run_ctr --rm c sh -c 'echo out; echo err >&2; exit 3'
	status run_ctr --rm c sh -c 'exec 1>&2; echo err; kill -9 $$' # ctr run takes 137 for 0; task delete tells
	status run_ctr --rm c nosuch
	status run_ctr --rm c /etc
	status run_ctr --rm c /etc/passwd
	status run_ctr --rm --cwd=/tmp/new --env=A=b c sh -c 'pwd; echo $A'
	status run_ctr --rm --read-only --seccomp c sh -c 'echo >/x; grep -E "^(Seccomp|Cap|NoNew)" /proc/self/status'
	status run_ctr --rm --mount="type=bind,src=$SCRATCH/rootfs/etc,dst=/mnt,options=rbind:ro" c sh -c 'ls /mnt; echo >/mnt/x'
	status run_ctr --rm --cap-add=CAP_SYS_ADMIN --cap-drop=CAP_CHOWN --net-host c \
		sh -c 'grep ^Cap /proc/self/status; ls /sys/class/net; ls /dev; cut -d: -f2 /proc/self/cgroup'
}

lives() {
	run_ctr -d c sh -c 'trap "exit 9" TERM; touch /ready; while :; do sleep 0.1; done'
	ctr task exec --exec-id e c sh -c 'until [ -e /ready ]; do :; done'
	status ctr task exec --exec-id e c sh -c 'echo out; exit 4'
	status ctr task exec --exec-id e --user 1000 --cwd /tmp c sh -c 'id; pwd; cat' <<<typed
	status ctr task exec --exec-id e c sh -c 'kill -15 $$'
	status ctr task exec --exec-id e c nosuch
	status ctr task exec --exec-id e c /etc
	status ctr task exec --exec-id e --cwd /nosuch c true
	ctr task exec -d --exec-id e c sleep 1000
	status ctr task kill --exec-id e --signal KILL c
	patiently deleted_exec >"$SCRATCH/deleted" # before its end it refuses
	cat "$SCRATCH/deleted"
	ctr task kill --signal TERM c
	patiently task_is c STOPPED
	status ctr task kill c
	ctr task delete c 2>&1 | grep -o 'exit code.*'
	status ctr task delete c
	status ctr container rm c
	# what kills is told as 128 and the signal
	run_ctr -d c sleep 1000
	ctr task kill --signal KILL c
	patiently task_is c STOPPED
	ctr task delete c 2>&1 | grep -o 'exit code.*'
	ctr container rm c
}

# Of an image that has other files than the template's: what runs is the template's memory.
@test "containerd: containers that are forked from a template" {
	need_quick
	need_static "the template"
	local template=(env "$COW" --root "$STATE" --store "$STORE")
	mkdir "$SCRATCH/warm"
	cp -a "$SCRATCH/rootfs/." "$SCRATCH/warm"
	cp "$HELPERS/warm" "$SCRATCH/warm/bin/"
	tar -C "$SCRATCH/warm" -c . | on c "${template[@]}" import -q - warm >/dev/null
	on c "${template[@]}" template create "$ID-t" warm warm >/dev/null
	run run_ctr --rm "--annotation=org.cowrun.template=$STATE/$ID-t" "$ID" warm status 7
	assert_status 7
	run_ctr -d "--annotation=org.cowrun.template=$STATE/$ID-t" "$ID" warm wait
	task_is "$ID" RUNNING
	run ctr task exec --exec-id e "$ID" readlink /proc/1/exe
	assert_output /bin/warm
	ctr task kill --signal KILL "$ID"
	patiently task_is "$ID" STOPPED
	run ctr task delete "$ID"
	assert_output_matches 'exit code 137'
	ctr container rm "$ID"
	on c "${template[@]}" rm -f "$ID-t" >/dev/null
}

@test "containerd: exit codes, output and files are those of crun" {
	need_full
	compared ends
	grep -q 'status 3' "$SCRATCH/ours"
}

@test "containerd: exec, kill and delete are those of crun" {
	need_full
	compared lives
	[[ $(grep exit "$SCRATCH/ours") == *9*137* ]] || { cat "$SCRATCH/ours" >&2; return 1; }
}

@test "containerd: killed from outside, or its state damaged, it is told and can be removed" {
	need_full
	run_ctr -d "$ID" sleep 1000
	# with all that is in its group
	on c sh -c "echo 1 >/sys/fs/cgroup/test/$ID/cgroup.kill"
	patiently task_is "$ID" STOPPED
	run ctr task delete "$ID"
	assert_output_matches 'exit code 137'
	ctr container rm "$ID"
	run_ctr -d "$ID" sleep 1000
	on c sh -c "echo garbage >/run/containerd/runc/test/$ID/record"
	not ctr task delete -f "$ID" 2>/dev/null
	kill -KILL "$(shim_of "$ID")" # then containerd has the runtime clear: delete --force
	patiently task_is_gone "$ID"
	ctr container rm "$ID"
	patiently host_is_empty c containerd || { host_holds c containerd >&2; return 1; }
}

shim_of() { pgrep -f "containerd-shim-runc-v2 .* -id $1 -address $SCRATCH/c/"; }
task_is_gone() { ! ctr task ls -q | grep -qx "$1"; }

# --- limits ------------------------------------------------------------------------------------------------------
# events of containerd, of those that tests tell of
oom_seen() { grep -q '/tasks/oom.*"container_id":"c"' "$SCRATCH/events"; }

limited() {
	run_ctr -d --memory-limit=$((64 << 20)) --cpus=0.5 c sleep 1000
	on c sh -c 'cd /sys/fs/cgroup/test/c && cat memory.max cpu.max'
	ctr task metrics --format json c | jq -c '[.memory.usage_limit, .memory.usage > 0, .pids.current, .cpu.usage_usec > 0]'
	ctr task pause c
	ctr task ls | awk '$1 == "c" { print $3 }'
	ctr task resume c
	ctr task ps c | wc -l
	ctr task kill -s KILL c
	patiently task_is c STOPPED
	ctr task delete c 2>&1 | grep -o 'exit code.*'
	ctr container rm c
}

out_of_memory() {
	: >"$SCRATCH/events"
	ctr events >"$SCRATCH/events" 2>&1 &
	local listener=$!
	run_ctr -d --memory-limit=$((16 << 20)) --mount="type=bind,src=$HELPERS,dst=/mnt,options=rbind:ro" c \
		sh -c "until [ -e /go ]; do sleep 0.1; done; $HOG"
	ctr task exec --exec-id e c touch /go # by now the shim listens
	patiently oom_seen
	ctr task exec --exec-id e c touch /end
	patiently task_is c STOPPED
	ctr task delete c 2>&1 | grep -o 'exit code.*'
	ctr container rm c
	kill "$listener" 2>/dev/null || true
}

@test "containerd: limits and metrics are those of crun" {
	need_limits
	compared limited
	[[ $(<"$SCRATCH/ours") == 67108864$'\n''50000 100000'* ]]
}

@test "containerd: out of memory is told as with crun" {
	need_limits
	compared out_of_memory
	grep -q 137 "$SCRATCH/ours"
}
