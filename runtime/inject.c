#include "runtime/inject.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

#include "cgroup/process.h"
#include "runtime/graft.h"
#include "runtime/injected/entry.h"
#include "runtime/procfs.h"
#include "runtime/tracee.h"
#include "spec/base/clock.h"
#include "spec/base/fd.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000 /* the kernel's, asm/signal.h */
#endif

/* An alternate stack that is none while one stands on it: else rt_sigreturn(2) could not put the
 * former one back (it looks before it leaves, on x86-64 since 6.12). linux/signal.h */
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

enum { LOOK_EVERY_MS = 10, RT_FIRST = 34, RT_LAST = 64 }; /* 32 and 33 are the C library's own */

struct patient {
	pid_t pid;
	int dir, process; /* /proc/PID, pidfd */
	uint64_t used;	  /* signals with a meaning to it */
	char why[80];	  /* it does not sleep */
};

static void patient_done(struct patient *p)
{
	own_close(&p->dir);
	own_close(&p->process);
}
DEFINE_AUTO(patient, patient_done)

/* --- asleep --- */

/* A line of /proc/PID/status; "" where there is none. */
static const char *value_of(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? at + strlen(name) : "";
}

static uint64_t mask_of(const char *status, const char *name)
{
	return strtoull(value_of(status, name), NULL, 16);
}

static bool has_children(const struct patient *p)
{
	char name[40];
	char byte;

	snprintf(name, sizeof(name), "task/%d/children", (int)p->pid);
	autofd int fd = openat(p->dir, name, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &byte, 1) == 1;
}

/* How often it has gone to sleep, if it sleeps now and may be forked; else why not. */
static int look(struct patient *p, uint64_t *ret_sleeps, struct err *e)
{
	autofree char *status = NULL;
	size_t n;

	int r = fd_read_file(p->dir, "status", 1 << 20, &status, &n, e);
	if (r < 0)
		return r;
	char state = value_of(status, "\nState:\t")[0];
	unsigned long threads = strtoul(value_of(status, "\nThreads:\t"), NULL, 10);
	if (state == 'Z' || state == 'X')
		return err_say(e, ESRCH, "process %d has ended", (int)p->pid);
	p->used = mask_of(status, "\nSigCgt:\t") | mask_of(status, "\nSigIgn:\t");
	p->why[0] = '\0';
	if (threads != 1)
		snprintf(p->why, sizeof(p->why), "has %lu threads", threads);
	else if (has_children(p))
		snprintf(p->why, sizeof(p->why), "has a child");
	else if (state != 'S')
		snprintf(p->why, sizeof(p->why), state == 'T' ? "is stopped" : "does not sleep");
	*ret_sleeps = strtoull(value_of(status, "\nvoluntary_ctxt_switches:\t"), NULL, 10);
	return 0;
}

static int wait_ms(const struct patient *p, int ms, struct err *e)
{
	struct pollfd end = { .fd = p->process, .events = POLLIN };

	return poll(&end, 1, ms) > 0 ? err_say(e, ESRCH, "process %d has ended", (int)p->pid) : 0;
}

/* Stopped in a sleep that has lasted. */
static int stop_asleep(struct patient *p, int timeout_ms, struct tracee *ret, struct err *e)
{
	int64_t begun = clock_ms(), since = begun;
	uint64_t sleeps = 0, before = 0;

	for (;;) {
		int r = look(p, &sleeps, e);
		if (r < 0)
			return r;
		int64_t now = clock_ms();
		if (p->why[0] || sleeps != before) {
			before = sleeps;
			since = now;
		} else if (now - since >= INJECT_SETTLE_MS) {
			r = tracee_stop(p->pid, p->dir, ret, e);
			/* Stopped and alive it is that process, and no later one of its number. */
			if (r != -EAGAIN)
				return r < 0 ? r : wait_ms(p, 0, e);
			since = now;
		}
		if (now - begun >= timeout_ms)
			return err_say(e, ETIME,
				"process %d was to sleep in a system call, with one thread; after "
				"%d ms it %s",
				(int)p->pid, timeout_ms,
				p->why[0] ? p->why : "wakes again and again");
		r = wait_ms(p, LOOK_EVERY_MS, e);
		if (r < 0)
			return r;
	}
}

/* --- injected --- */

/* What lies where in the process, from the address of the first page on. */
struct layout {
	size_t page, graft, stack, told,
		size; /* a page without access before, between and behind */
};

static struct layout lay_out(const struct graft *g)
{
	struct layout l = { .page = (size_t)sysconf(_SC_PAGESIZE) };

	l.graft = l.page;
	l.stack = l.graft + g->size + l.page;
	l.told = l.stack + INJECT_STACK - sizeof(struct injected);
	l.told -= l.told % 64;
	l.size = l.stack + INJECT_STACK + l.page;
	return l;
}

/* A system call of the process that must not fail; its result. */
static int call(struct tracee *t, const char *what, long *ret, struct err *e, const long words[7])
{
	int r = tracee_call(t, words, ret, e);

	if (r < 0 || *ret >= 0 || *ret < -4095)
		return r;
	return err_set(e, (int)-*ret, "%s in process %d", what, (int)t->pid);
}

#define CALL(t, what, ret, e, ...) call(t, what, ret, e, (const long[7]){ __VA_ARGS__ })

