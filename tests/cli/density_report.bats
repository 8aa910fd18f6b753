# cow density: report.html says what the trials say, and two runs are held against each other. Results are made up; nothing is run.
load helpers
load cow
load page

HOSTILE='</script><img src=x onerror="document.title=1">'

setup_file() {
	scratch_make
	image_make
}

setup() {
	need_host "a browser is not for the guest"
	[ -e "$SCRATCH/first/report.html" ] || {
		made_up "$SCRATCH/first" 1
		present "$SCRATCH/first"
	}
}

# made_up DIR FACTOR [FILTER]: three trials each of three ways (one of them of a hostile name) and three counts, and what FILTER makes of
# { experiment, host, trials }
made_up() {
	mkdir -p "$1"
	jq -n --arg image "$IMAGE" --arg hostile "$HOSTILE" --argjson factor "$2" '
		def spread($n): { median: $n, p10: ($n * 0.7 | floor), p90: ($n * 1.6 | floor), most: ($n * 2) };
		{ experiment: { name: "made up \($hostile)", image: $image, command: ["sleep", "1000"], counts: [1, 10, 1000], ways: ["overlay", "cowrun", $hostile],
			variants: [{ name: "plain" }], engines: [{ name: $hostile, start: ["true"], stop: ["true"], bundle: false }],
			repetitions: 3, parallel: 2, settle_seconds: 30, seed: 7, keep_free: "1g" },
		host: { kernel: "6.1.0", machine: "x86_64", cpu: "one", processors: 2, memory_bytes: 25276510208, swap_bytes: 0, huge_pages: "always [madvise] never",
			merging: "0", swappiness: "60", overcommit: "0", version: "cowrun 0" } }
		| .trials = [range(3) as $r | range(3) as $w | (1, 10, 1000) as $n | (($w + 1) * (40960 + 1003520 / $n) + $r * 4096 | floor) as $cost
			| ((8000 + 9000 * $w) * (1 + $r * 0.1 * $w) * $factor | floor) as $start
			| { variant: "plain", way: .experiment.ways[$w], count: $n, repetition: $r, started: $n, exact: true, settled: true, up_us: ($start * $n), down_us: 9,
				start_us: spread($start), stop_us: spread(900),
				each: { anon_bytes: 98304, forked_bytes: 0, file_bytes: 4096, shmem_bytes: 0, ksm_bytes: 0, kernel_bytes: 61440, monitor_bytes: 36864,
					cost_bytes: $cost, unique_bytes: 1589248, shared_bytes: 1486848, swap_bytes: ($w * 4194304) },
				union_bytes: (1500000 + 90000 * $n), unshared_bytes: (1589248 * $n), saved_bytes: (1500000 * ($n - 1)), cost_bytes: ($cost * $n), taken_bytes: ($cost * $n * 2),
				template_bytes: (if $w == 2 then 3000000 else null end), noise_bytes: (if $w == 1 then $cost * $n else 0 end),
				slab_bytes: 1, kernel_stack_bytes: 1, page_table_bytes: 1, per_cpu_bytes: 0 }]
		| '"${3:-.}" >"$1/all"
	jq .experiment "$1/all" >"$1/experiment.json"
	jq .host "$1/all" >"$1/host.json"
	jq -c '.trials[]' "$1/all" >"$1/trials.jsonl"
}

# present DIR: what cow density makes of the results in DIR, which are all there; in a /run of its own, where no other experiment runs
present() {
	unshare -m --propagation private bash -c 'mount -t tmpfs none /run &&
		exec "$COW" --root "$STATE" --store "$STORE" density -q --json -o "$1" "$1/experiment.json"' - "$1" >"$SCRATCH/said"
}

