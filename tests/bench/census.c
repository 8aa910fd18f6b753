/*
 * The exact census against reading smaps_rollup of the same processes (which tells no sharing).
 *
 *	census [PROCESSES [MIB [ROUNDS]]]	1000 processes of 10 MiB, 1 of it private
 *
 * Interleaved, medians; lines of JSON: {"name", "ours", "peer", "ratio"}, milliseconds: the census;
 * the same with details, over that; and what it had resident at most, over 64 MiB. With
 * COWRUN_BENCH_VERBOSE what was found goes to stderr. Needs CAP_SYS_ADMIN.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/census.h"
#include "cgroup/process.h"

#define MIB ((size_t)1 << 20)
#define N_MAX 4000
#define ROUNDS_MAX 101

struct fleet {
	size_t n, mib;
	pid_t pids[N_MAX];
	char names[N_MAX][8];
	struct census_thing things[N_MAX];
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail(const char *what)
{
	fprintf(stderr, "census: %s\n", what);
	exit(1);
}

/* Its first tenth is its own. */
static void live(char *memory, size_t mib, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(memory, 2, mib * MIB / 10);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void start(struct fleet *f)
{
	int ready[2];
	char *memory = mmap(
		NULL, f->mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || pipe2(ready, O_CLOEXEC) < 0)
		fail("no memory");
	memset(memory, 1, f->mib * MIB);
	for (size_t i = 0; i < f->n; i++) {
		f->pids[i] = fork();
		if (f->pids[i] < 0)
			fail("cannot fork");
		if (f->pids[i] == 0)
			live(memory, f->mib, ready[1]);
		snprintf(f->names[i], sizeof(f->names[i]), "p%zu", i);
		f->things[i] = (struct census_thing){
			.name = f->names[i], .pids = &f->pids[i], .n_pids = 1, .group = -1
		};
		char byte;
		if (read(ready[0], &byte, 1) != 1)
			fail("a child did not start");
	}
	close(ready[0]);
	close(ready[1]);
	munmap(memory, f->mib * MIB);
}

static void stop(const struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++)
		kill(f->pids[i], SIGKILL);
	for (size_t i = 0; i < f->n; i++)
		waitpid(f->pids[i], NULL, 0);
}

static double ours(const struct fleet *f, unsigned details, bool verbose)
{
	automatic(census) struct census c = { 0 };
	struct census_options options = { .details = details };
	struct err e;
	double begin = now_ms();

	if (census_take(f->things, f->n, &options, &c, &e) < 0)
		fail(e.text);
	double ms = now_ms() - begin;
	if (c.estimated)
		fail("page frames cannot be read here");
	if (verbose)
		fprintf(stderr,
			"%s%s, %u pass, union %zu KiB, saved %zu KiB, %zu entries, %.1f ms\n",
			c.exact ? "exact" : "not exact: ", c.exact ? "" : c.why, c.n_passes,
			(size_t)c.union_bytes.value >> 10, (size_t)c.saved_bytes.value >> 10,
			(size_t)c.n_read, ms);
	return ms;
}

static double peer(const struct fleet *f)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	double begin = now_ms();

	for (size_t i = 0; i < f->n; i++) {
		struct process_rollup rollup;
		autofd int dir = process_open(proc, f->pids[i]);
		if (dir < 0 || process_read_rollup(dir, &rollup) < 0)
			fail("smaps_rollup cannot be read");
	}
	return now_ms() - begin;
}

/* A line of our own status, KiB. */
static size_t status_kib(const char *key)
{
	char line[256];
	size_t n = strlen(key), kib = 0;
	FILE *status = fopen("/proc/self/status", "re");

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, key, n) == 0)
			kib = strtoul(line + n, NULL, 10);
	if (status)
		fclose(status);
	return kib;
}

/* What one census adds to what we have resident, at most, KiB. */
static size_t peak(const struct fleet *f)
{
	autofd int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	/* 5: the high water mark begins anew. */
	if (fd < 0 || write(fd, "5", 1) != 1)
		fail("the high water mark of memory cannot be reset");
	size_t before = status_kib("VmRSS:");
	ours(f, 0, false);
	return status_kib("VmHWM:") - before;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

static size_t argument(int argc, char **argv, int i, size_t usual, size_t max)
{
	size_t n = argc > i ? strtoul(argv[i], NULL, 10) : usual;

	return n < 1 ? 1 : n > max ? max : n;
}

int main(int argc, char **argv)
{
	static struct fleet f;
	static double a[ROUNDS_MAX], b[ROUNDS_MAX], d[ROUNDS_MAX];
	bool verbose = getenv("COWRUN_BENCH_VERBOSE");

	f.n = argument(argc, argv, 1, 1000, N_MAX);
	f.mib = argument(argc, argv, 2, 10, 4096);
	size_t rounds = argument(argc, argv, 3, 9, ROUNDS_MAX);
	start(&f);
	size_t kib = peak(&f);
	for (size_t i = 0; i < rounds; i++) {
		a[i] = ours(&f, 0, verbose);
		b[i] = peer(&f);
		d[i] = ours(&f, CENSUS_PROCESSES | CENSUS_FILES, verbose);
	}
	stop(&f);
	double x = median(a, rounds), y = median(b, rounds), z = median(d, rounds);
	printf("{\"name\": \"census, %zu processes of %zu MiB, over smaps_rollup\", "
	       "\"ours\": %.1f, \"peer\": %.1f, \"ratio\": %.2f}\n",
		f.n, f.mib, x, y, x / y);
	printf("{\"name\": \"the same with processes and files, over without\", "
	       "\"ours\": %.1f, \"peer\": %.1f, \"ratio\": %.2f}\n",
		z, x, z / x);
	printf("{\"name\": \"peak memory of that census, over what is promised\", "
	       "\"unit\": \"KiB\", \"ours\": %zu, \"peer\": 65536, \"ratio\": %.2f}\n",
		kib, (double)kib / 65536);
	return 0;
}
