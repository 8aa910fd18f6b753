/* Counters of page faults. */
#include "cgroup/faults.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

struct fault_fd {
	int fd;
	enum fault_kind kind;
};

/* What is counted as what. Bits of the error code: 1 present, 2 write, 4 user mode. */
static const struct event {
	enum fault_kind kind;
	uint64_t software;	/* with a tracepoint not used */
	const char *tracepoint; /* NULL: a software counter */
	const char *filter;
} events[] = {
	{ FAULT_WRITE_PROTECT, 0, "page_fault_user", "error_code==7" },
	{ FAULT_WRITE_PROTECT, 0, "page_fault_kernel", "error_code==3" },
	{ FAULT_MINOR, PERF_COUNT_SW_PAGE_FAULTS_MIN, NULL, NULL },
	{ FAULT_MAJOR, PERF_COUNT_SW_PAGE_FAULTS_MAJ, NULL, NULL },
};

#define N_EVENTS (sizeof(events) / sizeof(events[0]))

/* Who is counted: a group on each processor, or a thread and its descendants. */
struct subject {
	int group; /* -1: threads */
	pid_t thread;
	int processor;
};

/* A tracefs of our own, mounted nowhere; or -errno. */
static int open_tracefs(void)
{
	autofd int context = fsopen("tracefs", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	return mount < 0 ? -errno : mount;
}

/* The tracepoint's number, by which perf knows it. */
static int read_id(int tracefs, const char *name, uint64_t *ret, struct err *e)
{
	char path[80], text[24] = "";

#ifndef __x86_64__
	return err_say(e, ENOTSUP, "only x86-64 tells write-protect faults");
#endif
	if (tracefs < 0)
		return err_set(e, -tracefs, "open tracefs for tracepoints");
	snprintf(path, sizeof(path), "events/exceptions/%s/id", name);
	autofd int fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_say(e, ENOTSUP, "this kernel has no tracepoint 'exceptions:%s'", name);
	ssize_t n = fd < 0 ? -errno : fd_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return err_set(e, (int)-n, "read the tracepoint 'exceptions:%s'", name);
	text[strcspn(text, "\n")] = '\0';
	return str_to_u64(text, INT32_MAX, ret) ? 0 : err_say(e, EPROTO, "read tracepoints");
}

static int refused(int code, struct err *e)
{
	if (code == EACCES || code == EPERM)
		return err_say(e, EPERM,
			"counters of perf are not permitted (CAP_PERFMON, or "
			"kernel.perf_event_paranoid)");
	return err_set(e, code, "open a counter of perf");
}

/* The counter, or -errno. */
static int open_counter(const struct subject *s, const struct event *event, uint64_t id)
{
	struct perf_event_attr attr = {
		.type = event->tracepoint ? PERF_TYPE_TRACEPOINT : PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = event->tracepoint ? id : event->software,
		.inherit = s->group < 0,
	};
	unsigned long flags = PERF_FLAG_FD_CLOEXEC | (s->group < 0 ? 0 : PERF_FLAG_PID_CGROUP);
	autofd int fd = (int)syscall(SYS_perf_event_open, &attr,
		s->group < 0 ? s->thread : s->group, s->group < 0 ? -1 : s->processor, -1, flags);

	if (fd < 0)
		return -errno;
	if (event->filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, event->filter) < 0)
		return -errno;
	return take_fd(&fd);
}

static int add(struct fault_counters *c, int fd, enum fault_kind kind)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;
		struct fault_fd *fds = reallocarray(c->fds, room, sizeof(*fds));
		if (!fds) {
			close(fd);
			return -ENOMEM;
		}
		c->fds = fds;
		c->room = room;
	}
	c->fds[c->n++] = (struct fault_fd){ fd, kind };
	return 0;
}

/* Takes back the counters of a kind that cannot be counted wholly. */
static void give_up(struct fault_counters *c, enum fault_kind kind)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (c->fds[i].kind == kind)
			close(c->fds[i].fd);
		else
			c->fds[kept++] = c->fds[i];
	}
	c->n = kept;
}

/* A processor that is off, and a thread that has ended, have nothing to be counted. */
static bool is_nobody(const struct subject *s, int code)
{
	return s->group < 0 ? code == ESRCH : code == ENODEV || code == ENXIO;
}