# probe PAGE: its tables and more, as JSON
probe() {
	cat >"$SCRATCH/probe.js" <<-'EOT'
	{
	const tables = [...document.querySelectorAll('table')].map((t) => ({ heads: [...t.querySelectorAll('thead th')].map((th) => th.textContent),
		rows: [...t.querySelectorAll('tbody tr')].map((tr) => [...tr.children].map((td) => [td.textContent, td.title])) }));
	const colours = (e) => [...e.querySelectorAll('.sample')].map((s) => getComputedStyle(s).color);
	const charts = [...document.querySelectorAll('.chart')].map((e) => ({ title: e.querySelector('b').textContent, axis: e.querySelector('.note').textContent,
		below: e.querySelector('.axis-x').textContent, names: [...e.querySelectorAll('.legend .name')].map((n) => n.textContent), colours: colours(e),
		lines: [...e.querySelectorAll('.plot g > .curve')].map((c) => getComputedStyle(c).stroke), ticks: [...e.querySelectorAll('.plot text')].map((t) => t.textContent),
		points: e.querySelectorAll('.plot g g').length }));
	document.body.append(Object.assign(document.createElement('pre'), { id: 'told', textContent: JSON.stringify({ title: document.title, tables, charts,
		state: document.querySelector('.state').textContent, images: document.images.length, facts: document.querySelector('.facts').textContent,
		sections: [...document.querySelectorAll('h2')].map((h) => h.textContent) }) }));
	}
	EOT
	with_script "$1" "$SCRATCH/probe.js" >"$SCRATCH/probed.html"
	told "$SCRATCH/probed.html" >"$SCRATCH/told"
	assert_console_silent
}

@test "the report has the figures of the trials; a hostile name is text" {
	need_program chromium
	local dir=$SCRATCH/first
	run ! grep -E 'https?:|@import|url\(' <(sed '/xmlns\|www.w3.org\/2000\/svg/d' "$dir/report.html")
	data_of "$dir/report.html" >"$SCRATCH/data"
	! grep -qF '<' "$SCRATCH/data" || { say "a name could end the data"; return 1; }
	diff <(jq -S .trials "$SCRATCH/data") <(jq -S -s . "$dir/trials.jsonl")
	diff <(jq -S .cells "$SCRATCH/data") <(jq -S . "$SCRATCH/said")
	diff <(jq -S .experiment.ways "$SCRATCH/data") <(jq -S .ways "$dir/experiment.json")
	diff <(jq -S .host "$SCRATCH/data") <(jq -S . "$dir/host.json")
	probe "$dir/report.html"
	# Exactly: behind each figure are its bytes, or microseconds.
	diff <(jq -sc 'def median: sort | .[1]; [group_by(.way, .count)[] | [.[0].way, (.[0].count | tostring), (map(.cost_bytes / .count) | median), (map(.taken_bytes / .count) | median),
			(map(.union_bytes) | median), (map(.saved_bytes) | median), (map(.start_us.median) | median), (map(.start_us.p90) | median)]] | sort' "$dir/trials.jsonl") \
		<(jq -c '.tables[0] | .heads as $heads | [.rows[] | [., $heads] | transpose | map({(.[1]): .[0]}) | add
			| [.Way[1], (.Count[0] | gsub(","; "")), (("Cost each", "Host each", "In all", "Saved", "Start", "P90") as $head | .[$head][1] | split(" ")[0] | gsub(","; "") | tonumber)]] | sort' "$SCRATCH/told")
	# Of one way the host's memory moves by half of what it had less; another one has a template.
	jq -e '.tables[0] | (.heads | index("Host each")) as $host | (.heads | index("Template")) as $template
		| .rows | map((.[0][0] == "cowrun") == (.[$host][0] | startswith("~")) and (.[0][0] | test("script")) == (.[$template][0] == "2.9 MiB")) | all' "$SCRATCH/told"
	# What nobody has is no column and no chart.
	jq -e '(.tables[0].heads | index("Swap each")) and (.charts | map(.title) | index("Swapped out of each"))' "$SCRATCH/told"
	jq -e --arg hostile "$HOSTILE" '.images == 0 and .title == "made up \($hostile) – density" and (.tables[0].rows | map(.[0][1]) | index($hostile))' "$SCRATCH/told"
	jq -e '(.facts | test("Seed7") and test("Repetitions3")) and (.state | startswith("Exact")) and (.sections | index("Warnings") | not)' "$SCRATCH/told"
	# An axis of a plot has the unit that its figures need.
	grep -q 'set ylabel "MiB"' "$dir/plots/union.gp" && grep -q 'set ylabel "MiB each"' "$dir/plots/swap.gp"
	grep -q 'set ylabel "KiB each"' "$dir/plots/cost.gp" && grep -q 'set ylabel "milliseconds"' "$dir/plots/start.gp"
	# The same colour for the same way, every figure has its unit, and each point is there.
	jq -e '.charts | length == 7 and (map(.colours == (.lines) and (.names | length) == 3) | all) and (map(.colours) | unique | length) == 1 and (map(.points == 9) | all)' "$SCRATCH/told"
	jq -e '.charts | map((.ticks[:-3] | map(test("^[0-9.,]+ (B|[KMG]iB|ms|/ s)$")) | all) and .below == "containers at once") | all' "$SCRATCH/told"
	# What spreads is told: the starts of the two other ways, and nothing of the first.
	jq -e '.tables[1].rows | map([.[0][1], .[2][0]]) | (map(select(.[1] == "start")) | length) == 6 and (map(select(.[0] == "overlay" and .[1] != "cost each" and .[1] != "host each")) == [])' "$SCRATCH/told"
}

