/* cow inspect of an image: docker's keys, where there are any. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cow/inspect.h"
#include "overlay/image.h"

struct rootfs_report {
	char *type;
	char **layers;
	size_t n_layers;
};

struct image_report {
	char *id, *digest, *created, *imported, *author, *architecture, *variant, *os, *os_version;
	char **names, **digests;
	size_t n_names, n_digests;
	uint64_t size;
	struct image_process config;
	struct rootfs_report rootfs;
	struct image_history *history;
	size_t n_history;
};

static const struct field rootfs_fields[] = {
	FIELD(struct rootfs_report, "Type", FIELD_STRING, type),
	FIELD_LIST(struct rootfs_report, "Layers", FIELD_STRING, layers, n_layers, .always = true),
	{ 0 },
};

static const struct field report_fields[] = {
	FIELD(struct image_report, "Id", FIELD_STRING, id),
	FIELD(struct image_report, "Digest", FIELD_STRING, digest),
	FIELD_LIST(struct image_report, "RepoTags", FIELD_STRING, names, n_names, .always = true),
	FIELD_LIST(struct image_report, "RepoDigests", FIELD_STRING, digests, n_digests,
		.always = true),
	FIELD(struct image_report, "Created", FIELD_STRING, created),
	FIELD(struct image_report, "Imported", FIELD_STRING, imported),
	FIELD(struct image_report, "Author", FIELD_STRING, author),
	FIELD(struct image_report, "Architecture", FIELD_STRING, architecture),
	FIELD(struct image_report, "Variant", FIELD_STRING, variant),
	FIELD(struct image_report, "Os", FIELD_STRING, os),
	FIELD(struct image_report, "OsVersion", FIELD_STRING, os_version),
	FIELD(struct image_report, "Size", FIELD_U64, size, .always = true),
	FIELD(struct image_report, "Config", FIELD_OBJECT, config, .inside = image_process_fields),
	FIELD(struct image_report, "RootFS", FIELD_OBJECT, rootfs, .inside = rootfs_fields),
	FIELD_LIST(struct image_report, "History", FIELD_OBJECT, history, n_history,
		.inside = image_history_fields, .size = sizeof(struct image_history)),
	{ 0 },
};

/* "x:5000/y:tag" is named "x:5000/y@sha256:..." by the digest of its manifest. */
static char *name_by_digest(const char *name, const char *manifest)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash : name;
	int n = (int)(last - name + (long)strcspn(last, ":@"));

	return str_format("%.*s@%s", n, name, manifest);
}

struct image_names {
	char **names;	/* borrowed from the list */
	char **digests; /* its own */
	size_t n_names, n_digests;
};

static void image_names_done(struct image_names *n)
{
	for (size_t i = 0; i < n->n_digests; i++)
		free(n->digests[i]);
	free(n->digests);
	free(n->names);
}
DEFINE_AUTO(image_names, image_names_done)

/* All names that lead to it. */
static int find_names(const struct image_list *all, const struct image_record *image,
	struct image_names *ret, struct err *e)
{
	ret->names = calloc(all->n + 1, sizeof(*ret->names));
	ret->digests = calloc(all->n + 1, sizeof(*ret->digests));
	if (!ret->names || !ret->digests)
		return err_set(e, ENOMEM, "image '%s'", image->ref);
	for (size_t i = 0; i < all->n; i++) {
		const struct image_record *other = &all->records[i];
		if (!str_equal(other->config, image->config))
			continue;
		ret->names[ret->n_names++] = other->ref;
		if (!other->manifest)
			continue;
		char *name = name_by_digest(other->ref, other->manifest);
		if (!name)
			return err_set(e, ENOMEM, "image '%s'", image->ref);
		bool again = ret->n_digests && strcmp(name, ret->digests[ret->n_digests - 1]) == 0;
		if (again)
			free(name);
		else
			ret->digests[ret->n_digests++] = name;
	}
	return 0;
}

static int report(
	const struct image *image, const struct image_list *all, struct str *out, struct err *e)
{
	automatic(image_names) struct image_names names = { 0 };
	const struct image_config *c = &image->config;
	int r = find_names(all, &image->record, &names, e);

	if (r < 0)
		return r;
	struct image_report document = {
		.id = image->record.config,
		.digest = image->record.manifest,
		.created = c->created,
		.imported = image->record.pulled_at,
		.author = c->author,
		.architecture = c->architecture,
		.variant = c->variant,
		.os = c->os,
		.os_version = c->os_version,
		.names = names.names,
		.n_names = names.n_names,
		.digests = names.digests,
		.n_digests = names.n_digests,
		.size = image->record.size,
		.config = c->config,
		.rootfs = { (char *)"layers", c->diff_ids, c->n_diff_ids },
		.history = c->history,
		.n_history = c->n_history,
	};
	json_write(report_fields, &document, JSON_INDENTED, out);
	return 0;
}

int inspect_image(const char *path, const char *name, struct str *out, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(image) struct image image = { 0 };
	automatic(image_list) struct image_list all = { 0 };

	int r = store_open(path, STORE_READ, &store, e);
	if (r == -ENOENT)
		return err_say(
			e, ERR_NO_IMAGE, "no image '%s': there is no store '%s'", name, path);
	if (r == 0)
		r = image_find(&store, name, &image, e);
	if (r == 0)
		r = image_list(&store, &all, e);
	return r < 0 ? r : report(&image, &all, out, e);
}
