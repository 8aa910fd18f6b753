/* Freezing the memory of the test itself: what its tests have in common. */
#ifndef TESTS_UNIT_FREEZING_H
#define TESTS_UNIT_FREEZING_H

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/template/freeze.h"
#include "tests/unit/run.h"

#define MIB ((size_t)1 << 20)
#define PAGE ((size_t)4096)
#define LARGE (128 * MIB)

static struct freeze_report report;

/* With nothing beside it that the kernel could make one mapping with. */
static inline char *anonymous(size_t bytes)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *at = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, flags, -1, 0);

	ck_assert(at != MAP_FAILED);
	ck_assert_int_eq(mprotect(at + PAGE, bytes, PROT_READ | PROT_WRITE), 0);
	return at + PAGE;
}

static inline char pattern(size_t i)
{
	return (char)(i / 64 % 251 + 1);
}

static inline void fill(char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 64)
		at[i] = pattern(i);
}

static inline bool is_filled_from(const char *at, size_t from, size_t to)
{
	for (size_t i = from; i < to; i += 64)
		if (at[i] != pattern(i))
			return false;
	return true;
}

static inline bool is_filled(const char *at, size_t bytes)
{
	return is_filled_from(at, 0, bytes);
}

static inline bool is_all(char byte, const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (at[i] != byte)
			return false;
	return true;
}

static inline char *filled(size_t bytes)
{
	char *at = anonymous(bytes);

	fill(at, bytes);
	return at;
}

/* A value of /proc/self/FILE in bytes, summed up; -1: none. Of the mapping at `at` only, if one is given. */
static inline long value_of(const char *file, const char *name, const void *at)
{
	char line[512], flag = 0;
	long sum = -1, kib;
	bool here = !at;
	FILE *f = fopen(file, "re");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;
		if (at && sscanf(line, "%lx-%lx %c", &start, &end, &flag) == 3)
			here = (unsigned long)at >= start && (unsigned long)at < end;
		if (here && strncmp(line, name, strlen(name)) == 0 &&
			sscanf(line + strlen(name), " %ld", &kib) == 1)
			sum = (sum < 0 ? 0 : sum) + kib * 1024;
	}
	fclose(f);
	return sum;
}

/* The line of maps that `at` is in. */
static inline const char *mapping_of(const void *at)
{
	static char line[512];
	unsigned long start, end;
	FILE *f = fopen("/proc/self/maps", "re");

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && (unsigned long)at >= start &&
			(unsigned long)at < end) {
			fclose(f);
			return line;
		}
	fclose(f);
	return "";
}

static inline bool is_frozen(const void *at)
{
	return strstr(mapping_of(at), "/memfd:" FREEZE_MEMFD) != NULL;
}

/* What `look` returns in a fork; -SIGNAL: that has ended it. */
static inline int in_fork(int (*look)(void *), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(look(arg));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int page_tables(void *unused)
{
	(void)unused;
	return (int)(value_of("/proc/self/status", "VmPTE:", NULL) / (long)PAGE);
}

/* What those of LARGE are, and what those of a fork may be. */
#define PAGES_PLAIN ((int)(LARGE / PAGE / 512))
#define PAGES_FEW ((int)(128 * 1024 / PAGE))

static inline void freeze_as(const struct freeze_options *options)
{
	ck_assert_int_eq(template_freeze(options, &report), 0);
}

static inline void freeze_all(void)
{
	freeze_as(&(struct freeze_options){ .ask = FREEZE_ALWAYS });
	ck_assert_int_eq(report.error, 0);
	ck_assert_int_eq(report.verdict, FREEZE_DONE);
}

#endif
