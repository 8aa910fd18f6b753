/*
 * User namespaces that exist for their maps only: the kernel takes the maps of an id-mapped mount
 * from one (mount_setattr(2), MOUNT_ATTR_IDMAP).
 */
#ifndef RUNTIME_IDMAP_H
#define RUNTIME_IDMAP_H

#include "spec/mount_maps.h"

/* One that has no process in it: its fd. */
int idmap_make(const struct mount_maps *maps, struct err *e);

/* One for each of the maps that were asked for so far. */
struct idmaps {
	struct idmap_row {
		struct mount_maps maps;
		int fd;
	} * v;
	size_t n;
};

/*
 * A namespace with these maps: the container's own ones (`kind` MOUNT_MAPS_CONTAINER) are those of
 * the document, or of the namespace that it joins by path. Takes the maps. The fd stays ours until
 * idmaps_done(); -errno.
 */
int idmaps_open(struct idmaps *all, const struct spec *s, struct mount_maps *maps, struct err *e);
void idmaps_done(struct idmaps *all);
DEFINE_AUTO(idmaps, idmaps_done)

#endif
