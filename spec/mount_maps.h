/*
 * The id maps of a mount: whose files a container sees as whose.
 *
 * `containerID` is the id on the file system, `hostID` the one that it appears as, in the host's
 * view: in a user namespace one more map lies on top (config.md#posix-platform-mounts).
 */
#ifndef SPEC_MOUNT_MAPS_H
#define SPEC_MOUNT_MAPS_H

#include "spec/spec.h"

enum mount_maps_kind {
	MOUNT_MAPS_NONE,      /* an ordinary mount */
	MOUNT_MAPS_OWN,	      /* the two maps below */
	MOUNT_MAPS_CONTAINER, /* those of the container's user namespace */
};

struct mount_maps {
	enum mount_maps_kind kind;
	bool recursive; /* for the mounts below it as well: "ridmap" */
	struct id_map *uids, *gids;
	size_t n_uids, n_gids;
};

/*
 * Of mounts[i]: uidMappings and gidMappings, or crun's "idmap=uids=0-1000-10#10-2000-5;gids=..."
 * (an '@' before the first number: host ids are relative to the container's user namespace), or
 * "idmap" alone. Maps without the option mean "idmap". Not whether the maps make sense:
 * check_id_map() does. The caller ends it with mount_maps_done().
 */
int mount_maps_read(const struct spec *s, size_t i, struct mount_maps *ret, struct err *e);
void mount_maps_done(struct mount_maps *m);
DEFINE_AUTO(mount_maps, mount_maps_done)

bool mount_maps_equal(const struct mount_maps *a, const struct mount_maps *b);

#endif
