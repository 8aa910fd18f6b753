/*
 * A tree of files again.
 *
 * The walk goes by paths from both roots and holds few fds however deep a tree is: of a directory
 * all that is none itself is made first, then one subdirectory after the other, and at last its own
 * attributes, which all of that has changed.
 */
#include "overlay/duplicate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <search.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "overlay/attributes.h"
#include "overlay/content.h"
#include "overlay/member.h"
#include "overlay/xattrs.h"
#include "spec/base/fd.h"

#define PIECE ((size_t)128 << 10)
#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct walk {
	const struct duplicate *d;
	int to;
	void *links; /* of tsearch(): files with several names, and the first of these */
	char *piece;
	struct err *e;
};

/* One directory of the walk. */
struct place {
	const char *path; /* from the root; "": itself */
	int from, to;
	int *layers; /* that directory in each layer, topmost first; -1: not there */
};

struct link {
	dev_t dev;
	ino_t ino;
	char *path;
};

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void free_link(void *link)
{
	free(((struct link *)link)->path);
	free(link);
}

static int fail(struct walk *w, int code, const struct place *p, const char *name)
{
	autofree char *path = str_format("%s%s%s", p->path, *p->path ? "/" : "", name);
	struct member_text shown;

	return err_set(w->e, code, "copy '/%s'", member_show(path ? path : name, &shown));
}

static struct attributes attributes_from(const struct stat *st)
{
	return (struct attributes){ .mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim };
}

static int dress(int from, int to, const struct stat *st)
{
	automatic(str) struct str xattrs = { 0 };
	struct attributes a = attributes_from(st);

	int r = xattrs_read(from, &xattrs);
	return r < 0 ? r : attributes_apply(to, &a, false, xattrs.data, xattrs.len);
}

/* From the file position of `from` to `end`. */
static int copy_range(char *piece, int from, int to, off_t at, off_t end)
{
	while (at < end) {
		size_t n = (size_t)(end - at) < PIECE ? (size_t)(end - at) : PIECE;
		ssize_t got = pread(from, piece, n, at);
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO; /* shorter than it says: a layer's file does not change */
		for (ssize_t done = 0, wrote; done < got; done += wrote)
			if ((wrote = pwrite(to, piece + done, (size_t)(got - done), at + done)) < 0)
				return -errno;
		at += got;
	}
	return 0;
}

/* Holes stay holes where there are any. */
static int copy_data(char *piece, int from, int to, const struct stat *st)
{
	off_t size = st->st_size, end;

	if (st->st_blocks * 512 >= size)
		return copy_range(piece, from, to, 0, size);
	for (off_t at = 0; at < size; at = end) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0 && errno == ENXIO)
			break;
		end = at < 0 ? -1 : lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return -errno;
		int r = copy_range(piece, from, to, at, end);
		if (r < 0)
			return r;
	}
	return ftruncate(to, size) < 0 ? -errno : 0;
}

