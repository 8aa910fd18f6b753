# Templates, and containers that are forked from them.
load helpers
load containers
load cow
load fork

setup_file() {
	scratch_make
	warm_image_make
}
teardown() { forks_remove "$NAME"; }
teardown_file() { scratch_remove; }

@test "a fork goes on where its template waits, with words of its own" {
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	cow fork --name "$ID-f" -e WORD=hello "$NAME" first echo second >/dev/null
	eventually has_line "$ID-f" '^first second: pid 1, hello, memory w$'
	eventually has_line "$ID-f" '^to standard error$'
}

@test "run --template: in the foreground, with our streams, and its status is ours" {
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	run --separate-stderr cow run --rm --template "$NAME" warm status 7
	assert_status 7
	cow run --template "$NAME" --name "$ID-f" warm echo word >"$SCRATCH/out" 2>"$SCRATCH/err" 3>&- &
	local pid=$!
	eventually grep -q word "$SCRATCH/out"
	eventually grep -q "to standard error" "$SCRATCH/err"
	cow stop -t 0 "$ID-f"
	ends_with 137 $pid
	[ "$(inspect "$ID-f" exit_status)" = 137 ]
	fails "no such container|does not exist" cow run --template "$ID-none"
	fails "is a container and no template" cow run --template "$ID-f"
}

# It is forked while its plan is drawn up. Whoever forks it shares the template's memory, and is in the group that is
# taken back: of a template that has not forked yet he was there often.
@test "a fork whose plan comes to nothing: one line, nothing of the program has run, nothing is left" {
	local i
	for i in 1 2 3 4; do
		cow template create "$NAME" "$IMAGE" warm >/dev/null
		fails "bind source '$SCRATCH/nowhere': no such file" cow fork --name "$ID-f" -v "$SCRATCH/nowhere:/mnt" "$NAME" warm echo word
		fails "does not exist" cow logs "$ID-f"
		assert_gone "$ID-f"
		[ "$(cow ps -aq)" = "$NAME" ]
		! cow logs "$NAME" | grep word || return 1
		cow fork --name "$ID-f" "$NAME" warm echo again >/dev/null
		eventually has_line "$ID-f" '^warm again'
		cow rm -f "$NAME" "$ID-f" >/dev/null
	done
}

# --- for engines --------------------------------------------------------------------------------------------------
@test "cowrun forks where the document's annotation names a template: create, start, and who stands in ends as it did" {
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	bundle "$(args warm echo word)"' | .annotations["org.cowrun.template"] = $ENV.NAME'
	cowrun create -b "$BUNDLE" --pid-file "$SCRATCH/pid" "$ID-e" >"$SCRATCH/out" 2>&1 3>&-
	local standin pid
	standin=$(<"$SCRATCH/pid") pid=$(state "$ID-e" pid)
	eventually executes "$standin" cow-standin
	[ "$(readlink "/proc/$standin/ns/net")" = "$(readlink "/proc/$pid/ns/net")" ]
	status_is "$ID-e" created
	[ ! -s "$SCRATCH/out" ]
	cowrun start "$ID-e"
	eventually grep -q "^warm word: pid 1" "$SCRATCH/out"
	cowrun kill "$ID-e" KILL
	eventually ended "$standin"
	cowrun delete "$ID-e"
}

@test "cowrun run of a fork: its status is ours" {
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	bundle "$(args warm status 7)"' | .annotations["org.cowrun.template"] = $ENV.NAME'
	run cowrun run -b "$BUNDLE" "$ID-e"
	assert_status 7
	bundle "$(args warm status 7)"' | .annotations["org.cowrun.template"] = "nobody"'
	fails "annotation org.cowrun.template: .*nobody" cowrun run -b "$BUNDLE" "$ID-e"
	bundle "$(args warm status 7)"' | .annotations["org.cowrun.template"] = $ENV.NAME | .linux.namespaces += [{type: "time"}]'
	fails "a fork of a template can have no" cowrun run -b "$BUNDLE" "$ID-e"
	assert_gone "$ID-e"
}

