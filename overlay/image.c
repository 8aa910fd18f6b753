/* Images by name. */
#include "overlay/image.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "overlay/layer.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/reference.h"

#define RECORD_MAX (256u << 10)
#define SHORT_ID_MIN 6
static const char record_suffix[] = ".json";

/* One part of a name between slashes: begins with a letter, digit or '_' (so it is never ".."). */
static bool part_is_valid(const char *part, size_t len)
{
	if (len == 0 || !(isalnum((unsigned char)part[0]) || part[0] == '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)part[i]) && !strchr("._-:@", part[i]))
			return false;
	return true;
}

int image_name(const char *ref, char **ret, struct err *e)
{
	automatic(reference) struct reference reference = { 0 };
	bool is_reference = reference_parse(ref, &reference, e) == 0;
	const char *last = ref;
	size_t len;

	for (const char *part = ref;; part += len + 1) {
		len = strcspn(part, "/");
		if (!is_reference && !part_is_valid(part, len))
			return err_say(
				e, EINVAL, "'%.*s' is not an image name", IMAGE_REF_MAX, ref);
		last = part;
		if (part[len] == '\0')
			break;
	}
	if (str_starts(last + strcspn(last, ":@"), ":") && last[strcspn(last, ":") + 1] == '\0')
		return err_say(e, EINVAL, "'%.*s' is not an image name: its tag is empty",
			IMAGE_REF_MAX, ref);
	char *name = str_format("%s%s", ref, strpbrk(last, ":@") ? "" : ":latest");
	if (!name)
		return err_set(e, ENOMEM, "image '%s'", ref);
	if (strlen(name) > IMAGE_REF_MAX) {
		free(name);
		return err_say(e, EINVAL, "image name '%.60s...' is longer than %d bytes", ref,
			IMAGE_REF_MAX);
	}
	*ret = name;
	return 0;
}

int image_name_for(const char *ref, const char *digest, char **ret, struct err *e)
{
	const char *at = strchr(ref, '@');

	if (at && !str_equal(at + 1, digest))
		return err_say(e, EINVAL, "'%.*s' cannot be a name here: it is not of that digest",
			IMAGE_REF_MAX, ref);
	return image_name(ref, ret, e);
}

/* A name is a path of a registry, a record is one file: '%' is in no name. */
static void record_file(const char *name, char file[NAME_MAX + 1])
{
	snprintf(file, NAME_MAX + 1, "%s%s", name, record_suffix);
	for (char *slash = file; (slash = strchr(slash, '/'));)
		*slash = '%';
}

/* -ENOENT without a text of its own. */
static int read_record(int images, const char *file, struct image_record *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(images, file, RECORD_MAX, &text, &len, e);
	return r < 0 ? r : image_record_parse(file, text, len, ret, e);
}

static int open_images(const struct store *store, int flags, struct err *e)
{
	int fd = openat(store->dir, "images", flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_set(e, errno, "open the images of store '%s'", store->path) : fd;
}

static int add_record(struct image_list *list, struct image_record *record)
{
	struct image_record *more =
		reallocarray(list->records, list->n + 1, sizeof(*list->records));

	if (!more)
		return -ENOMEM;
	list->records = more;
	list->records[list->n++] = *record;
	return 0;
}

static int compare_records(const void *a, const void *b)
{
	return strcmp(((const struct image_record *)a)->ref, ((const struct image_record *)b)->ref);
}

static int list_records(DIR *dir, struct image_list *list, struct err *e)
{
	for (struct dirent *d; (d = readdir(dir));) {
		struct image_record record = { 0 };
		size_t len = strlen(d->d_name), suffix = sizeof(record_suffix) - 1;
		if (d->d_name[0] == '.' || len <= suffix ||
			strcmp(d->d_name + len - suffix, record_suffix) != 0)
			continue;
		int r = read_record(dirfd(dir), d->d_name, &record, e);
		if (r == -ENOENT) /* removed since readdir saw it */
			continue;
		if (r < 0) {
			log_warn("skipping a damaged image record: %s", e->text);
			list->n_damaged++;
			continue;
		}
		if (add_record(list, &record) < 0) {
			image_record_done(&record);
			return err_set(e, ENOMEM, "list images");
		}
	}
	if (list->n)
		qsort(list->records, list->n, sizeof(*list->records), compare_records);
	return 0;
}

int image_list(const struct store *store, struct image_list *ret, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };
	int fd = open_images(store, O_RDONLY, e);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		int r = fd < 0 ? fd : err_set(e, errno, "list images");
		own_close(&fd);
		return r;
	}
	int r = list_records(dir, &list, e);
	closedir(dir);
	if (r < 0)
		return r;
	*ret = list;
	list = (struct image_list){ 0 };
	return 0;
}

void image_list_done(struct image_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		image_record_done(&list->records[i]);
	free(list->records);
	*list = (struct image_list){ 0 };
}

/* "x" matches "…/x"; digits match the beginning of an image's id. */
static bool is_short_form(const struct image_record *record, const char *name, const char *given)
{
	size_t whole = strlen(record->ref), part = strlen(name);

	if (whole > part && record->ref[whole - part - 1] == '/' &&
		strcmp(record->ref + whole - part, name) == 0)
		return true;
	if (str_starts(given, DIGEST_PREFIX))
		given += sizeof(DIGEST_PREFIX) - 1;
	size_t digits = strspn(given, "0123456789abcdef");
	return digits >= SHORT_ID_MIN && given[digits] == '\0' && record->config &&
	       str_starts(digest_hex(record->config), given);
}

static int find_short(const struct store *store, const char *name, const char *given,
	struct image_record *ret, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };
	struct image_record *found = NULL;

	int r = image_list(store, &list, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n; i++) {
		if (!is_short_form(&list.records[i], name, given))
			continue;
		/* Two names of one image are one answer. */
		if (found && !str_equal(found->config, list.records[i].config))
			return err_say(e, ENOTUNIQ,
				"'%s' could be image '%s' or image '%s': give the whole name",
				given, found->ref, list.records[i].ref);
		if (!found)
			found = &list.records[i];
	}
	if (!found)
		return err_say(
			e, ERR_NO_IMAGE, "no image '%s' in the store '%s'", name, store->path);
	*ret = *found;
	*found = (struct image_record){ 0 };
	return 0;
}

