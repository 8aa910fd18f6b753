/*
 * All regular files below a directory.
 *
 * Directories to be looked into are kept by their paths, and each is resolved from the top again:
 * whoever moves one meanwhile leads nowhere (".." of an open one would lead out).
 */
#include "overlay/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/text_list.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define QUIETLY (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* Inodes seen: a hash table, at most half full; 0 is no inode. */
struct inodes {
	ino_t *all;
	size_t n, room;
};

static ino_t *find(const struct inodes *s, ino_t inode)
{
	size_t at = (size_t)(inode * 0x9e3779b97f4a7c15u) & (s->room - 1);

	while (s->all[at] && s->all[at] != inode)
		at = (at + 1) & (s->room - 1);
	return &s->all[at];
}

static int grow(struct inodes *s)
{
	struct inodes larger = { .room = s->room ? 2 * s->room : 1024, .n = s->n };

	larger.all = calloc(larger.room, sizeof(*larger.all));
	if (!larger.all)
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->all[i])
			*find(&larger, s->all[i]) = s->all[i];
	free(s->all);
	*s = larger;
	return 0;
}

/* 1: it is new, and from now on seen; 0; -ENOMEM. */
static int see(struct inodes *s, ino_t inode)
{
	if (2 * s->n >= s->room && grow(s) < 0)
		return -ENOMEM;
	ino_t *place = find(s, inode);
	if (*place)
		return 0;
	*place = inode;
	s->n++;
	return 1;
}

struct walk {
	const struct files_options *options;
	files_visit *visit;
	void *data;
	int top;
	struct text_list dirs; /* still to be looked into */
	struct inodes seen;
	size_t n; /* names so far */
};

static int open_quietly(int dir, const char *name)
{
	int fd = openat(dir, name, QUIETLY | O_NOATIME);

	/* For its owner, and for root. */
	if (fd < 0 && errno == EPERM)
		fd = openat(dir, name, QUIETLY);
	return fd < 0 ? -errno : fd;
}

int files_open(int dir, const char *name)
{
	autofd int there = fd_open_beneath(dir, name, O_PATH | O_NOFOLLOW);
	char link[40];
	struct stat st;

	if (there < 0)
		return there;
	if (fstat(there, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", there);
	int fd = open(link, (QUIETLY | O_NOATIME) & ~O_NOFOLLOW);
	if (fd < 0 && errno == EPERM)
		fd = open(link, QUIETLY & ~O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int look_at_file(struct walk *w, int dir, const char *name, struct err *e)
{
	autofd int fd = w->options->foreign ? files_open(dir, name) : open_quietly(dir, name);

	/* Gone, or something else by now, or somebody has a lease on it. */
	return fd < 0 ? 0 : w->visit(w->data, fd, e);
}

static int keep_dir(struct walk *w, const char *in, const char *name, struct err *e)
{
	autofree char *path = *in ? str_format("%s/%s", in, name) : strdup(name);

	if (path && strlen(path) >= PATH_MAX)
		return 0;
	return !path || text_list_add(&w->dirs, path) < 0 ? err_set(e, ENOMEM, "look through files")
							  : 0;
}

static unsigned char type_of(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type;
	if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_UNKNOWN;
	return S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
}

static int look_at(struct walk *w, int dir, const char *in, const struct dirent *d, struct err *e)
{
	if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
		return 0;
	if (w->options->max && ++w->n > w->options->max)
		return err_say(e, E2BIG, "more than %zu files", w->options->max);
	unsigned char type = type_of(dir, d);
	if (type == DT_DIR)
		return keep_dir(w, in, d->d_name, e);
	if (type != DT_REG)
		return 0;
	int fresh = see(&w->seen, d->d_ino);
	if (fresh < 0)
		return err_set(e, ENOMEM, "look through files");
	return fresh ? look_at_file(w, dir, d->d_name, e) : 0;
}

static int look_into(struct walk *w, const char *path, struct err *e)
{
	int fd = fd_open_beneath(
		w->top, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;

	if (fd == -EMFILE || fd == -ENFILE || (fd >= 0 && !dir)) {
		r = err_set(e, fd < 0 ? -fd : errno, "look through files");
		own_close(&fd);
		return r;
	}
	/* Gone, or no directory of this tree any more. */
	if (!dir)
		return 0;
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		r = look_at(w, fd, path, d, e);
	closedir(dir);
	return r;
}

int files_walk(
	int dir, const struct files_options *options, files_visit *visit, void *data, struct err *e)
{
	struct walk w = { .options = options, .visit = visit, .data = data, .top = dir };
	int r = look_into(&w, "", e);

	while (r == 0 && w.dirs.n) {
		autofree char *path = w.dirs.v[--w.dirs.n];
		r = look_into(&w, path, e);
	}
	text_list_done(&w.dirs);
	free(w.seen.all);
	return r;
}
