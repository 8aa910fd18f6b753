/* What is in the files of layers. */
#include "overlay/content.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "overlay/member.h"
#include "overlay/stub.h"

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

/* The object of a stub in its place. -errno. */
static int follow(const struct store *store, int *fd)
{
	struct object_name name;
	struct stat own, there;

	int r = stub_read(*fd, store->form, &name);
	if (r <= 0)
		return r;
	autofd int objects = objects_open(store);
	autofd int object = objects < 0 ? objects : object_open(objects, &name);
	if (object < 0)
		return object == -ENOENT ? -ERR_DAMAGED : object;
	if (fstat(*fd, &own) < 0 || fstat(object, &there) < 0)
		return -errno;
	if (!S_ISREG(there.st_mode) || there.st_size != own.st_size)
		return -ERR_DAMAGED;
	close(*fd);
	*fd = take_fd(&object);
	return 0;
}

int content_open(const struct store *store, int dirfd, const char *name, int *ret_fd, struct err *e)
{
	struct member_text shown;

	int r = check_regular(dirfd, name);
	autofd int fd =
		r < 0 ? r : openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (r == 0)
		r = fd < 0 ? -errno : follow(store, &fd);
	if (r == -ERR_DAMAGED)
		return err_say(e, ERR_DAMAGED, "'%s' of a layer: the store has lost its content",
			member_show(name, &shown));
	if (r < 0)
		return err_set(e, -r, "read '%s' of a layer", member_show(name, &shown));
	*ret_fd = take_fd(&fd);
	return 0;
}
