/* What is known of an image. */
#ifndef CMD_COW_INSPECT_H
#define CMD_COW_INSPECT_H

#include "spec/base/err.h"
#include "spec/base/str.h"

/* Adds it as a JSON object. -ERR_NO_IMAGE. */
int inspect_image(const char *store, const char *name, struct str *out, struct err *e);

#endif
