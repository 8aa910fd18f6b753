/* Blobs on their way into a registry. */
#include "cmd/registry/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spec/registry.h"
#include "spec/url.h"

static int set_url(struct exchange *x, char *url, const char *method, struct err *e)
{
	if (!url)
		return err_set(e, ENOMEM, "%s", x->what);
	free(x->url);
	free(x->moved);
	x->moved = NULL;
	x->url = url;
	x->t.method = method;
	x->t.body_fd = -1;
	x->t.body = NULL;
	x->t.body_size = 0;
	x->t.content_type = NULL;
	return 0;
}

static int ask_for_it(struct upload *u, struct err *e)
{
	u->stage = UPLOAD_ASKS;
	u->x.may_be_missing = true;
	return set_url(
		&u->x, registry_url(u->registry, u->ref, "blobs/%s", u->digest.text), "HEAD", e);
}

/* An upload begins, or the blob is there by way of another repository. */
static int ask_to_send(struct upload *u, struct err *e)
{
	automatic(str) struct str query = { 0 };

	str_add(&query, "");
	if (u->from) {
		str_add(&query, "?mount=");
		url_encode(&query, u->digest.text);
		str_add(&query, "&from=");
		url_encode(&query, u->from);
	}
	if (!str_ok(&query))
		return err_set(e, ENOMEM, "%s", u->what);
	u->stage = UPLOAD_MOUNTS;
	u->x.may_be_missing = false;
	return set_url(&u->x, registry_url(u->registry, u->ref, "blobs/uploads/%s", query.data),
		"POST", e);
}

static int send_it(struct upload *u, struct err *e)
{
	automatic(str) struct str query = { 0 };

	str_add(&query, "digest=");
	url_encode(&query, u->digest.text);
	int r = str_ok(&query) ? exchange_follow(u->registry, &u->x, query.data, e)
			       : err_set(e, ENOMEM, "%s", u->what);
	if (r < 0)
		return r;
	u->stage = UPLOAD_SENDS;
	u->x.t.method = "PUT";
	u->x.t.body_fd = u->fd;
	u->x.t.body = u->text;
	u->x.t.body_size = u->size;
	u->x.t.content_type = "application/octet-stream";
	return EXCHANGE_GOES_ON;
}

/* Whatever failed, it is asked for first: a lost answer may have been a good one. */
static int begin(struct exchange *x, struct err *e)
{
	struct upload *u = x->of;

	/* What follows on the first answer was set up with it. */
	if (u->stage == UPLOAD_MOUNTS && x->t.status == 404)
		return 0;
	return ask_for_it(u, e);
}

static bool has_bytes(const struct upload *u)
{
	return u->fd >= 0 || u->text;
}

static int end(struct exchange *x, struct err *e)
{
	struct upload *u = x->of;
	long status = x->t.status;
	int r;

	switch (u->stage) {
	case UPLOAD_ASKS:
		if (status != 404)
			u->result = UPLOAD_THERE;
		else if (!has_bytes(u) && !u->from)
			u->result = UPLOAD_MISSING;
		if (u->result)
			return 0;
		r = ask_to_send(u, e);
		return r < 0 ? r : EXCHANGE_GOES_ON;
	case UPLOAD_MOUNTS:
		if (status == 201)
			u->result = UPLOAD_MOUNTED;
		else if (!has_bytes(u))
			u->result = UPLOAD_MISSING;
		return u->result ? 0 : send_it(u, e);
	case UPLOAD_SENDS:
		u->result = UPLOAD_SENT;
		return 0;
	}
	return 0;
}

void upload_begin(struct upload *u, const struct registry *r, const struct reference *ref,
	const char *what, const char *digest)
{
	*u = (struct upload){ .registry = r, .ref = ref, .fd = -1 };
	snprintf(u->digest.text, sizeof(u->digest.text), "%s", digest);
	snprintf(u->what, sizeof(u->what), "%s '%s'", what, u->digest.text);
	u->x = (struct exchange){ .what = u->what, .of = u, .begin = begin, .end = end };
	u->x.t = (struct transfer){ .body_fd = -1, .text_max = REGISTRY_ANSWER_MAX };
}

int upload_perform(struct registry *r, struct upload **list, size_t n, void (*watch)(void *),
	void *watched, struct err *e)
{
	autofree struct exchange **exchanges = calloc(n + 1, sizeof(struct exchange *));
	size_t k = 0;

	if (!exchanges)
		return err_set(e, ENOMEM, "list the blobs");
	for (size_t i = 0; i < n; i++)
		if (list[i]->result == UPLOAD_RUNS)
			exchanges[k++] = &list[i]->x;
	return registry_perform(r, exchanges, k, watch, watched, e);
}

void upload_again(struct upload *u, int fd, uint64_t size, const char *digest)
{
	const struct registry *r = u->registry;
	const struct reference *ref = u->ref;

	upload_done(u);
	upload_begin(u, r, ref, "layer", digest);
	u->fd = fd;
	u->size = size;
}

void upload_done(struct upload *u)
{
	exchange_done(&u->x);
}
