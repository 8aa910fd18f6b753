/* cow images --sharing: what images have in common. */
#ifndef CMD_COW_SHARING_H
#define CMD_COW_SHARING_H

#include <stdbool.h>

#include "overlay/store.h"

/* A table, or one JSON object. `store` NULL: there is none yet. */
int sharing_print(const struct store *store, bool json, struct err *e);

#endif
