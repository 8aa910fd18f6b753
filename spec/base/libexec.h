/* Our other programs: beside this one (a build directory), or in ../libexec/cowrun. */
#ifndef SPEC_BASE_LIBEXEC_H
#define SPEC_BASE_LIBEXEC_H

#include "spec/base/err.h"

/* Its path into `out`; -ENOENT names where it was looked for. Who makes a mount namespace for itself
 * has no path in it any more (proc_pid_exe(5)): a call before that is remembered. */
int libexec_find(const char *program, char out[4096], struct err *e);

#endif
