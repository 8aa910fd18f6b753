/*
 * USER[:GROUP] as people and images write it, looked up in the image's own account files.
 *
 * Pure: the caller reads the files (in the root of the image, regular, bounded), and nothing here
 * asks the host's name service. Strict, since every leniency here has been a way to uid 0
 * (CVE-2024-40635, CVE-2026-30892, CVE-2026-46680): what begins with a digit is a number or an
 * error, never a name.
 */
#ifndef SPEC_USER_H
#define SPEC_USER_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

#define USER_FILE_MAX (1u << 20) /* bytes of an account file that are worth reading */
#define USER_GROUPS_MAX 1024

struct accounts {
	const char *passwd, *group; /* the files' text; NULL: there is no such file */
	size_t passwd_len, group_len;
};

struct user {
	uint32_t uid, gid;
	uint32_t *gids; /* for setgroups(): the primary group first, then the others */
	size_t n_gids;
	char *home; /* absolute; NULL: the files do not say */
};

/*
 * Without a group: the primary group and the supplementary ones of the account; a number without an
 * account is in group 0 alone. With a group: that one and no other. NULL and "" are uid 0.
 */
int user_resolve(
	const char *text, const struct accounts *accounts, struct user *ret, struct err *e);
void user_done(struct user *user);
DEFINE_AUTO(user, user_done)

#endif
