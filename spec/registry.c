/* What registries answer. */
#include "spec/registry.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "spec/base/json.h"

#define REASON_MAX 200

/* --- challenges (RFC 7235): SCHEME [NAME=VALUE, ...], several of them between commas -------------- */

static bool is_token_char(char c)
{
	return c > ' ' && c <= '~' && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static const char *skip_blank(const char *c)
{
	return c + strspn(c, " \t,");
}

static size_t token_length(const char *c)
{
	size_t n = 0;

	while (is_token_char(c[n]))
		n++;
	return n;
}

/* The value behind '=', quoted or not; behind it, or NULL when it is malformed. */
static const char *read_value(const char *c, struct str *out)
{
	str_add(out, "");
	if (*c != '"') {
		size_t n = token_length(c);
		/* Base64 of token68 may end in '='. */
		str_add_bytes(out, c, n);
		return n ? c + n + strspn(c + n, "=") : NULL;
	}
	for (c++; *c && *c != '"'; c++) {
		if (*c == '\\' && *++c == '\0')
			return NULL;
		if (*c < ' ' || *c > '~')
			return NULL;
		str_add_bytes(out, c, 1);
	}
	return *c == '"' ? c + 1 : NULL;
}

static int keep(struct challenge *c, const char *name, size_t len, struct str *value, struct err *e)
{
	const struct {
		const char *name;
		char **into;
	} known[] = { { "realm", &c->realm }, { "service", &c->service }, { "scope", &c->scope } };

	if (!str_ok(value))
		return err_set(e, ENOMEM, "read the registry's challenge");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len && strncasecmp(name, known[i].name, len) == 0 &&
			!*known[i].into)
			*known[i].into = take(value->data);
	return 0;
}

/* NAME=VALUE, or the end: behind it, NULL when malformed. *more: there was one. */
static const char *read_parameter(
	const char *at, struct challenge *c, bool *more, int *ret_r, struct err *e)
{
	automatic(str) struct str value = { 0 };
	const char *name = skip_blank(at);
	size_t len = token_length(name);
	const char *equals = name + len + strspn(name + len, " \t");

	*more = len > 0 && *equals == '=';
	if (!*more)
		return name;
	equals++;
	equals += strspn(equals, " \t");
	const char *behind = read_value(equals, &value);
	if (behind)
		*ret_r = keep(c, name, len, &value, e);
	return behind;
}

static int malformed(struct err *e)
{
	return err_say(e, EINVAL, "the registry's challenge cannot be read");
}

/* Takes `c` for `best` where it is better. */
static void consider(struct challenge *best, struct challenge *c)
{
	bool usable = c->scheme == CHALLENGE_BASIC || (c->scheme == CHALLENGE_BEARER && c->realm);

	if (!usable || c->scheme <= best->scheme)
		return;
	challenge_done(best);
	*best = *c;
	*c = (struct challenge){ 0 };
}

static int read_challenges(const char *at, struct challenge *best, struct err *e)
{
	int r = 0;

	while (*(at = skip_blank(at))) {
		automatic(challenge) struct challenge c = { 0 };
		size_t len = token_length(at);
		bool more = true;
		if (len == 0)
			return malformed(e);
		if (len == 5 && strncasecmp(at, "Basic", 5) == 0)
			c.scheme = CHALLENGE_BASIC;
		if (len == 6 && strncasecmp(at, "Bearer", 6) == 0)
			c.scheme = CHALLENGE_BEARER;
		at += len;
		if (*at && !strchr(" \t,", *at))
			return malformed(e);
		while (more && r == 0) {
			at = read_parameter(at, &c, &more, &r, e);
			if (!at)
				return malformed(e);
		}
		if (r < 0)
			return r;
		consider(best, &c);
	}
	return 0;
}

