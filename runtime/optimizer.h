/*
 * A seccomp filter, made shorter.
 *
 * The kernel translates all instructions of a filter each time that a container loads it, and
 * libseccomp, which decides call by call, makes more than a thousand for a profile that has some
 * two hundred places where the answer changes. So what comes after a load of the call's number is
 * read as ranges of numbers, and written anew as a tree over their bounds; what is the same in
 * several places is there once; and of the tests of single bits, which profiles spell one by one,
 * those with the same outcome become one. The answer to a call stays what it was, for every number,
 * architecture and argument.
 */
#ifndef RUNTIME_OPTIMIZER_H
#define RUNTIME_OPTIMIZER_H

#include <stddef.h>

struct sock_filter;

/*
 * Rewrites a filter in its place; returns how many instructions it has now. What would not be
 * shorter, or is more than can be judged here, stays as it is: there is no failure.
 */
size_t optimizer_shorten(struct sock_filter *code, size_t n);

#endif
