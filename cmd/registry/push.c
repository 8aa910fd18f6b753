/*
 * An image of the store, into a registry.
 *
 * The store keeps layers unpacked, and what is needed to make their tars again bit for bit. So a
 * layer goes out in one of three ways: not at all, where the registry has it as it was when it came
 * (asked for by the old manifest's digest); from another repository there; or made again, compressed,
 * in a temporary file, since its digest must be known before it is sent.
 */
#include "cmd/registry/push.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cmd/registry/bar.h"
#include "cmd/registry/outgoing.h"
#include "cmd/registry/upload.h"
#include "overlay/compress.h"
#include "overlay/recipe.h"
#include "overlay/work.h"
#include "spec/base/fd.h"
#include "spec/registry.h"

struct pushing {
	const struct store *store;
	const struct push_options *options;
	struct registry *registry;
	const struct reference *ref;
	char **from; /* of each layer, the repository that it came from, if that is another one there */
	struct outgoing *image;
	struct upload *uploads; /* of the layers, one each */
	struct work spool;
	struct bars bars;
};

static bool is_done(const struct upload *u)
{
	return u->result && u->result != UPLOAD_MISSING;
}

static const char *const result_words[] = { [UPLOAD_THERE] = "is there already",
	[UPLOAD_MOUNTED] = "is there in another repository",
	[UPLOAD_SENT] = "sent" };

static void watch(void *data)
{
	struct pushing *p = data;
	struct bar_line lines[BAR_LINES];
	char names[BAR_LINES][13];
	size_t n = 0, all = p->image->n_layers;

	for (size_t i = 0; i < all; i++) {
		struct upload *u = &p->uploads[i];
		const char *hex = digest_hex(u->digest.text);
		if (is_done(u) && !u->told) {
			bars_say(&p->bars, "layer %zu of %zu: %.12s %s", i + 1, all, hex,
				result_words[u->result]);
			u->told = true;
		} else if (u->x.state == EXCHANGE_RUNS && u->stage == UPLOAD_SENDS &&
			   n < BAR_LINES) {
			snprintf(names[n], sizeof(names[n]), "%.12s", hex);
			lines[n] = (struct bar_line){ names[n], u->x.t.sent, u->size };
			n++;
		}
	}
	bars_draw(&p->bars, lines, n);
}

/* Each blob once, though it be several layers. */
static int perform_all(struct pushing *p, struct err *e)
{
	size_t all = p->image->n_layers, n = 0;
	autofree struct upload **list = calloc(all + 1, sizeof(struct upload *));

	if (!list)
		return err_set(e, ENOMEM, "list the layers");
	for (size_t i = 0; i < all; i++) {
		bool twice = false;
		for (size_t k = 0; k < n; k++)
			twice |= strcmp(list[k]->digest.text, p->uploads[i].digest.text) == 0;
		if (!twice && p->uploads[i].x.what && !p->uploads[i].result)
			list[n++] = &p->uploads[i];
	}
	int r = upload_perform(p->registry, list, n, watch, p, e);
	for (size_t i = 0; r == 0 && i < all; i++)
		for (size_t k = 0; k < n; k++)
			if (strcmp(list[k]->digest.text, p->uploads[i].digest.text) == 0)
				p->uploads[i].result = list[k]->result;
	watch(p);
	bars_clear(&p->bars);
	return r;
}

/* Whether it has the layers as they were when they came. */
static int ask_for_originals(struct pushing *p, struct err *e)
{
	for (size_t i = 0; i < p->image->n_layers; i++) {
		const struct outgoing_blob *came = &p->image->layers[i].came;
		if (!*came->digest)
			continue;
		upload_begin(&p->uploads[i], p->registry, p->ref, "layer", came->digest);
		p->uploads[i].from = p->from[i];
		p->uploads[i].size = came->size;
	}
	int r = perform_all(p, e);
	for (size_t i = 0; r == 0 && i < p->image->n_layers; i++)
		if (is_done(&p->uploads[i]))
			p->image->layers[i].goes = p->image->layers[i].came;
	return r;
}

/* --- layers made again ----------------------------------------------------------------------------- */

struct spooling {
	const struct registry_options *options;
	int fd;
	uint64_t size;
	struct digest *sum;
	struct compress *compress;
};

static int spool_out(void *to, const void *data, size_t n, struct err *e)
{
	struct spooling *s = to;
	int r = fd_write_all(s->fd, data, n);

	if (r < 0)
		return err_set(e, -r, "write a temporary file");
	digest_add(s->sum, data, n);
	s->size += n;
	return 0;
}

