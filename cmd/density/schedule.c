/* The order of trials. */
#include "cmd/density/schedule.h"

#include <errno.h>
#include <stdlib.h>

/* SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Fisher and Yates. */
static void shuffle(struct trial *v, size_t n, uint64_t *state)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = next(state) % i;
		struct trial kept = v[i - 1];
		v[i - 1] = v[j];
		v[j] = kept;
	}
}

int schedule_make(const struct experiment *x, struct schedule *ret)
{
	size_t each = x->n_variants * x->n_ways * x->n_counts, n = 0;
	uint64_t state = x->seed;
	struct trial *v = calloc(each * x->repetitions + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (uint32_t r = 0; r < x->repetitions; r++) {
		for (uint32_t variant = 0; variant < x->n_variants; variant++)
			for (uint32_t way = 0; way < x->n_ways; way++)
				for (uint32_t count = 0; count < x->n_counts; count++)
					v[n++] = (struct trial){ variant, way, count, r };
		shuffle(v + n - each, each, &state);
	}
	*ret = (struct schedule){ v, n };
	return 0;
}

void schedule_done(struct schedule *s)
{
	free(s->v);
	*s = (struct schedule){ 0 };
}
