/*
 * How long a container stands still while it is measured, as it sees it itself.
 *
 *	frozen [CONTAINERS [MIB [ROUNDS]]]	50 groups with a process of 10 MiB each
 *
 * In the first group lives another process, which looks at the clock all the time and remembers the
 * longest gap. Held against what is promised, 20 ms and 1 ms for each 16 MiB of the set; the median
 * of the rounds' longest gaps, in one line of JSON: {"name", "ours", "peer", "ratio"}, milliseconds.
 * With COWRUN_BENCH_VERBOSE each round is told on stderr. Needs root and cgroup v2.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/census.h"
#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "spec/base/sys.h"

#define MIB ((size_t)1 << 20)
#define N_MAX 4000
#define ROUNDS_MAX 101

struct fleet {
	size_t n, mib;
	struct cgroup groups[N_MAX];
	char names[N_MAX][8];
	struct census_thing things[N_MAX];
	_Atomic uint64_t *longest; /* of the clock's gaps, nanoseconds */
};

static int root = -1;

static void fail(const char *what)
{
	fprintf(stderr, "frozen: %s\n", what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static const char *path_of(size_t i)
{
	static char path[64];

	snprintf(path, sizeof(path), "/cowrun-bench-%d/%zu", (int)getpid(), i);
	return path;
}

static pid_t born_in(const struct cgroup *c)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)c->fd
	};
	pid_t pid = sys_clone3(&args);

	if (pid < 0)
		fail("cannot fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* Woken before everybody else, so that what it misses is not somebody else's turn. */
static void watch_clock(_Atomic uint64_t *longest)
{
	const struct sched_param first = { .sched_priority = 1 };
	const struct timespec moment = { .tv_nsec = 100000 };

	sched_setscheduler(0, SCHED_FIFO, &first);
	for (uint64_t last = now_ns();;) {
		nanosleep(&moment, NULL);
		uint64_t now = now_ns();
		if (now - last > *longest)
			*longest = now - last;
		last = now;
	}
}

static void live(size_t mib, int ready)
{
	char *memory =
		mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	madvise(memory, mib * MIB, MADV_NOHUGEPAGE);
	memset(memory, 1, mib * MIB);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void start(struct fleet *f)
{
	int ready[2];
	char byte;
	struct err e;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("no pipe");
	f->longest = mmap(NULL, sizeof(*f->longest), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < f->n; i++) {
		if (cgroup_make(root, path_of(i), NULL, &f->groups[i], &e) < 0)
			fail(e.text);
		if (born_in(&f->groups[i]) == 0)
			live(f->mib, ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			fail("a child did not start");
		snprintf(f->names[i], sizeof(f->names[i]), "c%zu", i);
		f->things[i] =
			(struct census_thing){ .name = f->names[i], .group = f->groups[i].fd };
	}
	if (born_in(&f->groups[0]) == 0)
		watch_clock(f->longest);
}

static void stop(const struct fleet *f)
{
	struct err e;

	for (size_t i = 0; i < f->n; i++)
		if (cgroup_remove(root, path_of(i), i + 1 == f->n ? 2 : 1, &e) < 0)
			fail(e.text);
	while (wait(NULL) > 0)
		continue;
}

static int list(void *context, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	const struct fleet *f = context;

	return cgroup_processes(f->groups[thing].fd, true, ret_pids, ret_n, e);
}

/* The longest gap while a census is taken; and what was promised. */
static double measure(struct fleet *f, double *promised, bool verbose)
{
	automatic(census) struct census c = { 0 };
	struct census_options o = { .list = list, .context = f };
	struct err e;
	uint64_t begin = now_ns();

	*f->longest = 0;
	if (census_take(f->things, f->n, &o, &c, &e) < 0)
		fail(e.text);
	double whole = (double)(now_ns() - begin) / 1e6;
	usleep(2000); /* so that it has seen the end */
	double gap = (double)*f->longest / 1e6;
	if (c.estimated)
		fail("page frames cannot be read here");
	*promised = 20 + (double)c.union_bytes.value / (16 * MIB);
	if (verbose)
		fprintf(stderr, "gap %.2f ms of %.1f; %zu frozen for %.2f of %.1f ms; %s%s\n", gap,
			*promised, (size_t)c.n_frozen, (double)c.frozen_ns / 1e6, whole,
			c.exact ? "exact" : "not exact: ", c.exact ? "" : c.why);
	return gap;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static size_t argument(int argc, char **argv, int i, size_t usual, size_t max)
{
	size_t n = argc > i ? strtoul(argv[i], NULL, 10) : usual;

	return n < 1 ? 1 : n > max ? max : n;
}

int main(int argc, char **argv)
{
	static struct fleet f;
	static double gaps[ROUNDS_MAX];
	bool verbose = getenv("COWRUN_BENCH_VERBOSE");
	struct rlimit files;
	double promised = 0;
	struct err e;

	f.n = argument(argc, argv, 1, 50, N_MAX);
	f.mib = argument(argc, argv, 2, 10, 4096);
	size_t rounds = argument(argc, argv, 3, 15, ROUNDS_MAX);
	if (hierarchy_open(&root, &e) < 0)
		fail(e.text);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	start(&f);
	for (size_t i = 0; i < rounds; i++)
		gaps[i] = measure(&f, &promised, verbose);
	stop(&f);
	qsort(gaps, rounds, sizeof(*gaps), by_value);
	double x = gaps[rounds / 2];
	printf("{\"name\": \"frozen, %zu containers of %zu MiB, over what is promised\", "
	       "\"ours\": %.1f, \"peer\": %.1f, \"ratio\": %.2f}\n",
		f.n, f.mib, x, promised, x / promised);
	return 0;
}
