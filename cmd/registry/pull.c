/*
 * An image out of a registry, into the store.
 *
 * Its layers come into downloads/, side by side, but for those that the store has already. Then they
 * and its documents are an OCI layout in tmp/, and cow-import takes that in: a program that has no
 * network reads what strangers packed.
 */
#include "cmd/registry/pull.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/registry/bar.h"
#include "cmd/registry/download.h"
#include "cmd/registry/hand.h"
#include "cmd/registry/manifest.h"
#include "overlay/filesystem.h"
#include "overlay/layer.h"

#define TRIES_MAX 3 /* when layers that the store had are removed meanwhile */

struct layer {
	const struct descriptor *descriptor;
	const char *diff_id;
	char what[100];
	size_t number;
	bool told;
	struct download download;
};

struct fetching {
	const struct store *store;
	struct layer *layers; /* those that are to come, by digest: each once */
	size_t n, n_all;
	struct bars bars;
};

enum stays { ALL_STAY, WHOLE_STAY, NONE_STAY };

static void fetching_done(struct fetching *f, enum stays stays)
{
	for (size_t i = 0; i < f->n; i++) {
		struct download *d = &f->layers[i].download;
		download_close(d, stays == NONE_STAY || (stays == WHOLE_STAY && !d->whole));
	}
	free(f->layers);
	f->layers = NULL;
	f->n = 0;
}

static int by_digest(const void *a, const void *b)
{
	const struct layer *x = a, *y = b;

	return strcmp(x->descriptor->digest, y->descriptor->digest);
}

/* Those that the store has not; a layer that is in the image twice is one. */
static int list_layers(struct fetching *f, const struct pulled *p, struct err *e)
{
	f->n_all = p->doc.n_layers;
	f->layers = calloc(f->n_all + 1, sizeof(*f->layers));
	if (!f->layers)
		return err_set(e, ENOMEM, "list the layers");
	size_t n = 0;
	for (size_t i = 0; i < f->n_all; i++) {
		struct layer *l = &f->layers[n];
		*l = (struct layer){ .descriptor = &p->doc.layers[i],
			.diff_id = p->image.diff_ids[i],
			.number = i + 1 };
		l->download.fd = -1;
		snprintf(l->what, sizeof(l->what), "layer '%.80s'", l->descriptor->digest);
		if (!layer_exists(f->store, l->diff_id)) {
			n++;
			continue;
		}
		download_forget(f->store, l->descriptor->digest);
		bars_say(&f->bars, "layer %zu of %zu: %.12s is there already", i + 1, f->n_all,
			digest_hex(l->descriptor->digest));
	}
	qsort(f->layers, n, sizeof(*f->layers), by_digest);
	for (size_t i = 0; i < n; i++)
		if (f->n == 0 || by_digest(&f->layers[f->n - 1], &f->layers[i]) != 0)
			f->layers[f->n++] = f->layers[i];
	return 0;
}

/* What each is, and where; one that another process has brought in while we waited is left out. */
static int open_layers(
	struct fetching *f, struct registry *r, const struct reference *ref, struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		struct layer *l = &f->layers[i];
		const struct descriptor *d = l->descriptor;
		int code = download_open(f->store, d->digest, d->size, l->what, &l->download, e);
		if (code < 0)
			return code;
		l->download.x.url = registry_url(r, ref, "blobs/%s", d->digest);
		if (!l->download.x.url)
			return err_set(e, ENOMEM, "%s", l->what);
		l->told = layer_exists(f->store, l->diff_id);
		code = l->told ? 0 : download_look(&l->download, e);
		if (code < 0)
			return code;
	}
	return 0;
}

static void watch(void *data)
{
	struct fetching *f = data;
	struct bar_line lines[BAR_LINES];
	char names[BAR_LINES][13], size[16];
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct layer *l = &f->layers[i];
		const char *hex = digest_hex(l->descriptor->digest);
		if (l->download.whole && !l->told) {
			bars_say(&f->bars, "layer %zu of %zu: %.12s %s", l->number, f->n_all, hex,
				str_human(l->download.size, size));
			l->told = true;
		} else if (l->download.x.state == EXCHANGE_RUNS && n < BAR_LINES) {
			snprintf(names[n], sizeof(names[n]), "%.12s", hex);
			lines[n] =
				(struct bar_line){ names[n], l->download.done, l->download.size };
			n++;
		}
	}
	bars_draw(&f->bars, lines, n);
}

