/* Ulimits and devices as people write them. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "spec/base/str.h"
#include "spec/derive.h"

/* "1024", or "-1" and "unlimited". */
static bool read_amount(const char *text, uint64_t *ret)
{
	if (str_equal(text, "-1") || str_equal(text, "unlimited")) {
		*ret = UINT64_MAX; /* RLIM_INFINITY */
		return true;
	}
	return str_to_u64(text, UINT64_MAX, ret);
}

/* "nofile" is RLIMIT_NOFILE. 0: none. */
static int limit_of(const char *name, size_t n)
{
	for (const struct enum_name *row = rlimit_names; row->name; row++) {
		const char *short_name = row->name + strlen("RLIMIT_");
		if (strlen(short_name) == n && strncasecmp(short_name, name, n) == 0)
			return row->value;
	}
	return 0;
}

int derive_ulimit_parse(const char *text, struct rlimit_spec *ret, struct err *e)
{
	const char *equals = strchr(text, '=');
	autofree char *soft = strdup(equals ? equals + 1 : "");
	struct rlimit_spec r = { 0 };

	if (!soft)
		return err_set(e, ENOMEM, "'%.80s'", text);
	char *hard = strchr(soft, ':');
	if (hard)
		*hard++ = '\0';
	if (equals)
		r.type = limit_of(text, (size_t)(equals - text));
	if (!r.type)
		return err_say(
			e, EINVAL, "'%.80s': not NAME=SOFT[:HARD] of a limit like nofile", text);
	if (!read_amount(soft, &r.soft) || !read_amount(hard ? hard : soft, &r.hard))
		return err_say(e, EINVAL, "'%.80s': not a number, nor -1 or unlimited", text);
	if (r.soft > r.hard)
		return err_say(e, EINVAL, "'%.80s': the soft limit is above the hard one", text);
	*ret = r;
	return 0;
}

/* Letters of "rwm", and each once. */
static bool is_access(const char *text)
{
	size_t n = strlen(text);

	return n && n <= 3 && strspn(text, "rwm") == n;
}

/* "/dev/x", "/dev/x:r", "/dev/x:/dev/y", "/dev/x:/dev/y:r": only a path begins with a slash. */
int derive_device_parse(const char *text, struct derive_device *ret, struct err *e)
{
	struct derive_device d = { 0 };
	const char *access = "rwm";
	autofree char *copy = strdup(text);
	char *rest = copy;
	int r = 0;

	if (!copy)
		return err_set(e, ENOMEM, "'%.80s'", text);
	const char *source = strsep(&rest, ":"), *path = source;
	if (rest && *rest == '/')
		path = strsep(&rest, ":");
	if (rest)
		access = rest;
	if (*source != '/')
		return err_say(e, EINVAL, "'%.80s': not the absolute path of a device", text);
	if (!is_access(access))
		return err_say(e, EINVAL,
			"'%.80s': access '%.40s' is not of the letters r, w and m", text, access);
	d.source = strdup(source);
	d.node.path = strdup(path);
	d.access = strdup(access);
	if (!d.source || !d.node.path || !d.access) {
		r = err_set(e, ENOMEM, "'%.80s'", text);
		derive_device_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}

void derive_device_done(struct derive_device *d)
{
	free(d->source);
	free(d->access);
	free(d->node.path);
	*d = (struct derive_device){ 0 };
}
