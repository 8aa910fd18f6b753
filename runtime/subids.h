/*
 * Subordinate ids: the ranges that /etc/subuid and /etc/subgid give a user (subuid(5)), as the map
 * of a user namespace in which he is root: 0 is himself, from 1 on come the ranges, in their order.
 */
#ifndef RUNTIME_SUBIDS_H
#define RUNTIME_SUBIDS_H

#include <sys/types.h>

#include "spec/spec.h"

#define SUBIDS_UIDS "/etc/subuid"
#define SUBIDS_GIDS "/etc/subgid"

/* A map; its rows are ours. */
struct subids {
	struct id_map *v;
	size_t n;
};

void subids_done(struct subids *s);
DEFINE_AUTO(subids, subids_done)

/*
 * Pure: `self` as 0, and the lines of `text` that are of `name` (NULL: nobody) or of the number
 * `user`. A range that overlaps another, which the kernel would refuse, is left out, and so is a line
 * that is none. -ENOMEM.
 */
int subids_read(const char *text, const char *name, uid_t user, uint32_t self, struct subids *ret);

/* Pure: the rows' `outside`, ids of the host, become what the map calls them: false, and `ret_bad`
 * is the first that it does not have whole. */
bool subids_translate(const struct subids *s, struct id_map *rows, size_t n, size_t *ret_bad);

/* Pure: "1000 and 100000 to 165535", what the map has of the host; the caller frees. */
char *subids_text(const struct subids *s);

#endif
