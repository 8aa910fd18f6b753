/* Who one is to a registry. */
#include "spec/credentials.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "spec/base/json.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char hub[] = "docker.io";
/* As docker login keeps it; the others are of podman, and of people. */
static const char *const hub_keys[] = { "https://index.docker.io/v1/", "index.docker.io",
	"registry-1.docker.io" };

struct auth {
	char *key, *auth, *username, *password;
};

struct helper {
	char *key, *value;
};

struct auth_doc {
	struct auth *auths;
	size_t n_auths;
	struct string_pair *helpers;
	size_t n_helpers;
	char *store;
};

static const struct field auth_fields[] = {
	FIELD(struct auth, "auth", FIELD_STRING, auth),
	FIELD(struct auth, "username", FIELD_STRING, username),
	FIELD(struct auth, "password", FIELD_STRING, password),
	{ 0 },
};

static const struct field doc_fields[] = {
	{ .name = "auths",
		.kind = FIELD_OBJECT_MAP,
		.offset = offsetof(struct auth_doc, auths),
		.count_offset = offsetof(struct auth_doc, n_auths),
		.inside = auth_fields,
		.size = sizeof(struct auth) },
	FIELD_LIST(struct auth_doc, "credHelpers", FIELD_MAP, helpers, n_helpers),
	FIELD(struct auth_doc, "credsStore", FIELD_STRING, store),
	{ 0 },
};

char *base64_write(const void *data, size_t len)
{
	const unsigned char *in = data;
	char *out = malloc((len + 2) / 3 * 4 + 1), *to = out;

	for (size_t i = 0; out && i < len; i += 3) {
		uint32_t word = (uint32_t)in[i] << 16;
		if (i + 1 < len)
			word |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			word |= in[i + 2];
		*to++ = alphabet[word >> 18];
		*to++ = alphabet[word >> 12 & 63];
		*to++ = i + 1 < len ? alphabet[word >> 6 & 63] : '=';
		*to++ = i + 2 < len ? alphabet[word & 63] : '=';
	}
	if (out)
		*to = '\0';
	return out;
}

/* What goes into a header must be base64 and nothing else. */
static bool is_base64(const char *text)
{
	size_t n = strspn(text, alphabet);

	return n > 0 && strspn(text + n, "=") == strlen(text + n);
}

/* "https://host/" is host; the path of podman's keys stays. */
static bool key_is(const char *key, const char *name)
{
	size_t len;

	if (str_starts(key, "https://"))
		key += 8;
	else if (str_starts(key, "http://"))
		key += 7;
	len = strlen(key);
	while (len > 0 && key[len - 1] == '/')
		len--;
	/* Old entries of docker's: the version of the protocol behind the host. */
	if (len > 3 &&
		(memcmp(key + len - 3, "/v1", 3) == 0 || memcmp(key + len - 3, "/v2", 3) == 0))
		len -= 3;
	return strlen(name) == len && memcmp(key, name, len) == 0;
}

static const struct auth *find_key(const struct auth_doc *doc, const char *name)
{
	for (size_t i = 0; i < doc->n_auths; i++)
		if (key_is(doc->auths[i].key, name))
			return &doc->auths[i];
	return NULL;
}

/* host/a/b, host/a, host, and then what docker.io is called besides. */
static const struct auth *find(
	const struct auth_doc *doc, const char *host, const char *repository, struct err *e)
{
	autofree char *name = str_format("%s/%s", host, repository);
	const struct auth *found = NULL;

	if (!name) {
		err_set(e, ENOMEM, "read credentials");
		return NULL;
	}
	while (!(found = find_key(doc, name))) {
		char *slash = strrchr(name, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	for (size_t i = 0; !found && strcmp(host, hub) == 0 && i < 3; i++)
		for (size_t k = 0; !found && k < doc->n_auths; k++)
			if (strcmp(doc->auths[k].key, hub_keys[i]) == 0 ||
				key_is(doc->auths[k].key, hub_keys[i]))
				found = &doc->auths[k];
	return found;
}

static int take_auth(const char *what, const struct auth *a, struct credentials *ret, struct err *e)
{
	if (a->auth && *a->auth) {
		if (!is_base64(a->auth))
			return err_say(
				e, EINVAL, "%s: auths.%.100s.auth: it is no base64", what, a->key);
		ret->basic = strdup(a->auth);
	} else if (a->username && a->password) {
		autofree char *both = str_format("%s:%s", a->username, a->password);
		ret->basic = both ? base64_write(both, strlen(both)) : NULL;
	} else {
		return 0;
	}
	return ret->basic ? 0 : err_set(e, ENOMEM, "read credentials");
}

/* A program's name, never a path to one. */
static bool helper_is_valid(const char *name)
{
	return *name && !strchr(name, '/') && strlen(name) < 100;
}

static int take_helper(const char *what, const struct auth_doc *doc, const char *host,
	struct credentials *ret, struct err *e)
{
	const char *helper = doc->store;

	for (size_t i = 0; i < doc->n_helpers; i++)
		if (key_is(doc->helpers[i].key, host))
			helper = doc->helpers[i].value;
	if (!helper || !*helper)
		return 0;
	if (!helper_is_valid(helper))
		return err_say(
			e, EINVAL, "%s: '%.100s' is no credential helper's name", what, helper);
	ret->helper = strdup(helper);
	ret->key = strdup(strcmp(host, hub) == 0 ? hub_keys[0] : host);
	return ret->helper && ret->key ? 0 : err_set(e, ENOMEM, "read credentials");
}

int credentials_parse(const char *what, const char *text, size_t len, const char *host,
	const char *repository, struct credentials *ret, struct err *e)
{
	automatic(credentials) struct credentials c = { 0 };
	struct auth_doc doc = { 0 };

	int r = json_read(what, text, len, doc_fields, &doc, &json_usual_limits, e);
	if (r < 0)
		return str_starts(e->text, what) ? r : err_while(e, "%s", what);
	const struct auth *found = find(&doc, host, repository, e);
	if (found)
		r = take_auth(what, found, &c, e);
	if (r == 0 && !c.basic)
		r = take_helper(what, &doc, host, &c, e);
	json_free(doc_fields, &doc);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct credentials){ 0 };
	return 0;
}

struct helper_doc {
	char *name, *secret;
};

static const struct field helper_fields[] = {
	FIELD(struct helper_doc, "Username", FIELD_STRING, name, .must = true),
	FIELD(struct helper_doc, "Secret", FIELD_STRING, secret, .must = true),
	{ 0 },
};

int credentials_parse_helper(
	const char *what, const char *text, size_t len, struct credentials *ret, struct err *e)
{
	struct helper_doc doc = { 0 };

	int r = json_read(what, text, len, helper_fields, &doc, &json_usual_limits, e);
	if (r < 0)
		return r;
	autofree char *both = str_format("%s:%s", doc.name, doc.secret);
	json_free(helper_fields, &doc);
	ret->basic = both ? base64_write(both, strlen(both)) : NULL;
	return ret->basic ? 0 : err_set(e, ENOMEM, "read credentials");
}

void credentials_done(struct credentials *c)
{
	free(c->basic);
	free(c->helper);
	free(c->key);
	*c = (struct credentials){ 0 };
}