static int spool_in(void *to, const void *data, size_t n, struct err *e)
{
	struct spooling *s = to;

	if (s->options->cancelled && *s->options->cancelled)
		return err_say(e, ECANCELED, "interrupted");
	return compress_add(s->compress, data, n, e);
}

static int play(struct pushing *p, struct spooling *s, const char *diff_id, enum compression how,
	struct err *e)
{
	int r = compress_open(how, spool_out, s, &s->compress, e);

	if (r == 0)
		r = recipe_play(p->store, diff_id, spool_in, s, e);
	if (r == 0)
		r = compress_end(s->compress, e);
	compress_free(s->compress);
	return r;
}

/* What came uncompressed goes out so: then it is the blob that it was. */
static enum compression compression_of(const struct pushing *p, const struct outgoing_layer *l)
{
	bool plain = strcmp(l->came.digest, l->diff_id) == 0;

	return plain ? COMPRESSION_NONE : p->options->compression;
}

static int make_again(struct pushing *p, size_t i, struct err *e)
{
	struct outgoing_layer *l = &p->image->layers[i];
	struct spooling s = { .options = &p->options->registry };

	bars_say(&p->bars, "layer %zu of %zu: making it again", i + 1, p->image->n_layers);
	l->goes.compression = compression_of(p, l);
	autofd int fd = openat(p->spool.dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	s.fd = fd;
	s.sum = digest_begin();
	int r = 0;
	if (fd < 0)
		r = err_set(e, errno, "create a temporary file in store '%s'", p->store->path);
	else if (!s.sum)
		r = err_set(e, ENOMEM, "compute a digest");
	if (r == 0)
		r = play(p, &s, l->diff_id, l->goes.compression, e);
	if (r == 0) {
		struct digest_text is = digest_end(s.sum);
		memcpy(l->goes.digest, is.text, sizeof(l->goes.digest));
		l->goes.size = s.size;
		upload_done(&p->uploads[i]);
		upload_begin(&p->uploads[i], p->registry, p->ref, "layer", is.text);
		p->uploads[i].fd = take_fd(&fd);
		p->uploads[i].size = s.size;
	}
	digest_free(s.sum);
	return r < 0 ? err_while(e, "layer %zu of %zu", i + 1, p->image->n_layers) : 0;
}

/* The same layer twice is made once. */
static const struct outgoing_layer *made_before(const struct pushing *p, size_t i)
{
	const struct outgoing_layer *layers = p->image->layers;

	for (size_t k = 0; k < i; k++)
		if (layers[k].goes.digest[0] && strcmp(layers[k].diff_id, layers[i].diff_id) == 0)
			return &layers[k];
	return NULL;
}

static int send_missing(struct pushing *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->image->n_layers; i++) {
		struct outgoing_layer *l = &p->image->layers[i];
		const struct outgoing_layer *same = made_before(p, i);
		if (is_done(&p->uploads[i]))
			continue;
		if (same) {
			l->goes = same->goes;
			continue;
		}
		if (p->spool.dir < 0)
			r = work_begin(p->store, NULL, &p->spool, e);
		if (r == 0)
			r = make_again(p, i, e);
	}
	return r < 0 ? r : perform_all(p, e);
}

/* --- documents ------------------------------------------------------------------------------------- */

static int send_config(struct pushing *p, struct err *e)
{
	struct upload u;
	struct upload *list[] = { &u };

	upload_begin(&u, p->registry, p->ref, "config", p->image->image.record.config);
	u.text = p->image->config;
	u.size = p->image->config_len;
	int r = upload_perform(p->registry, list, 1, NULL, NULL, e);
	upload_done(&u);
	return r;
}

static int send_manifest(struct pushing *p, struct digest_text *ret, struct err *e)
{
	automatic(str) struct str text = { 0 };
	automatic(exchange) struct exchange x = { 0 };
	struct exchange *list[] = { &x };
	const char *type = NULL;

	int r = outgoing_write(p->image, &text, &type, e);
	if (r == 0)
		r = digest_of(text.data, text.len, ret, e);
	if (r < 0)
		return r;
	autofree char *what = str_format("manifest '%s'", reference_wanted(p->ref));
	x.url = registry_url(p->registry, p->ref, "manifests/%s", reference_wanted(p->ref));
	if (!what || !x.url)
		return err_set(e, ENOMEM, "send the manifest");
	x.what = what;
	x.t = (struct transfer){ .method = "PUT",
		.body_fd = -1,
		.body = text.data,
		.body_size = text.len,
		.content_type = type,
		.text_max = REGISTRY_ANSWER_MAX };
	r = registry_perform(p->registry, list, 1, NULL, NULL, e);
	if (r == 0 && digest_check(x.t.digest) && strcmp(x.t.digest, ret->text) != 0)
		return err_say(e, ERR_DAMAGED, "%s: the registry took it for %s, it is %s", what,
			x.t.digest, ret->text);
	return r;
}

