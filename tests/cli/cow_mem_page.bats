# cow mem --html: the page says what cow mem says, in a browser, and does nothing else.
# shellcheck disable=SC2153 # NAME and CGROUP are from helpers.bash and cow.bash
load helpers
load cow
load page

HOSTILE='<!--<script><img src=x onerror="document.title=1">'

setup_file() {
	scratch_make
	cow mem --html "$SCRATCH/none.html"
}

setup() { need_host "a browser is not for the guest"; }

teardown() {
	containers_remove
	if [ -n "${GROUP:-}" ]; then
		echo 1 >"$GROUP/cgroup.kill"
		eventually rmdir "$GROUP"
	fi
}

# census N: what cow mem might say of N containers and a template, in four groups that share
census() {
	jq -cn --argjson n "$1" --argjson page "$(data_of "$SCRATCH/none.html")" '
		def mib: . * 1048576;
		def name: if . == 0 then "template:web" elif . == 3 then "</script><img src=x onerror=\"document.title=1\">"
			elif . == 5 then "k8s_a-long-name-of-a-pod_default_0f3c9a7e-1b2c-4d5e-8f90-aabbccddeeff_0"
			else ["web", "db", "cache", "a-worker"][. % 4] + "-\(.)" end;
		def kind($p; $s): {private_bytes: $p, shared_bytes: $s};
		[range($n)] | map({name: name, id: name, template: (. == 0 and $n > 1), processes: (1 + . % 5), private_bytes: ((. * 7919 % 9000 + 100) * 4096),
			shared_bytes: (21 + 10 * (. % 4) | mib), shared_with: [], shared_with_host_bytes: (. % 7 * 65536), kernel_bytes: (81920 + . % 11 * 4096),
			private_cache_bytes: 0, monitor_bytes: 53248, swap_bytes: 0, charged_bytes: null, limit_bytes: null}
			| .unique_bytes = .private_bytes + .shared_bytes | .cost_bytes = .private_bytes + .kernel_bytes + 53248
			| .kinds = {anon: kind(.private_bytes; 0), forked: kind(0; 4194304), file: kind(0; .shared_bytes - 4194304),
				shmem: kind(0; 0), ksm: kind(0; 0), hugetlb: kind(0; 0)}) as $all
		| $page + {memory: {exact: ($n != 60), why: (if $n == 60 then "a process that is not frozen changed its memory meanwhile" else null end),
			containers: $all, union_bytes: ([$all[].private_bytes] | add + (140 | mib)), unshared_bytes: ([$all[].unique_bytes] | add),
			saved_bytes: ([0, ([$all[].shared_bytes] | add) - (140 | mib)] | max),
			layers: ([range(3) | {layer: "debian:bookworm/\(.)", digest: "sha256:\(.)c3f0a7e4b2d6", images: ["debian:bookworm", "mine:1"], containers: $n,
				mapped_bytes: (. * 9 + 3 | mib), resident_bytes: (. * 12 + 5 | mib), unmapped_bytes: (. * 3 + 2 | mib)}]
				+ [{layer: "own", digest: null, images: [], containers: 1, mapped_bytes: 4096, resident_bytes: null, unmapped_bytes: null}]),
			files: [range(20) | {path: "/usr/lib/x86_64-linux-gnu/a/long/way/to/a/library-of-some-length-\(.).so.6", layer: "debian:bookworm/1",
				containers: [range([$n, 9] | min) | {name: $all[.].name, bytes: 4096}], mapped_bytes: (. * 81920), private_bytes: 0, shared_with_host_bytes: 0}],
			processes: [range(30) | {container: $all[. % $n].name, pid: (1000 + .), command: "a-command \(.)", threads: 3, unique_bytes: (. * 90112),
				private_bytes: 4096, shared_bytes: null, swap_bytes: 0}]},
			shares: [range($n) as $a | [range($a) | if . % 4 == $a % 4 then (20 + 10 * ($a % 4)) * 1048576 - $a * 4096 elif (. + $a) % 3 == 0 then 0 else . * 8192 end] + [$all[$a].unique_bytes]]}'
}

