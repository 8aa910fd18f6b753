/*
 * The places in a container's files where something is mounted while it runs: /proc, volumes,
 * /etc/resolv.conf.
 *
 * What lies there is an empty file or directory that the runtime made for the mount, and is no
 * change of the container's. Nothing else can be there: what is written goes into the mount.
 */
#ifndef OVERLAY_STUBS_H
#define OVERLAY_STUBS_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct stubs {
	char **paths; /* "etc/resolv.conf": resolved, without a slash before them */
	size_t n;
};

/*
 * `root`: the image's files, whose symlinks are followed as if it were "/" (a volume at
 * /var/run/x lies at run/x). -ELOOP after 40 of them.
 */
int stubs_add(struct stubs *stubs, int root, const char *destination, struct err *e);
void stubs_done(struct stubs *stubs);
DEFINE_AUTO(stubs, stubs_done)

/* Whether something is mounted at that path; and whether somewhere below it. */
bool stubs_has(const struct stubs *stubs, const char *path);
bool stubs_has_below(const struct stubs *stubs, const char *path);

#endif
