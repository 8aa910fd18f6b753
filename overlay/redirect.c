/* What an upper layer holds of a file whose data is the image's. */
#include "overlay/redirect.h"

#include <errno.h>
#include <stddef.h>
#include <sys/xattr.h>

static const struct {
	const char *redirect, *metacopy;
} marks[] = {
	[FORM_TRUSTED] = { "trusted.overlay.redirect", "trusted.overlay.metacopy" },
	[FORM_USER] = { "user.overlay.redirect", "user.overlay.metacopy" },
};

static int is_absent(void)
{
	return errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
}

int redirect_read(int fd, enum overlay_form form, struct redirect *ret)
{
	ret->without_data = false;
	ret->path[0] = '\0';
	ssize_t n = fgetxattr(fd, marks[form].redirect, ret->path, sizeof(ret->path) - 1);
	if (n < 0 && is_absent() < 0)
		return is_absent();
	ret->path[n < 0 ? 0 : n] = '\0';
	if (fgetxattr(fd, marks[form].metacopy, NULL, 0) < 0)
		return is_absent();
	ret->without_data = true;
	return 0;
}
