# cow density: experiments that end as they should, and leave nothing whatever becomes of them.
load helpers
load cow

setup_file() {
	scratch_make
	image_make
}

setup() {
	need_host "what it measures is in cow_mem.bats; a guest is slow"
	# one experiment at a time on a host
	exec 7>>/run/lock/cowrun-test-density
	flock 7
}

# lab WORDS...: cow density, whose results go to $SCRATCH/results
lab() { run cow density -q -o "$SCRATCH/results" "$@"; }
# trials FILTER: of all trials, as a list
trials() { jq -sc "$1" "$SCRATCH/results/trials.jsonl"; }
# nothing_is_left: no container, no group, no mount, nothing written down
nothing_is_left() {
	[ "$(cow ps -q -a 2>/dev/null | wc -l)" = 0 ]
	[ ! -e "$SCRATCH/results/running.json" ]
	[ ! -e /run/cowrun-density/knobs ]
	run ! grep -q "$SCRATCH/results" /proc/self/mountinfo
	[ ! -e "$SCRATCH/results/stage" ]
	run ! compgen -G "$STATE-density-*"
}

@test "four ways, two counts: each trial has its containers, measured exactly, and nothing is left" {
	rm -rf "$SCRATCH/results"
	lab --image "$IMAGE" --count 1,3 --way overlay --way many --way cowrun --way floor --repeat 1 sleep 1000
	assert_status 0
	[ "$(trials length)" = 8 ]
	[ "$(trials 'map(.started == .count and .exact and .settled) | all')" = true ]
	[ "$(trials 'map([.way, .count, .repetition]) | unique | length')" = 8 ]
	# three containers of one image: what is in files is there once
	[ "$(trials '[.[] | select(.way == "overlay" and .count == 3)] | map(.saved_bytes > 0 and .each.file_bytes == 0) | all')" = true ]
	[ "$(trials 'map(.cost_bytes >= .each.cost_bytes and .up_us > 0 and (.start_us.median > 0) == (.way != "many")) | all')" = true ]
	# a line for each container, and its heading
	[ "$(wc -l <"$SCRATCH/results/containers.csv")" = $((1 + 4 * (1 + 3))) ]
	[ "$(jq -r .kernel "$SCRATCH/results/host.json")" = "$(uname -r)" ]
	assert_output_matches 'overlay +3 +1 .*exact'
	assert_output_matches 'many +3 +1 .* - +- +[0-9.]+ +exact'
	diff <(printf '%s\n' "$output") "$SCRATCH/results/summary.txt"
	[ "$(head -n 1 "$SCRATCH/results/report.html")" = '<!doctype html>' ]
	# each plot twice, with what it was made of
	local plot
	for plot in cost kinds start rate union; do
		[ "$(head -c 4 "$SCRATCH/results/plots/$plot.png")" = $'\x89PNG' ]
		grep -q '</svg>' "$SCRATCH/results/plots/$plot.svg"
		[ -s "$SCRATCH/results/plots/$plot.gp" ] && [ -s "$SCRATCH/results/plots/$plot.dat" ]
	done
	grep -q '>overlay<' "$SCRATCH/results/plots/cost.svg"
	nothing_is_left
}

@test "without gnuplot there are no plots, and all else" {
	rm -rf "$SCRATCH/results"
	run unshare -m --propagation private bash -c 'mount --bind /dev/null "$(command -v gnuplot)" &&
		"$COW" --root "$STATE" --store "$STORE" density -q -o "$SCRATCH/results" --image "$IMAGE" --count 1 --repeat 1 sleep 1000'
	assert_status 0
	assert_output_matches 'warning: there is no gnuplot: no plots'
	[ "$(trials length)" = 1 ]
	[ -s "$SCRATCH/results/summary.txt" ] && [ ! -e "$SCRATCH/results/plots" ]
	nothing_is_left
}

