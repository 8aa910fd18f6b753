/* Numbers of config.json (cgroup v1's scales) as those of cgroup v2. Pure. */
#ifndef CGROUP_CONVERT_H
#define CGROUP_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/opt.h"

/* cpu.shares (2 to 262144, 1024 usual) as cpu.weight (1 to 10000, 100 usual); 0 stays 0, unset. */
uint64_t convert_cpu_weight(uint64_t shares);

/* blockIO.weight (10 to 1000) as io.weight (1 to 10000); 0 stays 0, unset. */
uint64_t convert_io_weight(uint64_t weight);

/*
 * memory.swap.max for v1's limit of memory and swap together. *ret_set is false when it is to be
 * left alone; -1 is unlimited; 0 in either is as unset. -EINVAL: `swap` without a memory limit;
 * -ERANGE: below it.
 */
int convert_swap(struct opt_i64 limit, struct opt_i64 swap, int64_t *ret, bool *ret_set);

/* "max" for -1, else the number. */
enum { CONVERT_TEXT = 24 };
void convert_bytes(int64_t bytes, char out[CONVERT_TEXT]);

#endif
