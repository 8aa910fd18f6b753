/*
 * An ordinary user's containers.
 *
 * To clone mounts, make file systems and give files away takes privileges, which he has in a user
 * namespace of his own. So the runtime makes one around itself, once, before it makes anything of a
 * container, and is root in there: 0 is himself, from 1 on come his subordinate ids. The container's
 * own user namespace is made below it, as below the host's for root, and from there on nothing else
 * differs. What comes later (exec, kill, delete) needs no such place: who has the uid that made a
 * namespace, and is in the one above it, may do all in it and in those below (user_namespaces(7)).
 *
 * One id may be mapped without help. More take newuidmap and newgidmap (setuid programs; Debian's
 * package is uidmap), which hold them against /etc/subuid and /etc/subgid.
 */
#ifndef RUNTIME_ROOTLESS_H
#define RUNTIME_ROOTLESS_H

#include "runtime/subids.h"
#include "spec/base/err.h"

enum rootless_ids {
	ROOTLESS_OWN,  /* our uid and gid alone: no groups can be set in there */
	ROOTLESS_ALL,  /* and the subordinate ones, of which there must be some */
	ROOTLESS_MOST, /* these where there are some that can be had, else our own alone */
};

struct rootless {
	struct subids uids, gids; /* the maps of the namespace that we are in since */
	bool alone;		  /* our own ids are all that there is */
};

void rootless_done(struct rootless *r);
DEFINE_AUTO(rootless, rootless_done)

/* Whether we are an ordinary user: no root, of whatever namespace. */
bool rootless_is_needed(void);

/*
 * Moves this process, which must have one thread, into a new user namespace and a new mount
 * namespace. What cannot be had is named: which line of which file, which package, which sysctl.
 */
int rootless_enter(enum rootless_ids which, struct rootless *ret, struct err *e);

/* The same for what a config.json asks: its maps, of ids of the host, become those of ids in there. */
int rootless_enter_for(struct linux_spec *l, struct rootless *ret, struct err *e);

/* The name of our user by the files of the host; the caller frees. NULL: it has none there. */
char *rootless_user_name(void);

/* The ranges of our user, by the files; what is missing is an error (-ENOENT). */
int rootless_ranges(struct subids *ret_uids, struct subids *ret_gids, struct err *e);

/* Why this host makes no user namespaces for ordinary users; NULL: no reason is known. */
const char *rootless_refusal(void);

#endif
