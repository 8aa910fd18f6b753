/* The image config, and what is kept of an image's name in the store. */
#include <errno.h>
#include <string.h>

#include "spec/image_read.h"

static const struct field healthcheck_fields[] = {
	FIELD_LIST(struct image_healthcheck, "Test", FIELD_STRING, test, n_test),
	FIELD(struct image_healthcheck, "Interval", FIELD_OPT_I64, interval),
	FIELD(struct image_healthcheck, "Timeout", FIELD_OPT_I64, timeout),
	FIELD(struct image_healthcheck, "StartPeriod", FIELD_OPT_I64, start_period),
	FIELD(struct image_healthcheck, "StartInterval", FIELD_OPT_I64, start_interval),
	FIELD(struct image_healthcheck, "Retries", FIELD_OPT_I64, retries),
	{ 0 },
};

const struct field image_process_fields[] = {
	FIELD(struct image_process, "User", FIELD_STRING, user),
	FIELD_LIST(
		struct image_process, "ExposedPorts", FIELD_KEYS, exposed_ports, n_exposed_ports),
	FIELD_LIST(struct image_process, "Env", FIELD_STRING, env, n_env),
	FIELD_LIST(struct image_process, "Entrypoint", FIELD_STRING, entrypoint, n_entrypoint),
	FIELD_LIST(struct image_process, "Cmd", FIELD_STRING, cmd, n_cmd),
	FIELD_LIST(struct image_process, "Volumes", FIELD_KEYS, volumes, n_volumes),
	FIELD(struct image_process, "WorkingDir", FIELD_STRING, working_dir),
	FIELD_LIST(struct image_process, "Labels", FIELD_MAP, labels, n_labels),
	FIELD(struct image_process, "StopSignal", FIELD_STRING, stop_signal),
	FIELD(struct image_process, "StopTimeout", FIELD_OPT_I64, stop_timeout),
	FIELD(struct image_process, "Healthcheck", FIELD_OBJECT_PTR, healthcheck,
		.inside = healthcheck_fields, .size = sizeof(struct image_healthcheck)),
	FIELD(struct image_process, "ArgsEscaped", FIELD_BOOL, args_escaped),
	FIELD_LIST(struct image_process, "OnBuild", FIELD_STRING, on_build, n_on_build),
	FIELD_LIST(struct image_process, "Shell", FIELD_STRING, shell, n_shell),
	{ 0 },
};

const struct field image_history_fields[] = {
	FIELD(struct image_history, "created", FIELD_STRING, created),
	FIELD(struct image_history, "created_by", FIELD_STRING, created_by),
	FIELD(struct image_history, "author", FIELD_STRING, author),
	FIELD(struct image_history, "comment", FIELD_STRING, comment),
	FIELD(struct image_history, "empty_layer", FIELD_BOOL, empty_layer),
	{ 0 },
};

static const struct enum_name rootfs_types[] = { { "layers", ROOTFS_LAYERS }, { 0 } };

static const struct field rootfs_fields[] = {
	FIELD(struct image_config, "type", FIELD_ENUM, rootfs_type, .must = true,
		.names = rootfs_types),
	FIELD_LIST(struct image_config, "diff_ids", FIELD_STRING, diff_ids, n_diff_ids,
		.must = true, .always = true),
	{ 0 },
};

static const struct field image_config_fields[] = {
	FIELD(struct image_config, "created", FIELD_STRING, created),
	FIELD(struct image_config, "author", FIELD_STRING, author),
	FIELD(struct image_config, "architecture", FIELD_STRING, architecture, .must = true),
	FIELD(struct image_config, "variant", FIELD_STRING, variant),
	FIELD(struct image_config, "os", FIELD_STRING, os, .must = true),
	FIELD(struct image_config, "os.version", FIELD_STRING, os_version),
	FIELD_LIST(struct image_config, "os.features", FIELD_STRING, os_features, n_os_features),
	FIELD(struct image_config, "config", FIELD_OBJECT, config, .inside = image_process_fields),
	/* No struct of its own: its two members lie in the config itself. */
	{ .name = "rootfs", .kind = FIELD_OBJECT, .inside = rootfs_fields, .must = true },
	FIELD_LIST(struct image_config, "history", FIELD_OBJECT, history, n_history,
		.inside = image_history_fields, .size = sizeof(struct image_history)),
	{ 0 },
};

int image_config_parse(
	const char *what, const char *text, size_t len, struct image_config *ret, struct err *e)
{
	const struct json_limits limits = { .bytes = IMAGE_CONFIG_MAX,
		.depth = json_usual_limits.depth,
		.values = json_usual_limits.values };
	automatic(image_config) struct image_config config = { 0 };

	if (json_read(what, text, len, image_config_fields, &config, &limits, e) < 0 ||
		image_check_layers(config.diff_ids, config.n_diff_ids, "rootfs.diff_ids", e) < 0)
		return image_blame(what, e);
	*ret = config;
	config = (struct image_config){ 0 };
	return 0;
}

void image_config_write(const struct image_config *config, struct str *out)
{
	struct image_config c = *config; /* borrows everything */

	c.rootfs_type = ROOTFS_LAYERS;
	json_write(image_config_fields, &c, JSON_COMPACT, out);
}

void image_config_done(struct image_config *config)
{
	json_free(image_config_fields, config);
}

/* --- the store's record -------------------------------------------------------------------------
 */

static const struct field record_fields[] = {
	FIELD(struct image_record, "ref", FIELD_STRING, ref, .must = true),
	FIELD(struct image_record, "manifest", FIELD_STRING, manifest),
	FIELD(struct image_record, "config", FIELD_STRING, config, .must = true),
	FIELD_LIST(struct image_record, "layers", FIELD_STRING, layers, n_layers, .must = true,
		.always = true),
	FIELD(struct image_record, "size", FIELD_U64, size, .always = true),
	FIELD(struct image_record, "created", FIELD_STRING, created),
	FIELD(struct image_record, "pulled_at", FIELD_STRING, pulled_at),
	{ 0 },
};

static int check_record(const struct image_record *r, struct err *e)
{
	if (!digest_check(r->config) || (r->manifest && !digest_check(r->manifest)))
		return err_say(e, EINVAL, "%s: no sha256 digest",
			digest_check(r->config) ? "manifest" : "config");
	return image_check_layers(r->layers, r->n_layers, "layers", e);
}

int image_record_parse(
	const char *what, const char *text, size_t len, struct image_record *ret, struct err *e)
{
	automatic(image_record) struct image_record record = { 0 };

	if (json_read(what, text, len, record_fields, &record, &json_usual_limits, e) < 0 ||
		check_record(&record, e) < 0)
		return image_blame(what, e);
	*ret = record;
	record = (struct image_record){ 0 };
	return 0;
}

void image_record_write(const struct image_record *record, struct str *out)
{
	json_write(record_fields, record, JSON_INDENTED, out);
	str_add(out, "\n");
}

void image_record_done(struct image_record *record)
{
	json_free(record_fields, record);
}
