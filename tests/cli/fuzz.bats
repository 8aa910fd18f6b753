# The parsers of foreign bytes under libFuzzer: seeds, what was found before, and a second each; a minute under COWRUN_ALL.
load helpers

@test "no input crashes a parser of foreign bytes, or is refused without a line" {
	need_host "clang"
	[ -z "${SAN:-}" ] || skip "has sanitizers of its own"
	[ -x "$OUT/fuzz/manifest" ] || skip "needs the targets: make fuzzers"
	local seconds=1
	[ -z "${COWRUN_ALL:-}" ] || seconds=60
	run tests/fuzz/run "$OUT" "$seconds"
	[ -z "${COWRUN_ALL:-}" ] || echo "# ${output//$'\n'/$'\n'# }" >&3
	assert_status 0
}
