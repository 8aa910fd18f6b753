/* Exchanges: requests until they have their answer. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "cmd/registry/registry.h"
#include "spec/base/clock.h"
#include "spec/base/log.h"
#include "spec/registry.h"
#include "spec/url.h"

#define PARALLEL 4
#define REDIRECTS_MAX 5
#define AUTHORIZED_MAX 2 /* a token may expire while a blob is on its way */
#define DELAY_MS 250	 /* before the first repetition; each next waits four times as long */
#define DELAY_MAX_MS 30000
#define LOOK_MS 100
#define WORTH_BYTES (1u << 20) /* what came since the last failure makes it the first again */

static const struct {
	long status;
	int code;
	const char *text;
} statuses[] = {
	{ 401, EREMOTEIO, "unauthorized" },
	{ 403, EREMOTEIO, "access is denied" },
	{ 404, ENOENT, "not found" },
	{ 429, EREMOTEIO, "too many requests, its limit of these is reached" },
};

/* What the registry made of it, in words. */
static int fail_status(const struct registry *r, struct exchange *x, struct err *e)
{
	char reason[201], number[64];
	const char *say = number;
	int code = EREMOTEIO;

	snprintf(number, sizeof(number), "%s %ld",
		x->t.status >= 500 ? "the server fails with status" : "unexpected status",
		x->t.status);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == x->t.status) {
			say = statuses[i].text;
			code = statuses[i].code;
		}
	registry_reason(x->t.text.data, x->t.text.len, reason);
	bool unknown = x->t.status == 401 && !r->login && !x->outside;
	return err_say(e, code, "%s: %s%s%s%s%s", x->what, say, *reason ? " (" : "", reason,
		*reason ? ")" : "",
		unknown ? "; no credentials for it are kept (hint: 'docker login' or "
			  "'podman login' keeps them)"
			: "");
}

