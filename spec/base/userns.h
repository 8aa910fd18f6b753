/* The user namespace that we are in. */
#ifndef SPEC_BASE_USERNS_H
#define SPEC_BASE_USERNS_H

#include <stdbool.h>

/*
 * Whether it is another than the host's, where root is root of less: no device can be made there,
 * nor a procfs of the host's processes. Ids do not tell: a map may be the identity. One system call.
 */
bool userns_is_inner(void);

#endif
