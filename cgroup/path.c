/* Paths of groups: checked once, then only names are used. */
#include "cgroup/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "spec/base/str.h"

static int check_name(const char *text, const char *name, struct err *e)
{
	if (!*name)
		return err_say(e, EINVAL, "cgroup path '%s': a name in it is empty", text);
	if (str_equal(name, ".") || str_equal(name, ".."))
		return err_say(e, EINVAL, "cgroup path '%s': '%s' is no name", text, name);
	if (strlen(name) > NAME_MAX)
		return err_say(e, ENAMETOOLONG,
			"cgroup path '%.40s...': a name in it is longer than %d bytes", text,
			NAME_MAX);
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return err_say(
				e, EINVAL, "cgroup path '%s': a control character in it", text);
	return 0;
}

int cgroup_path_parse(const char *text, struct cgroup_path *ret, struct err *e)
{
	const char *whole = *text == '/' ? text + 1 : text;

	size_t size = strlen(whole) + 1;
	if (size > sizeof(ret->names))
		return err_say(e, ENAMETOOLONG, "cgroup path '%.40s...': too long", text);
	memcpy(ret->names, whole, size);
	ret->whole = whole;
	ret->n = 0;
	for (char *name = ret->names; name;) {
		char *slash = strchr(name, '/');
		if (slash)
			*slash = '\0';
		int r = check_name(text, name, e);
		if (r < 0)
			return r;
		if (ret->n == CGROUP_DEPTH_MAX)
			return err_say(e, ENAMETOOLONG,
				"cgroup path '%.40s...': more than %d names", text,
				CGROUP_DEPTH_MAX);
		ret->name[ret->n++] = name;
		name = slash ? slash + 1 : NULL;
	}
	return 0;
}

int cgroup_path_length(const struct cgroup_path *p, size_t n)
{
	return n ? (int)(p->name[n - 1] - p->names) + (int)strlen(p->name[n - 1]) : 0;
}
