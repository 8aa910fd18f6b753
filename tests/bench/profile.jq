# The default profile of podman (containers-common's seccomp.json) as a seccomp section of the OCI: what it says for the
# capabilities ($caps) of a container and for this machine ($arch as Go names it).
def holds: . as $when
	| (($when.caps // []) | all(. as $c | $caps | index($c)))
	and (($when.arches // []) == [] or (($when.arches // []) | index($arch) != null));
def prevented: . as $when
	| (($when.caps // []) | any(. as $c | $caps | index($c)))
	or (($when.arches // []) | index($arch) != null);
({ "amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64" }[$arch]) as $native
| { defaultAction, defaultErrnoRet,
	architectures: (.archMap | map(select(.architecture == $native) | .architecture, .subArchitectures[])),
	syscalls: [.syscalls[] | select((.includes | holds) and (.excludes | prevented | not))
		| { names, action } + (if .errnoRet then { errnoRet } else {} end)
			+ (if .args then { args } else {} end)] }