@test "what is there is not made again; another experiment does not go there" {
	local before
	rm -rf "$SCRATCH/results"
	lab --image "$IMAGE" --count 1 --repeat 2 sleep 1000
	assert_status 0
	before=$(sha256sum "$SCRATCH/results/trials.jsonl")
	lab --image "$IMAGE" --count 1 --repeat 2 sleep 1000
	assert_status 0
	[ "$(sha256sum "$SCRATCH/results/trials.jsonl")" = "$before" ]
	lab --image "$IMAGE" --count 2 --repeat 2 sleep 1000
	assert_status 1
	[ "$output" = "cow: density: '$SCRATCH/results' has the results of another experiment" ]
	# half a line, as a power cut leaves it, is no trial
	truncate -s -10 "$SCRATCH/results/trials.jsonl"
	lab --image "$IMAGE" --count 1 --repeat 2 sleep 1000
	assert_status 0
	[ "$(trials length)" = 2 ]
}

@test "interrupted, it clears away what is up, and goes on later" {
	rm -rf "$SCRATCH/results"
	"$COW" --root "$STATE" --store "$STORE" density -q -o "$SCRATCH/results" --image "$IMAGE" --count 4 --way overlay --way floor --repeat 3 sleep 1000 >"$SCRATCH/said" 2>&1 3>&- 7>&- &
	local pid=$!
	until [ -s "$SCRATCH/results/trials.jsonl" ] && [ -e "$SCRATCH/results/running.json" ]; do kill -0 $pid; done
	kill -INT $pid
	wait $pid || true
	nothing_is_left
	[ "$(trials length)" -lt 6 ]
	lab --image "$IMAGE" --count 4 --way overlay --way floor --repeat 3 sleep 1000
	assert_status 0
	[ "$(trials length)" = 6 ]
}

