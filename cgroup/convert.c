/* Numbers of cgroup v1's scales as those of v2. */
#include "cgroup/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

uint64_t convert_cpu_weight(uint64_t shares)
{
	const uint64_t least = 2, most = 262144;

	if (shares == 0)
		return 0;
	if (shares <= least)
		return 1;
	if (shares >= most)
		return 10000;
	/*
	 * A quadratic in the logarithm that maps 2 to 1, 1024 to 100 and 262144 to 10000: both
	 * scales' defaults meet, which the straight line of older runtimes (1024 to 39) missed.
	 */
	double l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

uint64_t convert_io_weight(uint64_t weight)
{
	/* A straight line: both scales' defaults (500 and 100) do not meet on it, but engines have
	 * set weights by it since cgroup v2 is there. */
	return weight ? 1 + (weight - 10) * 9999 / 990 : 0;
}

int convert_swap(struct opt_i64 limit, struct opt_i64 swap, int64_t *ret, bool *ret_set)
{
	int64_t memory = limit.set ? limit.value : 0, both = swap.set ? swap.value : 0;
	int64_t own = 0;
	bool set = true;

	if (both == 0) {
		/* Unlimited memory was said to mean swap too, on v1. */
		set = memory == -1;
		own = -1;
	} else if (both == -1 || memory == -1) {
		own = both;
	} else if (memory <= 0) {
		return -EINVAL;
	} else if (both < memory) {
		return -ERANGE;
	} else {
		own = both - memory;
	}
	*ret = own;
	*ret_set = set;
	return 0;
}

void convert_bytes(int64_t bytes, char out[CONVERT_TEXT])
{
	if (bytes == -1)
		snprintf(out, CONVERT_TEXT, "max");
	else
		snprintf(out, CONVERT_TEXT, "%" PRId64, bytes);
}