@test "the page has the document of --json, and its table the figures of cow mem" {
	need_program chromium
	image_make
	local name
	for name in a b; do
		cow run -d --name "$NAME-$name" "$IMAGE" hog 3 forever >/dev/null
		eventually has_line "$NAME-$name" ready
		cowrun pause "$NAME-$name"
	done
	GROUP=$CGROUP/cowrun-test.$COWRUN_TEST-$HOSTILE
	mkdir "$GROUP"
	# A program of its own: what is shared with the host changes as that lives.
	cp "$HELPERS/hog" "$SCRATCH/hog"
	"$SCRATCH/hog" 1 forever >"$SCRATCH/foreign" 3>&- &
	echo $! >"$GROUP/cgroup.procs"
	eventually grep ready "$SCRATCH/foreign"
	cow mem "$NAME-a" "$NAME-b" --cgroup "$GROUP" --html "$SCRATCH/page.html"
	cow mem "$NAME-a" "$NAME-b" --cgroup "$GROUP" --by process --json >"$SCRATCH/json"
	cow mem "$NAME-a" "$NAME-b" --cgroup "$GROUP" >"$SCRATCH/table"
	data_of "$SCRATCH/page.html" >"$SCRATCH/data"
	! grep -qF '<' "$SCRATCH/data" || { say "a name could end the data"; return 1; }
	# It has details of every sort, --json those that were asked for.
	for name in data json; do jq -S '(.memory // .) | del(.containers[].shared_with, .files, .layers, .frozen, .frozen_ns)' "$SCRATCH/$name" >"$SCRATCH/$name.same"; done
	diff -u "$SCRATCH/json.same" "$SCRATCH/data.same"
	# What it has instead of "shared_with".
	[ "$(jq '.shares[1][0]' "$SCRATCH/data")" = "$(jq --arg b "$NAME-b" '.containers[0].shared_with[] | select(.name == $b).bytes' "$SCRATCH/json")" ]
	jq -e --arg hostile "$HOSTILE" '[.memory.containers[].unique_bytes] == [.shares[][-1]] and (.memory.containers[2].name | endswith($hostile))' "$SCRATCH/data"

	cat >"$SCRATCH/probe.js" <<-'EOT'
	{
	const heads = [...document.querySelectorAll('table')[0].querySelectorAll('thead th')].map((th) => th.textContent);
	const rows = [...document.querySelectorAll('table')[0].querySelectorAll('tbody tr')].map((tr) => [...tr.children].map((td) => [td.textContent, td.title]));
	document.body.append(Object.assign(document.createElement('pre'), { id: 'told', textContent:
		JSON.stringify({ title: document.title, heads, rows, images: document.images.length, cards: [...document.querySelectorAll('.card strong')].map((e) => e.title) }) }));
	}
	EOT
	with_script "$SCRATCH/page.html" "$SCRATCH/probe.js" >"$SCRATCH/probed.html"
	told "$SCRATCH/probed.html" >"$SCRATCH/told"
	assert_console_silent
	jq -e '.title == "Memory of 3 containers" and .images == 0' "$SCRATCH/told"
	# Exactly: behind each figure are its bytes.
	[ "$(jq -c '.heads as $heads | [.rows[] | [., $heads] | transpose | map({(.[1]): (.[0][1] | split(" ")[0] // "" | gsub(","; ""))}) | add
			| [.Unique, .Private, .Shared, .Kernel, .Cost]] | sort' "$SCRATCH/told")" = \
		"$(jq -c '[.containers[] | [.unique_bytes, .private_bytes, .shared_bytes, .kernel_bytes, .cost_bytes | tostring]] | sort' "$SCRATCH/json")" ]
	[ "$(jq -c '[.cards[:3][] | split(" ")[0] | gsub(","; "") | tonumber]' "$SCRATCH/told")" = \
		"$(jq -c '[.union_bytes, .unshared_bytes, .saved_bytes]' "$SCRATCH/json")" ]
	# And as people read them: every figure of the page's row is in the table's line of that name.
	while IFS=$'\t' read -r name figures; do
		for figures in $figures; do
			grep -F -- "$name" "$SCRATCH/table" | grep -qF -- " ${figures//_/ }" || { say "'$figures' of '$name' is not in: $(<"$SCRATCH/table")"; return 1; }
		done
	done < <(jq -r '.heads as $heads | .rows[] | . as $row | [$row[0][0], ([("Unique", "Private", "Shared", "Kernel", "Cost") as $head
		| $row[$heads | index($head)][0] | gsub(" "; "_")] | join(" "))] | @tsv' "$SCRATCH/told")
}

