/*
 * A mount namespace with next to nothing in it, in which forks begin.
 *
 * Each makes its own as a copy of the one that it is in, and takes down what was in there: of the template's that
 * is some 25 mounts for nothing.
 */
#ifndef RUNTIME_TEMPLATE_HOLLOW_H
#define RUNTIME_TEMPLATE_HOLLOW_H

/* Makes it of the mount namespace that we are in, which is ours alone, and whose root is left for an empty
 * directory. Its fd, -errno: where none can be made, or nobody could mount what he needs in it (a user
 * namespace). For a process that ends then. */
long hollow_make(void);

#endif