static int fetch_layers(struct fetching *f, struct registry *r, struct err *e)
{
	autofree struct exchange **list = calloc(f->n + 1, sizeof(struct exchange *));
	size_t n = 0;

	if (!list)
		return err_set(e, ENOMEM, "list the layers");
	for (size_t i = 0; i < f->n; i++)
		if (!f->layers[i].told && !f->layers[i].download.whole)
			list[n++] = &f->layers[i].download.x;
	int code = registry_perform(r, list, n, watch, f, e);
	bars_clear(&f->bars);
	return code;
}

static int hand_over(const struct fetching *f, const struct pulled *p, const char *name,
	const struct pull_options *options, struct err *e)
{
	automatic(hand) struct hand hand = HAND_NONE;

	int code = hand_begin(f->store, &hand, e);
	if (code == 0)
		code = hand_documents(&hand, p, e);
	for (size_t i = 0; code == 0 && i < f->n; i++)
		if (f->layers[i].download.whole)
			code = download_link(&f->layers[i].download, hand.blobs, e);
	return code < 0 ? code : hand_over_to_import(&hand, name, options, e);
}

/* Whether one that needed not come has gone since. */
static bool some_are_gone(const struct fetching *f, const struct pulled *p)
{
	for (size_t i = 0; i < p->doc.n_layers; i++) {
		bool came = false;
		for (size_t k = 0; k < f->n; k++)
			came |= f->layers[k].download.whole &&
				strcmp(f->layers[k].descriptor->digest, p->doc.layers[i].digest) ==
					0;
		if (!came && !layer_exists(f->store, p->image.diff_ids[i]))
			return true;
	}
	return false;
}

/* What layers claim may be anything; all of it is to fit before any comes. */
static int check_room(const struct fetching *f, struct err *e)
{
	uint64_t room = filesystem_room(f->store->dir), all = 0;
	char needed[16], there[16];

	for (size_t i = 0; i < f->n; i++) {
		const struct download *d = &f->layers[i].download;
		uint64_t more = f->layers[i].told || d->whole ? 0 : d->size - d->done;
		all = more > UINT64_MAX - all ? UINT64_MAX : all + more;
	}
	return all <= room ? 0
			   : err_set(e, ENOSPC, "download %s of layers, where %s may be filled",
				     str_human(all, needed), str_human(room, there));
}

/*
 * What has come is for the next time, but not what import could not take in; and where the disk is
 * full it is what is in the way. Of a registry that sends what is damaged, what is proven stays.
 */
static enum stays what_stays(int code, bool whole)
{
	if (code == -ENOSPC || code == -EDQUOT)
		return NONE_STAY;
	if (code == -ERR_DAMAGED)
		return WHOLE_STAY;
	return whole && code != -ECANCELED && code != -EAGAIN ? NONE_STAY : ALL_STAY;
}

/* -EAGAIN: from the start, as something was removed meanwhile. */
static int bring(const struct store *store, struct registry *r, const struct reference *ref,
	const struct pulled *p, const char *name, const struct pull_options *options, struct err *e)
{
	struct fetching f = { .store = store };

	bars_begin(&f.bars, options->registry.quiet);
	int code = list_layers(&f, p, e);
	if (code == 0)
		code = open_layers(&f, r, ref, e);
	if (code == 0)
		code = check_room(&f, e);
	bool begun = code == 0;
	if (begun)
		code = fetch_layers(&f, r, e);
	bool whole = code == 0;
	if (whole)
		code = hand_over(&f, p, name, options, e);
	if (whole && code < 0 && code != -ECANCELED && some_are_gone(&f, p))
		code = -EAGAIN;
	fetching_done(&f, begun ? what_stays(code, whole) : ALL_STAY);
	return code;
}

static int pull_named(const struct store *store, const struct reference *ref, const char *name,
	const struct pull_options *options, struct err *e)
{
	automatic(registry) struct registry r = { 0 };
	automatic(pulled) struct pulled p = { 0 };

	int code = registry_open(ref, "pull", &options->registry, &r, e);
	if (code == 0)
		code = manifest_fetch(&r, ref, options, &p, e);
	if (code < 0)
		return code;
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		code = bring(store, &r, ref, &p, name, options, e);
		if (code != -EAGAIN)
			break;
	}
	return code < 0 ? -e->code : 0;
}

int pull(const struct store *store, const char *text, const struct pull_options *options,
	struct err *e)
{
	automatic(reference) struct reference ref = { 0 };

	int code = reference_parse(text, &ref, e);
	if (code < 0)
		return code;
	autofree char *name = reference_name(&ref);
	if (!name)
		return err_set(e, ENOMEM, "'%s'", text);
	code = pull_named(store, &ref, name, options, e);
	return code < 0 ? err_while(e, "'%s'", name) : 0;
}