@test "columns sort, names are text, the filter leaves what it says" {
	need_program chromium
	census 8 | with_data "$SCRATCH/none.html" >"$SCRATCH/eight.html"
	run ! grep -F 'onerror="document' "$SCRATCH/eight.html"
	cat >"$SCRATCH/probe.js" <<-'EOT'
	{
	const all = document.querySelectorAll('table')[0], said = {};
	const column = (i) => [...all.querySelectorAll('tbody tr')].map((tr) => tr.children[i].title || tr.children[i].textContent);
	const head = (i) => all.querySelectorAll('thead th')[i];
	const press = (i) => { const button = head(i).querySelector('button'); button.focus(); said.focus = document.activeElement === button; button.click(); };
	const bars = () => [...document.querySelector('.bars').querySelectorAll('[role=listitem] .name')].map((e) => e.textContent);
	said.scopes = [...document.querySelectorAll('table')].every((t) => t.caption && [...t.querySelectorAll('th')].every((th) => th.scope));
	const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
	const map = heat('a map', { rows: names, columns: names, is_own: (i, j) => i === j, value: () => 0.5, text: () => '', tell: (i, j) => `cell ${i} ${j}` }, ['0', '1']);
	const key = (key) => map.querySelector('canvas').dispatchEvent(new KeyboardEvent('keydown', { key }));
	document.body.append(map);
	['ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowLeft', 'ArrowLeft', 'x'].forEach(key);
	said.cell = map.querySelector('output').textContent;
	said.labels = [...map.querySelectorAll('.left .name')].map((e) => e.textContent).join(' ') === names.join(' ');
	map.remove();
	said.first = head(2).getAttribute('aria-sort');
	press(3);
	said.down = [head(3).getAttribute('aria-sort'), head(2).getAttribute('aria-sort'), column(3)];
	press(3);
	said.up = [head(3).getAttribute('aria-sort'), column(3)];
	press(0);
	said.names = column(0);
	setTimeout(() => {
		said.bars = bars();
		const filter = document.querySelector('input[type=search]');
		filter.value = 'WEB';
		filter.dispatchEvent(new Event('input'));
		setTimeout(() => {
			said.left = [column(0), bars(), [...document.querySelectorAll('.heat tbody th')].map((e) => e.textContent)];
			said.images = document.images.length;
			said.title = document.title;
			document.body.append(Object.assign(document.createElement('pre'), { id: 'told', textContent: JSON.stringify(said) }));
		}, 200);
	}, 200);
	}
	EOT
	with_script "$SCRATCH/eight.html" "$SCRATCH/probe.js" >"$SCRATCH/probed.html"
	told "$SCRATCH/probed.html" >"$SCRATCH/told"
	assert_console_silent
	jq -e '.cell == "cell 1 0" and .labels' "$SCRATCH/told"
	jq -e '.scopes and .first == "descending" and .focus and .down[:2] == ["descending", null] and .up[0] == "ascending"' "$SCRATCH/told"
	jq -e '(.up[1] | map(split(" ")[0] | gsub(","; "") | tonumber) | . == sort and length == 8) and (.down[2] == (.up[1] | reverse))' "$SCRATCH/told"
	jq -e '.names[0] == "</script><img src=x onerror=\"document.title=1\">" and .bars == (.names | map(sub(" template$"; "")))' "$SCRATCH/told"
	jq -e '.left == [["template:web template", "web-4"], ["template:web", "web-4"], ["template:web", "web-4"]]' "$SCRATCH/told"
	jq -e '.images == 0 and .title == "Memory of 7 containers and 1 template"' "$SCRATCH/told"
}