static int map_at(struct tracee *t, uint64_t at, size_t n, int protection, struct err *e)
{
	long ret;

	return CALL(t, "map memory", &ret, e, SYS_mmap, (long)at, (long)n, protection,
		MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
}

static int map_all(struct tracee *t, const struct layout *l, uint64_t *ret_base, struct err *e)
{
	long ret;
	int r = CALL(t, "reserve addresses", &ret, e, SYS_mmap, 0, (long)l->size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*ret_base = (uint64_t)ret;
	return r < 0 ? r : map_at(t, *ret_base + l->stack, INJECT_STACK, PROT_READ | PROT_WRITE, e);
}

/* Each with its final protection at once: nothing is ever both writable and executable. */
static int write_graft(struct tracee *t, const struct graft *g, uint64_t at, struct err *e)
{
	autofree unsigned char *memory = calloc(1, g->size);

	if (!memory)
		return err_set(e, ENOMEM, "place the program to be injected");
	int r = graft_place(g, at, memory, e);
	for (int i = 0; r == 0 && i < g->n_segments; i++) {
		const struct graft_segment *s = &g->segments[i];
		r = map_at(t, at + s->begin, s->end - s->begin, s->protection, e);
		if (r == 0)
			r = tracee_write(
				t, at + s->begin, memory + s->begin, s->filled - s->begin, e);
	}
	return r;
}

static int unused_signal(const struct patient *p)
{
	for (int i = RT_LAST; i >= RT_FIRST; i--)
		if (!(p->used & UINT64_C(1) << (i - 1)))
			return i;
	return RT_LAST;
}

/* Its handler and its stack; what was there before is written down in the process. */
static int install(struct tracee *t, uint64_t told, const struct injected *i, struct err *e)
{
	long ret;

	int r = tracee_write(t, told, i, sizeof(*i), e);
	if (r == 0)
		r = CALL(t, "set the alternate signal stack", &ret, e, SYS_sigaltstack,
			(long)(told + offsetof(struct injected, alternate)),
			(long)(told + offsetof(struct injected, stack)));
	if (r == 0)
		r = CALL(t, "set a signal handler", &ret, e, SYS_rt_sigaction, i->signal,
			(long)(told + offsetof(struct injected, own)),
			(long)(told + offsetof(struct injected, action)), sizeof(uint64_t));
	return r;
}

static struct injected tell(const struct tracee *t, const struct graft *g, const struct layout *l,
	uint64_t base, int signal)
{
	uint64_t entry = base + l->graft + g->entry;
	const struct tracee_rseq rseq = tracee_rseq(t);

	return (struct injected){
		.base = base,
		.size = l->size,
		.signal = signal,
		.mask = t->mask,
		.own = { .handler = entry + INJECTED_HANDLER,
			.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_RESTORER,
			.restorer = entry,
			.mask = UINT64_MAX },
		.alternate = { .base = base + l->stack,
			.flags = (int32_t)SS_AUTODISARM,
			.size = l->told - l->stack },
		.rseq = { .area = rseq.area, .size = rseq.size, .mark = rseq.mark },
	};
}

static int bring_in(struct patient *p, const struct graft *g, struct tracee *t, struct err *e)
{
	struct layout l = lay_out(g);
	int signal = unused_signal(p);
	uint64_t base;
	long ignored;

	int r = map_all(t, &l, &base, e);
	if (r < 0)
		return r;
	struct injected i = tell(t, g, &l, base, signal);
	r = write_graft(t, g, base + l.graft, e);
	if (r == 0)
		r = install(t, base + l.told, &i, e);
	if (r == 0)
		return tracee_signal(t, p->process, signal, base + l.told, e);
	const long unmap[7] = { SYS_munmap, (long)base, (long)l.size };
	struct err unheard;
	tracee_call(t, unmap, &ignored, &unheard);
	return r;
}

static int check_listener(const struct patient *p, int listener, struct err *e)
{
	static const char kind[] = "socket:";
	char name[32], target[sizeof(kind) - 1];

	snprintf(name, sizeof(name), "fd/%d", listener);
	if (listener < 0 || (readlinkat(p->dir, name, target, sizeof(target)) == sizeof(target) &&
				    memcmp(target, kind, sizeof(target)) == 0))
		return 0;
	return err_say(e, ENOTSOCK,
		"process %d has closed file descriptor %d, the socket that it would be asked "
		"through",
		(int)p->pid, listener);
}

int inject(const struct process_mark *process, const struct inject_options *o, struct err *e)
{
	automatic(patient) struct patient p = {
		.pid = process->pid, .dir = -1, .process = mark_open(process)
	};
	automatic(tracee) struct tracee t = TRACEE_NONE;
	struct graft g;

	if (p.process < 0)
		return err_set(e, -p.process, "find process %d", (int)p.pid);
	autofd int proc = procfs_open(e);
	int r = proc < 0 ? proc : graft_read(o->graft, o->n_graft, &g, e);
	if (r < 0)
		return r;
	p.dir = process_open(proc, p.pid);
	if (p.dir < 0)
		return err_set(e, -p.dir, "find process %d", (int)p.pid);
	r = stop_asleep(&p, o->timeout_ms, &t, e);
	if (r == 0)
		r = check_listener(&p, o->listener, e);
	return r < 0 ? r : bring_in(&p, &g, &t, e);
}