/* The topmost layer that has a file there is the one whose file is seen. */
static bool clone_data(
	const struct walk *w, const struct place *p, const char *name, int to, off_t size)
{
	struct stat st;
	struct err ignored;
	int found = -1;

	for (size_t i = 0; p->layers && i < w->d->n_layers; i++) {
		if (p->layers[i] < 0 || fstatat(p->layers[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		if (content_open(w->d->store, p->layers[i], name, &found, &ignored) < 0)
			return false;
		autofd int fd = found;
		return fstat(fd, &st) == 0 && st.st_size == size && ioctl(to, FICLONE, fd) == 0;
	}
	return false;
}

static int make_file(struct walk *w, const struct place *p, const char *name, const struct stat *st)
{
	autofd int from = openat(p->from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	autofd int to =
		from < 0 ? -1
			 : openat(p->to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				   0600);
	int r = 0;

	if (to < 0)
		return -errno;
	if (st->st_size && !clone_data(w, p, name, to, st->st_size))
		r = copy_data(w->piece, from, to, st);
	return r < 0 ? r : dress(from, to, st);
}

static int make_symlink(const struct place *p, const char *name)
{
	char text[PATH_MAX + 1];
	ssize_t n = readlinkat(p->from, name, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return symlinkat(text, p->to, name) < 0 ? -errno : 0;
}

static int make_other(const struct place *p, const char *name, const struct stat *st)
{
	struct attributes a = attributes_from(st);
	int r;

	if (S_ISLNK(st->st_mode))
		r = make_symlink(p, name);
	else
		r = mknodat(p->to, name, st->st_mode, st->st_rdev) < 0 ? -errno : 0;
	if (r == 0)
		r = attributes_apply_at(p->to, name, &a, S_ISLNK(st->st_mode));
	/* What mknod(2) made has passed the umask. */
	if (r == 0 && !S_ISLNK(st->st_mode) && fchmodat(p->to, name, a.mode, 0) < 0)
		r = -errno;
	return r;
}

/* 1: it is another name of what is there already, and is made; else noted as the first name. */
static int make_link(struct walk *w, const struct place *p, const char *name, const struct stat *st)
{
	struct link *own = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;
	own->dev = st->st_dev;
	own->ino = st->st_ino;
	own->path = str_format("%s%s%s", p->path, *p->path ? "/" : "", name);
	struct link **seen = own->path ? tsearch(own, &w->links, compare_links) : NULL;
	if (seen && *seen == own)
		return 0;
	free_link(own);
	if (!seen)
		return -ENOMEM;
	return linkat(w->to, (*seen)->path, p->to, name, 0) < 0 ? -errno : 1;
}

/* 1: a directory, for later. */
static int make_entry(struct walk *w, const struct place *p, const char *name)
{
	struct stat st;
	int r = fstatat(p->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;

	if (r == 0 && S_ISDIR(st.st_mode))
		return mkdirat(p->to, name, 0700) < 0 ? fail(w, errno, p, name) : 1;
	if (r == 0 && w->d->by_name)
		return linkat(p->from, name, p->to, name, 0) < 0 ? fail(w, errno, p, name) : 0;
	if (r == 0 && st.st_nlink > 1)
		r = make_link(w, p, name, &st);
	if (r == 0)
		r = S_ISREG(st.st_mode) ? make_file(w, p, name, &st) : make_other(p, name, &st);
	return r < 0 ? fail(w, -r, p, name) : 0;
}

static void place_done(struct place *p, size_t n_layers)
{
	for (size_t i = 0; p->layers && i < n_layers; i++)
		own_close(&p->layers[i]);
	free(p->layers);
	own_close(&p->from);
	own_close(&p->to);
}

static int open_at(int root, const char *path, int flags)
{
	return fd_open_beneath(root, *path ? path : ".", flags | DIR_FLAGS);
}

static int place_open(const struct walk *w, const char *path, struct place *p)
{
	const struct duplicate *d = w->d;

	*p = (struct place){ .path = path,
		.from = open_at(d->from, path, O_RDONLY),
		.to = open_at(w->to, path, O_RDONLY) };
	if (p->from < 0 || p->to < 0)
		return p->from < 0 ? p->from : p->to;
	p->layers = d->by_reference ? calloc(d->n_layers + 1, sizeof(*p->layers)) : NULL;
	if (d->by_reference && !p->layers)
		return -ENOMEM;
	for (size_t i = 0; p->layers && i < d->n_layers; i++)
		p->layers[i] = open_at(d->layers[d->n_layers - 1 - i], path, O_PATH);
	return 0;
}

static DIR *list_of(const struct place *p)
{
	int fd = openat(p->from, ".", O_RDONLY | DIR_FLAGS);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

	if (!list)
		own_close(&fd);
	return list;
}

/* All entries but directories; the names of these, '\0' behind each, into `later`. */
static int fill(struct walk *w, const char *path, struct str *later)
{
	struct place p = { .from = -1, .to = -1 };
	DIR *list = NULL;
	int r = place_open(w, path, &p);

	if (r == 0 && !(list = list_of(&p)))
		r = -errno;
	if (r < 0)
		r = fail(w, -r, &(struct place){ .path = path }, "");
	for (struct dirent *entry; list && r == 0 && (entry = readdir(list));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = make_entry(w, &p, entry->d_name);
		if (r == 1)
			str_add_bytes(later, entry->d_name, strlen(entry->d_name) + 1);
		r = r == 1 ? 0 : r;
	}
	if (list)
		closedir(list);
	place_done(&p, w->d->n_layers);
	return r == 0 && later->failed ? err_set(w->e, ENOMEM, "copy '/%s'", path) : r;
}

static int finish(struct walk *w, const char *path)
{
	autofd int from = open_at(w->d->from, path, O_RDONLY);
	autofd int to = open_at(w->to, path, O_RDONLY);
	struct stat st;

	int r = from < 0 || to < 0 ? (from < 0 ? from : to) : 0;
	if (r == 0 && fstat(from, &st) < 0)
		r = -errno;
	if (r == 0 && w->d->by_name)
		r = form_copy_marks(from, to, w->d->store->form);
	if (r == 0)
		r = dress(from, to, &st);
	return r < 0 ? fail(w, -r, &(struct place){ .path = path }, "") : 0;
}

/* Paths in a layer are shorter than PATH_MAX, which bounds the depth. */
static int copy_directory(struct walk *w, const char *path)
{
	automatic(str) struct str later = { 0 };
	int r = fill(w, path, &later);

	for (const char *name = later.data; r == 0 && name && name < later.data + later.len;
		name += strlen(name) + 1) {
		autofree char *below = str_format("%s%s%s", path, *path ? "/" : "", name);
		r = below ? copy_directory(w, below) : err_set(w->e, ENOMEM, "copy '/%s'", path);
	}
	return r < 0 ? r : finish(w, path);
}

int duplicate_tree(const struct duplicate *d, int to, struct err *e)
{
	autofree char *piece = malloc(PIECE);
	struct walk w = { .d = d, .to = to, .piece = piece, .e = e };

	if (!piece)
		return err_set(e, ENOMEM, "copy a tree");
	int r = copy_directory(&w, "");
	tdestroy(w.links, free_link);
	return r;
}

int duplicate_probe(int dir)
{
	static const char block[4096] = { 'c', 'o', 'w' };
	autofd int from = openat(dir, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	autofd int to = openat(dir, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (from < 0 || to < 0)
		return -errno;
	int r = fd_write_all(from, block, sizeof(block));
	return r < 0 ? r : ioctl(to, FICLONE, from) < 0 ? -errno : 0;
}