@test "the policy forbids everything else" {
	need_program chromium
	cat >"$SCRATCH/probe.js" <<-'EOT'
	const broken = [];
	document.addEventListener('securitypolicyviolation', (event) => broken.push(event.effectiveDirective));
	EOT
	echo 'document.documentElement.dataset.ran = 1' >"$SCRATCH/other.js"
	cat >"$SCRATCH/after.js" <<-'EOT'
	try { (0, eval)('1'); broken.push('eval ran'); } catch { }
	fetch('http://127.0.0.1:9/').catch(() => { });
	new Image().src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
	document.body.setAttribute('style', 'color: red');
	document.body.append(Object.assign(document.createElement('iframe'), { src: 'none.html' }), Object.assign(document.createElement('script'), { src: 'other.js' }));
	const tell = () => document.body.append(Object.assign(document.createElement('pre'), { id: 'told', textContent:
		JSON.stringify({ broken: [...new Set(broken)].sort(), ran: document.documentElement.dataset.ran ?? null, red: getComputedStyle(document.body).color === 'rgb(255, 0, 0)' }) }));
	addEventListener('load', () => setTimeout(tell, 500));
	EOT
	with_script "$SCRATCH/none.html" "$SCRATCH/probe.js" >"$SCRATCH/probed.html"
	with_script "$SCRATCH/probed.html" "$SCRATCH/after.js" >"$SCRATCH/both.html"
	cat >>"$SCRATCH/both.html" <<-'EOT'
	<script>document.documentElement.dataset.ran = 2</script>
	<p onclick="1" style="color: red">x</p>
	<style>body { color: red !important }</style>
	EOT
	# What is forbidden is told to the page some time later, and its clock is the browser's own: each is seen once in some tries.
	local directive tries missing
	: >"$SCRATCH/all"
	for tries in {1..6}; do
		told "$SCRATCH/both.html" >"$SCRATCH/told"
		jq -e '.ran == null and (.red | not)' "$SCRATCH/told"
		cat "$SCRATCH/told" >>"$SCRATCH/all"
		missing=
		for directive in connect-src frame-src img-src script-src script-src-attr script-src-elem style-src-attr style-src-elem; do
			jq -se --arg directive $directive '[.[].broken[]] | index($directive)' "$SCRATCH/all" >"$SCRATCH/found" || missing+=" $directive"
		done
		[ -n "$missing" ] || break
	done
	[ -z "$missing" ] || { say "not forbidden in $tries tries:$missing"; return 1; }
	# The page itself breaks nothing.
	told "$SCRATCH/none.html"
	assert_console_silent
}

@test "nothing overlaps or is cut off, at 400, 800 and 1600 pixels, for 1, 8, 60 and 1000 containers" {
	need_program chromium
	local n pages=()
	# And for what is only estimated.
	census 9 | jq -c '.shares = null | .memory |= (. + {exact: false, estimated: true, why: "page frames are not told to us", saved_bytes: null, unshared_bytes: null}
		| .containers[] |= (. + {kinds: null, shared_bytes: null, charged_bytes: 23000000, limit_bytes: 67108864}))' >"$SCRATCH/estimates"
	for n in 1 8 9 60 1000; do
		{ [ "$n" = 9 ] && cat "$SCRATCH/estimates" || census "$n"; } | with_data "$SCRATCH/none.html" >"$SCRATCH/$n.html"
		pages+=("$SCRATCH/$n.html")
	done
	assert_laid_out "${pages[@]}"
}

@test "a page is written whole or not at all" {
	local seen
	cow mem --html "$SCRATCH/file.html"
	cow mem --html - >"$SCRATCH/out.html"
	diff -u <(sed 's/^{"host":.*//' "$SCRATCH/file.html") <(sed 's/^{"host":.*//' "$SCRATCH/out.html")
	# Nothing is asked of anywhere else.
	run ! grep -E 'https?:|//[a-z]|@import|url\(' "$SCRATCH/out.html"
	echo old >"$SCRATCH/file"
	cow mem --html "$SCRATCH/file"
	cmp -s <(head -n 1 "$SCRATCH/file") <(echo '<!doctype html>')
	unshare -m bash -c 'mount -t tmpfs -o size=16k tmpfs "$1" && echo old >"$1/file" &&
		{ "$COW" --root "$STATE" --store "$STORE" mem --html "$1/file"; echo "status $?"; cat "$1/file"; ls -A "$1"; }' \
		- "$(mktemp -d "$SCRATCH/full.XXXX")" >"$SCRATCH/said" 2>"$SCRATCH/error"
	seen=$(<"$SCRATCH/said")
	[ "$seen" = $'status 1\nold\nfile' ] || { say "saw: $seen"; return 1; }
	[ "$(wc -l <"$SCRATCH/error")" = 1 ] && grep -q "write '.*/file': no space left on device" "$SCRATCH/error" || { say "saw: $(<"$SCRATCH/error")"; return 1; }
	fails "not a regular file" cow mem --html /dev/null
	[ -c /dev/null ]
	fails "create '.*/no/file'" cow mem --html "$SCRATCH/no/file"
	run bash -c '"$COW" --root "$STATE" --store "$STORE" mem --html - >/dev/full'
	assert_status 1
}