/* Under its whole name, where it came from a registry: -ENOENT when there is none. */
static int find_whole(int images, const char *ref, struct image_record *ret, struct err *e)
{
	automatic(reference) struct reference reference = { 0 };
	char file[NAME_MAX + 1];

	if (reference_parse(ref, &reference, e) < 0)
		return -ENOENT;
	autofree char *name = reference_name(&reference);
	if (!name)
		return err_set(e, ENOMEM, "image '%s'", ref);
	record_file(name, file);
	return read_record(images, file, ret, e);
}

int image_find_record(
	const struct store *store, const char *ref, struct image_record *ret, struct err *e)
{
	autofree char *name = NULL;
	char file[NAME_MAX + 1];

	int r = image_name(ref, &name, e);
	if (!name)
		return r;
	record_file(name, file);
	autofd int images = open_images(store, O_PATH, e);
	if (images < 0)
		return images;
	r = read_record(images, file, ret, e);
	if (r == -ENOENT)
		r = find_whole(images, ref, ret, e);
	if (r == -ENOENT)
		return find_short(store, name, ref, ret, e);
	return r < 0 ? err_while(e, "image '%s'", name) : 0;
}

struct document_path {
	char text[sizeof("blobs/sha256/") + DIGEST_HEX];
};

static struct document_path document_path(const char *digest)
{
	struct document_path p;

	snprintf(p.text, sizeof(p.text), "blobs/sha256/%.64s", digest_hex(digest));
	return p;
}

static bool has_document(const struct store *store, const char *digest)
{
	struct document_path p = document_path(digest);

	return faccessat(store->dir, p.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int image_read_config(
	const struct store *store, const char *digest, struct image_config *ret, struct err *e)
{
	struct document_path p = document_path(digest);
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(store->dir, p.text, IMAGE_CONFIG_MAX, &text, &len, e);
	return r < 0 ? r : image_config_parse(digest, text, len, ret, e);
}

int image_find(const struct store *store, const char *ref, struct image *ret, struct err *e)
{
	automatic(image) struct image image = { 0 };

	int r = image_find_record(store, ref, &image.record, e);
	if (r < 0)
		return r;
	r = image_read_config(store, image.record.config, &image.config, e);
	if (r < 0)
		return err_while(e, "image '%s'", image.record.ref);
	*ret = image;
	image = (struct image){ 0 };
	return 0;
}

void image_done(struct image *image)
{
	image_record_done(&image->record);
	image_config_done(&image->config);
}

int image_publish(const struct store *store, const struct image_record *record, struct err *e)
{
	automatic(str) struct str text = { 0 };
	char file[NAME_MAX + 1];
	autofd int lock = -1;

	int r = store_lock(store, STORE_SHARED, &lock, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < record->n_layers; i++)
		if (!layer_exists(store, record->layers[i]))
			return err_say(
				e, EAGAIN, "layer '%s' was removed meanwhile", record->layers[i]);
	const char *documents[] = { record->config, record->manifest };
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		if (documents[i] && !has_document(store, documents[i]))
			return err_say(
				e, EAGAIN, "document '%s' was removed meanwhile", documents[i]);
	image_record_write(record, &text);
	record_file(record->ref, file);
	return store_put(store, "images", file, &text, e);
}

bool image_exists(const struct store *store, const char *name)
{
	char file[NAME_MAX + 1];
	struct err ignored;
	autofd int images = open_images(store, O_PATH, &ignored);

	record_file(name, file);
	return images >= 0 && faccessat(images, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int image_forget(const struct store *store, const char *name, struct err *e)
{
	char file[NAME_MAX + 1];
	autofd int images = open_images(store, O_RDONLY, e);

	if (images < 0)
		return images;
	record_file(name, file);
	if (unlinkat(images, file, 0) < 0 || fsync(images) < 0)
		return err_set(e, errno, "remove image '%s'", name);
	return 0;
}
