/* linux.devices: nodes that the container finds beside the default ones. */
#include "spec/fields.h"

static const struct enum_name device_types[] = {
	{ "c", DEVICE_CHAR },
	{ "u", DEVICE_CHAR }, /* "unbuffered", as mknod(1) says it */
	{ "b", DEVICE_BLOCK },
	{ "p", DEVICE_FIFO },
	{ 0 },
};

const struct field device_fields[] = {
	FIELD(struct device_spec, "path", FIELD_STRING, path, .must = true),
	FIELD(struct device_spec, "type", FIELD_ENUM, type, .must = true, .names = device_types),
	FIELD(struct device_spec, "major", FIELD_OPT_I64, major),
	FIELD(struct device_spec, "minor", FIELD_OPT_I64, minor),
	FIELD(struct device_spec, "fileMode", FIELD_OPT_U64, mode),
	FIELD(struct device_spec, "uid", FIELD_OPT_U64, uid),
	FIELD(struct device_spec, "gid", FIELD_OPT_U64, gid),
	{ 0 },
};
