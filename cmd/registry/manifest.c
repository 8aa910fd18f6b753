/* The documents of an image in a registry. */
#include "cmd/registry/manifest.h"

#include <errno.h>
#include <string.h>

#include "overlay/blob.h"

#define NESTING_MAX 4

static const char accepted[] = "application/vnd.oci.image.index.v1+json, "
			       "application/vnd.oci.image.manifest.v1+json, "
			       "application/vnd.docker.distribution.manifest.list.v2+json, "
			       "application/vnd.docker.distribution.manifest.v2+json";

/* What a document says of itself, where nobody else does. */
struct kind_doc {
	uint32_t version;
	char *media_type;
	bool has_manifests;
};

static const struct field kind_fields[] = {
	FIELD(struct kind_doc, "schemaVersion", FIELD_U32, version),
	FIELD(struct kind_doc, "mediaType", FIELD_STRING, media_type),
	FIELD(struct kind_doc, "manifests", FIELD_PRESENT, has_manifests),
	{ 0 },
};

/* As the registry says, if that is a type that we know; "application/json" is none. */
static int kind_of(
	const char *type, const char *text, size_t len, enum media_kind *ret, struct err *e)
{
	autofree char *plain = type ? strndup(type, strcspn(type, "; \t")) : NULL;
	const struct media_type *m = media_type_of(plain);
	struct kind_doc doc = { 0 };

	if (!m) {
		int r = json_read(
			"the manifest", text, len, kind_fields, &doc, &json_usual_limits, e);
		if (r < 0)
			return r;
		m = media_type_of(doc.media_type);
		if (!m && !doc.media_type)
			m = media_type_of(doc.has_manifests
						  ? "application/vnd.oci.image.index.v1+json"
						  : "application/vnd.oci.image.manifest.v1+json");
	}
	int r = 0;
	if (doc.version == 1)
		r = err_say(e, EINVAL, "the manifest: schemaVersion: 1 is not supported, only 2");
	else if (m && (m->kind == MEDIA_INDEX || m->kind == MEDIA_MANIFEST))
		*ret = m->kind;
	else
		r = err_say(e, EINVAL, "the manifest: its media type '%.100s' is not supported",
			doc.media_type ? doc.media_type
			: plain	       ? plain
				       : "");
	json_free(kind_fields, &doc);
	return r;
}

struct document {
	char *text;
	size_t len;
	struct digest_text digest;
	char *type;
};

static void document_done(struct document *d)
{
	free(d->text);
	free(d->type);
	*d = (struct document){ 0 };
}
DEFINE_AUTO(document, document_done)

/* `wanted`: a tag or a digest; `size` UINT64_MAX: not known. */
static int check_document(const char *what, const char *wanted, const char *told, uint64_t size,
	struct document *d, struct err *e)
{
	const char *should = digest_check(wanted) ? wanted : digest_check(told) ? told : NULL;

	if (size != UINT64_MAX && d->len != size)
		return err_say(e, ERR_DAMAGED, "%s '%s' has %zu bytes, it should have %ju", what,
			wanted, d->len, (uintmax_t)size);
	int r = digest_of(d->text, d->len, &d->digest, e);
	if (r < 0 || !should || strcmp(d->digest.text, should) == 0)
		return r;
	return err_say(e, ERR_DAMAGED, "%s '%s' is corrupt: its digest is %s, it should be %s",
		what, wanted, d->digest.text, should);
}

static int fetch_document(struct registry *r, char *url, const char *what, const char *wanted,
	uint64_t size, size_t most, struct document *ret, struct err *e)
{
	automatic(exchange) struct exchange x = { .url = url };
	automatic(document) struct document d = { 0 };
	struct exchange *list[] = { &x };

	autofree char *said = str_format("%s '%s'", what, wanted);
	if (!url || !said)
		return err_set(e, ENOMEM, "%s", what);
	if (size != UINT64_MAX && size > most)
		return err_say(e, EFBIG, "%s: its %ju bytes are more than the %zu allowed", said,
			(uintmax_t)size, most);
	x.what = said;
	x.t = (struct transfer){ .method = "GET", .body_fd = -1, .text_max = most };
	x.t.accept = strcmp(what, "manifest") == 0 ? accepted : NULL;
	int code = registry_perform(r, list, 1, NULL, NULL, e);
	if (code < 0)
		return code;
	d.len = x.t.text.len;
	d.text = x.t.text.data ? take(x.t.text.data) : strdup("");
	d.type = take(x.t.type);
	if (!d.text)
		return err_set(e, ENOMEM, "%s", what);
	code = check_document(what, wanted, x.t.digest, size, &d, e);
	if (code < 0)
		return code;
	*ret = d;
	d = (struct document){ 0 };
	return 0;
}

