/* hooks: programs of the caller, run at six moments of a container's life. */
#include "spec/fields.h"

static const struct field hook_fields[] = {
	FIELD(struct hook, "path", FIELD_STRING, path, .must = true),
	FIELD_LIST(struct hook, "args", FIELD_STRING, args, n_args),
	FIELD_LIST(struct hook, "env", FIELD_STRING, env, n_env),
	FIELD(struct hook, "timeout", FIELD_OPT_I64, timeout),
	{ 0 },
};

#define HOOKS(key, member)                                                                         \
	FIELD_LIST(struct hooks, key, FIELD_OBJECT, member, n_##member, .inside = hook_fields,     \
		.size = sizeof(struct hook))

const struct field hooks_fields[] = {
	HOOKS("prestart", prestart),
	HOOKS("createRuntime", create_runtime),
	HOOKS("createContainer", create_container),
	HOOKS("startContainer", start_container),
	HOOKS("poststart", poststart),
	HOOKS("poststop", poststop),
	{ 0 },
};
