/* What is in the files of layers. */
#include "overlay/content.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "overlay/member.h"

/* Looked at before it is opened: a device or a FIFO of an image is not to be touched. */
static int check_regular(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

int content_open(const struct store *store, int dirfd, const char *name, int *ret_fd, struct err *e)
{
	struct member_text shown;

	(void)store;
	int r = check_regular(dirfd, name);
	int fd = r < 0 ? r : openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_set(
			e, r < 0 ? -r : errno, "read '%s' of a layer", member_show(name, &shown));
	*ret_fd = fd;
	return 0;
}