static int check_config(const struct pulled *p, const struct pull_options *o, struct err *e)
{
	if (p->doc.n_layers != p->image.n_diff_ids)
		return err_say(e, ERR_DAMAGED, "its manifest has %zu layers and its config %zu",
			p->doc.n_layers, p->image.n_diff_ids);
	if (o->chosen && (!str_equal(p->image.os, o->os) ||
				 !str_equal(p->image.architecture, o->architecture)))
		return err_say(e, ERR_NO_IMAGE, "it is for %.40s/%.40s, and for no other platform",
			p->image.os, p->image.architecture);
	return 0;
}

static int take_manifest(struct registry *r, const struct reference *ref, struct document *d,
	const struct pull_options *options, struct pulled *ret, struct err *e)
{
	automatic(document) struct document config = { 0 };

	int code = manifest_parse("the manifest", d->text, d->len, &ret->doc, e);
	if (code < 0)
		return code;
	ret->manifest = take(d->text);
	ret->manifest_len = d->len;
	ret->digest = d->digest;
	const struct descriptor *c = &ret->doc.config;
	code = fetch_document(r, registry_url(r, ref, "blobs/%s", c->digest), "config", c->digest,
		c->size, IMAGE_CONFIG_MAX, &config, e);
	if (code == 0)
		code = image_config_parse("the config", config.text, config.len, &ret->image, e);
	if (code < 0)
		return code;
	ret->config = take(config.text);
	ret->config_len = config.len;
	return check_config(ret, options, e);
}

static int choose(const struct document *d, const struct pull_options *o, struct index_doc *index,
	const struct descriptor **ret, struct err *e)
{
	int r = index_parse("the index", d->text, d->len, index, e);

	if (r < 0)
		return r;
	*ret = index_select(index, o->os, o->architecture, o->variant);
	if (*ret)
		return 0;
	return err_say(e, ERR_NO_IMAGE, "it has no variant for %s/%s%s%s", o->os, o->architecture,
		o->variant ? "/" : "", o->variant ? o->variant : "");
}

static int fetch(struct registry *r, const struct reference *ref, const char *wanted, uint64_t size,
	int depth, const struct pull_options *options, struct pulled *ret, struct err *e)
{
	automatic(document) struct document d = { 0 };
	automatic(index_doc) struct index_doc index = { 0 };
	const struct descriptor *chosen;
	enum media_kind kind = 0;

	if (depth > NESTING_MAX)
		return err_say(e, ERR_DAMAGED, "its indexes are nested too deeply");
	int code = fetch_document(r, registry_url(r, ref, "manifests/%s", wanted), "manifest",
		wanted, size, IMAGE_DOCUMENT_MAX, &d, e);
	if (code == 0)
		code = kind_of(d.type, d.text, d.len, &kind, e);
	if (code < 0)
		return code;
	if (kind == MEDIA_MANIFEST)
		return take_manifest(r, ref, &d, options, ret, e);
	code = choose(&d, options, &index, &chosen, e);
	if (code < 0)
		return code;
	return fetch(r, ref, chosen->digest, chosen->size, depth + 1, options, ret, e);
}

int manifest_fetch(struct registry *r, const struct reference *ref,
	const struct pull_options *options, struct pulled *ret, struct err *e)
{
	automatic(pulled) struct pulled p = { 0 };

	int code = fetch(r, ref, reference_wanted(ref), UINT64_MAX, 0, options, &p, e);
	if (code < 0)
		return code;
	*ret = p;
	p = (struct pulled){ 0 };
	return 0;
}

void pulled_done(struct pulled *p)
{
	free(p->manifest);
	free(p->config);
	manifest_done(&p->doc);
	image_config_done(&p->image);
	*p = (struct pulled){ 0 };
}
