# features and --version: what this build knows, as engines ask for it.
load helpers
load containers

features() { cowrun features | jq -r "$1"; }

# unsupported FILTER: a config.json with that change is refused as not supported by this version
unsupported() {
	bundle "$(args true) | $1"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	[[ $status -ne 0 && $stderr == *"not supported by this version"* ]]
}

# tells KEY FILTER: the flag in the document is true if and only if a container may have what the filter asks for
tells() {
	if [ "$(features "$1")" = true ]; then
		unsupported "$2" && { say "features promises $1, and create refuses it: $stderr"; return 1; }
	else
		unsupported "$2" || { say "features has $1 as false, and create does not refuse it"; return 1; }
	fi
	return 0
}

@test "features is one JSON object with the specification's versions" {
	run cowrun features
	assert_status 0
	[ "$(jq -r '.ociVersionMin, .ociVersionMax' <<<"$output")" = $'1.0.0\n1.3.0' ]
	fails "^cowrun: features: usage: cowrun features" cowrun features x
	# also where there is no state root, and no environment
	env -i "$COWRUN" --root /no/such features | jq -e .linux.cgroup.v2
}

@test "all that features names is taken: namespaces, hooks, capabilities, mount options" {
	[ "$(features '.hooks | sort | join(" ")')" = "createContainer createRuntime poststart poststop prestart startContainer" ]
	# what it knows, it has as far as the kernel does
	local kernels=7
	[ -e /proc/self/ns/time ] || kernels=6
	bundle "$(args true) | .linux.namespaces = [\$names[] | select(. != \"user\" and (. != \"time\" or $kernels == 7)) | {type: .}]" \
		--argjson names "$(cowrun features | jq -c .linux.namespaces)"
	[ "$(jq '.linux.namespaces | length' "$BUNDLE/config.json")" = $kernels ]
	cowrun run -b "$BUNDLE" "$ID"
	bundle "$(args true) | .linux.namespaces += [{type: \"user\"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings"
	cowrun run -b "$BUNDLE" "$ID"
	# a name that libcap does not know is warned about
	bundle "$(args true) | .process.capabilities = {bounding: \$caps}" --argjson caps "$(cowrun features | jq -c .linux.capabilities)"
	run --separate-stderr cowrun run -b "$BUNDLE" "$ID"
	assert_status 0
	[[ -z $stderr || $stderr == *"[CAP_SYS_RESOURCE]" ]] # which this host's root may lack
}

@test "memoryPolicy: every mode and flag that is named is taken" {
	need_kernel 6.9 MPOL_WEIGHTED_INTERLEAVE
	[ -e /proc/self/numa_maps ] || skip "needs a kernel with NUMA"
	local name nodes
	for name in $(features '.linux.memoryPolicy.modes[]'); do
		nodes=0
		[[ $name != *DEFAULT && $name != *LOCAL ]] || nodes=
		bundle "$(args true) | .linux.memoryPolicy = {mode: \"$name\", nodes: \"$nodes\"}"
		cowrun run -b "$BUNDLE" "$ID" || { say "mode $name"; false; }
	done
	for name in $(features '.linux.memoryPolicy.flags[]'); do
		bundle "$(args true) | .linux.memoryPolicy = {mode: \"MPOL_BIND\", nodes: \"0\", flags: [\"$name\"]}"
		cowrun run -b "$BUNDLE" "$ID" || { say "flag $name"; false; }
	done
}