int challenge_parse(const char *headers, struct challenge *ret, struct err *e)
{
	automatic(challenge) struct challenge best = { 0 };
	int r = 0;

	for (const char *line = headers; r == 0 && *line;) {
		size_t len = strcspn(line, "\n");
		autofree char *one = strndup(line, len);
		if (!one)
			return err_set(e, ENOMEM, "read the registry's challenge");
		r = read_challenges(one, &best, e);
		line += len + (line[len] == '\n');
	}
	if (r < 0)
		return r;
	if (!best.scheme)
		return err_say(e, EINVAL,
			"the registry wants an authentication that is neither Basic nor Bearer");
	*ret = best;
	best = (struct challenge){ 0 };
	return 0;
}

void challenge_done(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){ 0 };
}

/* --- documents ----------------------------------------------------------------------------------- */

static const struct json_limits limits = {
	.bytes = REGISTRY_ANSWER_MAX, .depth = 16, .values = 1000
};

struct token_doc {
	char *token, *access_token;
};

static const struct field token_fields[] = {
	FIELD(struct token_doc, "token", FIELD_STRING, token),
	FIELD(struct token_doc, "access_token", FIELD_STRING, access_token),
	{ 0 },
};

int token_parse(const char *text, size_t len, char **ret, struct err *e)
{
	struct token_doc doc = { 0 };

	int r = json_read("token", text, len, token_fields, &doc, &limits, e);
	if (r < 0)
		return r;
	char *token = doc.token && *doc.token ? take(doc.token) : take(doc.access_token);
	json_free(token_fields, &doc);
	for (const char *c = token; c && *c; c++)
		if (*c <= ' ' || *c > '~') {
			free(token);
			return err_say(e, EINVAL, "token: it holds what no header may");
		}
	if (!token || !*token) {
		free(token);
		return err_say(e, EINVAL, "token: there is none in the answer");
	}
	*ret = token;
	return 0;
}

struct error_doc {
	char *code, *message;
};

struct errors_doc {
	struct error_doc *errors;
	size_t n;
};

static const struct field error_fields[] = {
	FIELD(struct error_doc, "code", FIELD_STRING, code),
	FIELD(struct error_doc, "message", FIELD_STRING, message),
	{ 0 },
};

static const struct field errors_fields[] = {
	FIELD_LIST(struct errors_doc, "errors", FIELD_OBJECT, errors, n, .inside = error_fields,
		.size = sizeof(struct error_doc)),
	{ 0 },
};

static void first_line(const char *text, size_t len, char out[REASON_MAX + 1])
{
	size_t n = 0;

	while (n < len && n < REASON_MAX && text[n] >= ' ' && text[n] <= '~')
		n++;
	memcpy(out, text, n);
	out[n] = '\0';
}

void registry_reason(const char *text, size_t len, char out[REASON_MAX + 1])
{
	struct errors_doc doc = { 0 };
	struct err ignored;

	*out = '\0';
	if (len == 0)
		return;
	if (json_read("errors", text, len, errors_fields, &doc, &limits, &ignored) < 0) {
		/* A page for people says less than the status does. */
		if (*text != '<' && *text != '{' && *text != '[')
			first_line(text, len, out);
		return;
	}
	for (size_t i = 0; i < doc.n && !*out; i++) {
		const char *say = doc.errors[i].message;
		if (!say || !*say)
			say = doc.errors[i].code;
		if (say)
			first_line(say, strlen(say), out);
	}
	json_free(errors_fields, &doc);
}

bool content_range_parse(const char *text, uint64_t *ret_start)
{
	char number[24];
	size_t len;

	if (strncasecmp(text, "bytes", 5) != 0)
		return false;
	text += 5 + strspn(text + 5, " \t");
	len = strspn(text, "0123456789");
	if (len == 0 || len >= sizeof(number) || text[len] != '-')
		return false;
	memcpy(number, text, len);
	number[len] = '\0';
	return str_to_u64(number, INT64_MAX, ret_start);
}
