/* All containers with their records: what `ps`, `mem` and `list` go over. */
#ifndef CMD_LISTING_H
#define CMD_LISTING_H

#include "runtime/container.h"

struct listed {
	struct record record;
	enum state_status status;
};

struct listing {
	struct listed *v;
	size_t n;
};

/*
 * `names`: these (an unknown one is an error); n_names 0: all. One whose record is damaged is
 * listed as stopped, with its id alone; one that vanishes meanwhile is left out.
 */
int listing_read(const struct home *h, char *const *names, size_t n_names, struct listing *ret,
	struct err *e);
void listing_done(struct listing *l);
DEFINE_AUTO(listing, listing_done)

#endif
