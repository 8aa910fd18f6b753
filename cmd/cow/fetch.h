/* An image that a command wants and the store has not: by cow-registry, as `cow pull` does it. */
#ifndef CMD_COW_FETCH_H
#define CMD_COW_FETCH_H

#include "cmd/commands.h"

enum pull_choice { PULL_MISSING = 1, PULL_ALWAYS, PULL_NEVER };
#define PULL_WORDS "missing|always|never"

/*
 * Waits for it. Its output is ours, but for the image's name. 0; 1 when it failed, and has said why;
 * else -errno.
 */
int fetch_image(const struct context *c, const char *image, struct err *e);

#endif
