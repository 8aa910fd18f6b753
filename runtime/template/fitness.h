/*
 * Whether a process may be a template: asked by itself, once, when it says that it is ready.
 *
 * What a fork would share with its template, or would silently not have, is refused: other threads,
 * child processes, memory that is shared and can be written (of any kind: files, memfds, System V,
 * io_uring, asynchronous I/O), and every file descriptor but the standard streams and `listener`.
 * And what would bind the fork's own steps: a seccomp filter, privileges that were given up.
 *
 * LIMIT: an io_uring without a descriptor and without memory of the kernel's (6.5) is not seen; no
 * fork has anything of it.
 */
#ifndef RUNTIME_TEMPLATE_FITNESS_H
#define RUNTIME_TEMPLATE_FITNESS_H

#include "runtime/init/text.h"

/* 0, or -errno: one line that names the first object in the way, and how many more of its kind. */
int fitness_check(int listener, struct text *ret_why);

#endif
