/*
 * Foreign bytes into the store: which form they have, and root file systems.
 *
 * Theory of operation of an import, and which file does what:
 *
 *	import		sweeps what dead imports left, and finds out what was handed over
 *	parcel		a directory, or an archive spooled into tmp/: members by name
 *	layout, docker	their own indexes: which images, called what, of which documents and layers
 *	package		one image: its layers, then its documents, then its name
 *	crew		several layers at once, in a process each
 *	ingest		one layer: tmp/layer-HEX/ is made (and is the lock on this layer), filled,
 *			verified, synced, described, and renamed to layers/HEX/
 *	stream		the layer's bytes: input | inflate | sha256 | tar | unpack, in three threads
 *	recorder	all of the tar that is not in a file, so that it can be made again (recipe)
 *	unpack		members into files; tree finds their places, finish does what comes last
 *	body, sharing	contents: those of other images' files are compared and not written again
 *	parents		what overlay could not show of the layers as they are
 *
 * Everything is checked before it is seen: a document before it is parsed (size, then digest), a
 * layer before it is renamed (size and digest of the blob, diffID of the tar, both of all bytes to
 * the end), an image's layers, under the store's lock, before its name is written. Each step makes
 * durable what the next one names, so a crash at any point leaves either nothing or a layer without
 * an image, which the next import uses and the next removal takes away.
 */
#include "overlay/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "overlay/blob.h"
#include "overlay/ingest.h"
#include "overlay/layout.h"
#include "overlay/work.h"
#include "spec/base/log.h"

static const char default_path[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/*
 * An image that is refused leaves no layer of its own, though those below the wrong one were good.
 * Where somebody has interrupted the import they stay for the next one.
 */
static void prune_after(const struct store *store, int r)
{
	struct image_removal pruned = { 0 };
	struct err why;

	if (r != -ECANCELED && image_prune(store, &pruned, &why) < 0)
		log_warn("layers of a refused image stay in the store: %s", why.text);
	image_removal_done(&pruned);
}

int import_load(const struct store *store, const char *path, const struct import_options *options,
	struct image_list *ret, struct err *e)
{
	automatic(parcel) struct parcel parcel = PARCEL_NONE;
	automatic(image_list) struct image_list list = { 0 };

	int r = work_sweep(store, e);
	if (r == 0)
		r = parcel_open(store, path, options, &parcel, e);
	if (r < 0)
		return r;
	if (parcel_has(&parcel, "oci-layout"))
		r = layout_load(store, &parcel, options, &list, e);
	else if (parcel_has(&parcel, "manifest.json"))
		r = docker_load(store, &parcel, options, &list, e);
	else
		r = err_say(e, EINVAL, "'%s' is neither an OCI image layout nor a docker archive",
			path);
	if (r < 0) {
		prune_after(store, r);
		return r;
	}
	*ret = list;
	list = (struct image_list){ 0 };
	return 0;
}

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* The user's variables, and PATH unless it is among them. */
static char **make_env(char *const *given, size_t *ret_n)
{
	size_t n = count(given), all = 0;
	char **env = calloc(n + 2, sizeof(*env));
	bool has_path = false;

	for (size_t i = 0; i < n; i++)
		has_path |= str_starts(given[i], "PATH=");
	if (env && !has_path)
		env[all++] = (char *)default_path;
	for (size_t i = 0; env && i < n; i++)
		env[all++] = given[i];
	*ret_n = all;
	return env;
}

/*
 * "created" is the newest time in the tar: the same bytes give the same image, with the same id,
 * whenever they are imported.
 */
static int write_config(const struct ingested *layer, const struct import_options *options,
	struct str *out, struct err *e)
{
	struct time_text created = time_write(layer->newest.tv_sec);
	char *diff_ids[] = { (char *)layer->diff_id.text, NULL };
	char *shell[] = { (char *)"/bin/sh", NULL };
	struct image_config config = {
		.architecture = (char *)package_architecture(),
		.os = (char *)"linux",
		.created = created.text,
		.diff_ids = diff_ids,
		.n_diff_ids = 1,
	};
	bool runs = options->cmd || options->entrypoint;

	autofree char **env = make_env(options->env, &config.config.n_env);
	if (!env)
		return err_set(e, ENOMEM, "write the image's config");
	config.config.env = env;
	config.config.cmd = runs ? (char **)options->cmd : shell;
	config.config.n_cmd = count(config.config.cmd);
	config.config.entrypoint = (char **)options->entrypoint;
	config.config.n_entrypoint = count(options->entrypoint);
	config.config.working_dir = (char *)options->working_dir;
	config.config.user = (char *)options->user;
	image_config_write(&config, out);
	return str_ok(out) ? 0 : err_set(e, ENOMEM, "write the image's config");
}

static int publish_rootfs(const struct store *store, const char *ref, const struct ingested *layer,
	const struct import_options *options, int *hold, struct image_list *ret, struct err *e)
{
	struct time_text now = time_write(time(NULL)), created = time_write(layer->newest.tv_sec);
	char *layers[] = { (char *)layer->diff_id.text, NULL };
	automatic(str) struct str config = { 0 };
	struct digest_text digest;

	int r = write_config(layer, options, &config, e);
	if (r == 0)
		r = digest_of(config.data, config.len, &digest, e);
	if (r == 0)
		r = blob_put(store, digest.text, config.data, config.len, e);
	if (r < 0)
		return r;
	struct image_record record = {
		.config = digest.text,
		.layers = layers,
		.n_layers = 1,
		.size = layer->size,
		.created = created.text,
		.pulled_at = now.text,
	};
	return package_publish(store, &record, &ref, 1, hold, ret, e);
}

static int open_rootfs(
	const char *path, const struct import_options *options, struct input *ret, struct err *e)
{
	int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					: open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_set(e, errno, "open '%s'", path);
	return input_open(fd, path, NULL, UINT64_MAX, options, ret, e);
}

int import_rootfs(const struct store *store, const char *path, const char *ref,
	const struct import_options *options, struct image_list *ret, struct err *e)
{
	automatic(image_list) struct image_list list = { 0 };
	automatic(input) struct input in = INPUT_NONE;
	autofree char *name = NULL;
	struct import_options own = *options;
	struct ingested layer;
	autofd int hold = -1;

	own.lowest = true;
	own.hold = &hold;
	/* A bad name is told before the work, not after it. */
	int r = image_name_for(ref, NULL, &name, e);
	if (r == 0)
		r = work_sweep(store, e);
	if (r == 0)
		r = open_rootfs(path, options, &in, e);
	if (r == 0)
		r = ingest_layer(store, &in, NULL, &own, &layer, e);
	if (r == 0)
		r = publish_rootfs(store, name, &layer, options, &hold, &list, e);
	if (r < 0)
		return r;
	*ret = list;
	list = (struct image_list){ 0 };
	return 0;
}
