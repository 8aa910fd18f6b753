/* One layer held against its tar: what overlay/verify.h says of it. */
#ifndef OVERLAY_VERIFY_LAYER_H
#define OVERLAY_VERIFY_LAYER_H

#include <signal.h>
#include <stdbool.h>

#include "overlay/objects.h"
#include "overlay/store.h"

struct layer_check {
	const struct store *store;
	const char *digest;
	const struct object_list *damaged; /* objects, sorted */
	const struct object_list *listed;  /* the layer's, sorted */
	bool made_here;			   /* it never was a tar: overlay/parents.h */
	/* `path` NULL: of the layer as such. */
	void (*tell)(void *to, const char *path, const char *what);
	void (*note)(void *to, const char *what); /* no damage */
	void *to;
	const volatile sig_atomic_t *cancelled;
};

/* 0 also where damage was told. */
int verify_layer(const struct layer_check *check, struct err *e);

#endif
