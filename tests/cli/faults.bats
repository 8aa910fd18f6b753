# A system call of a start that fails: one line says what, and nothing is left, without a delete. (Or it did not matter.)
load helpers
load containers
load crash

setup_file() {
	scratch_make
	seed_and_bundles
}

teardown() {
	local pid
	for pid in ${ENDS:-}; do kill "$pid"; done
	containers_remove
}

# Calls that fail for nobody: they end a process, or give back what it has; or how a program begins.
unfailing='^(exit|exit_group|rt_sigreturn|munmap|close|brk|arch_prctl|set_tid_address|set_robust_list|rseq|mprotect|getpid|gettid)$'

# faults N ERROR COMMAND...: at N points of the start of $ID-x
faults() {
	local n=$1 error=$2 pid name k rc wrong bad=0 tried=0 id=$ID-x
	shift 2
	need_injection
	strace "${FOLLOW[@]}" -qq -o "$SCRATCH/baseline" "$@" </dev/null >/dev/null 2>&1 3>&-
	[ -z "$(leaks "$id")" ] || cowrun delete --force "$id"
	calls "$SCRATCH/baseline" | awk -v not="$unfailing" '$2 !~ not && !/ execve / && !seen[$2, $3]++ { print $2, $3 }' >"$SCRATCH/points"
	while read -r name k <&5; do
		rm -rf "$STATE/.seccomp"
		rc=0
		timeout -k 5 200 strace "${FOLLOW[@]}" -qq -o /dev/null -e "trace=$name" -e "inject=$name:error=$error:when=$k" "$@" \
			</dev/null >/dev/null 2>"$SCRATCH/said" 3>&- || rc=$?
		tried=$((tried + 1))
		wrong=$(
			case $rc in
			0) ;;
			# (the same call of a hook of the end's may fail too: of that it is warned)
			1) [ "$(grep -v '^cowrun: warning: error running poststop hook #0: ' "$SCRATCH/said" | grep -c '')" = 1 ] && grep -q '^cowrun: ' "$SCRATCH/said" || echo "says: $(cat "$SCRATCH/said")" ;;
			*) echo "status $rc; says: $(cat "$SCRATCH/said")" ;;
			esac
			# what could not be removed, is when that is asked for
			[[ $name != @(flock|unlinkat|openat2) ]] || [ "$rc" != 1 ] || cowrun delete --force "$id"
			leaks "$id"
		)
		[ -n "$wrong" ] || continue
		bad=$((bad + 1))
		say "$name $k fails with $error (SEED=$SEED):" $'\n'"$wrong"
		mop "$id" 2>/dev/null
	done 5< <(choose "$n" <"$SCRATCH/points")
	[ -z "${COWRUN_ALL:-}" ] || echo "# $error: $tried points, $bad wrong" >&3
	[ "$tried" -gt 0 ] && [ "$bad" = 0 ]
}

start() { faults "$1" "$2" "$COWRUN" --root "$STATE" run -b "$SCRATCH/${3:-brief}" "$ID-x"; }

@test "a start, and any system call of the runtime fails" {
	FOLLOW=()
	start 2 EIO
	start 2 ENOMEM
}

# But for its words with the runtime: whoever cannot be heard leaves.
@test "a start, and any system call of its first process fails" {
	FOLLOW=(-f)
	unfailing+='|^(read|recvmsg|sendto)$'
	start 2 EIO
}

@test "a start with an agent, clocks and hooks, and any system call fails" {
	FOLLOW=(-f)
	unfailing+='|^(read|recvmsg|sendto)$'
	ends_of_sockets
	start 2 ENOMEM whole
}

@test "a hook that cannot be watched is killed, and told" {
	FOLLOW=()
	need_injection
	bundle '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "1000"]}]'
	run --separate-stderr timeout -k 5 200 strace -qq -o /dev/null -e trace=pidfd_open -e inject=pidfd_open:error=ENOMEM \
		"$COWRUN" --root "$STATE" run -b "$BUNDLE" "$ID"
	assert_status 1
	assert_one_line "error running createRuntime hook #0: watch '/bin/sleep', killed: cannot allocate memory"
	assert_gone "$ID"
}
