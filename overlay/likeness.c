/* Whether two files are the same. */
#include "overlay/likeness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "overlay/xattrs.h"
#include "spec/base/fd.h"

#define PIECE (64u << 10)

bool likeness_of_stat(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return false;
	if (S_ISDIR(a->st_mode))
		return true;
	if ((S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode)) && a->st_rdev != b->st_rdev)
		return false;
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int same_links(const struct place *a, const struct place *b)
{
	char left[PATH_MAX], right[PATH_MAX];
	ssize_t n = readlinkat(a->dir, a->name, left, sizeof(left));
	ssize_t m = readlinkat(b->dir, b->name, right, sizeof(right));

	if (n < 0 || m < 0)
		return -errno;
	return n == m && memcmp(left, right, (size_t)n) == 0;
}

static int same_content(int a, int b)
{
	autofree char *left = malloc(2ul * PIECE);

	if (!left)
		return -ENOMEM;
	char *right = left + PIECE;
	for (;;) {
		ssize_t n = fd_read_full(a, left, PIECE), m = fd_read_full(b, right, PIECE);
		if (n < 0 || m < 0)
			return n < 0 ? (int)n : (int)m;
		if (n != m || memcmp(left, right, (size_t)n) != 0)
			return 0;
		if (n == 0)
			return 1;
	}
}

static int same_xattrs(int a, int b)
{
	automatic(str) struct str left = { 0 }, right = { 0 };
	int r = xattrs_read(a, &left);

	if (r == 0)
		r = xattrs_read(b, &right);
	if (r < 0)
		return r;
	return left.len == right.len && (!left.len || !memcmp(left.data, right.data, left.len));
}

/* Neither hangs at a FIFO that was put there since, nor follows a symlink. */
static int open_place(const struct place *p)
{
	int fd = openat(p->dir, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int compare(const struct place *a, const struct place *b, bool content)
{
	if (!likeness_of_stat(&a->st, &b->st))
		return 0;
	if (S_ISLNK(a->st.st_mode))
		return same_links(a, b);
	if (!S_ISREG(a->st.st_mode) && !S_ISDIR(a->st.st_mode))
		return 1;
	autofd int left = open_place(a), right = open_place(b);
	if (left < 0 || right < 0)
		return left < 0 ? left : right;
	int r = same_xattrs(left, right);
	return r == 1 && content && S_ISREG(a->st.st_mode) ? same_content(left, right) : r;
}

int likeness_of(const struct place *a, const struct place *b, bool content, struct err *e)
{
	int r = compare(a, b, content);

	return r < 0 ? err_set(e, -r, "compare '%s' with the image's", a->name) : r;
}
