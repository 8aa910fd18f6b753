/* The OCI state document. */
#include "spec/state.h"

const struct enum_name state_status_names[] = {
	{ "creating", STATE_CREATING },
	{ "created", STATE_CREATED },
	{ "running", STATE_RUNNING },
	{ "paused", STATE_PAUSED },
	{ "stopped", STATE_STOPPED },
	{ 0 },
};

/* In runc's order: its test suite, and people's scripts, know that one. */
static const struct field state_fields[] = {
	FIELD(struct state_doc, "ociVersion", FIELD_STRING, version, .must = true),
	FIELD(struct state_doc, "id", FIELD_STRING, id, .must = true),
	FIELD(struct state_doc, "pid", FIELD_I32, pid, .always = true),
	FIELD(struct state_doc, "status", FIELD_ENUM, status, .must = true,
		.names = state_status_names),
	FIELD(struct state_doc, "bundle", FIELD_STRING, bundle, .must = true),
	FIELD(struct state_doc, "rootfs", FIELD_STRING, rootfs),
	FIELD(struct state_doc, "created", FIELD_STRING, created),
	FIELD(struct state_doc, "owner", FIELD_STRING, owner),
	FIELD_LIST(struct state_doc, "annotations", FIELD_MAP, annotations, n_annotations),
	{ 0 },
};

void state_write(const struct state_doc *state, enum json_style style, struct str *out)
{
	json_write(state_fields, state, style, out);
}

void state_write_head(const struct state_doc *state, struct str *out)
{
	static const struct field but_pid[] = {
		FIELD(struct state_doc, "ociVersion", FIELD_STRING, version),
		FIELD(struct state_doc, "id", FIELD_STRING, id),
		FIELD(struct state_doc, "status", FIELD_ENUM, status, .names = state_status_names),
		FIELD(struct state_doc, "bundle", FIELD_STRING, bundle),
		FIELD_LIST(struct state_doc, "annotations", FIELD_MAP, annotations, n_annotations),
		{ 0 },
	};

	json_write(but_pid, state, JSON_COMPACT, out);
	if (!str_ok(out))
		return;
	out->data[out->len - 1] = ','; /* was the closing brace */
	str_add(out, "\"pid\":");
}

struct process_state {
	char *version;
	char *const *fds;
	size_t n_fds;
	int32_t pid;
	const char *metadata;
	struct state_doc state;
};

void state_write_process(
	const struct state_doc *state, int32_t pid, const char *metadata, struct str *out)
{
	static const struct field process_fields[] = {
		FIELD(struct process_state, "ociVersion", FIELD_STRING, version),
		FIELD_LIST(struct process_state, "fds", FIELD_STRING, fds, n_fds),
		FIELD(struct process_state, "pid", FIELD_I32, pid, .always = true),
		FIELD(struct process_state, "metadata", FIELD_STRING, metadata),
		FIELD(struct process_state, "state", FIELD_OBJECT, state, .inside = state_fields),
		{ 0 },
	};
	static char name[] = "seccompFd"; /* of the one fd beside it */
	char *const names[] = { name };
	const struct process_state all = { state->version, names, 1, pid, metadata, *state };

	json_write(process_fields, &all, JSON_COMPACT, out);
}

struct state_list {
	const struct state_doc *v;
	size_t n;
};

void state_list_write(
	const struct state_doc *states, size_t n, enum json_style style, struct str *out)
{
	static const struct field list[] = {
		FIELD_LIST(struct state_list, "states", FIELD_OBJECT, v, n, .inside = state_fields,
			.size = sizeof(struct state_doc)),
		{ 0 },
	};
	const struct state_list all = { states, n };

	json_write_list(list, &all, style, out);
}

int state_parse(
	const char *what, const char *text, size_t len, struct state_doc *ret, struct err *e)
{
	struct state_doc state = { 0 };

	int r = json_read(what, text, len, state_fields, &state, &json_usual_limits, e);
	if (r == 0)
		*ret = state;
	return r;
}

void state_done(struct state_doc *state)
{
	json_free(state_fields, state);
}
