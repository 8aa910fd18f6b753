/* From linux.seccomp to the kernel's instructions, by libseccomp. */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include "runtime/filter.h"
#include "spec/seccomp.h"

/* Of the libseccomp that we were built with: "2.5.4". */
extern const char seccomp_library[];

/*
 * Has runc's meaning where the specification is silent: see seccomp.c. What is not known to
 * libseccomp or cannot be a filter is an error with its place; a system call that nobody knows is
 * passed over, with a debug line. The code begins the memory, and may be changed there.
 */
int seccomp_compile(const struct seccomp_spec *s, struct filter *ret, struct err *e);

/* Whether the running kernel takes a flag (enum seccomp_flag): for `features`. */
bool seccomp_flag_is_supported(int flag);

/* Whether this libseccomp knows an architecture (enum seccomp_arch): for `features`. */
bool seccomp_arch_is_supported(int arch);

#endif
