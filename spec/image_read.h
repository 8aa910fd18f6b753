/* How the image documents of this room are read; for spec/image*.c only. */
#ifndef SPEC_IMAGE_READ_H
#define SPEC_IMAGE_READ_H

#include "spec/image.h"

/* "<what>: " before an error that does not begin with it, since a path names no document. */
int image_blame(const char *what, struct err *e);

/* Every element is a checked digest, and there are not more than IMAGE_LAYERS_MAX. */
int image_check_layers(char *const *digests, size_t n, const char *path, struct err *e);

#endif
