/* Unpacked layers in the store. */
#include "overlay/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/fd.h"
#include "spec/base/json.h"
#include "spec/image.h"

#define META_MAX 4096

static const struct field layer_fields[] = {
	FIELD(struct layer_meta, "diffID", FIELD_STRING, diff_id, .must = true),
	FIELD(struct layer_meta, "size", FIELD_U64, size, .always = true),
	FIELD(struct layer_meta, "entries", FIELD_U64, entries, .always = true),
	FIELD(struct layer_meta, "created", FIELD_STRING, created),
	{ 0 },
};

struct layer_path {
	char text[sizeof("layers//meta.json") + DIGEST_HEX];
};

static struct layer_path path_in(const char *diff_id, const char *name)
{
	struct layer_path p;

	snprintf(p.text, sizeof(p.text), "layers/%.64s/%s", digest_hex(diff_id), name);
	return p;
}

bool layer_exists(const struct store *store, const char *diff_id)
{
	struct layer_path p = path_in(diff_id, "meta.json");

	return faccessat(store->dir, p.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int layer_open(const struct store *store, const char *diff_id, int *ret_fd, struct err *e)
{
	struct layer_path p = path_in(diff_id, "fs");
	int fd = openat(store->dir, p.text, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return err_say(
			e, ENOENT, "layer '%s' is not in the store '%s'", diff_id, store->path);
	if (fd < 0)
		return err_set(e, errno, "open layer '%s'", diff_id);
	*ret_fd = fd;
	return 0;
}

bool layer_has_stubs(const struct store *store, const char *diff_id)
{
	struct layer_path p = path_in(diff_id, "objects");

	return faccessat(store->dir, p.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int layer_read(
	const struct store *store, const char *diff_id, struct layer_meta *ret, struct err *e)
{
	struct layer_path p = path_in(diff_id, "meta.json");
	struct layer_meta meta = { 0 };
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(store->dir, p.text, META_MAX, &text, &len, e);
	if (r == 0)
		r = json_read(p.text, text, len, layer_fields, &meta, &json_usual_limits, e);
	if (r == 0)
		*ret = meta;
	return r;
}

void layer_meta_write(const struct layer_meta *meta, struct str *out)
{
	json_write(layer_fields, meta, JSON_COMPACT, out);
	str_add(out, "\n");
}

void layer_meta_done(struct layer_meta *meta)
{
	json_free(layer_fields, meta);
}
