/* Extended attributes that are a file's own. */
#include "overlay/xattrs.h"

#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

/* `exact`, or all that begins with it; the first row that matches decides. */
static const struct {
	const char *name;
	bool exact, taken;
} xattr_rules[] = {
	{ "user.overlay.", false, false },
	{ "user.", false, true },
	{ "security.capability", true, true },
	{ "system.posix_acl_access", true, true },
	{ "system.posix_acl_default", true, true },
};

bool xattrs_takes(const char *name)
{
	for (size_t i = 0; i < sizeof(xattr_rules) / sizeof(xattr_rules[0]); i++)
		if (xattr_rules[i].exact ? strcmp(name, xattr_rules[i].name) == 0
					 : str_starts(name, xattr_rules[i].name))
			return xattr_rules[i].taken;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of `list` that count, sorted; the caller frees. */
static const char **choose(const char *list, size_t n, size_t *ret_n)
{
	const char **names = calloc(n / 2 + 1, sizeof(*names));
	size_t found = 0;

	for (size_t at = 0; names && at < n; at += strlen(list + at) + 1)
		if (xattrs_takes(list + at))
			names[found++] = list + at;
	if (names && found)
		qsort(names, found, sizeof(*names), compare);
	*ret_n = found;
	return names;
}

static int add(int fd, const char *name, char *value, struct str *ret)
{
	ssize_t got = fgetxattr(fd, name, value, XATTR_SIZE_MAX);

	if (got < 0)
		return errno == ENODATA ? 0 : -errno; /* gone since it was listed */
	size_t n = (size_t)got;
	str_add_bytes(ret, name, strlen(name) + 1);
	str_add_bytes(ret, &n, sizeof(n));
	str_add_bytes(ret, value, n);
	return ret->failed ? -ENOMEM : 0;
}

static int read_listed(int fd, const char *list, size_t n, struct str *ret)
{
	size_t n_names;
	autofree const char **names = choose(list, n, &n_names);
	autofree char *value = names && n_names ? malloc(XATTR_SIZE_MAX) : NULL;
	int r = !names || (n_names && !value) ? -ENOMEM : 0;

	for (size_t i = 0; r == 0 && i < n_names; i++)
		r = add(fd, names[i], value, ret);
	return r;
}

/* Nearly every file has none, or a few of overlay's own: one call, and the stack, are enough. */
int xattrs_read(int fd, struct str *ret)
{
	char few[1024];
	ssize_t n = flistxattr(fd, few, sizeof(few));

	if (n >= 0)
		return read_listed(fd, few, (size_t)n, ret);
	if (errno == EOPNOTSUPP)
		return 0;
	if (errno != ERANGE)
		return -errno;
	autofree char *many = malloc(XATTR_LIST_MAX);
	n = many ? flistxattr(fd, many, XATTR_LIST_MAX) : -1;
	return n < 0 ? -(many ? errno : ENOMEM) : read_listed(fd, many, (size_t)n, ret);
}

bool xattrs_next(const struct str *from, size_t *at, const char **ret_name, const void **ret_value,
	size_t *ret_n)
{
	if (*at >= from->len)
		return false;
	*ret_name = from->data + *at;
	*at += strlen(*ret_name) + 1;
	memcpy(ret_n, from->data + *at, sizeof(*ret_n));
	*at += sizeof(*ret_n);
	*ret_value = from->data + *at;
	*at += *ret_n;
	return true;
}
