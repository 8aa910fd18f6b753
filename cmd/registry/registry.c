/* A registry: how it is reached, and what it wants to know of us. */
#include "cmd/registry/registry.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/registry/login.h"
#include "cmd/registry/trust.h"
#include "spec/base/log.h"
#include "spec/registry.h"
#include "spec/url.h"

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "talk to a registry");
}

char *registry_url(const struct registry *r, const struct reference *ref, const char *format, ...)
{
	automatic(str) struct str s = { 0 };
	char rest[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(rest, sizeof(rest), format, args);
	va_end(args);
	str_addf(&s, "%s/v2/%s/%s", r->base, ref->repository, rest);
	return str_ok(&s) && n < (int)sizeof(rest) ? take(s.data) : NULL;
}

/* --- authentication -------------------------------------------------------------------------------- */

/* Credentials and tokens go by TLS, or where the registry itself is reached without it. */
static int check_realm(const struct registry *r, const char *realm, struct err *e)
{
	automatic(url) struct url url = { 0 };

	int code = url_parse(realm, &url, e);
	if (code < 0)
		return err_while(e, "token server");
	if (!url.secure && !url_is_loopback(realm) && !r->options->insecure)
		return err_say(
			e, EREMOTEIO, "token server '%.200s' is not reached by https", realm);
	return 0;
}

static void add_parameter(struct str *s, const char *realm, const char *name, const char *value)
{
	bool first = s->len == strlen(realm) && !strchr(realm, '?');

	str_addf(s, "%c%s=", first ? '?' : '&', name);
	url_encode(s, value);
}

static char *token_url(const struct registry *r, const struct challenge *c)
{
	automatic(str) struct str s = { 0 };
	const char *scope = r->scope;

	str_add(&s, c->realm);
	if (c->service)
		add_parameter(&s, c->realm, "service", c->service);
	/* Several scopes stand between blanks. */
	for (size_t n; *scope; scope += n + (scope[n] == ' ')) {
		n = strcspn(scope, " ");
		autofree char *one = strndup(scope, n);
		if (!one)
			return NULL;
		add_parameter(&s, c->realm, "scope", one);
	}
	return str_ok(&s) ? take(s.data) : NULL;
}

static int take_token(struct registry *r, const struct exchange *x, struct err *e)
{
	autofree char *token = NULL;

	int code = token_parse(x->t.text.data ? x->t.text.data : "", x->t.text.len, &token, e);
	if (code < 0)
		return err_while(e, "token server");
	char *value = str_format("Bearer %s", token);
	if (!value)
		return no_memory(e);
	free(r->authorization);
	r->authorization = value;
	r->generation++;
	return 0;
}

static int fetch_token(struct registry *r, const struct challenge *c, struct err *e)
{
	automatic(exchange) struct exchange x = { .what = "token" };
	struct exchange *list[] = { &x };
	autofree char *basic = r->login ? str_format("Basic %s", r->login) : NULL;

	int code = check_realm(r, c->realm, e);
	if (code < 0)
		return code;
	x.url = token_url(r, c);
	if (!x.url || (r->login && !basic))
		return no_memory(e);
	x.outside = true;
	x.t = (struct transfer){ .method = "GET", .body_fd = -1, .authorization = basic };
	x.t.text_max = REGISTRY_ANSWER_MAX;
	code = registry_perform(r, list, 1, NULL, NULL, e);
	return code < 0 ? code : take_token(r, &x, e);
}

static int use_basic(struct registry *r, const struct exchange *x, struct err *e)
{
	char reason[201];

	registry_reason(x->t.text.data, x->t.text.len, reason);
	if (!r->login)
		return err_say(e, EREMOTEIO,
			"unauthorized%s%s%s; no credentials for '%s' are kept (hint: 'docker login' "
			"or 'podman login' keeps them)",
			*reason ? " (" : "", reason, *reason ? ")" : "", r->host);
	char *value = str_format("Basic %s", r->login);
	if (!value)
		return no_memory(e);
	free(r->authorization);
	r->authorization = value;
	r->generation++;
	return 0;
}

int registry_authorize(struct registry *r, const struct exchange *x, struct err *e)
{
	automatic(challenge) struct challenge c = { 0 };

	if (!x->t.challenge)
		return err_say(e, EREMOTEIO, "unauthorized, and it does not say how to be");
	int code = challenge_parse(x->t.challenge, &c, e);
	if (code < 0)
		return code;
	return c.scheme == CHALLENGE_BASIC ? use_basic(r, x, e) : fetch_token(r, &c, e);
}

/* --- the way there --------------------------------------------------------------------------------- */

/* Whether it answers as registries do; `ret_end`: how the transfer ended where it does not. */
static int ping(struct registry *r, bool last, enum transfer_end *ret_end, struct err *e)
{
	automatic(exchange) struct exchange x = { .what = "GET /v2/" };
	struct exchange *list[] = { &x };

	x.url = str_format("%s/v2/", r->base);
	if (!x.url)
		return no_memory(e);
	x.may_be_missing = true;
	x.failures = last ? 0 : INT_MAX;
	x.t = (struct transfer){ .method = "GET", .body_fd = -1 };
	x.t.text_max = REGISTRY_ANSWER_MAX;
	int code = registry_perform(r, list, 1, NULL, NULL, e);
	*ret_end = x.t.end;
	if (code == 0 && x.t.status == 404)
		return err_say(e, EREMOTEIO, "it is no registry: GET /v2/ is not found there");
	return code;
}

static int set_base(struct registry *r, bool secure, const char *endpoint, struct err *e)
{
	free(r->base);
	r->base = str_format("%s://%s", secure ? "https" : "http", endpoint);
	r->http_options.origin = r->base;
	return r->base ? 0 : no_memory(e);
}

/*
 * HTTP where nobody speaks TLS, if it is this machine or was allowed; never because a certificate is
 * not good.
 */
static int reach(struct registry *r, const struct reference *ref, struct err *e)
{
	const char *endpoint = reference_endpoint(ref);
	bool plain = r->options->insecure || reference_host_is_loopback(endpoint);
	enum transfer_end end = TRANSFER_RUNS;

	int code = set_base(r, true, endpoint, e);
	if (code == 0)
		code = ping(r, !plain, &end, e);
	if (code == 0 || !plain || code == -ECANCELED ||
		(end != TRANSFER_NO_TLS && end != TRANSFER_NO_SERVER && end != TRANSFER_LOST))
		return code;
	log_debug("'%s': %s; trying http", r->host, e->text);
	code = set_base(r, false, endpoint, e);
	return code < 0 ? code : ping(r, true, &end, e);
}

static int prepare(
	struct registry *r, const struct reference *ref, const char *actions, struct err *e)
{
	const struct registry_options *o = r->options;

	r->scope = str_format(
		"repository:%s:%s%s", ref->repository, actions, o->beside ? o->beside : "");
	if (!r->scope)
		return no_memory(e);
	int code = login_find(o->credentials, ref, &r->login, e);
	if (code == 0)
		code = trust_load(ref->host, o->authority, o->certificates, &r->http_options, e);
	r->http_options.insecure = o->insecure;
	if (code == 0)
		code = http_begin(&r->http_options, &r->http, e);
	if (code == 0)
		code = http_begin(&r->http_options, &r->side, e);
	return code;
}

int registry_open(const struct reference *ref, const char *actions,
	const struct registry_options *options, struct registry *ret, struct err *e)
{
	*ret = (struct registry){ .options = options, .host = ref->host };
	int code = prepare(ret, ref, actions, e);
	if (code == 0)
		code = reach(ret, ref, e);
	if (code < 0)
		registry_done(ret);
	return code < 0 ? err_while(e, "registry '%s'", ref->host) : 0;
}

void registry_done(struct registry *r)
{
	http_end(r->http);
	http_end(r->side);
	trust_done(&r->http_options);
	free(r->base);
	free(r->scope);
	free(r->login);
	free(r->authorization);
	*r = (struct registry){ 0 };
}