static int64_t delay_of(const struct exchange *x)
{
	int64_t delay = DELAY_MS;

	for (int i = 1; i < x->failures && delay < DELAY_MAX_MS; i++)
		delay *= 4;
	if (x->t.retry_after && (int64_t)x->t.retry_after * 1000 > delay)
		delay = (int64_t)x->t.retry_after * 1000;
	return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

static void again(struct exchange *x, int64_t delay)
{
	x->state = EXCHANGE_READY;
	x->not_before_ms = delay ? clock_ms() + delay : 0;
}

/* Signed addresses expire: a repetition begins at the registry. */
static void from_the_start(struct exchange *x)
{
	free(x->moved);
	x->moved = NULL;
	x->redirects = 0;
}

/* 0 when it is tried again; else `e`, which says why not, stands. */
static int retry(const struct registry *r, struct exchange *x, struct err *e)
{
	if (x->failures >= r->options->retries)
		return -e->code;
	x->failures++;
	log_debug("%s; trying again in %lld ms", e->text, (long long)delay_of(x));
	again(x, delay_of(x));
	from_the_start(x);
	return 0;
}

int exchange_follow(const struct registry *r, struct exchange *x, const char *query, struct err *e)
{
	const char *from = x->moved ? x->moved : x->url;
	autofree char *to = NULL;

	if (!x->t.location)
		return err_say(e, EREMOTEIO, "%s: a redirect to nowhere", x->what);
	if (url_resolve(from, x->t.location, &to, e) < 0)
		return err_while(e, "%s: redirect", x->what);
	if (str_starts(from, "https:") && !str_starts(to, "https:") && !r->options->insecure)
		return err_say(e, EREMOTEIO, "%s: a redirect from https to '%.200s'", x->what, to);
	char *whole =
		query ? str_format("%s%c%s", to, strchr(to, '?') ? '&' : '?', query) : take(to);
	if (!whole)
		return err_set(e, ENOMEM, "%s", x->what);
	free(x->moved);
	x->moved = whole;
	return 0;
}

static int redirect(const struct registry *r, struct exchange *x, struct err *e)
{
	if (++x->redirects > REDIRECTS_MAX)
		return err_say(e, EREMOTEIO, "%s: more than %d redirects", x->what, REDIRECTS_MAX);
	int code = exchange_follow(r, x, NULL, e);
	if (code < 0)
		return code;
	/* The server of tokens has the password of those who asked it, and nobody that it names. */
	if (x->t.authorization && x->outside && !url_same_origin(x->moved, x->url))
		return err_say(e, EREMOTEIO,
			"%s: a redirect to '%.200s', which does not get the password", x->what,
			x->moved);
	again(x, 0);
	return 0;
}

static bool is_home(const struct registry *r, const struct exchange *x)
{
	return !x->outside && (!x->moved || url_same_origin(x->moved, r->base));
}

static int unauthorized(struct registry *r, struct exchange *x, struct err *e)
{
	/* Another exchange may have got a token since this one was sent. */
	bool stale = x->generation != r->generation;

	if (!is_home(r, x) || (x->asked == AUTHORIZED_MAX && !stale))
		return fail_status(r, x, e);
	if (!stale) {
		int code = registry_authorize(r, x, e);
		if (code < 0)
			return err_while(e, "%s", x->what);
	}
	from_the_start(x);
	x->asked++;
	again(x, 0);
	return 0;
}

static int complete(struct exchange *x, struct err *e)
{
	int code = x->end ? x->end(x, e) : 0;

	if (code == -EAGAIN && !x->repeated) {
		x->repeated = true;
		from_the_start(x);
		again(x, 0);
		return 0;
	}
	if (code < 0)
		return -e->code;
	if (code == EXCHANGE_GOES_ON)
		again(x, 0);
	else
		x->state = EXCHANGE_DONE;
	return 0;
}

static int answered(struct registry *r, struct exchange *x, struct err *e)
{
	long s = x->t.status;

	if (s / 100 == 2 || (s == 404 && x->may_be_missing))
		return complete(x, e);
	if (s == 301 || s == 302 || s == 303 || s == 307 || s == 308)
		return redirect(r, x, e);
	if (s == 401)
		return unauthorized(r, x, e);
	/* What we have of it is more than there is, or there are no ranges here. */
	if (s == 416 && x->t.offset && !x->repeated && x->end)
		return complete(x, e);
	fail_status(r, x, e);
	if (s == 408 || s == 429 || s >= 500)
		return retry(r, x, e);
	return -e->code;
}

static int settle(struct registry *r, struct exchange *x, struct err *e)
{
	switch (x->t.end) {
	case TRANSFER_ANSWERED:
		return answered(r, x, e);
	case TRANSFER_NO_SERVER:
	case TRANSFER_LOST:
		*e = x->t.e;
		err_while(e, "%s", x->what);
		return retry(r, x, e);
	case TRANSFER_RUNS:
	case TRANSFER_NO_TLS:
	case TRANSFER_UNTRUSTED:
	case TRANSFER_REFUSED:
		break;
	}
	*e = x->t.e;
	return err_while(e, "%s", x->what);
}

static int start(struct registry *r, struct http *http, struct exchange *x, struct err *e)
{
	uint64_t before = x->t.offset;

	if (x->begin && !x->moved && x->begin(x, e) < 0)
		return -e->code;
	if (x->t.offset >= before + WORTH_BYTES)
		x->failures = 0;
	x->t.url = x->moved ? x->moved : x->url;
	x->t.trusted = !x->moved || url_same_origin(x->moved, x->outside ? x->url : r->base);
	if (!x->outside) {
		x->t.authorization = is_home(r, x) ? r->authorization : NULL;
		x->generation = r->generation;
	}
	x->state = EXCHANGE_RUNS;
	return http_start(http, &x->t, e);
}

/* Starts what may start; how many run and how many are left, and when the next one may begin. */
static int start_some(struct registry *r, struct http *http, struct exchange **list, size_t n,
	size_t *ret_runs, size_t *ret_left, int *ret_wait, struct err *e)
{
	int64_t now = clock_ms(), wait = LOOK_MS;
	size_t runs = 0, left = 0;

	for (size_t i = 0; i < n; i++)
		runs += list[i]->state == EXCHANGE_RUNS;
	for (size_t i = 0; i < n; i++) {
		struct exchange *x = list[i];
		left += x->state != EXCHANGE_DONE;
		if (x->state != EXCHANGE_READY || runs >= PARALLEL)
			continue;
		if (x->not_before_ms > now) {
			wait = x->not_before_ms - now < wait ? x->not_before_ms - now : wait;
			continue;
		}
		int code = start(r, http, x, e);
		if (code < 0)
			return code;
		runs++;
	}
	*ret_runs = runs;
	*ret_left = left;
	*ret_wait = (int)wait;
	return 0;
}

static int go_on(struct registry *r, struct http *http, struct exchange **list, size_t n,
	bool *more, struct err *e)
{
	size_t runs = 0, left = 0;
	int wait = 0;

	if (r->options->cancelled && *r->options->cancelled)
		return err_say(e, ECANCELED, "interrupted");
	int code = start_some(r, http, list, n, &runs, &left, &wait, e);
	*more = left > 0;
	if (code < 0 || left == 0)
		return code;
	if (runs == 0)
		poll(NULL, 0, wait);
	else
		code = http_wait(http, wait, e);
	for (size_t i = 0; code == 0 && i < n; i++) {
		if (list[i]->state != EXCHANGE_RUNS || list[i]->t.end == TRANSFER_RUNS)
			continue;
		code = settle(r, list[i], e);
		if (code < 0) /* its answer stays to be looked at */
			list[i]->state = EXCHANGE_DONE;
	}
	return code;
}

int registry_perform(struct registry *r, struct exchange **list, size_t n, void (*watch)(void *),
	void *watched, struct err *e)
{
	struct http *http = n == 1 && list[0]->outside ? r->side : r->http;
	bool more = true;
	int code = 0;

	while (code == 0 && more) {
		code = go_on(r, http, list, n, &more, e);
		if (watch)
			watch(watched);
	}
	for (size_t i = 0; code < 0 && i < n; i++)
		if (list[i]->state == EXCHANGE_RUNS)
			transfer_reset(&list[i]->t);
	return code;
}

void exchange_done(struct exchange *x)
{
	transfer_reset(&x->t);
	free(x->moved);
	free(x->url);
	*x = (struct exchange){ 0 };
}
