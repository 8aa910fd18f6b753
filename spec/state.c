/* The state document. Keys in runc's order: its test suite, and people's scripts, know that one. */
#include "spec/state.h"

const struct field state_fields[] = {
	FIELD(struct state_doc, "ociVersion", FIELD_STRING, version),
	FIELD(struct state_doc, "id", FIELD_STRING, id),
	FIELD(struct state_doc, "pid", FIELD_I32, pid, .always = true),
	FIELD(struct state_doc, "status", FIELD_STRING, status),
	FIELD(struct state_doc, "bundle", FIELD_STRING, bundle),
	FIELD(struct state_doc, "rootfs", FIELD_STRING, rootfs),
	FIELD(struct state_doc, "created", FIELD_STRING, created),
	FIELD(struct state_doc, "annotations", FIELD_MAP, annotations,
		.count_offset = offsetof(struct state_doc, n_annotations)),
	FIELD(struct state_doc, "owner", FIELD_STRING, owner),
	{ 0 },
};