@test "what was not made, not all started, not at rest or not exact is in sight, with the reason" {
	need_program chromium
	data_of "$SCRATCH/first/report.html" | jq -c '(.cells[] | select(.way == "overlay" and .count == 1000)) |= (.all_started = false | .exact = false)
		| (.trials[] | select(.way == "overlay" and .count == 1000)) |= (.started = 900 | .exact = false | .why = "900 of 1000 started: <b>keep_free</b>")
		| .cells[].each.swap_bytes = 0 | (.cells[] | select(.way == "cowrun" and .count == 1)) |= (.settled = false)
		| (.cells[] | select(.way == "cowrun" and .count == 10)) |= (.trials = 0) | .trials |= map(select((.way == "cowrun" and .count == 10) | not))' |
		with_data "$SCRATCH/first/report.html" >"$SCRATCH/warned.html"
	probe "$SCRATCH/warned.html"
	jq -e '(.tables[1].heads | index("Swap each") | not) and (.charts | map(.title) | index("Swapped out of each") | not)' "$SCRATCH/told"
	jq -e '.state | test("not made: 1 of 9 rows; not all started: 1 of 9 rows; not at rest: 1 of 9 rows; not exact: 1 of 9 rows")' "$SCRATCH/told"
	jq -e '.tables[0].rows | map(map(.[0])) == [["overlay", "1,000", "900, 900, 900", "not all started", "900 of 1000 started: <b>keep_free</b>"],
		["cowrun", "1", "1, 1, 1", "not at rest", "–"], ["cowrun", "10", "–", "not made", "–"]]' "$SCRATCH/told"
}

@test "nothing overlaps or is cut off, at 400, 800 and 1600 pixels, for 3, 1 and 14 ways and 3 variants" {
	need_program chromium
	cp "$SCRATCH/first/report.html" "$SCRATCH/page-3.html"
	data_of "$SCRATCH/first/report.html" | jq -c '.experiment |= (.name = "one" | .ways = ["overlay"] | .repetitions = 1) | .cells |= map(select(.way == "overlay") | .trials = 1)
		| .trials |= map(select(.way == "overlay" and .repetition == 0))' | with_data "$SCRATCH/page-3.html" >"$SCRATCH/page-1.html"
	data_of "$SCRATCH/first/report.html" | jq -c '([range(14) | ["copy", "lvm:a-long-group-name/and-a-pool-of-it", "podman"][. % 3] + "-\(.)"]) as $ways
		| .experiment |= (.name = "many" | .ways = $ways | .variants = [{ name: "plain" }, { name: "huge pages never, swappiness 10", swappiness: 10 }, { name: "m", merge: true }]
			| .counts = [1, 3, 10, 30, 100, 300, 1000, 3000])
		| .cells[1] as $cell | .experiment as $x | .cells = [$x.variants[].name as $v | range(14) as $w | $x.counts[] as $n | $cell | .variant = $v | .way = $ways[$w] | .count = $n
			| .cost_each_bytes |= map_values(. * ($w + 1) + (if $w == 0 then 230686720 else 0 end)) | .start_us |= map_values(. * (1 + $w * $w * 9)) | .containers_us = .start_us
			| .rate_milli |= map_values(. / (1 + $w * $w * 9) | floor) | if $n == 3000 then .all_started = false else . end]
		| .trials |= map(.way = $ways[0] | .count = 3000 | .why = "memory of the host was below keep_free")' | with_data "$SCRATCH/page-3.html" >"$SCRATCH/page-14.html"
	assert_laid_out "$SCRATCH"/page-{3,1,14}.html
}

