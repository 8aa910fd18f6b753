/*
 * HTTP by libcurl: requests as they are, one by one or several at once.
 *
 * Redirects, authentication and repetition are not left to it: where credentials go is too important
 * (CVE-2020-15157 and its like), and what has come already is to be kept. It reads no .netrc and
 * keeps no cookies; proxies of the environment are used as everywhere.
 */
#include "cmd/registry/http.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "spec/registry.h"
#include "spec/url.h"

#define CONNECT_TIMEOUT_S 30L
#define STALL_BYTES_PER_S 64L /* below that for ... */
#define STALL_S 60L	      /* ... so long nothing comes that is worth waiting for, */
#define STALL_BODY_S 300L     /* or, while the server looks at what it got */

struct http {
	const struct http_options *options;
	CURLM *multi;
};

struct transfer_wire {
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	char reason[CURL_ERROR_SIZE];
};

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "talk to a registry");
}

const char *http_authorities(void)
{
	static char path[PATH_MAX];
#if LIBCURL_VERSION_NUM >= 0x075400
	CURL *easy = curl_easy_init();
	const char *known = NULL;

	if (easy && curl_easy_getinfo(easy, CURLINFO_CAINFO, &known) == CURLE_OK && known)
		snprintf(path, sizeof(path), "%s", known);
	curl_easy_cleanup(easy);
#endif
	return path[0] ? path : NULL;
}

int http_begin(const struct http_options *options, struct http **ret, struct err *e)
{
	autofree struct http *http = calloc(1, sizeof(*http));

	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return no_memory(e);
	http->options = options;
	http->multi = curl_multi_init();
	if (!http->multi)
		return no_memory(e);
	*ret = take(http);
	return 0;
}

void http_end(struct http *http)
{
	if (!http)
		return;
	curl_multi_cleanup(http->multi);
	free(http);
}

/* --- the answer ------------------------------------------------------------------------------------ */

static long status_of(const struct transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->wire->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static int keep_text(struct transfer *t, const void *data, size_t n, bool good)
{
	size_t most = good ? t->text_max : REGISTRY_ANSWER_MAX;

	if (n > most - t->text.len) {
		/* Of an error's page the beginning is enough. */
		if (good)
			return err_say(&t->e, EFBIG,
				"the answer is larger than the %zu bytes allowed", most);
		n = most - t->text.len;
	}
	str_add_bytes(&t->text, data, n);
	return t->text.failed ? no_memory(&t->e) : 0;
}

static size_t on_data(char *data, size_t size, size_t n, void *of)
{
	struct transfer *t = of;

	n *= size;
	if (!t->status)
		t->status = status_of(t);
	bool good = t->status / 100 == 2;
	int r = good && t->sink ? t->sink(t->to, data, n, &t->e) : keep_text(t, data, n, good);
	/* An endless page of an error is not read to its end either. */
	bool enough = !good && t->text.len >= REGISTRY_ANSWER_MAX;
	return r < 0 || enough ? 0 : n;
}

/* "Name: value": the value, when it is that header. */
static const char *header_value(const char *line, size_t len, const char *name, size_t *ret_len)
{
	size_t n = strlen(name);

	if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
		return NULL;
	line += n + 1;
	len -= n + 1;
	while (len && (*line == ' ' || *line == '\t'))
		line++, len--;
	while (len && strchr(" \t\r\n", line[len - 1]))
		len--;
	*ret_len = len;
	return line;
}

/* The first one counts; of challenges all do, a line each. */
static bool keep_header(char **into, const char *value, size_t len, bool all)
{
	if (*into && !all)
		return true;
	char *text = *into ? str_format("%s\n%.*s", *into, (int)len, value) : strndup(value, len);
	if (!text)
		return false;
	free(*into);
	*into = text;
	return true;
}

static void forget_answer(struct transfer *t)
{
	char **const texts[] = { &t->location, &t->challenge, &t->digest, &t->type, &t->range };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		free(*texts[i]);
		*texts[i] = NULL;
	}
	str_done(&t->text);
	t->status = 0;
	t->retry_after = 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *of)
{
	struct transfer *t = of;
	const struct {
		const char *name;
		char **into;
	} known[] = { { "location", &t->location }, { "www-authenticate", &t->challenge },
		{ "docker-content-digest", &t->digest }, { "content-type", &t->type },
		{ "content-range", &t->range } };
	const char *value;
	size_t len;

	n *= size;
	/* A new answer: what "100 continue" said is not it. */
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0)
		forget_answer(t);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		value = header_value(line, n, known[i].name, &len);
		if (value && !keep_header(known[i].into, value, len, i == 1))
			return 0;
	}
	value = header_value(line, n, "retry-after", &len);
	if (value && len < 8) {
		char number[8] = "";
		memcpy(number, value, len);
		str_to_u64(number, 86400, &t->retry_after);
	}
	return n;
}

