/*
 * A container's own account files: who a user is in there, and where at home.
 *
 * `root` is a directory fd of its root file system, in or outside of a mount namespace. Nothing is
 * followed out of it, and the host's name service is not asked. A file that is absent, no regular
 * file, or too large to be one counts as none (CVE-2024-9676).
 */
#ifndef RUNTIME_ACCOUNT_H
#define RUNTIME_ACCOUNT_H

#include "spec/user.h"

/* USER[:GROUP] as people write it; see user_resolve(). */
int account_resolve(int root, const char *text, struct user *ret, struct err *e);

/* "HOME=..." of that uid, the caller's; "HOME=/" where nothing says. NULL: no memory. */
char *account_home_entry(int root, uint32_t uid);

#endif
