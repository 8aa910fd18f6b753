/*
 * What containers cost, known beforehand, beside what ours and smem say of it, and how long they take.
 *
 *	truth [PAIRS [ROUNDS]]	125 pairs of containers, one of 1 process and one of 7: 1000 processes
 *
 * Each process has 10 MiB: 2 that all have, 2 that its pair has, 5 that its container has, and 1 of
 * its own. So a container's end frees 5 MiB and 1 for each process. What the programs say is taken
 * before the processes map anything of that, and after: the difference is held against the truth.
 * smem's USS is that of its processes, summed, and so is PSS. One line of JSON for each row, times
 * in milliseconds, medians of interleaved rounds; errors are the largest of all containers', in
 * percent. Needs CAP_SYS_ADMIN, and smem.
 */
#include <fcntl.h>
#include <math.h>
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
#include "cgroup/process.h"

#define MIB ((size_t)1 << 20)
#define KIB 1024.0
#define PAIRS_MAX 500
#define ROUNDS_MAX 101
#define PER_PAIR 8

/* The containers of a pair: processes 0, and 1 to 7. */
static const size_t sizes[2] = { 1, PER_PAIR - 1 };

struct container {
	char name[16];
	size_t n;
	int memory;
	double private, uss, pss, idle_private, idle_uss, idle_pss; /* KiB */
};

static size_t n_pairs;
static struct container containers[2 * PAIRS_MAX];
static struct census_thing things[2 * PAIRS_MAX];
static pid_t pids[PER_PAIR * PAIRS_MAX];
static int common, pairs[PAIRS_MAX];

static void fail(const char *what)
{
	fprintf(stderr, "truth: %s\n", what);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- the processes --------------------------------------------------------------------------- */

static int memory_file(size_t mib)
{
	int fd = memfd_create("truth", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)(mib * MIB)) < 0)
		fail("no memory file");
	return fd;
}

static void map(int fd, size_t mib)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	char *memory = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	memset(memory, 1, mib * MIB);
}

/* Writes to the stack that is going to be used, so that it is there before the first look. */
static void settle(void)
{
	volatile char stack[64 * 1024];

	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 1;
}

/* Waits until `go` is closed, maps what it has, says so, and stays. */
static void live(size_t pair, const struct container *c, int go, int ready)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	settle();
	if (write(ready, "r", 1) != 1 || read(go, &byte, 1) != 0)
		_exit(1);
	map(common, 2);
	map(pairs[pair], 2);
	map(c->memory, 5);
	map(-1, 1);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void await(int ready)
{
	char byte;

	for (size_t i = 0; i < PER_PAIR * n_pairs; i++)
		if (read(ready, &byte, 1) != 1)
			fail("a process did not start");
}

static void add_container(size_t pair, size_t i, size_t first, int go[2], int ready[2])
{
	struct container *c = &containers[i];

	snprintf(c->name, sizeof(c->name), "c%zu", i);
	c->n = sizes[i % 2];
	c->memory = memory_file(5);
	things[i] = (struct census_thing){
		.name = c->name, .pids = pids + first, .n_pids = c->n, .group = -1
	};
	for (size_t p = first; p < first + c->n; p++) {
		pids[p] = fork();
		if (pids[p] < 0)
			fail("cannot fork");
		if (pids[p] == 0) {
			close(go[1]);
			close(ready[0]);
			live(pair, c, go[0], ready[1]);
		}
	}
}

static void start(int go[2], int ready[2])
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		fail("no pipe");
	common = memory_file(2);
	for (size_t i = 0; i < n_pairs; i++) {
		pairs[i] = memory_file(2);
		add_container(i, 2 * i, PER_PAIR * i, go, ready);
		add_container(i, 2 * i + 1, PER_PAIR * i + sizes[0], go, ready);
	}
	await(ready[0]);
}

static void stop(void)
{
	for (size_t i = 0; i < PER_PAIR * n_pairs; i++)
		kill(pids[i], SIGKILL);
	for (size_t i = 0; i < PER_PAIR * n_pairs; i++)
		waitpid(pids[i], NULL, 0);
}

/* --- who measures ---------------------------------------------------------------------------- */

static double ours(void)
{
	automatic(census) struct census c = { 0 };
	struct err e;
	double begin = now_ms();

	if (census_take(things, 2 * n_pairs, NULL, &c, &e) < 0)
		fail(e.text);
	double ms = now_ms() - begin;
	if (c.estimated)
		fail("page frames cannot be read here");
	if (!c.exact)
		fprintf(stderr, "truth: not exact: %s\n", c.why);
	for (size_t i = 0; i < 2 * n_pairs; i++)
		containers[i].private = (double)c.usages[i].private.value / KIB;
	return ms;
}

