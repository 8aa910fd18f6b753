/*
 * What the lessons have in common: steps, children that wait for their turn, and pages to write.
 *
 * A lesson says what it has done and waits for SIGUSR1 before it goes on, so that one can look at
 * it meanwhile with `cow mem`. What differs between two steps is then the lesson's doing, to the
 * page: stack and data were written before the first.
 */
#ifndef LESSON_H
#define LESSON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
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

#define PAGE ((size_t)4096)
#define MIB ((size_t)1 << 20)

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

/* --- steps and turns ------------------------------------------------------------------------- */

static inline void await(int number)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, number);
	while (sigwait(&set, &got) != 0)
		;
}

/* Writes to the stack that is going to be used: after a fork too, where each page is copied once. */
static inline void settle(void)
{
	volatile char stack[64 * 1024];

	for (size_t i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 1;
}

/* Signals that come too early wait. */
static inline void begin(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	settle();
}

static inline void step(const char *text)
{
	static int number;

	printf("%d. %s\n", ++number, text);
	fflush(stdout);
	await(SIGUSR1);
}

/* The parent's side: the child does what it has to do, and waits again. */
static inline void give_turn(pid_t child)
{
	kill(child, SIGUSR1);
	await(SIGUSR2);
}

/* The child's side. It does not outlive its parent. */
static inline void await_turn(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	settle();
	await(SIGUSR1);
}

static inline void end_turn(void)
{
	kill(getppid(), SIGUSR2);
}

static inline void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Private and anonymous, at a border of 2 MiB; advice for madvise(2), 0 for none. */
static inline char *reserve(size_t size, int advice)
{
	size_t huge = 2 * MIB;
	char *memory = mmap(NULL, size + huge, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	memory += huge - (size_t)memory % huge;
	if (advice && madvise(memory, size, advice) < 0)
		perror("madvise");
	return memory;
}

/* A number of its own in each page: nothing can merge them. */
static inline void write_pages(char *memory, size_t size, size_t first)
{
	for (size_t at = 0; at < size; at += PAGE)
		*(volatile size_t *)(memory + at) = first + at / PAGE;
}

static inline size_t read_pages(const char *memory, size_t size)
{
	size_t sum = 0;

	for (size_t at = 0; at < size; at += PAGE)
		sum += *(const volatile size_t *)(memory + at);
	return sum;
}

/* --- what a fork costs ----------------------------------------------------------------------- */

struct fork_cost {
	double ms;	  /* until fork() is back in the parent: median of 15 */
	long page_tables; /* of the child, KiB */
};

static inline long page_tables(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmPTE: %ld", &kib);
	if (status)
		fclose(status);
	return kib;
}

static inline int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static inline struct fork_cost fork_cost(void)
{
	double ms[15];
	int status = 0;

	for (int i = 0; i < 15; i++) {
		struct timespec from, to;
		clock_gettime(CLOCK_MONOTONIC, &from);
		pid_t child = fork();
		if (child == 0)
			_exit((int)(page_tables() / 4)); /* pages: fits into a status */
		clock_gettime(CLOCK_MONOTONIC, &to);
		waitpid(child, &status, 0);
		ms[i] = (double)(to.tv_sec - from.tv_sec) * 1e3 +
			(double)(to.tv_nsec - from.tv_nsec) / 1e6;
	}
	qsort(ms, 15, sizeof(*ms), by_value);
	return (struct fork_cost){ ms[7], 4L * WEXITSTATUS(status) };
}

#endif
