/* The kernel, and what it lets us do. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "cgroup/pagemap.h"
#include "cmd/cow/monitor.h"
#include "cmd/doctor.h"
#include "cmd/libexec.h"
#include "runtime/keeper.h"
#include "runtime/network.h"
#include "runtime/reaper.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"
#include "spec/base/sys.h"

#define LEAST_MAJOR 6
#define LEAST_MINOR 1

/* Directories handed to overlay as fds (6.13); tried on a file system that is never made. */
static bool overlay_takes_fds(void)
{
	autofd int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	autofd int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fs >= 0 && dir >= 0 && fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, dir) == 0;
}

static void look_at_features(struct findings *f)
{
	automatic(pagemap) struct pagemap pagemap = { 0 };
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e;

	if (proc >= 0 && pagemap_init(&pagemap, proc, &e) == 0 && pagemap.scans)
		findings_add(f, "PAGEMAP_SCAN", FINDING_OK, NULL, "yes");
	else
		findings_add(f, "PAGEMAP_SCAN", FINDING_LACKS, "kernel 6.7 or later",
			"no: cow mem reads all that is mapped, and takes longer");
	if (geteuid() != 0)
		return;
	if (overlay_takes_fds())
		findings_add(f, "overlay by fd", FINDING_OK, NULL, "yes");
	else
		findings_add(f, "overlay by fd", FINDING_OK, NULL,
			"no (before 6.13): layers go by names below /proc/self/fd");
}

void doctor_kernel(const struct places *p, struct findings *f)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	(void)p;
	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		findings_add(f, "kernel", FINDING_LACKS, NULL, "its version is not known");
	else if (major < LEAST_MAJOR || (major == LEAST_MAJOR && minor < LEAST_MINOR))
		findings_add(f, "kernel", FINDING_BROKEN, "a newer kernel",
			"%s; the least is %d.%d", name.release, LEAST_MAJOR, LEAST_MINOR);
	else
		findings_add(f, "kernel", FINDING_OK, NULL, "%s %s (the least is %d.%d)",
			name.release, name.machine, LEAST_MAJOR, LEAST_MINOR);
	look_at_features(f);
}

/* Those of root that we or containers use, and what goes without them. */
static const struct {
	unsigned number;
	const char *name, *without;
	enum finding_state state;
} capabilities[] = {
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "namespaces and mounts cannot be made", FINDING_BROKEN },
	{ CAP_SETUID, "CAP_SETUID", "a container cannot have a user of its own", FINDING_BROKEN },
	{ CAP_SETGID, "CAP_SETGID", "a container cannot have groups of its own", FINDING_BROKEN },
	{ CAP_SETPCAP, "CAP_SETPCAP", "capabilities cannot be taken from containers",
		FINDING_BROKEN },
	{ CAP_CHOWN, "CAP_CHOWN", "images cannot be unpacked", FINDING_LACKS },
	{ CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE", "images cannot be unpacked", FINDING_LACKS },
	{ CAP_FOWNER, "CAP_FOWNER", "images cannot be unpacked", FINDING_LACKS },
	{ CAP_MKNOD, "CAP_MKNOD", "containers have no /dev/null and the like, whiteouts fail",
		FINDING_BROKEN },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", "the loopback of a container cannot be brought up",
		FINDING_BROKEN },
	{ CAP_SYS_CHROOT, "CAP_SYS_CHROOT", "a container's root cannot be entered (exec)",
		FINDING_LACKS },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "cow mem cannot read all processes", FINDING_LACKS },
	{ CAP_SETFCAP, "CAP_SETFCAP", "programs of images lose their capabilities", FINDING_LACKS },
	{ CAP_KILL, "CAP_KILL", "processes of other users cannot be signalled", FINDING_LACKS },
	{ CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE",
		"raising a hard rlimit and lowering oom_score_adj fail", FINDING_LACKS },
};

static int read_effective(uint64_t *ret)
{
	autofree char *text = NULL;
	struct err e;
	size_t n;
	int r = fd_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &text, &n, &e);
	const char *line = r < 0 ? NULL : strstr(text, "\nCapEff:\t");

	if (!line)
		return r < 0 ? r : -EPROTO;
	*ret = strtoull(line + strlen("\nCapEff:\t"), NULL, 16);
	return 0;
}