@test "every mount option that features names is a word of ours and not the file system's" {
	# each on a directory of its own, in one container; those left out have tests of their own
	bundle "$(args true) | .mounts += [\$names[] | select(IN(\"remount\", \"rbind\", \"idmap\", \"ridmap\", \"mand\", \"tmpcopyup\") | not) |
		{destination: (\"/mnt/\" + .), type: \"bind\", source: \"$SCRATCH\", options: [\"bind\", .]}]" \
		--argjson names "$(cowrun features | jq -c .mountOptions)"
	cowrun run -b "$BUNDLE" "$ID"
	refuses "nosuchoption" '.mounts += [{destination: "/mnt", type: "tmpfs", source: "x", options: ["nosuchoption"]}]'
}

@test "what features has as false is what create refuses, and nothing else" {
	local maps='[{containerID: 0, hostID: 1, size: 1}]'
	tells .linux.mountExtensions.idmap.enabled \
		".mounts += [{destination: \"/mnt\", type: \"none\", source: \"/\", options: [\"bind\", \"idmap\"], uidMappings: $maps, gidMappings: $maps}]"
	tells .linux.intelRdt.enabled '.linux.intelRdt = {closID: "a"}'
	tells .linux.intelRdt.schemata '.linux.intelRdt = {schemata: ["L3:0=f"]}'
	tells .linux.intelRdt.monitoring '.linux.intelRdt = {closID: "a", enableMonitoring: true}'
	tells .linux.netDevices.enabled '.linux.netDevices = {a: {name: "a"}}'
	tells .linux.cgroup.rdma '.linux.resources.rdma = {a: {hcaHandles: 1}}'
	tells '.linux.namespaces | any(. == "time")' '.linux.namespaces += [{type: "time"}]'
	tells .linux.apparmor.enabled '.process.apparmorProfile = "a"'
	tells .linux.selinux.enabled '.process.selinuxLabel = "a"'
	[ "$(features .linux.cgroup.v1)" = false ]
	[ "$(features .linux.cgroup.systemd)" = true ] # shown by systemd.bats
	[ "$(features .linux.cgroup.systemdUser)" = true ]
	[ "$(features '.potentiallyUnsafeConfigAnnotations | index("org.systemd.property.") != null')" = true ]
}

@test "seccomp: every action, operator, architecture and flag that is named is taken" {
	# a system call for each; NOTIFY needs an agent
	bundle "$(args true) | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: (
		[[\$f.actions - [\"SCMP_ACT_NOTIFY\"], [\"acct\", \"swapon\", \"swapoff\", \"reboot\", \"syslog\", \"pivot_root\", \"delete_module\", \"quotactl\"]] |
			transpose[] | {names: [.[1]], action: .[0]}] +
		[\$f.operators[] | {names: [\"settimeofday\"], action: \"SCMP_ACT_ERRNO\", args: [{index: 0, value: 1, valueTwo: 1, op: .}]}])}" \
		--argjson f "$(cowrun features | jq -c .linux.seccomp)"
	cowrun run -b "$BUNDLE" "$ID"
	bundle "$(args true) | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", architectures: \$archs, flags: \$flags,
		syscalls: [{names: [\"acct\"], action: \"SCMP_ACT_ERRNO\"}]}" \
		--argjson archs "$(cowrun features | jq -c '[.linux.seccomp.archs[] | select(test("X86|X32"))]')" \
		--argjson flags "$(cowrun features | jq -c '[.linux.seccomp.supportedFlags[] | select(test("WAIT_KILL") | not)]')"
	cowrun run -b "$BUNDLE" "$ID"
}

@test "--version is what moby, podman and cri-o parse" {
	local lines
	mapfile -t lines < <(cowrun --version)
	[[ ${lines[0]} =~ ^cowrun\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[[ ${lines[1]} =~ ^commit:\ [^\ ]+$ ]]
	[[ ${lines[2]} =~ ^spec:\ 1\.[0-9]+\.[0-9]+$ ]]
	[[ ${lines[-1]} =~ ^(\+[A-Z]+\ ?)+$ ]]
	[ "$(cowrun -v)" = "$(cowrun --version)" ]
	# what it counts on its last line is in features too
	[[ ${lines[-1]} != *+SECCOMP* ]] || [ "$(features .linux.seccomp.enabled)" = true ]
	[[ ${lines[-1]} != *+APPARMOR* ]] || [ "$(features .linux.apparmor.enabled)" = true ]
}
