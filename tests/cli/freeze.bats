# Templates whose memory is frozen, so that forks copy no page tables of it.
load helpers
load cow
load fork
load python

setup_file() {
	scratch_make
	warm_image_make bears
}
teardown() { forks_remove "$NAME"; }
teardown_file() { scratch_remove; }

# frozen_kib: of the template's memory, in mappings of the memfd; and what of these was written since
frozen_kib() {
	local pid
	pid=$(cow inspect "$NAME" | jq '.[0].pid')
	awk '/^[0-9a-f]+-/ { of = /\/memfd:cow-template/ } of && $1 == "Size:" { n += $2 }
		of && $1 == "Anonymous:" { hot += $2 } END { print n + 0, hot + 0 }' "/proc/$pid/smaps"
}

# fork_log WORD [ARGUMENT...]: what a fork of it says, when it has said the word
fork_log() {
	cow fork --name "$ID-f" "$NAME" "${@:2}" >/dev/null
	eventually grep -q "$1" "$STORE/containers/$ID-f/log"
	cow logs "$ID-f"
}

@test "a program that says so in its executable is frozen, and none of its forks has page tables of it" {
	cow template create "$NAME" "$IMAGE" bears >/dev/null
	read -r frozen hot < <(frozen_kib)
	[ "$frozen" -gt $((64 << 10)) ]
	[ "$hot" = 0 ]
	run -0 fork_log intact
	[[ $output =~ page\ tables\ ([0-9]+) ]]
	[ "${BASH_REMATCH[1]}" -lt 128 ]
	# What is frozen is in the template's cost, though nobody maps it (now: the fork has read all of it, and has ended).
	cow rm -f "$ID-f" >/dev/null
	jq -e --argjson frozen "$frozen" '.containers[] | select(.template) | .private_cache_bytes > $frozen * 1024 * 0.9 and .cost_bytes > .private_cache_bytes' \
		<(cow mem --json "$NAME")
	# forks, and what the stub does for them, have written nothing there
	for i in 1 2 3; do cow fork --name "$ID-$i" "$NAME" >/dev/null; done
	read -r _ hot < <(frozen_kib)
	[ "$hot" = 0 ]
}

@test "what is not to be frozen is not, and has page tables in each fork" {
	cow template create --freeze=never "$NAME" "$IMAGE" bears >/dev/null
	[ "$(frozen_kib)" = "0 0" ]
	run -0 fork_log intact
	[[ $output =~ page\ tables\ ([0-9]+) ]]
	[ "${BASH_REMATCH[1]}" -ge 128 ]
}

@test "a program of which nothing is known is frozen when that is asked for" {
	cow template create "$NAME" "$IMAGE" warm 64 >/dev/null
	[ "$(frozen_kib)" = "0 0" ]
	cow rm -f "$NAME" >/dev/null
	cow template create --freeze=always "$NAME" "$IMAGE" warm 64 >/dev/null
	read -r frozen hot < <(frozen_kib)
	[ "$frozen" -ge $((64 << 10)) ]
	[ "$hot" = 0 ]
	run -0 fork_log "memory w" first echo second
}

@test "Python is frozen unasked, and its forks have few page tables of it" {
	need_program /usr/bin/python3
	python_image_make "${IMAGE%:*}:python"
	mkdir -m 777 "$SCRATCH/out"
	cat >"$SCRATCH/out/program.py" <<-'END'
		import json, ssl, decimal, cow_template
		data = [{"key %d" % i: str(i) * 9} for i in range(100000)]
		block = bytearray(b"x" * (40 << 20))
		cow_template.ready()
		tables = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmPTE")]
		assert all(one["key %d" % i] == str(i) * 9 for i, one in enumerate(data)) and block.count(b"x") == len(block)
		block.extend(b"y" * (8 << 20))
		del data
		print("page tables", tables[0], decimal.Decimal(1) / 8, "intact", flush=True)
		cow_template.leave()
	END
	cow template create -v "$SCRATCH/out:/out" "$NAME" "${IMAGE%:*}:python" python3 /out/program.py >/dev/null
	read -r frozen hot < <(frozen_kib)
	[ "$frozen" -gt $((80 << 10)) ]
	[ "$hot" = 0 ]
	run -0 fork_log intact
	[[ $output =~ page\ tables\ ([0-9]+)\ 0.125 ]]
	[ "${BASH_REMATCH[1]}" -lt 128 ]
	for i in 1 2 3; do cow fork --name "$ID-$i" "$NAME" >/dev/null; done
	read -r _ hot < <(frozen_kib)
	[ "$hot" = 0 ]
}

@test "what must be frozen and cannot is no template" {
	run cow template create --freeze=always --ulimit fsize=1000000:1000000 "$NAME" "$IMAGE" warm 64
	[ "$status" -ne 0 ]
	[[ $output = *"template '$NAME' cannot be frozen: the kernel refuses: file too large"* ]]
	run cow inspect "$NAME"
	[ "$status" -ne 0 ]
}
