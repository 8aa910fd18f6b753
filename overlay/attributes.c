/* Owner, mode, times and extended attributes. */
#include "overlay/attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "overlay/xattrs.h"

struct attributes attributes_of(const struct tar_member *m)
{
	return (struct attributes){
		.mode = m->mode, .uid = m->uid, .gid = m->gid, .mtime = m->mtime
	};
}

bool attributes_takes(const char *xattr)
{
	return xattrs_takes(xattr);
}

/* Packed: name, '\0', length, value. */
void attributes_pack_one(struct str *packed, const char *name, const void *value, size_t n)
{
	str_add_bytes(packed, name, strlen(name) + 1);
	str_add_bytes(packed, &n, sizeof(n));
	str_add_bytes(packed, value, n);
}

/* user.* is a wish: some file systems have none (tmpfs before 6.6). */
int attributes_set_xattrs(int fd, const char *packed, size_t size)
{
	const char *end = packed + size;

	while (packed < end) {
		const char *name = packed;
		size_t n;
		packed += strlen(name) + 1;
		memcpy(&n, packed, sizeof(n));
		packed += sizeof(n);
		if (fsetxattr(fd, name, packed, n, 0) < 0 &&
			!(errno == EOPNOTSUPP && str_starts(name, "user.")))
			return -errno;
		packed += n;
	}
	return 0;
}

static void fill_times(const struct attributes *a, struct timespec times[2])
{
	times[0] = a->mtime;
	times[1] = a->mtime;
}

/*
 * chown first, since it drops security.capability and set-user-id bits; the mode after the ACLs,
 * whose mask it is; the times last, since all else moves them.
 */
int attributes_apply(int fd, const struct attributes *a, bool mode_is_set, const char *xattrs,
	size_t xattrs_size)
{
	struct timespec times[2];

	if ((a->uid || a->gid) && fchown(fd, a->uid, a->gid) < 0)
		return -errno;
	int r = xattrs_size ? attributes_set_xattrs(fd, xattrs, xattrs_size) : 0;
	if (r < 0)
		return r;
	if ((!mode_is_set || xattrs_size || a->mode & 07000) && fchmod(fd, a->mode) < 0)
		return -errno;
	fill_times(a, times);
	return futimens(fd, times) < 0 ? -errno : 0;
}

int attributes_unmapped(const struct attributes *a, const char *shown, struct err *e)
{
	return err_say(e, EINVAL,
		"'%s' belongs to %u:%u, an id that is not mapped here (hint: more subordinate ids in "
		"/etc/subuid and /etc/subgid)",
		shown, a->uid, a->gid);
}

int attributes_apply_at(int dirfd, const char *name, const struct attributes *a, bool is_symlink)
{
	struct timespec times[2];

	if ((a->uid || a->gid) && fchownat(dirfd, name, a->uid, a->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* Not through a symlink: nobody but us is in this tree, and this is a node that we made. */
	if (!is_symlink && a->mode & 07000 && fchmodat(dirfd, name, a->mode, 0) < 0)
		return -errno;
	fill_times(a, times);
	return utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}
