/* The host at rest. */
#include "cmd/density/rest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/density/result.h"
#include "cmd/interrupt.h"
#include "spec/base/own.h"

#define STEP_MS 40
#define SLACK (128 << 10)      /* bytes that nobody would call a change */
#define LEAST_NOISE (64 << 10) /* memory is taken by slabs, and these are not full */

/* A reading is a row of numbers and nothing else. Of these two it is asked whether they drift. */
#define N_NUMBERS (sizeof(struct host_memory) / sizeof(uint64_t))

static const size_t asked[] = {
	offsetof(struct host_memory, unused) / sizeof(uint64_t),
	offsetof(struct host_memory, slab) / sizeof(uint64_t),
};

static uint64_t number_of(const struct host_memory *m, size_t i)
{
	return ((const uint64_t *)m)[i];
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static struct spread spread_in(const struct host_memory *v, size_t number, size_t n)
{
	uint64_t values[REST_READINGS];

	for (size_t i = 0; i < n; i++)
		values[i] = number_of(&v[i], number);
	return spread_of(values, n);
}

#define HALF (REST_READINGS / 2)

/* It goes up or down: the halves are further apart than either is in itself. */
static bool drifts(const struct host_memory *v, size_t number)
{
	struct spread a = spread_in(v, number, HALF), b = spread_in(v + HALF, number, HALF);
	uint64_t first = a.most - a.p10, second = b.most - b.p10;
	uint64_t within = (first > second ? first : second) / 2;

	return apart(a.median, b.median) > (within > SLACK ? within : SLACK);
}

bool rest_is(const struct host_memory readings[REST_READINGS], struct rest *ret)
{
	uint64_t *numbers = (uint64_t *)&ret->memory;
	bool at_rest = true;

	for (size_t i = 0; i < N_NUMBERS; i++)
		numbers[i] = spread_in(readings, i, REST_READINGS).median;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		at_rest = at_rest && !drifts(readings, asked[i]);
	uint64_t first = spread_in(readings, asked[0], HALF).most;
	uint64_t second = spread_in(readings + HALF, asked[0], HALF).most;
	ret->memory.unused = first > second ? first : second;
	ret->noise = apart(first, second) > LEAST_NOISE ? apart(first, second) : LEAST_NOISE;
	return at_rest;
}

int rest_wait(unsigned limit_ms, struct rest *ret, struct err *e)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };
	struct host_memory v[REST_READINGS];

	for (unsigned n = 0;; n++) {
		if (interrupted)
			return err_say(e, EINTR, "interrupted");
		if (n >= REST_READINGS)
			memmove(v, v + 1, sizeof(v) - sizeof(*v));
		int r = host_memory_sum(&v[n < REST_READINGS ? n : REST_READINGS - 1], e);
		if (r < 0)
			return r;
		if (n + 1 >= REST_READINGS && (rest_is(v, ret) || n * STEP_MS >= limit_ms))
			return 0;
		nanosleep(&step, NULL);
	}
}

static void give_slabs_back(void)
{
	DIR *caches = opendir("/sys/kernel/slab");

	for (struct dirent *d; caches && (d = readdir(caches));) {
		char name[sizeof(d->d_name) + sizeof("/shrink")];
		snprintf(name, sizeof(name), "%s/shrink", d->d_name);
		autofd int fd = openat(dirfd(caches), name, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && write(fd, "1", 1) < 0)
			continue;
	}
	if (caches)
		closedir(caches);
}

int rest_clear(unsigned limit_ms, struct rest *ret, struct err *e)
{
	int r = rest_wait(limit_ms, ret, e);

	if (r < 0)
		return r;
	give_slabs_back();
	return rest_wait(limit_ms, ret, e);
}
