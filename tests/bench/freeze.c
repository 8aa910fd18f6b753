/*
 * What freezing makes of forks (runtime/template/freeze.h), without containers around them.
 *
 *	freeze [MIB [ROUNDS]]	1024 MiB, 101 rounds
 *
 * Four programs, each a process of its own that forks when it is told to, in turns: with a small
 * memory, with a large one, and each of the two frozen. What is measured is the time from before
 * fork() until the fork says its first word, and the page tables that the fork has then. Prints rows
 * as time.c does: {"name", "unit", "ours", "peer", "ratio", "ratio_pairs", "limit"}.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/template/freeze.h"

#define MIB ((size_t)1 << 20)
#define ROUNDS_MAX 1001

struct word {
	uint64_t ns, page_tables_kib;
};

enum { SMALL, LARGE, SMALL_FROZEN, LARGE_FROZEN, N_PROGRAMS };

static struct program {
	int line;
	pid_t pid;
	struct word said[ROUNDS_MAX];
} programs[N_PROGRAMS];

static void fail(const char *what)
{
	fprintf(stderr, "freeze: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t page_tables_kib(void)
{
	char line[256];
	unsigned long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* The fork says when it runs, and then, at leisure, how large its page tables are. */
static int fork_once(void *line)
{
	struct word word = { .ns = now_ns() };
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		word.ns = now_ns() - word.ns;
		word.page_tables_kib = page_tables_kib();
		if (line && write(*(int *)line, &word, sizeof(word)) != sizeof(word))
			_exit(1);
		_exit(0);
	}
	int status = 1;
	waitpid(pid, &status, 0);
	return status ? -EIO : 0;
}

static void freeze_now(size_t mib)
{
	const struct freeze_options options = { .ask = FREEZE_ALWAYS, .rehearse = fork_once };
	struct freeze_report report;

	if (template_freeze(&options, &report) < 0 || report.verdict != FREEZE_DONE) {
		errno = report.error;
		fail("cannot freeze");
	}
	if (mib > 1 && report.frozen.bytes < mib * MIB)
		fail("not all is frozen");
	if (getenv("COWRUN_BENCH_VERBOSE")) {
		fprintf(stderr,
			"%zu MiB: frozen %lu bytes in %lu, hot %lu, still hot %lu, kept %lu\n", mib,
			report.frozen.bytes, report.frozen.n, report.left[FREEZE_HOT].bytes,
			report.still_hot.bytes, report.left[FREEZE_KEPT].bytes);
	}
}

static _Noreturn void serve(int line, size_t mib, bool frozen)
{
	char *at =
		mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char word = 0;

	if (at == MAP_FAILED || madvise(at, mib * MIB, MADV_NOHUGEPAGE) < 0)
		fail("cannot map");
	memset(at, 1, mib * MIB);
	if (frozen)
		freeze_now(mib);
	if (write(line, &word, 1) != 1)
		_exit(1);
	while (read(line, &word, 1) == 1)
		if (fork_once(&line) < 0)
			_exit(1);
	_exit(0);
}

static void start(struct program *p, size_t mib, bool frozen)
{
	int line[2];
	char word;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0 || (p->pid = fork()) < 0)
		fail("cannot start a program");
	if (p->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(line[0]);
		serve(line[1], mib, frozen);
	}
	close(line[1]);
	p->line = line[0];
	if (read(p->line, &word, 1) != 1)
		fail("a program has ended");
}

static void ask(struct program *p, int round)
{
	char word = 0;

	if (write(p->line, &word, 1) != 1 ||
		read(p->line, &p->said[round], sizeof(p->said[round])) != sizeof(p->said[round]))
		fail("a program has ended");
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), by_value);
	return values[n / 2];
}

static double median_ms(const struct program *p, int rounds)
{
	static double values[ROUNDS_MAX];

	for (int i = 0; i < rounds; i++)
		values[i] = (double)p->said[i].ns / 1e6;
	return median(values, rounds);
}

static void row(const char *name, size_t mib, int ours, int peer, double limit, int rounds)
{
	static double pairs[ROUNDS_MAX];
	double a = median_ms(&programs[ours], rounds), b = median_ms(&programs[peer], rounds);

	for (int i = 0; i < rounds; i++)
		pairs[i] = (double)programs[ours].said[i].ns / (double)programs[peer].said[i].ns;
	printf("{\"name\": \"fork of %zu MiB frozen, to %s\", \"unit\": \"ms\", \"ours\": %.3f, \"peer\": %.3f, "
	       "\"ratio\": %.3f, \"ratio_pairs\": %.3f, \"limit\": %g}\n",
		mib, name, a, b, a / b, median(pairs, rounds), limit);
}

static void row_of_tables(size_t mib, int rounds)
{
	uint64_t most = 0, peer = programs[LARGE].said[0].page_tables_kib;

	for (int i = 0; i < rounds; i++)
		if (programs[LARGE_FROZEN].said[i].page_tables_kib > most)
			most = programs[LARGE_FROZEN].said[i].page_tables_kib;
	printf("{\"name\": \"page tables of a fork of %zu MiB frozen, most, to plain\", \"unit\": \"KiB\", "
	       "\"ours\": %lu, \"peer\": %lu, \"ratio\": %.3f, \"limit\": %.3f}\n",
		mib, most, peer, (double)most / (double)peer, 128.0 / (double)peer);
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	int rounds = argc > 2 ? atoi(argv[2]) : 101;

	if (!mib || rounds < 1 || rounds > ROUNDS_MAX)
		return 2;
	for (int i = 0; i < N_PROGRAMS; i++)
		start(&programs[i], i == LARGE || i == LARGE_FROZEN ? mib : 1, i >= SMALL_FROZEN);
	for (int round = -3; round < rounds; round++)
		for (int i = 0; i < N_PROGRAMS; i++)
			ask(&programs[i], round < 0 ? 0 : round);
	row("plain", mib, LARGE_FROZEN, LARGE, 0.1, rounds);
	row("one of 1 MiB", mib, LARGE_FROZEN, SMALL, 1.5, rounds);
	row("one of 1 MiB frozen", mib, LARGE_FROZEN, SMALL_FROZEN, 1.5, rounds);
	row_of_tables(mib, rounds);
	return 0;
}