static double rollups(void)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	double begin = now_ms();

	for (size_t i = 0; i < PER_PAIR * n_pairs; i++) {
		struct process_rollup rollup;
		autofd int dir = process_open(proc, pids[i]);
		if (dir < 0 || process_read_rollup(dir, &rollup) < 0)
			fail("smaps_rollup cannot be read");
	}
	return now_ms() - begin;
}

static struct container *container_of(pid_t pid)
{
	for (size_t i = 0; i < PER_PAIR * n_pairs; i++)
		if (pids[i] == pid)
			return &containers[2 * (i / PER_PAIR) + (i % PER_PAIR >= sizes[0])];
	return NULL;
}

/* smem reads the smaps of those processes alone whose command line has our name. */
static double smem(void)
{
	char line[256];
	long pid, uss, pss;
	size_t n = 0;
	double begin = now_ms();
	FILE *out = popen("smem -H -c 'pid uss pss' -P bench/truth", "r");

	if (!out)
		fail("cannot start smem");
	for (size_t i = 0; i < 2 * n_pairs; i++)
		containers[i].uss = containers[i].pss = 0;
	while (fgets(line, sizeof(line), out)) {
		struct container *c = NULL;
		if (sscanf(line, "%ld %ld %ld", &pid, &uss, &pss) == 3)
			c = container_of((pid_t)pid);
		if (!c)
			continue;
		c->uss += (double)uss;
		c->pss += (double)pss;
		n++;
	}
	pclose(out);
	if (n != PER_PAIR * n_pairs)
		fail("smem does not list all processes");
	return now_ms() - begin;
}

/* --- what came of it ------------------------------------------------------------------------- */

static void keep_idle(void)
{
	ours();
	smem();
	for (size_t i = 0; i < 2 * n_pairs; i++) {
		containers[i].idle_private = containers[i].private;
		containers[i].idle_uss = containers[i].uss;
		containers[i].idle_pss = containers[i].pss;
	}
}

/* The error of a figure against what the container's end frees, the larger of both, in percent. */
static double worse(double so_far, double figure, const struct container *c)
{
	double truth = (5 + (double)c->n) * 1024, error = fabs(figure - truth) / truth * 100;

	return error > so_far ? error : so_far;
}

static void print_error(const char *name, double by_us, double by_peer)
{
	printf("{\"name\": \"%s\", \"unit\": \"%%\", \"ours\": %.2f, \"peer\": %.2f, "
	       "\"ratio\": %.4f}\n",
		name, by_us, by_peer, by_us / by_peer);
}

static void print_errors(void)
{
	double by_us = 0, by_uss = 0, by_pss = 0;

	for (size_t i = 0; i < 2 * n_pairs; i++) {
		const struct container *c = &containers[i];
		by_us = worse(by_us, c->private - c->idle_private, c);
		by_uss = worse(by_uss, c->uss - c->idle_uss, c);
		by_pss = worse(by_pss, c->pss - c->idle_pss, c);
	}
	print_error("largest error of PRIVATE, beside smem's USS", by_us, by_uss);
	print_error("largest error of PRIVATE, beside smem's PSS", by_us, by_pss);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_row(const char *than, double *a, double *b, size_t n)
{
	static double ratios[ROUNDS_MAX];

	for (size_t i = 0; i < n; i++)
		ratios[i] = a[i] / b[i];
	qsort(ratios, n, sizeof(*ratios), by_value);
	qsort(a, n, sizeof(*a), by_value);
	qsort(b, n, sizeof(*b), by_value);
	printf("{\"name\": \"census of %zu containers, %zu processes of 10 MiB, over %s\", \"ours\": %.1f, "
	       "\"peer\": %.1f, \"ratio\": %.2f, \"ratio_pairs\": %.2f}\n",
		2 * n_pairs, PER_PAIR * n_pairs, than, a[n / 2], b[n / 2], a[n / 2] / b[n / 2],
		ratios[n / 2]);
}

static size_t argument(int argc, char **argv, int i, size_t usual, size_t max)
{
	size_t n = argc > i ? strtoul(argv[i], NULL, 10) : usual;

	return n < 1 ? 1 : n > max ? max : n;
}

int main(int argc, char **argv)
{
	static double a[ROUNDS_MAX], again[ROUNDS_MAX], b[ROUNDS_MAX], c[ROUNDS_MAX];
	size_t rounds = argument(argc, argv, 2, 5, ROUNDS_MAX);
	int go[2], ready[2];

	n_pairs = argument(argc, argv, 1, 125, PAIRS_MAX);
	start(go, ready);
	/* Twice: by the first we part from pages that the last container had with us alone. */
	keep_idle();
	keep_idle();
	close(go[1]);
	await(ready[0]);
	for (size_t i = 0; i < rounds; i++) {
		a[i] = again[i] = ours();
		b[i] = rollups();
		c[i] = smem();
	}
	stop();
	print_row("smaps_rollup of the same", a, b, rounds);
	print_row("smem", again, c, rounds);
	print_errors();
	return 0;
}
