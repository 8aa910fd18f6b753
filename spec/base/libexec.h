/* Our other programs: beside this one (a build directory), or in ../libexec/cowrun. */
#ifndef SPEC_BASE_LIBEXEC_H
#define SPEC_BASE_LIBEXEC_H

#include "spec/base/err.h"

/* Looks where we are, which the kernel cannot tell any more in another mount namespace. */
int libexec_locate(struct err *e);

/* Its path into `out`; -ENOENT names where it was looked for. */
int libexec_find(const char *program, char out[4096], struct err *e);

#endif
