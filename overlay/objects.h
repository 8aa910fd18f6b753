/*
 * What layers use of the store's objects: a list each, layers/HEX/objects, and the sweep of what no
 * list has.
 *
 * An object that is found may be taken away only while nobody is about to use it: whoever looks for
 * some holds the room's lock shared until his layer is published, with its list. The sweep wants
 * that lock for itself and does nothing where it is taken: the next one will.
 */
#ifndef OVERLAY_OBJECTS_H
#define OVERLAY_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "overlay/broom.h"
#include "overlay/object.h"

struct object_list {
	struct object_name *names;
	size_t n, room;
};

int object_list_add(struct object_list *list, const struct object_name *name);
void object_list_sort(struct object_list *list); /* each once */
bool object_list_has(const struct object_list *sorted, const char *name);
void object_list_done(struct object_list *list);
DEFINE_AUTO(object_list, object_list_done)

/* `dir`: the layer's, layers/HEX. Reading adds to the list; a layer without stubs has none. */
int objects_read(int dir, struct object_list *list, struct err *e);
int objects_write(int dir, const struct object_list *sorted, struct err *e);

/* The room's lock, shared; closing gives it back. */
int objects_lock(const struct store *store, int *ret_fd, struct err *e);

/*
 * Under the store's exclusive lock: takes what no layer's list has, of the layers (by their digits)
 * that are used (NULL: all of them). Where a list cannot be read nothing goes.
 */
int objects_sweep(struct broom *broom, bool (*is_used)(void *data, const char *hex), void *data,
	struct err *e);

#endif
