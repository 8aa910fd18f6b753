/*
 * A thousand containers and who shares with whom: `cow mem --matrix`, from its start to its end.
 *
 *	matrix COW [CONTAINERS [ROUNDS]]	1000 groups, a process of 10 MiB in each, 1 MiB of its own
 *
 * The others are common to all, to a hundred, and to ten of them: so that the sets of who shares are
 * many. Two lines of JSON, medians: the time, held against two seconds; and what it had resident at
 * most, held against 64 MiB. Needs root and cgroup v2.
 */
#include <fcntl.h>
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

#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"
#include "spec/base/sys.h"

#define MIB ((size_t)1 << 20)
#define N_MAX 2000
#define ROUNDS_MAX 101
#define PROMISED_MS 2000.0
#define PROMISED_KIB (64 * 1024.0)

static struct cgroup groups[N_MAX];
static size_t n_groups;
static int root = -1;

static void fail(const char *what)
{
	fprintf(stderr, "matrix: %s\n", what);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const char *path_of(size_t i)
{
	static char path[64];

	snprintf(path, sizeof(path), "/cowrun-bench-%d/m%zu", (int)getpid(), i);
	return path;
}

/* --- the containers -------------------------------------------------------------------------- */

static char *reserve(void)
{
	char *memory =
		mmap(NULL, 10 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("no memory");
	madvise(memory, 10 * MIB, MADV_NOHUGEPAGE);
	memset(memory, 1, 10 * MIB);
	return memory;
}

static void live(char *memory, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(memory, 2, MIB);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* What is inherited changes for every tenth, and more of it for every hundredth. */
static void start(void)
{
	char *memory = reserve(), byte;
	int ready[2];
	struct err e;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("no pipe");
	for (size_t i = 0; i < n_groups; i++) {
		if (cgroup_make(root, path_of(i), NULL, &groups[i], &e) < 0)
			fail(e.text);
		if (i % 100 == 0)
			memset(memory + 3 * MIB, (int)i, 2 * MIB);
		if (i % 10 == 0)
			memset(memory + MIB, (int)i, 2 * MIB);
		struct clone_args args = { .flags = CLONE_INTO_CGROUP,
			.exit_signal = SIGCHLD,
			.cgroup = (uint64_t)groups[i].fd };
		pid_t pid = sys_clone3(&args);
		if (pid < 0)
			fail("cannot fork");
		if (pid == 0)
			live(memory, ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			fail("a child did not start");
	}
	munmap(memory, 10 * MIB);
}

static void stop(void)
{
	struct err e;

	for (size_t i = 0; i < n_groups; i++)
		if (cgroup_remove(root, path_of(i), i + 1 == n_groups ? 2 : 1, &e) < 0)
			fail(e.text);
	while (wait(NULL) > 0)
		continue;
}

/* --- the measurement ------------------------------------------------------------------------- */

/* cow mem --matrix --cgroup DIR ... */
static const char **command(const char *cow)
{
	const char **words = calloc(2 * n_groups + 4, sizeof(*words));
	char top[256], link[64], *dir;
	size_t n = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", root);
	ssize_t got = readlink(link, top, sizeof(top) - 1);
	if (!words || got < 0)
		fail("where is cgroup v2?");
	top[got] = '\0';
	words[n++] = cow;
	words[n++] = "mem";
	words[n++] = "--matrix";
	for (size_t i = 0; i < n_groups; i++) {
		words[n++] = "--cgroup";
		if (asprintf(&dir, "%s%s", top, path_of(i)) < 0)
			fail("no memory");
		words[n++] = dir;
	}
	return words;
}

static double measure(const char **words, double *ret_kib)
{
	struct rusage usage;
	int status;
	double begin = now_ms();
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, 1);
		execv(words[0], (char **)words);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid || status != 0)
		fail("cow mem failed");
	*ret_kib = (double)usage.ru_maxrss;
	return now_ms() - begin;
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
	static double ms[ROUNDS_MAX], kib[ROUNDS_MAX];
	struct rlimit files;
	struct err e;

	if (argc < 2)
		fail("usage: matrix COW [CONTAINERS [ROUNDS]]");
	n_groups = argument(argc, argv, 2, 1000, N_MAX);
	size_t rounds = argument(argc, argv, 3, 9, ROUNDS_MAX);
	if (hierarchy_open(&root, &e) < 0)
		fail(e.text);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	start();
	const char **words = command(argv[1]);
	for (size_t i = 0; i < rounds; i++)
		ms[i] = measure(words, &kib[i]);
	stop();
	qsort(ms, rounds, sizeof(*ms), by_value);
	qsort(kib, rounds, sizeof(*kib), by_value);
	printf("{\"name\": \"matrix of %zu containers of 10 MiB, over what is promised\", "
	       "\"ours\": %.0f, \"peer\": %.0f, \"ratio\": %.2f}\n",
		n_groups, ms[rounds / 2], PROMISED_MS, ms[rounds / 2] / PROMISED_MS);
	printf("{\"name\": \"peak memory of that, over what is promised\", \"unit\": \"KiB\", "
	       "\"ours\": %.0f, \"peer\": %.0f, \"ratio\": %.2f}\n",
		kib[rounds / 2], PROMISED_KIB, kib[rounds / 2] / PROMISED_KIB);
	return 0;
}
