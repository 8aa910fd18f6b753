/* Web addresses. */
#include "spec/url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "spec/reference.h"

#define URL_MAX 8192 /* those of stores behind a registry carry signatures */

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._:[]", c));
}

/* Brackets around an IPv6 address only, and at most one port of digits behind the name. */
static bool host_is_valid(const char *host, size_t len)
{
	const char *end = host + len;
	const char *name_end = host;

	for (size_t i = 0; i < len; i++)
		if (!is_host_char(host[i]))
			return false;
	if (*host == '[') {
		name_end = memchr(host, ']', len);
		if (!name_end || name_end == host + 1 || memchr(host + 1, '[', len - 1))
			return false;
		for (const char *c = host + 1; c < name_end; c++)
			if (!strchr("0123456789abcdefABCDEF:.", *c))
				return false;
		name_end++;
	} else {
		while (name_end < end && *name_end != ':')
			if (strchr("[]", *name_end++))
				return false;
	}
	if (name_end == host)
		return false;
	if (name_end == end)
		return true;
	size_t digits = 0;
	while (name_end + 1 + digits < end && name_end[1 + digits] >= '0' &&
		name_end[1 + digits] <= '9')
		digits++;
	return *name_end == ':' && digits > 0 && digits <= 5 && name_end + 1 + digits == end;
}

static bool rest_is_valid(const char *rest)
{
	for (; *rest; rest++)
		if (*rest <= ' ' || *rest > '~' || *rest == '\\')
			return false;
	return true;
}

static int refuse(const char *text, struct err *e)
{
	return err_say(e, EINVAL, "'%.200s' is no address of http or https", text);
}

int url_parse(const char *text, struct url *ret, struct err *e)
{
	bool secure = strncasecmp(text, "https://", 8) == 0;

	if (strlen(text) > URL_MAX || (!secure && strncasecmp(text, "http://", 7) != 0))
		return refuse(text, e);
	const char *host = text + (secure ? 8 : 7);
	size_t host_len = strcspn(host, "/?#");
	const char *path = host + host_len;
	size_t path_len = strcspn(path, "#");
	if (!host_is_valid(host, host_len) || !rest_is_valid(path))
		return refuse(text, e);
	automatic(url) struct url url = {
		.secure = secure,
		.host = str_format("%.*s", (int)host_len, host),
		.path = str_format("%s%.*s", *path == '/' ? "" : "/", (int)path_len, path),
	};
	if (!url.host || !url.path)
		return err_set(e, ENOMEM, "read an address");
	for (char *c = url.host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	*ret = url;
	url = (struct url){ 0 };
	return 0;
}

void url_done(struct url *url)
{
	free(url->host);
	free(url->path);
	*url = (struct url){ 0 };
}

/* Everything up to the last '/' of the path, for what is named beside it. */
static size_t directory_length(const char *path)
{
	size_t len = strcspn(path, "?");

	while (len > 0 && path[len - 1] != '/')
		len--;
	return len;
}

int url_resolve(const char *base, const char *location, char **ret, struct err *e)
{
	automatic(url) struct url from = { 0 }, to = { 0 };
	autofree char *whole = NULL;

	int r = url_parse(base, &from, e);
	if (r < 0)
		return r;
	const char *scheme = from.secure ? "https" : "http";
	size_t keep = *location == '?' ? strcspn(from.path, "?") : directory_length(from.path);
	if (strncasecmp(location, "http://", 7) == 0 || strncasecmp(location, "https://", 8) == 0)
		whole = strdup(location);
	else if (str_starts(location, "//"))
		whole = str_format("%s:%s", scheme, location);
	else if (*location == '/')
		whole = str_format("%s://%s%s", scheme, from.host, location);
	else if (!*location || strcspn(location, ":") < strcspn(location, "/?#"))
		return refuse(location, e);
	else
		whole = str_format(
			"%s://%s%.*s%s", scheme, from.host, (int)keep, from.path, location);
	if (!whole)
		return err_set(e, ENOMEM, "read an address");
	r = url_parse(whole, &to, e);
	if (r < 0)
		return r;
	char *text = str_format("%s://%s%s", to.secure ? "https" : "http", to.host, to.path);
	if (!text)
		return err_set(e, ENOMEM, "read an address");
	*ret = text;
	return 0;
}

/* A port that is the scheme's own is as none. */
static size_t host_length(const struct url *u)
{
	const char *usual = u->secure ? ":443" : ":80";
	size_t len = strlen(u->host), n = strlen(usual);

	return len > n && strcmp(u->host + len - n, usual) == 0 ? len - n : len;
}

bool url_same_origin(const char *a, const char *b)
{
	automatic(url) struct url x = { 0 }, y = { 0 };
	struct err ignored;

	if (url_parse(a, &x, &ignored) < 0 || url_parse(b, &y, &ignored) < 0)
		return false;
	size_t len = host_length(&x);
	return x.secure == y.secure && len == host_length(&y) && memcmp(x.host, y.host, len) == 0;
}

bool url_is_loopback(const char *text)
{
	automatic(url) struct url url = { 0 };
	struct err ignored;

	return url_parse(text, &url, &ignored) == 0 && reference_host_is_loopback(url.host);
}

void url_encode(struct str *out, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			str_add_bytes(out, text, 1);
		else
			str_addf(out, "%%%02X", (unsigned char)*text);
	}
}