static int push_image(struct pushing *p, struct digest_text *ret, struct err *e)
{
	p->uploads = calloc(p->image->n_layers + 1, sizeof(*p->uploads));
	if (!p->uploads)
		return err_set(e, ENOMEM, "list the layers");
	for (size_t i = 0; i < p->image->n_layers; i++)
		p->uploads[i].fd = -1;
	bars_begin(&p->bars, p->options->registry.quiet);
	int r = ask_for_originals(p, e);
	if (r == 0)
		r = send_missing(p, e);
	if (r == 0)
		r = send_config(p, e);
	if (r == 0)
		r = send_manifest(p, ret, e);
	bars_clear(&p->bars);
	return r;
}

static void pushing_done(struct pushing *p)
{
	for (size_t i = 0; p->uploads && i < p->image->n_layers; i++) {
		upload_done(&p->uploads[i]);
		own_close(&p->uploads[i].fd);
	}
	for (size_t i = 0; p->from && i < p->image->n_layers; i++)
		free(p->from[i]);
	free(p->from);
	free(p->uploads);
	work_end(&p->spool);
}
DEFINE_AUTO(pushing, pushing_done)

/* Where else in that registry the layers are, and that this may be read. */
static int find_homes(struct pushing *p, struct str *scopes, struct err *e)
{
	p->from = calloc(p->image->n_layers + 1, sizeof(char *));
	if (!p->from)
		return err_set(e, ENOMEM, "list the layers");
	str_add(scopes, "");
	for (size_t i = 0; i < p->image->n_layers; i++) {
		automatic(reference) struct reference home = { 0 };
		const char *name = p->image->layers[i].home;
		struct err ignored;
		if (!name || reference_parse(name, &home, &ignored) < 0 ||
			!str_equal(home.host, p->ref->host) ||
			str_equal(home.repository, p->ref->repository))
			continue;
		autofree char *scope = str_format(" repository:%s:pull", home.repository);
		if (scope && str_ok(scopes) && !strstr(scopes->data, scope))
			str_add(scopes, scope);
		p->from[i] = take(home.repository);
	}
	return str_ok(scopes) ? 0 : err_set(e, ENOMEM, "list the layers");
}

static int push_to(const struct store *store, struct outgoing *image, const struct reference *ref,
	const char *name, const struct push_options *options, struct err *e)
{
	automatic(registry) struct registry registry = { 0 };
	automatic(str) struct str scopes = { 0 };
	automatic(pushing) struct pushing p = { .store = store,
		.options = options,
		.ref = ref,
		.image = image,
		.registry = &registry,
		.spool = WORK_NONE };
	struct registry_options with = options->registry;
	struct digest_text digest;

	int r = find_homes(&p, &scopes, e);
	with.beside = scopes.data;
	if (r == 0)
		r = registry_open(ref, "pull,push", &with, &registry, e);
	if (r == 0)
		r = push_image(&p, &digest, e);
	if (r == 0)
		printf("%s %s\n", name, digest.text);
	return r;
}

int push(const struct store *store, const char *image, const char *to,
	const struct push_options *options, struct err *e)
{
	automatic(outgoing) struct outgoing out = { 0 };
	automatic(reference) struct reference ref = { 0 };

	int r = outgoing_read(store, image, &out, e);
	if (r == 0)
		r = reference_parse(to ? to : out.image.record.ref, &ref, e);
	if (r < 0)
		return r;
	autofree char *name = reference_name(&ref);
	if (!name)
		return err_set(e, ENOMEM, "'%s'", image);
	/* "x" is not sent to docker.io unless somebody says so. */
	if (!to && strcmp(name, out.image.record.ref) != 0)
		return err_say(e, EINVAL,
			"image '%s' names no registry: say where to (hint: cow push %s "
			"HOST/PATH:TAG)",
			out.image.record.ref, image);
	if (ref.digest)
		return err_say(e, EINVAL, "'%s' names a digest: a tag is what is pushed to", name);
	r = push_to(store, &out, &ref, name, options, e);
	return r < 0 ? err_while(e, "'%s'", name) : 0;
}
