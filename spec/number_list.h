/* Lists of CPUs and of memory nodes, as the kernel writes them: "0-3,7". */
#ifndef SPEC_NUMBER_LIST_H
#define SPEC_NUMBER_LIST_H

#include <stdbool.h>
#include <stdint.h>

#define NUMBER_LIST_MAX 8192 /* numbers are below it: the most CPUs that a kernel is built for */

struct number_list {
	uint64_t
		bits[NUMBER_LIST_MAX / 64]; /* as sched_setaffinity() and set_mempolicy() take it */
	unsigned count;			    /* of different numbers */
	unsigned end;			    /* one above the highest; 0: empty */
};

/* False when `text` is anything else, empty, or holds a number too high. */
bool number_list_read(const char *text, struct number_list *ret);

#endif
