# For the tests of pages: a browser without a screen, and copies of a page with other data or with a script of the test.
# `load page` after `load helpers`.
# shellcheck shell=bash

# browser FLAG... URL: what it says on its console is in $SCRATCH/console
browser() {
	HOME=$SCRATCH/browser timeout 200 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
		--disable-background-networking --disable-dev-shm-usage --host-resolver-rules='MAP * ~NOTFOUND' \
		--window-size=1700,1000 --user-data-dir="$SCRATCH/browser" --enable-logging=stderr "$@" 2>"$SCRATCH/browser.log" 3>&-
	grep CONSOLE "$SCRATCH/browser.log" >"$SCRATCH/console" || true
}

# told FILE: what the page at FILE says to its reader, who is a script of the test: it ends up in a <pre id="told">
told() {
	browser --virtual-time-budget=10000 --dump-dom "file://$1" >"$SCRATCH/dom"
	perl -0ne 'if (m{<pre id="told">(.*?)</pre>}s) { $_ = $1; s/&lt;/</g; s/&gt;/>/g; s/&nbsp;/ /g; s/&amp;/&/g; print "$_\n" }' "$SCRATCH/dom"
}

assert_console_silent() { [ ! -s "$SCRATCH/console" ] || { say "the console says: $(<"$SCRATCH/console")"; return 1; }; }

# data_of PAGE: its data
data_of() { sed -n '/^<script type="application\/json" id="data">$/,/^<\/script>$/p' "$1" | sed '1d;$d'; }

# with_data PAGE <JSON: the page with that data
with_data() {
	sed '/^<script type="application\/json" id="data">$/q' "$1"
	sed 's/</\\u003c/g'
	sed '1,/^<script type="application\/json" id="data">$/d' "$1" | sed -n '/^<\/script>$/,$p'
}

# with_script PAGE FILE: the page with one more script behind all others, which the policy allows by its hash
with_script() {
	local hash
	hash=$(openssl dgst -sha256 -binary "$2" | base64)
	sed "s|script-src |&'sha256-$hash' |" "$1"
	printf '<script>%s</script>\n' "$(cat "$2"; echo .)" | sed '$ s|\.</script>$|</script>|'
}

# assert_laid_out PAGE...: files in $SCRATCH; at 400, 800 and 1600 pixels nothing overlaps or is cut off
assert_laid_out() {
	local page frames=
	for page in "$@"; do
		with_script "$page" "$BATS_TEST_DIRNAME/page_layout.js" >"$SCRATCH/look-${page##*/}"
		frames+="<iframe src='look-${page##*/}' style='position:absolute;left:0;top:0;width:400px;height:900px'></iframe>"
	done
	cat >"$SCRATCH/frames.html" <<-EOT
	<!doctype html><meta charset="utf-8"><pre id="told"></pre>
	<script>
	const next = { 400: 800, 800: 1600 };
	addEventListener('message', ({ data, source }) => {
		document.getElementById('told').textContent += JSON.stringify(data) + '\n';
		if (!next[data.width])
			return;
		[...document.querySelectorAll('iframe')].find((e) => e.contentWindow === source).style.width = next[data.width] + 'px';
		source.postMessage('again', '*');
	});
	</script>
	$frames
	EOT
	told "$SCRATCH/frames.html" >"$SCRATCH/told"
	assert_console_silent
	[ "$(jq -sc 'map([.title, .width]) | unique | length' "$SCRATCH/told")" = $((3 * $#)) ] || { say "not all were looked at: $(<"$SCRATCH/told")"; return 1; }
	run jq -sr '.[] | "\(.title), \(.width) px: \(.bad[])"' "$SCRATCH/told"
	assert_output ''
	jq -se 'all(.texts > 50)' "$SCRATCH/told"
}
