/* What an upper layer holds of a file whose data is the image's. */
#include "overlay/redirect.h"

#include <errno.h>
#include <stddef.h>
#include <sys/xattr.h>

static const struct {
	const char *redirect, *metacopy;
} marks[] = {
	{ "trusted.overlay.redirect", "trusted.overlay.metacopy" },
	{ "user.overlay.redirect", "user.overlay.metacopy" },
};

static int is_absent(void)
{
	return errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
}

int redirect_read(int fd, struct redirect *ret)
{
	ret->without_data = false;
	ret->path[0] = '\0';
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		ssize_t n = fgetxattr(fd, marks[i].redirect, ret->path, sizeof(ret->path) - 1);
		if (n >= 0)
			ret->path[n] = '\0';
		if (n < 0 && is_absent() < 0)
			return is_absent();
		if (fgetxattr(fd, marks[i].metacopy, NULL, 0) >= 0)
			ret->without_data = true;
		else if (is_absent() < 0)
			return is_absent();
		if (n >= 0 || ret->without_data)
			return 0;
	}
	return 0;
}