@test "fork -n: more than a process makes alone, each with its name, once" {
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	run cow fork -n 40 --name "$ID-m" "$NAME" warm wait
	assert_status 0
	[ "$(sort <<<"$output")" = "$(for i in {1..40}; do echo "$ID-m-$i"; done | sort)" ]
	[ "$(cow ps -q | grep -c "^$ID-m-")" = 40 ]
	# the template is a row of its own, and no container of the sum
	run cow mem
	assert_output_matches '40 containers and 1 template: '
	[ "$(cow mem --json | jq --arg t "$NAME" '[.containers[] | select(.template)] | map(.name) == [$t]')" = true ]
}

@test "fork -n: each has what it would have alone, but for its name" {
	local i
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	run cow run --template "$NAME" --name "$ID-a" -e WORD=x --ulimit nofile=100 warm status 0
	cow fork -n 3 --name "$ID-m" -e WORD=x --ulimit nofile=100 "$NAME" warm echo word >/dev/null
	for i in 1 2 3; do
		eventually has_line "$ID-m-$i" '^warm word: pid 1, x,'
		diff <(jq 'del(.process.args)' "$STATE/$ID-m-$i/config.json" | sed "s/$ID-m-$i/IT/") \
			<(jq 'del(.process.args)' "$STATE/$ID-a/config.json" | sed "s/$ID-a/IT/")
		[ "$(cow exec "$ID-m-$i" hostname)" = "$ID-m-$i" ]
		jq -e --arg name "$ID-m-$i" '.hostname == $name and (.process.env | index("HOSTNAME=" + $name))' \
			"$STATE/$ID-m-$i/config.json"
	done
}

@test "cow density: forks of a template, which is gone with them" {
	need_host "a guest is slow"
	exec 7>>/run/lock/cowrun-test-density
	flock 7
	run cow density -q -o "$SCRATCH/results" --image "$IMAGE" --count 3 --way fork --repeat 1 warm wait
	assert_status 0
	[ "$(jq -r '[.way, .started, .exact] | join(" ")' "$SCRATCH/results/trials.jsonl")" = "fork 3 true" ]
	# the template is a figure and a line of its own, in what all have together, and none of those that are each
	[[ ${lines[0]} == *' TEMPLATE '* ]]
	[ "$(grep -c '^0,"plain","fork",3,0,.*-[123],' "$SCRATCH/results/containers.csv")" = 3 ]
	grep -q '^0,"plain","fork",3,0,.*-template,0,0,1,' "$SCRATCH/results/containers.csv"
	jq -e --argjson own "$(awk -F, '/-template,/ { print $NF }' "$SCRATCH/results/containers.csv")" \
		'.template_bytes == $own and $own > 0 and .union_bytes > .cost_bytes' "$SCRATCH/results/trials.jsonl"
	[ -z "$(cow ps -aq)" ]
}

@test "a filter that keeps the privilege that it was loaded with has no fork, whatever it answers" {
	local what
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	for what in '["getppid"] 1' '["capset"] 1' '["capset","capget"] 0' '["capset"] 0' '["capget"] 1'; do
		bundle "$(args warm status 7)"' | .annotations["org.cowrun.template"] = $ENV.NAME | .process.noNewPrivileges = false
			| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: '"${what% *}"',
			action: "SCMP_ACT_ERRNO", errnoRet: '"${what#* }"'}]}'
		if [[ $what == *getppid* ]]; then
			run cowrun run -b "$BUNDLE" "$ID-e"
			assert_status 7
		else
			fails 'drop the capability that the seccomp filter was loaded with: ' cowrun run -b "$BUNDLE" "$ID-e"
		fi
		assert_gone "$ID-e"
	done
}

@test "cowrun create of a fork with a terminal: it is handed to the console socket" {
	cow template create "$NAME" "$IMAGE" warm >/dev/null
	bundle "$(args warm ask 7)"' | .annotations["org.cowrun.template"] = $ENV.NAME | .process.terminal = true'
	"$HELPERS/terminal" console "$SCRATCH/console" wait:ready 'send:word\n' 'wait:got word' >"$SCRATCH/shown" 2>&1 3>&- &
	local console=$!
	eventually test -S "$SCRATCH/console"
	cowrun create -b "$BUNDLE" --console-socket "$SCRATCH/console" --pid-file "$SCRATCH/pid" "$ID-e" >/dev/null 2>&1
	cowrun start "$ID-e"
	ends_with 0 $console
	grep -q '^/dev/pts/0 ' "$SCRATCH/shown"
	eventually ended "$(<"$SCRATCH/pid")"
	cowrun delete "$ID-e"
}
