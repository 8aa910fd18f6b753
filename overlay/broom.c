/* What is swept out of the store. */
#include "overlay/broom.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/trash.h"
#include "spec/base/fd.h"

#define DEPTH_MAX 256 /* what lies deeper is not counted */

static uint64_t measure(int dirfd, const char *name, int depth)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	uint64_t bytes = (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
		return bytes;
	int fd = fd_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		own_close(&fd);
		return bytes;
	}
	for (struct dirent *d; (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			bytes += measure(fd, d->d_name, depth + 1);
	closedir(dir);
	return bytes;
}

int broom_take(struct broom *b, int dirfd, const char *name, struct err *e)
{
	b->n++;
	if (b->measures)
		b->bytes += measure(dirfd, name, 0);
	return b->dry ? 0 : trash_put(b->store, dirfd, name, e);
}
