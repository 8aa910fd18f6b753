/* Capabilities: names of the document as bits. libcap knows the names. */
#ifndef RUNTIME_CAPS_H
#define RUNTIME_CAPS_H

#include <stdint.h>

#include "spec/spec.h"

struct cap_words {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

/*
 * What cannot be granted is left out with a warning, as config.md wants it: unknown names, and what
 * this process does not hold itself (`held`; all ones where a new user namespace grants
 * everything).
 */
struct cap_words caps_from_spec(const struct capability_spec *spec, uint64_t held);

/* "CAP_CHOWN" of 0, and so on, for the program's life; NULL beyond the last that libcap has a name for.
 */
const char *caps_name(unsigned cap);

/* The permitted set of this process. */
uint64_t caps_held(void);

#endif
