/* Numbers of config.json (cgroup v1's scales) as those of cgroup v2. Pure. */
#ifndef CGROUP_CONVERT_H
#define CGROUP_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/opt.h"

enum { CONVERT_TEXT = 48 }; /* room for any text made here */

/* cpu.shares (2 to 262144, 1024 usual) as cpu.weight (1 to 10000, 100 usual); 0 stays 0, unset. */
uint64_t convert_cpu_weight(uint64_t shares);

/*
 * memory.swap.max of v1's limit of memory and swap together: false when it is to be left alone.
 * -EINVAL: `swap` without a memory limit; -ERANGE: below it.
 */
int convert_swap(struct opt_i64 limit, struct opt_i64 swap, int64_t *ret, bool *ret_set);

/* "max" for -1, else the number. */
void convert_bytes(int64_t bytes, char out[CONVERT_TEXT]);

/* cpu.max: "<quota|max> <period>". False when neither is set. */
bool convert_cpu_max(struct opt_i64 quota, struct opt_u64 period, char out[CONVERT_TEXT]);

#endif
