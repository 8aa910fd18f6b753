/* The state document (runtime.md#state), with the fields that runc's `state` and `list` add. */
#ifndef SPEC_STATE_H
#define SPEC_STATE_H

#include "spec/base/json.h"

#define OCI_VERSION "1.3.0"

struct state_doc {
	char *version, *id, *status;
	int32_t pid; /* 0: it has no process */
	char *bundle, *rootfs;
	char *created; /* RFC 3339 */
	char *owner;
	struct string_pair *annotations;
	size_t n_annotations;
};

extern const struct field state_fields[];

#endif
