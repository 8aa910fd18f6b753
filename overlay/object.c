/* Names of objects, and the way to them. */
#include "overlay/object.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char prefix[] = "/.wh.";
#define PREFIX (sizeof(prefix) - 1)

struct object_path object_path(const struct object_name *name)
{
	struct object_path p;

	memcpy(p.text, prefix, PREFIX);
	p.text[PREFIX] = name->text[0];
	p.text[PREFIX + 1] = '/';
	memcpy(p.text + PREFIX + 2, name->text + 1, OBJECT_NAME);
	return p;
}

bool object_name_check(const char *text, size_t n)
{
	if (n != OBJECT_NAME)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!text[i] || !strchr(alphabet, text[i]))
			return false;
	return true;
}

bool object_path_parse(const char *path, size_t n, struct object_name *ret)
{
	struct object_name name;

	if (n != OBJECT_PATH || memcmp(path, prefix, PREFIX) != 0 || path[PREFIX + 1] != '/')
		return false;
	name.text[0] = path[PREFIX];
	memcpy(name.text + 1, path + PREFIX + 2, OBJECT_NAME - 1);
	name.text[OBJECT_NAME] = '\0';
	if (!object_name_check(name.text, OBJECT_NAME))
		return false;
	*ret = name;
	return true;
}

int objects_open(const struct store *store)
{
	int fd = openat(store->dir, "objects", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int object_open(int objects, const struct object_name *name)
{
	struct object_path p = object_path(name);
	int fd = openat(objects, p.text + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