/* --- the request ----------------------------------------------------------------------------------- */

static size_t on_read(char *into, size_t size, size_t n, void *of)
{
	struct transfer *t = of;
	uint64_t left = t->body_size - t->sent;
	size_t most = size * n < left ? size * n : (size_t)left;
	ssize_t got = (ssize_t)most;

	if (t->body)
		memcpy(into, t->body + t->sent, most);
	else
		got = pread(t->body_fd, into, most, (off_t)t->sent);
	if (got < 0)
		return CURL_READFUNC_ABORT;
	t->sent += (uint64_t)got;
	return (size_t)got;
}

/* To send it again from where libcurl wants to: a kept connection had gone. */
static int on_seek(void *of, curl_off_t offset, int origin)
{
	struct transfer *t = of;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	t->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static bool add_header(struct transfer_wire *w, const char *name, const char *value)
{
	autofree char *line = str_format("%s: %s", name, value);
	struct curl_slist *more = line ? curl_slist_append(w->headers, line) : NULL;

	if (!more)
		return false;
	w->headers = more;
	return true;
}

static bool add_headers(struct transfer *t)
{
	struct transfer_wire *w = t->wire;
	bool ok = add_header(w, "User-Agent", "cowrun/" COWRUN_VERSION);

	if (t->authorization)
		ok = ok && add_header(w, "Authorization", t->authorization);
	if (t->accept)
		ok = ok && add_header(w, "Accept", t->accept);
	if (t->content_type)
		ok = ok && add_header(w, "Content-Type", t->content_type);
	/* No waiting for a "100 continue" before a body. */
	struct curl_slist *more = ok ? curl_slist_append(w->headers, "Expect:") : NULL;
	if (more)
		w->headers = more;
	return more != NULL;
}

static bool set_body(struct transfer *t)
{
	CURL *easy = t->wire->easy;
	bool has_body = strcmp(t->method, "GET") != 0 && strcmp(t->method, "HEAD") != 0;

	if (strcmp(t->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == 0;
	if (!has_body)
		return true;
	return curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body_size) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_READDATA, t) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) == 0 &&
	       curl_easy_setopt(easy, CURLOPT_SEEKDATA, t) == 0;
}

static bool set_peer(const struct transfer *t)
{
	const struct http_options *o = t->wire->http->options;
	CURL *easy = t->wire->easy;
	bool ok = true;

	if (o->insecure)
		ok = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) == 0 &&
		     curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) == 0;
	/* What is on this machine is reached by no other. */
	if (url_is_loopback(t->url))
		ok = ok && curl_easy_setopt(easy, CURLOPT_PROXY, "") == 0;
	char *signers = t->trusted && o->authorities ? o->authorities : o->authority;
	if (signers) {
		struct curl_blob blob = { signers, strlen(signers), CURL_BLOB_NOCOPY };
		ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) == 0;
	}
	if (o->certificate && o->key && o->origin && url_same_origin(t->url, o->origin))
		ok = ok && curl_easy_setopt(easy, CURLOPT_SSLCERT, o->certificate) == 0 &&
		     curl_easy_setopt(easy, CURLOPT_SSLKEY, o->key) == 0;
	return ok;
}

