/* The program of the child (runtime/init/), carried inside ours. */
#ifndef RUNTIME_INIT_IMAGE_H
#define RUNTIME_INIT_IMAGE_H

#include <stddef.h>

extern const char init_image[];
extern const size_t init_image_size;

#endif
