/* Image references, taken apart. */
#include "spec/reference.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "spec/base/str.h"
#include "spec/image.h"

#define TAG_MAX 128
#define HOST_MAX 255
#define NAME_LENGTH_MAX 255 /* of host and repository, as docker has it */

static const char hub[] = "docker.io", hub_old[] = "index.docker.io",
		  hub_endpoint[] = "registry-1.docker.io", hub_library[] = "library/";

/* ASCII, whatever the locale. */
static bool is_small(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_letter(char c)
{
	return is_small(c) || (c >= 'A' && c <= 'Z');
}

/* 1 to 5 digits, at most 65535. */
static bool port_is_valid(const char *port)
{
	uint64_t n;

	return str_to_u64(port, 65535, &n) && n > 0;
}

/* Labels of letters, digits and inner dashes, between dots. */
static bool labels_are_valid(const char *host, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool inner = i > 0 && i + 1 < len && host[i - 1] != '.' && host[i + 1] != '.' &&
			     host[i + 1] != '-';
		bool dash = host[i] == '-' && i > 0 && i + 1 < len && host[i - 1] != '.' &&
			    host[i + 1] != '.';
		if (!is_letter(host[i]) && !dash && !(host[i] == '.' && inner))
			return false;
	}
	return len > 0;
}

/* How many bytes of `host` the address or name takes, 0 when it is none. */
static size_t address_length(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	size_t len = strcspn(host, ":");

	if (*host != '[')
		return labels_are_valid(host, len) ? len : 0;
	len = strcspn(host, "]");
	if (host[len] != ']' || len - 1 >= sizeof(address))
		return 0;
	memcpy(address, host + 1, len - 1);
	address[len - 1] = '\0';
	return inet_pton(AF_INET6, address, &ignored) == 1 ? len + 1 : 0;
}

static bool host_is_valid(const char *host)
{
	size_t len = address_length(host);

	return len > 0 && strlen(host) <= HOST_MAX &&
	       (host[len] == '\0' || (host[len] == ':' && port_is_valid(host + len + 1)));
}

/* A first part that cannot be one of a path is a registry. */
static bool is_host(const char *part, size_t len)
{
	if (len == strlen("localhost") && memcmp(part, "localhost", len) == 0)
		return true;
	for (size_t i = 0; i < len; i++)
		if (strchr(".:[", part[i]) || (part[i] >= 'A' && part[i] <= 'Z'))
			return true;
	return false;
}

/* What stands between two runs of letters and digits: '.', '_', "__" or dashes. */
static size_t separator_length(const char *text)
{
	size_t dashes = strspn(text, "-");

	if (dashes)
		return dashes;
	if (*text == '_')
		return text[1] == '_' ? 2 : 1;
	return *text == '.';
}

static bool path_is_valid(const char *path)
{
	const char *c = path;

	for (;;) {
		if (!is_small(*c))
			return false;
		while (is_small(*c))
			c++;
		if (*c == '\0')
			return true;
		c += *c == '/' ? 1 : separator_length(c);
	}
}

static bool tag_is_valid(const char *tag)
{
	size_t len = strlen(tag);

	if (len > TAG_MAX || !(is_letter(*tag) || *tag == '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter(tag[i]) && !strchr("_.-", tag[i]))
			return false;
	return true;
}

static bool is_upper(const char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			return true;
	return false;
}

/* A part that is given away. NULL when memory is short, which *failed remembers. */
static char *part_of(const char *prefix, const char *text, size_t len, bool *failed)
{
	char *part = str_format("%s%.*s", prefix, (int)len, text);

	*failed |= !part;
	return part;
}

/* Only its separators are looked at: what is between them is checked by its own rule. */
static int cut(const char *text, struct reference *r, struct err *e)
{
	const char *digest = strchr(text, '@'), *end = digest ? digest : text + strlen(text);
	const char *slash = memchr(text, '/', (size_t)(end - text));
	size_t host = slash && is_host(text, (size_t)(slash - text)) ? (size_t)(slash - text) : 0;
	const char *path = host ? slash + 1 : text;
	const char *last = memrchr(path, '/', (size_t)(end - path));
	const char *tag = memchr(last ? last : path, ':', (size_t)(end - (last ? last : path)));
	size_t path_len = (size_t)((tag ? tag : end) - path);
	bool failed = false;

	r->host = host ? part_of("", text, host, &failed) : part_of(hub, "", 0, &failed);
	if (r->host && strcmp(r->host, hub_old) == 0)
		memmove(r->host, hub, sizeof(hub));
	bool alone = str_equal(r->host, hub) && !memchr(path, '/', path_len);
	r->repository = part_of(alone ? hub_library : "", path, path_len, &failed);
	if (tag)
		r->tag = part_of("", tag + 1, (size_t)(end - tag) - 1, &failed);
	else if (!digest)
		r->tag = part_of("latest", "", 0, &failed);
	if (digest)
		r->digest = part_of("", digest + 1, strlen(digest + 1), &failed);
	return failed ? err_set(e, ENOMEM, "image '%.100s'", text) : 0;
}

static const char *what_is_wrong(const struct reference *r)
{
	if (!host_is_valid(r->host))
		return "its registry is no host name";
	if (!path_is_valid(r->repository))
		return is_upper(r->repository) ? "its name has capital letters" : NULL;
	if (strlen(r->host) + 1 + strlen(r->repository) > NAME_LENGTH_MAX)
		return "it is longer than 255 bytes";
	if (r->tag && *r->tag == '\0')
		return "its tag is empty";
	if (r->tag && !tag_is_valid(r->tag))
		return "its tag is none";
	if (r->digest && !digest_check(r->digest))
		return "its digest is not sha256: and 64 hexadecimal digits";
	return "";
}

int reference_parse(const char *text, struct reference *ret, struct err *e)
{
	automatic(reference) struct reference r = { 0 };

	if (cut(text, &r, e) < 0)
		return -e->code;
	const char *wrong = what_is_wrong(&r);
	if (!wrong)
		return err_say(e, EINVAL, "'%.200s' is not an image name", text);
	if (*wrong)
		return err_say(e, EINVAL, "'%.200s' is not an image name: %s", text, wrong);
	if (r.digest) {
		/* Of the two only the digest says which image is meant. */
		free(r.tag);
		r.tag = NULL;
	}
	*ret = r;
	r = (struct reference){ 0 };
	return 0;
}

void reference_done(struct reference *r)
{
	free(r->host);
	free(r->repository);
	free(r->tag);
	free(r->digest);
	*r = (struct reference){ 0 };
}

char *reference_name(const struct reference *r)
{
	return str_format(
		"%s/%s%c%s", r->host, r->repository, r->digest ? '@' : ':', reference_wanted(r));
}

const char *reference_wanted(const struct reference *r)
{
	return r->digest ? r->digest : r->tag;
}

const char *reference_endpoint(const struct reference *r)
{
	return strcmp(r->host, hub) == 0 ? hub_endpoint : r->host;
}

bool reference_host_is_loopback(const char *host)
{
	char name[HOST_MAX + 1];
	struct in_addr v4;
	size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return strcmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
	       (inet_pton(AF_INET, name, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
}