static int count(struct fault_counters *c, const struct event *event, int tracefs,
	const struct subject *subjects, size_t n)
{
	struct err *why = &c->why[event->kind];
	uint64_t id = 0;
	size_t found = 0;

	if (why->code || (event->tracepoint && read_id(tracefs, event->tracepoint, &id, why) < 0)) {
		give_up(c, event->kind);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		int fd = open_counter(&subjects[i], event, id);
		if (fd < 0 && is_nobody(&subjects[i], -fd))
			continue;
		found++;
		if (fd >= 0 && add(c, fd, event->kind) < 0)
			return -ENOMEM;
		if (fd < 0) {
			refused(-fd, why);
			give_up(c, event->kind);
			break;
		}
	}
	if (!found)
		err_say(why, ESRCH, "there is nobody to be counted");
	return 0;
}

/* Whether one counter of the group can be had: perf's controller may be bound to v1. */
static bool try_group(int group)
{
	struct subject s = { .group = group };
	int code = ENODEV;

	for (long i = 0; i < sysconf(_SC_NPROCESSORS_CONF); i++) {
		s.processor = (int)i;
		autofd int fd = open_counter(&s, &events[N_EVENTS - 1], 0);
		if (fd >= 0 || !is_nobody(&s, -fd))
			code = fd < 0 ? -fd : 0;
		if (code != ENODEV)
			break;
	}
	return code == 0;
}

static int add_threads(pid_t pid, struct subject **list, size_t *n)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	int r = 0;
	for (struct dirent *d; r == 0 && dir && (d = readdir(dir));) {
		uint64_t thread;
		if (!str_to_u64(d->d_name, INT32_MAX, &thread))
			continue;
		struct subject *more = reallocarray(*list, *n + 1, sizeof(*more));
		if (more) {
			*list = more;
			more[(*n)++] = (struct subject){ .group = -1, .thread = (pid_t)thread };
		}
		r = more ? 0 : -ENOMEM;
	}
	if (dir)
		closedir(dir);
	return r;
}

static int list_subjects(const struct fault_counters *c, int group, const pid_t *pids, size_t n,
	struct subject **ret, size_t *ret_n)
{
	autofree struct subject *list = NULL;
	size_t n_list = 0, n_processors = (size_t)sysconf(_SC_NPROCESSORS_CONF);
	int r = 0;

	if (c->by_group) {
		list = calloc(n_processors, sizeof(*list));
		for (; list && n_list < n_processors; n_list++)
			list[n_list] = (struct subject){ group, 0, (int)n_list };
		r = list ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && !c->by_group && i < n; i++)
		r = add_threads(pids[i], &list, &n_list);
	if (r < 0)
		return r;
	*ret = take(list);
	*ret_n = n_list;
	return 0;
}

int fault_counters_open(
	struct fault_counters *c, int group, const pid_t *pids, size_t n, struct err *e)
{
	automatic(fault_counters) struct fault_counters made = { 0 };
	autofree struct subject *subjects = NULL;
	/* perf takes no O_PATH. */
	autofd int readable =
		group < 0 ? -1 : openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t n_subjects;

	made.by_group = readable >= 0 && try_group(readable);
	int r = list_subjects(&made, readable, pids, n, &subjects, &n_subjects);
	int tracefs = open_tracefs();
	for (size_t i = 0; r == 0 && i < N_EVENTS; i++)
		r = count(&made, &events[i], tracefs, subjects, n_subjects);
	if (tracefs >= 0)
		close(tracefs);
	if (r < 0)
		return err_set(e, -r, "count page faults");
	*c = made;
	made = (struct fault_counters){ 0 };
	return 0;
}

void fault_counters_done(struct fault_counters *c)
{
	for (size_t i = 0; i < c->n; i++)
		close(c->fds[i].fd);
	free(c->fds);
	*c = (struct fault_counters){ 0 };
}

struct fault_counts fault_counters_read(const struct fault_counters *c)
{
	struct fault_counts counts = { 0 };

	for (size_t i = 0; i < FAULT_KINDS; i++)
		counts.of[i].set = c->why[i].code == 0;
	for (size_t i = 0; i < c->n; i++) {
		uint64_t value = 0;
		if (read(c->fds[i].fd, &value, sizeof(value)) == sizeof(value))
			counts.of[c->fds[i].kind].value += value;
	}
	return counts;
}
