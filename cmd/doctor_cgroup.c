/* Groups, limits, and what can be known of memory. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cgroup/cgroup.h"
#include "cgroup/foreign.h"
#include "cgroup/hierarchy.h"
#include "cgroup/kpage.h"
#include "cgroup/pagemap.h"
#include "cmd/doctor.h"
#include "overlay/mountinfo.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"
#include "spec/base/sys.h"

static void add_file(char text[4096], const char *path)
{
	autofree char *data = NULL;
	struct err e;
	size_t n;

	*text = '\0';
	if (fd_read_file(AT_FDCWD, path, 4095, &data, &n, &e) == 0)
		snprintf(text, 4096, "%s", data);
}

void doctor_cgroup(const struct places *p, struct findings *f)
{
	automatic(mountinfo) struct mountinfo mounts = { 0 };
	automatic(str) struct str elsewhere = { 0 };
	autofree char *path = NULL;
	struct err e;

	(void)p;
	if (hierarchy_path(&path) < 0) {
		findings_add(f, "cgroup v2", FINDING_BROKEN,
			"mount -t cgroup2 cgroup2 /sys/fs/cgroup", "it is not mounted");
		return;
	}
	if (mountinfo_read(&mounts, &e) < 0) {
		findings_add(f, "cgroup v2", FINDING_OK, NULL, "mounted at %s", path);
		return;
	}
	size_t n_v1 = 0, n_more = 0;
	for (size_t i = 0; i < mounts.n; i++) {
		n_v1 += strcmp(mounts.rows[i].type, "cgroup") == 0;
		n_more += strcmp(mounts.rows[i].type, "cgroup2") == 0 &&
			  strcmp(mounts.rows[i].target, path) != 0;
	}
	if (n_more)
		str_addf(&elsewhere, ", and %zu times elsewhere", n_more);
	if (n_v1)
		str_addf(&elsewhere, ", beside %zu hierarchies of v1", n_v1);
	findings_add(f, "cgroup v2", FINDING_OK, NULL, "mounted at %s%s", path,
		elsewhere.data ? elsewhere.data : "");
}

/* A child that is born in the group, and ends. 0 or -errno. */
static int try_birth(int group)
{
	siginfo_t info = { 0 };
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)group,
	};
	pid_t pid = sys_clone3(&args);

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -errno;
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	close(pidfd);
	return 0;
}

/* A group made, a process born in it, the group removed. */
void doctor_birth(const struct places *p, struct findings *f)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	autofree char *path = str_format("/cowrun-doctor-%d", (int)getpid());
	autofd int root = -1;
	struct err e = { 0 };

	(void)p;
	if (!path || hierarchy_open(&root, &e) < 0 || geteuid() != 0)
		return;
	if (cgroup_make(root, path, NULL, &group, &e) == 0) {
		int born = try_birth(group.fd);
		struct err removed = { 0 };
		if (born < 0)
			err_set(&e, -born, "clone a process into a cgroup");
		if (cgroup_remove(root, path, 1, &removed) < 0)
			e = removed;
	}
	if (!e.code)
		findings_add(f, "groups", FINDING_OK, NULL, "made, born into, removed");
	else
		findings_add(f, "groups", FINDING_BROKEN, NULL, "%s", e.text);
}

/* Where a v1 hierarchy has the controller, NULL: libcgroup knows none, which proves nothing. */
static const char *v1_place(const struct foreign *v1, const char *controller)
{
	size_t n = strlen(controller);

	for (size_t i = 0; i < v1->n; i++)
		for (const char *at = v1->v[i].controllers; at; at = strchr(at, ',')) {
			at += *at == ',';
			if (strncmp(at, controller, n) == 0 && (at[n] == ',' || !at[n]))
				return v1->v[i].path;
		}
	return NULL;
}

static void add_refusal(struct findings *f, const char *name, const char *controller,
	enum controller_place place, const struct foreign *v1)
{
	static const char *const remedies[] = {
		[CONTROLLER_ABSENT] = "a kernel that has it, or a container that passes it on",
		[CONTROLLER_DISABLED] =
			"take it out of cgroup_disable= on the kernel's command line",
		[CONTROLLER_V1] = "boot with systemd.unified_cgroup_hierarchy=1",
		[CONTROLLER_NOT_GIVEN] = "enable it in cgroup.subtree_control of the group above",
	};
	static const char *const reasons[] = {
		[CONTROLLER_ABSENT] = "not offered here",
		[CONTROLLER_DISABLED] = "switched off at boot",
		[CONTROLLER_V1] = "bound to cgroup v1",
		[CONTROLLER_NOT_GIVEN] = "not passed on by the group above",
	};
	const char *at = place == CONTROLLER_V1 ? v1_place(v1, controller) : NULL;

	findings_add(f, name, FINDING_LACKS, remedies[place],
		"cannot: the controller '%s' is %s%s%s", controller, reasons[place],
		at ? " at " : "", at ? at : "");
}

void doctor_limits(const struct places *p, struct findings *f)
{
	static const struct {
		const char *name, *controller;
	} limits[] = {
		{ "limit of memory", "memory" },
		{ "limit of cpus", "cpu" },
		{ "limit of processes", "pids" },
	};
	automatic(foreign) struct foreign v1 = { 0 };
	autofd int root = -1;
	char text[4096];
	struct err e;

	(void)p;
	if (hierarchy_open(&root, &e) < 0)
		return;
	add_file(text, "/proc/cgroups");
	if (foreign_list(&v1, &e) < 0)
		v1 = (struct foreign){ 0 };
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (hierarchy_has(root, limits[i].controller))
			findings_add(f, limits[i].name, FINDING_OK, NULL, "yes");
		else
			add_refusal(f, limits[i].name, limits[i].controller,
				controller_place(text, limits[i].controller), &v1);
}

void doctor_memory(const struct places *p, struct findings *f)
{
	automatic(pagemap) struct pagemap pagemap = { 0 };
	automatic(kpage) struct kpage kpage = { .count = -1, .flags = -1 };
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[4096];
	struct err e;

	(void)p;
	if (proc >= 0 && pagemap_init(&pagemap, proc, &e) == 0 && pagemap.tells) {
		kpage_init(&kpage, proc);
		if (kpage.count >= 0 && kpage.flags >= 0)
			findings_add(f, "exact memory", FINDING_OK, NULL, "yes");
		else
			findings_add(f, "exact memory", FINDING_LACKS,
				"a kernel with CONFIG_PROC_PAGE_MONITOR",
				"/proc/kpagecount or /proc/kpageflags cannot be read");
	} else
		findings_add(f, "exact memory", FINDING_LACKS,
			"CAP_SYS_ADMIN in the first user namespace",
			"no: page frames are not told, cow mem gives estimates");
	add_file(text, "/sys/kernel/mm/ksm/run");
	findings_add(f, "merging of pages", FINDING_OK, NULL, "%s",
		text[0] == '1' ? "the kernel merges equal pages (KSM is on)" : "KSM is off");
}

void doctor_swap(const struct places *p, struct findings *f)
{
	char text[4096];

	(void)p;
	add_file(text, "/proc/swaps");
	const char *second = strchr(text, '\n');
	findings_add(f, "swap", FINDING_OK, NULL, "%s",
		second && second[1] ? "yes" : "none: --memory-swap changes nothing");
}
