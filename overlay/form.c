/* Marks of overlayfs. */
#include "overlay/form.h"

#include <errno.h>
#include <limits.h>
#include <sys/xattr.h>

#include "spec/base/userns.h"

static const char *const opaque[] = {
	[FORM_TRUSTED] = "trusted.overlay.opaque",
	[FORM_USER] = "user.overlay.opaque",
};

enum overlay_form form_here(void)
{
	return userns_is_inner() ? FORM_USER : FORM_TRUSTED;
}

/* A name that means nothing to overlay. */
int form_probe(int dir, enum overlay_form form)
{
	static const char *const names[] = {
		[FORM_TRUSTED] = "trusted.cowrun",
		[FORM_USER] = "user.cowrun",
	};

	if (fsetxattr(dir, names[form], "y", 1, 0) < 0)
		return -errno;
	fremovexattr(dir, names[form]);
	return 0;
}

int form_make_opaque(int dir, enum overlay_form form)
{
	return fsetxattr(dir, opaque[form], "y", 1, 0) < 0 ? -errno : 0;
}

static int copy_mark(int from, int to, const char *name)
{
	char value[PATH_MAX];
	ssize_t n = fgetxattr(from, name, value, sizeof(value));

	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
	return fsetxattr(to, name, value, (size_t)n, 0) < 0 ? -errno : 0;
}

int form_copy_marks(int from, int to, enum overlay_form form)
{
	static const char *const redirect[] = {
		[FORM_TRUSTED] = "trusted.overlay.redirect",
		[FORM_USER] = "user.overlay.redirect",
	};
	int r = copy_mark(from, to, opaque[form]);

	return r < 0 ? r : copy_mark(from, to, redirect[form]);
}

bool form_is_opaque(int dir, enum overlay_form form)
{
	char value[4];

	return fgetxattr(dir, opaque[form], value, sizeof(value)) == 1 && value[0] == 'y';
}