void doctor_capabilities(const struct places *p, struct findings *f)
{
	uint64_t effective = 0;
	bool all = true;

	(void)p;
	if (geteuid() != 0) /* nobody else has any */
		return;
	if (read_effective(&effective) < 0) {
		findings_add(f, "capabilities", FINDING_LACKS, "mount /proc", "not known");
		return;
	}
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		if (effective >> capabilities[i].number & 1)
			continue;
		all = false;
		findings_add(f, capabilities[i].name, capabilities[i].state,
			"give it to whoever starts cow", "missing: %s", capabilities[i].without);
	}
	if (all)
		findings_add(f, "capabilities", FINDING_OK, NULL, "all that are used");
}

void doctor_programs(const struct places *p, struct findings *f)
{
	static const struct {
		const char *name, *without;
	} programs[] = {
		{ MONITOR_PROGRAM, "cow run -d" },
		{ KEEPER_PROGRAM, "cow run --net user" },
		{ REAPER_PROGRAM, "cow template" },
		{ "cow-import", "cow load, cow import" },
	};
	char path[4096];
	struct err e;

	(void)p;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (libexec_find(programs[i].name, path, &e) == 0)
			findings_add(f, programs[i].name, FINDING_OK, NULL, "%s", path);
		else
			findings_add(f, programs[i].name, FINDING_LACKS, "install it beside cow",
				"%s: without it there is no %s", e.text, programs[i].without);
}

/* What user-mode networks are made by. */
void doctor_network(const struct places *p, struct findings *f)
{
	struct network n = { 0 };
	struct err e;

	(void)p;
	if (network_find(NULL, &n, &e) == 0)
		findings_add(f, "network", FINDING_OK, NULL, "%s, for cow run --net user", n.path);
	else
		findings_add(f, "network", FINDING_LACKS, "install passt",
			"neither pasta nor slirp4netns: without them there is no cow run --net user");
}

/* The container's first program is in memory: vm.memfd_noexec=2 forbids that to everybody. */
void doctor_sealed_program(const struct places *p, struct findings *f)
{
	(void)p;
	autofd int fd = memfd_create("cowrun-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("cowrun-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0)
		findings_add(f, "program in memory", FINDING_OK, NULL, "yes");
	else
		findings_add(f, "program in memory", FINDING_BROKEN, "sysctl vm.memfd_noexec=1",
			"an executable memfd cannot be made: %s", err_reason(errno));
}

/* Tried in a child: who is in a new user namespace does not come back. */
static int try_user_namespace(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

void doctor_user_namespaces(const struct places *p, struct findings *f)
{
	(void)p;
	int code = try_user_namespace();

	if (!code)
		findings_add(f, "user namespaces", FINDING_OK, NULL, "yes");
	else
		findings_add(f, "user namespaces", FINDING_LACKS,
			"sysctl user.max_user_namespaces=10000",
			"none can be made (%s): linux.uidMappings fail", err_reason(code));
}

static bool is_file(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Which of them this kernel has; a container runs without them. */
void doctor_security(const struct places *p, struct findings *f)
{
	autofree char *lsms = NULL;
	struct err e;
	size_t n;

	(void)p;
	findings_add(f, "seccomp", is_file("/proc/sys/kernel/seccomp") ? FINDING_OK : FINDING_LACKS,
		NULL, "%s", is_file("/proc/sys/kernel/seccomp") ? "yes" : "not in this kernel");
	if (fd_read_file(AT_FDCWD, "/sys/kernel/security/lsm", 4096, &lsms, &n, &e) == 0) {
		lsms[strcspn(lsms, "\n")] = '\0';
		findings_add(f, "security modules", FINDING_OK, NULL, "%s", lsms);
	} else
		findings_add(f, "security modules", FINDING_OK, NULL,
			"AppArmor %s, SELinux %s (securityfs is not mounted)",
			is_file("/sys/module/apparmor") ? "yes" : "no",
			is_file("/sys/fs/selinux/enforce") ? "yes" : "no");
}
