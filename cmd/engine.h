/*
 * Whose container a cgroup is, by its path; and what that engine calls it, from the files that it
 * keeps. No engine is asked, and none needs to run.
 *
 * A file that is missing, unreadable, too large or not what it should be is no error: the container
 * is then called by the first twelve digits of its id, as engines do. Names are made safe to print.
 *
 * LIMIT: of podman's containers of ordinary users, root knows no names: their files are theirs.
 */
#ifndef CMD_ENGINE_H
#define CMD_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "spec/base/own.h"

struct engine_container;

/* What was read already: a list is read once, however many ask. Begins as { 0 }. */
struct engines {
	struct engine_container *stored; /* of podman's storage */
	size_t n_stored;
	bool has_stored;
};

void engines_done(struct engines *s);
DEFINE_AUTO(engines, engines_done)

/* The caller's, but for the engine. */
struct engine_group {
	const char *engine; /* "podman", ..., "systemd"; NULL: not known */
	char *id, *name;
	bool is_container; /* and whatever is below it belongs to it */
};

/*
 * Who can have made a group: the owner of the one above (an engine may give a group itself to its
 * container), or else the user whose service manager it is below. -1: it cannot be told.
 */
uid_t engine_maker(int group, const char *path);

/*
 * What the last component of a group's path, and the one above, tell. True when that is anything;
 * then `ret` has id and name (NULL: out of memory).
 *
 * Anybody can give a group of his own the name of a container. What root or we can have made is what
 * it says; what another user can have made is a container only below his service manager, where
 * rootless engines have theirs, and no file is then asked for its name: the id may be another's.
 */
bool engine_recognise(struct engines *s, const char *path, uid_t maker, struct engine_group *ret);

#endif