static bool set_up(struct transfer *t)
{
	struct transfer_wire *w = t->wire;
	CURL *easy = w->easy;
	char range[32];
	bool ok = curl_easy_setopt(easy, CURLOPT_URL, t->url) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == 0 &&
		  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_S) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
			  t->body_size ? STALL_BODY_S : STALL_S) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, w->reason) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == 0 &&
		  curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == 0 && set_peer(t) &&
		  set_body(t) && add_headers(t);

	if (ok && t->offset) {
		snprintf(range, sizeof(range), "%ju-", (uintmax_t)t->offset);
		ok = curl_easy_setopt(easy, CURLOPT_RANGE, range) == 0;
	}
	return ok && curl_easy_setopt(easy, CURLOPT_HTTPHEADER, w->headers) == 0;
}

static void free_wire(struct transfer *t)
{
	struct transfer_wire *w = t->wire;

	if (!w)
		return;
	if (w->easy) {
		curl_multi_remove_handle(w->http->multi, w->easy);
		curl_easy_cleanup(w->easy);
	}
	curl_slist_free_all(w->headers);
	free(w);
	t->wire = NULL;
}

void transfer_reset(struct transfer *t)
{
	free_wire(t);
	forget_answer(t);
	t->end = TRANSFER_RUNS;
	t->sent = 0;
	t->e = (struct err){ 0 };
}

int http_start(struct http *http, struct transfer *t, struct err *e)
{
	transfer_reset(t);
	t->wire = calloc(1, sizeof(*t->wire));
	if (!t->wire)
		return no_memory(e);
	t->wire->http = http;
	t->wire->easy = curl_easy_init();
	if (t->wire->easy && set_up(t) && curl_multi_add_handle(http->multi, t->wire->easy) == 0)
		return 0;
	free_wire(t);
	return no_memory(e);
}

/* What libcurl says, as one of a few ends that make a difference. */
static const struct {
	CURLcode code;
	enum transfer_end end;
} ends[] = { { CURLE_OK, TRANSFER_ANSWERED }, { CURLE_COULDNT_CONNECT, TRANSFER_NO_SERVER },
	{ CURLE_COULDNT_RESOLVE_HOST, TRANSFER_NO_SERVER },
	{ CURLE_COULDNT_RESOLVE_PROXY, TRANSFER_NO_SERVER },
	{ CURLE_SSL_CONNECT_ERROR, TRANSFER_NO_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, TRANSFER_UNTRUSTED },
	{ CURLE_SSL_CACERT_BADFILE, TRANSFER_UNTRUSTED },
	{ CURLE_SSL_CERTPROBLEM, TRANSFER_UNTRUSTED },
	{ CURLE_SSL_ISSUER_ERROR, TRANSFER_UNTRUSTED } };

static enum transfer_end end_of(CURLcode code)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends[i].code == code)
			return ends[i].end;
	return TRANSFER_LOST;
}

static void finish(struct transfer *t, CURLcode code)
{
	const char *why = *t->wire->reason ? t->wire->reason : curl_easy_strerror(code);

	t->status = status_of(t);
	/* The page of an error may have been longer than what is read of it. */
	if (code == CURLE_WRITE_ERROR && !t->e.code && t->status / 100 != 2)
		code = CURLE_OK;
	t->end = t->e.code ? TRANSFER_REFUSED : end_of(code);
	if (t->end != TRANSFER_ANSWERED && !t->e.code)
		err_say(&t->e, EREMOTEIO, "%s%.300s", t->end == TRANSFER_UNTRUSTED ? "TLS: " : "",
			why);
	free_wire(t);
}

int http_wait(struct http *http, int timeout_ms, struct err *e)
{
	int running, left;
	CURLMcode code = curl_multi_perform(http->multi, &running);

	if (code == CURLM_OK && running)
		code = curl_multi_poll(http->multi, NULL, 0, timeout_ms, NULL);
	if (code == CURLM_OK && running)
		code = curl_multi_perform(http->multi, &running);
	if (code != CURLM_OK && code != CURLM_UNRECOVERABLE_POLL)
		return err_say(e, EIO, "talk to a registry: %s", curl_multi_strerror(code));
	for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left));) {
		struct transfer *t = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, m->data.result);
	}
	return 0;
}