@test "killed, the next one takes down what it left, and puts the host back" {
	rm -rf "$SCRATCH/results"
	cat >"$SCRATCH/x.json" <<-END
		{ "image": "$IMAGE", "command": ["sleep", "1000"], "counts": [3], "ways": ["overlay", "floor"], "repetitions": 1,
		  "settle_seconds": 60, "variants": [{ "name": "v", "swappiness": $(($(</proc/sys/vm/swappiness) ^ 1)) }] }
	END
	local was pid left
	was=$(</proc/sys/vm/swappiness)
	"$COW" --root "$STATE" --store "$STORE" density -q -o "$SCRATCH/results" "$SCRATCH/x.json" >"$SCRATCH/said" 2>&1 3>&- 7>&- &
	pid=$!
	until [ "$(cow ps -q 2>/dev/null | wc -l)" = 3 ] || compgen -G "$STATE-density-*/2.pid"; do kill -0 $pid; done
	kill -KILL $pid
	wait $pid || true
	[ "$(</proc/sys/vm/swappiness)" != "$was" ]
	left=$(cat "$STATE"-density-*/*.pid 2>/dev/null || true)
	lab "$SCRATCH/x.json"
	assert_status 0
	[ "$(</proc/sys/vm/swappiness)" = "$was" ]
	[ "$(trials length)" = 2 ]
	while read -r pid _; do [ -z "$pid" ] || eventually is_gone "$pid"; done <<<"$left"
	nothing_is_left
}

@test "what runtimes write down lies beside cow's own records, is used after SIGKILL, and goes" {
	need_program crun
	rm -rf "$SCRATCH/results"
	local pid left
	"$COW" --root "$STATE/" --store "$STORE" density -q -o "$SCRATCH/results" --image "$IMAGE" --count 3 --way crun --repeat 1 sleep 1000 >"$SCRATCH/said" 2>&1 3>&- 7>&- &
	pid=$!
	until [ "$(find "$STATE"-density-*/*.pid -size +0 2>/dev/null | wc -l)" = 3 ]; do kill -0 $pid; done
	kill -KILL $pid
	wait $pid || true
	[ "$(stat -f -c %T "$STATE"-density-*/state/density-*)" = $'tmpfs\ntmpfs\ntmpfs' ]
	[ ! -e "$SCRATCH/results/stage/state" ]
	left=$(tail -n 1 "$STATE"-density-*/*.pid | grep -E '^[0-9]+$')
	[ "$(wc -w <<<"$left")" = 3 ]
	lab --count 3 --way crun --repeat 1 --image "$IMAGE" sleep 1000
	assert_status 0
	[ "$(trials 'map(.started)')" = '[3]' ]
	[ "$(jq -r .records "$SCRATCH/results/host.json")" = tmpfs ]
	for pid in $left; do eventually is_gone "$pid"; done
	nothing_is_left
}

@test "a bundle is the container that cow run would make: system calls, capabilities, masks, limits, options" {
	need_program crun
	rm -rf "$SCRATCH/results" "$SCRATCH/out"
	mkdir "$SCRATCH/out"
	cat >"$SCRATCH/x.json" <<-END
		{ "image": "$IMAGE", "counts": [2], "ways": ["overlay", "cowrun", "crun"], "repetitions": 1,
		  "options": ["-v", "$SCRATCH/out:/tmp", "-e", "SAID=yes", "--ulimit", "nofile=77"],
		  "command": ["sh", "-c", "exec >/tmp/\$HOSTNAME; grep -E '^(Cap|NoNew|Seccomp)' /proc/self/status; awk '{ print \$5, \$6 ~ /^ro/ }' /proc/self/mountinfo | sort; ulimit -a; env | grep -v ^HOSTNAME; echo {i} of {n}; exec sleep 1000"],
		  "variants": [{ "name": "usual" }, { "name": "open", "options": ["--security-opt", "seccomp=unconfined"] }] }
	END
	lab "$SCRATCH/x.json"
	assert_status 0
	nothing_is_left
	local trial file
	while read -r trial; do
		for file in "$SCRATCH"/out/density-*-"$((trial - 1))"-1; do
			grep -v '^/ ' "$file" >"$SCRATCH/out/$(trials ".[$((trial - 1))] | .variant + \"-\" + .way" | tr -d '"')"
		done
	done < <(seq 6)
	cd "$SCRATCH/out"
	[ "$(grep -h ^Seccomp: usual-*)" = $'Seccomp:\t2\nSeccomp:\t2\nSeccomp:\t2' ]
	[ "$(grep -h ^Seccomp: open-*)" = $'Seccomp:\t0\nSeccomp:\t0\nSeccomp:\t0' ]
	for trial in usual open; do
		diff $trial-overlay $trial-cowrun
		diff $trial-overlay $trial-crun
	done
	grep -q '^/proc/kpageflags ' usual-crun
	grep -qx SAID=yes usual-crun
	grep -qx '1 of 2' usual-crun
}

@test "what a bundle cannot have is said before anything is started" {
	local said options
	while IFS='|' read -r said options; do
		rm -rf "$SCRATCH/results"
		echo "{ \"image\": \"$IMAGE\", \"ways\": [\"cowrun\"], \"counts\": [1], \"repetitions\": 1, \"options\": $options }" >"$SCRATCH/x.json"
		lab "$SCRATCH/x.json"
		assert_status 1
		[ "$output" = "cow: density: cowrun, 1: options of the experiment: $said" ]
		nothing_is_left
	done <<-END
		option --net: a bundle cannot have it so|["--net", "container:x"]
		option --userns: a bundle cannot have it so|["--userns", "auto"]
		'x' is no option of a container|["--read-only", "x"]
		unknown option '--detach'|["--detach"]
	END
}

@test "where the image cannot be mounted, nothing is left beside the state root" {
	rm -rf "$SCRATCH/results"
	run setpriv --bounding-set=-sys_admin --inh-caps=-all "$COW" --root "$STATE" --store "$STORE" density -q -o "$SCRATCH/results" \
		--image "$IMAGE" --count 1 --way cowrun --repeat 1 sleep 1000
	assert_status 1
	assert_output_matches 'density: files of image .*: operation not permitted$'
	nothing_is_left
}

@test "the floor is the bare system calls: what it says, and what it cannot do" {
	rm -rf "$SCRATCH/results"
	lab --image "$IMAGE" --count 1 --way floor --repeat 1 no-such-program
	assert_status 1
	assert_output_matches 'density: floor, 1: .*cow-floor: execute the program: error 2$'
	nothing_is_left
	run "$OUT/cow-floor" /nowhere "$SCRATCH/floor.pid" sleep 1
	assert_status 1
	[ "$output" = "cow-floor: bind the root: error 2" ]
	[ ! -e "$SCRATCH/floor.pid" ]
}

@test "bad input: one line, and nothing is started" {
	rm -rf "$SCRATCH/results"
	local row
	echo "{ \"image\": \"$IMAGE\", \"cuonts\": [1] }" >"$SCRATCH/x.json"
	while IFS='|' read -r said row; do
		eval "lab $row"
		assert_status 1
		[ "${#lines[@]}" = 1 ]
		[[ $output == "cow: density: $said"* ]] || { say "expected '$said', saw: $output"; return 1; }
	done <<-END
		read the experiment '$SCRATCH/x.json': cuonts: unknown key|"\$SCRATCH/x.json"
		which image?|--count 1
		counts[0]: 1000000000 is not from 1|--image "\$IMAGE" --count 1000000000
		no image 'nothing:latest'|--image nothing:latest
		ways[0]: 'teleport' is neither a way|--image "\$IMAGE" --way teleport
		option --count: 'many' is no number|--image "\$IMAGE" --count many
		keep_free: 'lots' is no size|--image "\$IMAGE" --keep-free lots
		read the experiment '/nothing'|/nothing
	END
	[ ! -e "$SCRATCH/results/trials.jsonl" ]
	nothing_is_left
}

@test "no space for results: one line, and nothing is started" {
	local free
	mkdir "$SCRATCH/full"
	for free in 0 8 12; do
		run unshare -m --propagation private bash -c 'mount -t tmpfs -o size=16k tmpfs "$SCRATCH/full" && head -c $((16384 - $1 * 1024)) /dev/zero >"$SCRATCH/full/x" &&
			"$COW" --root "$STATE" --store "$STORE" density -q -o "$SCRATCH/full/results" --image "$IMAGE" --count 1 --repeat 1 sleep 1000' - "$free"
		assert_status 1
		[ "${#lines[@]}" = 1 ]
		[[ $output == "cow: density: "*": no space left on device" ]]
	done
	nothing_is_left
}

@test "a start that fails ends it, with what the runtime said" {
	rm -rf "$SCRATCH/results"
	lab --image "$IMAGE" --count 2 --repeat 1 no-such-program
	assert_status 1
	assert_output_matches 'density: overlay, 2: .*no-such-program'
	nothing_is_left
}

@test "containers that end by themselves are no result" {
	rm -rf "$SCRATCH/results"
	lab --image "$IMAGE" --count 2 --repeat 1 true
	assert_status 0
	[ "$(trials '.[0] | [.exact, .why]')" = '[false,"2 of 2 have ended by themselves"]' ]
	assert_output_matches 'not all started'
	nothing_is_left
}

@test "memory of the host that is to be left alone is left alone" {
	rm -rf "$SCRATCH/results"
	lab --image "$IMAGE" --count 3 --repeat 1 --keep-free 1000g sleep 1000
	assert_status 0
	[ "$(trials '.[0].started < 3 and (.[0].why | test("keep_free"))')" = true ]
	nothing_is_left
}

@test "the examples are experiments, and no two of a name" {
	local file
	for file in "$BATS_TEST_DIRNAME"/../../examples/density/*.json; do
		rm -rf "$SCRATCH/results"
		run cow --store "$SCRATCH/no-store" density -q -o "$SCRATCH/results" "$file"
		assert_status 1
		[[ $output == "cow: density: no image '"* ]] || { say "$file: $output"; return 1; }
	done
	[ -z "$(jq -r .name "$BATS_TEST_DIRNAME"/../../examples/density/*.json | sort | uniq -d)" ]
}

@test "an engine that is cow: each container has its own image, and is known by its name" {
	rm -rf "$SCRATCH/results"
	local i
	for i in 1 2; do cow tag "$IMAGE" "numbered:$i"; done
	cat >"$SCRATCH/x.json" <<-END
		{ "image": "$IMAGE", "command": ["sleep", "1000"], "counts": [2], "ways": ["numbered"], "repetitions": 1, "engines": [{
		  "name": "numbered", "ours": true, "start": ["{cow}", "run", "-d", "--name", "{name}", "numbered:{i}", "{command}"],
		  "stop": ["{cow}", "rm", "-f", "{name}"] }] }
	END
	lab "$SCRATCH/x.json"
	assert_status 0
	[ "$(trials '.[0] | [.started, .exact]')" = '[2,true]' ]
	cow rmi numbered:1 numbered:2 >/dev/null
	lab "$SCRATCH/x.json" # what it has is not made again
	assert_status 0
	rm -rf "$SCRATCH/results"
	lab "$SCRATCH/x.json"
	assert_status 1
	assert_output_matches "numbered:[12]"
	nothing_is_left
}
