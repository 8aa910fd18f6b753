/* Measuring children: what the tests of the census and of its readings have in common. */
#ifndef TESTS_UNIT_MEASURE_H
#define TESTS_UNIT_MEASURE_H

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cgroup/census.h"
#include "tests/unit/child.h"

#define MIB ((uint64_t)1 << 20)
#define PAGE ((uint64_t)sysconf(_SC_PAGESIZE))

static inline char *memory_of(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

static inline struct census_thing thing(const char *name, const pid_t *pids, size_t n)
{
	return (struct census_thing){ .name = name, .pids = pids, .n_pids = n, .group = -1 };
}

static inline struct census take_with(
	const struct census_thing *things, size_t n, const struct census_options *options)
{
	struct census c = { 0 };
	struct err e = { 0 };

	ck_assert_msg(census_take(things, n, options, &c, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(c.n_usages, n);
	return c;
}

/* Frames cannot be read everywhere that tests run; then there is nothing exact to test. */
static inline bool is_told(void)
{
	struct census c = take_with(NULL, 0, NULL);
	bool told = !c.estimated;

	census_done(&c);
	if (!told)
		puts("# skip: page frames are not told here (no CAP_SYS_ADMIN)");
	return told;
}

/* Under ASan every process has 20 TiB of shadow, too much to read by mappings. */
static inline bool is_small(void)
{
#ifdef __SANITIZE_ADDRESS__
	puts("# skip: too much address space under ASan");
	return false;
#else
	return true;
#endif
}

/* Of processes that are still: whatever else this machine does, they have not changed. */
static inline struct census take_still(const struct census_thing *things, size_t n)
{
	struct census c = take_with(things, n, NULL);

	ck_assert_msg(c.exact || strstr(c.why, "moved"), "%s", c.why ? c.why : "");
	for (size_t i = 0; i < n; i++) {
		const struct memory_usage *u = &c.usages[i];
		ck_assert(u->unique.set && u->private.set && u->shared.set && u->cost.set);
		ck_assert_uint_eq(u->unique.value, u->private.value + u->shared.value);
		ck_assert_uint_le(u->unique.value, c.union_bytes.value);
		ck_assert_uint_ge(u->cost.value, u->private.value + u->kernel.value);
	}
	return c;
}

static inline void nothing(void *context, char command)
{
	(void)context;
	(void)command;
}

/* A function of ours and not memset(): the code page that it is on is mapped by the first call. */
static inline void touch(volatile char *memory, size_t bytes)
{
	size_t page = PAGE; /* also when there is nothing to touch: libc has pages too */

	for (size_t i = 0; i < bytes; i += page)
		memory[i] = 2;
}

static inline uint64_t anon_of(const struct memory_usage *u)
{
	return u->kinds->anon.private_bytes + u->kinds->anon.shared_bytes +
	       u->kinds->forked.private_bytes + u->kinds->forked.shared_bytes;
}

#endif