@test "compared: ratios of what both have, marks where spreads are apart, and how the hosts differ" {
	made_up "$SCRATCH/second" 0.5 '(.host.kernel = "6.12.0" | .host.swappiness = "10" | .experiment.seed = 8 | .experiment.counts = [1, 10] | .trials |= map(select(.count < 1000) | .cost_bytes += .count))'
	cow density --compare "$SCRATCH/first" "$SCRATCH/second" >"$SCRATCH/table"
	# A start takes half as long; of the cost nothing is apart.
	[ "$(grep -c ' 3, 3 ' "$SCRATCH/table")" = 6 ]
	grep -qE '^plain +overlay +1 +3, 3 +1\.00 +1\.00 +0\.50 \* +2\.00 \*$' "$SCRATCH/table" || { say "saw: $(<"$SCRATCH/table")"; return 1; }
	grep -qx 'Not in both: 3 of the first, 0 of the second.' "$SCRATCH/table"
	grep -qE '^kernel +"6\.1\.0" +"6\.12\.0"$' "$SCRATCH/table"
	grep -qE '^swappiness +"60" +"10"$' "$SCRATCH/table"
	grep -qE '^seed +7 +8$' "$SCRATCH/table"
	run ! grep -E '^(memory_bytes|counts|ways) ' "$SCRATCH/table"
	cow density --json --compare "$SCRATCH/first" "$SCRATCH/second" >"$SCRATCH/json"
	jq -e '(.cells | length) == 6 and .only_first == 3 and .only_second == 0 and (.differences | map(.what)) == ["kernel", "swappiness", "seed"]' "$SCRATCH/json"
	jq -e '.cells[0] | .way == "overlay" and .count == 1 and .trials == [3, 3] and .start_us.ratio == 0.5 and .start_us.apart and (.cost_each_bytes.apart | not)
		and .start_us.first.median == 8000 and .start_us.second.median == 4000 and .rate_milli.ratio == 2' "$SCRATCH/json"
	# With itself nothing differs, and the directory is as it was.
	sha256sum "$SCRATCH"/first/*.* >"$SCRATCH/sums"
	cow density --compare "$SCRATCH/first" "$SCRATCH/first" >"$SCRATCH/table"
	grep -qx 'The hosts and their settings are alike.' "$SCRATCH/table"
	run ! grep -F '*' <(grep ' 3, 3 ' "$SCRATCH/table")
	sha256sum --quiet -c "$SCRATCH/sums"
}

@test "compared with what is none: one line" {
	made_up "$SCRATCH/other" 1 '(.trials |= map(.count = 2) | .experiment.counts = [2])'
	mkdir -p "$SCRATCH/empty" "$SCRATCH/broken"
	cp "$SCRATCH"/first/*.json* "$SCRATCH/broken"
	sed -i '2s/.*/{"variant":7}/' "$SCRATCH/broken/trials.jsonl"
	local row said
	while IFS='|' read -r said row; do
		eval "run cow density --compare $row"
		assert_status 1
		[ "${#lines[@]}" = 1 ]
		[[ $output == "cow: density: $said"* ]] || { say "expected '$said', saw: $output"; return 1; }
	done <<-END
		--compare needs two directories|"\$SCRATCH/first"
		read the results in '$SCRATCH/none': open the directory '$SCRATCH/none': no such file|"\$SCRATCH/first" "\$SCRATCH/none"
		read the results in '$SCRATCH/empty': open 'experiment.json': no such file|"\$SCRATCH/empty" "\$SCRATCH/first"
		read the results in '$SCRATCH/broken': line 2 of 'trials.jsonl': variant: expected a string|"\$SCRATCH/first" "\$SCRATCH/broken"
		'$SCRATCH/first' and '$SCRATCH/other' have no trials of the same|"\$SCRATCH/first" "\$SCRATCH/other"
	END
}
