/*
 * A container's changes as a layer's tar.
 *
 * The walk (overlay/changes.h) says what there is, in which order and how it differs; here it is
 * put into members. Contents are read from where they lie: files of an upper layer from there, the
 * image's through the mount that shows them.
 */
#include "overlay/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay/xattrs.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"

#define PIECE (256u << 10)
#define HOLES_MIN (1u << 20)
#define TAR_BLOCK 512
#define CAPABILITY "security.capability"

static const char whiteout[] = ".wh.", opaque[] = ".wh..wh..opq";

/* A file with several names, by the first of them. */
struct link {
	dev_t dev;
	ino_t ino;
	char *path; /* NULL: a free place */
};

struct links {
	struct link *v; /* by hash; a power of two of places, at most half of them taken */
	size_t n, room;
};

struct packing {
	const struct changes *changes;
	struct tar_writer *tar;
	struct links links;
	char *piece;
	char path[PATH_MAX + sizeof(opaque)];
};

static void packing_done(struct packing *p)
{
	for (size_t i = 0; i < p->links.room; i++)
		free(p->links.v[i].path);
	free(p->links.v);
	free(p->piece);
	tar_writer_free(p->tar);
}
DEFINE_AUTO(packing, packing_done)

/* --- hard links ---------------------------------------------------------------------------------
 */

static struct link *place_of(const struct links *l, dev_t dev, ino_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15u >> 20) + dev;

	for (;; i++) {
		struct link *at = &l->v[i & (l->room - 1)];
		if (!at->path || (at->ino == ino && at->dev == dev))
			return at;
	}
}

static int grow(struct links *l)
{
	struct links more = { .n = l->n, .room = l->room ? 2 * l->room : 64 };

	more.v = calloc(more.room, sizeof(*more.v));
	if (!more.v)
		return -ENOMEM;
	for (size_t i = 0; i < l->room; i++)
		if (l->v[i].path)
			*place_of(&more, l->v[i].dev, l->v[i].ino) = l->v[i];
	free(l->v);
	*l = more;
	return 0;
}

/* The name under which it was packed already; NULL (and it is noted) when this is the first. */
static int first_name(struct links *l, const struct change *c, const char **ret)
{
	int r = l->n * 2 >= l->room ? grow(l) : 0;

	if (r < 0)
		return r;
	struct link *at = place_of(l, c->place.st.st_dev, c->place.st.st_ino);
	*ret = at->path;
	if (at->path)
		return 0;
	*at = (struct link){ c->place.st.st_dev, c->place.st.st_ino, strdup(c->path) };
	l->n++;
	return at->path ? 0 : -ENOMEM;
}

/* --- content ------------------------------------------------------------------------------------
 */

struct extents {
	struct tar_extent *v;
	size_t n, room;
};

static void extents_done(struct extents *x)
{
	free(x->v);
}
DEFINE_AUTO(extents, extents_done)

static int add_extent(struct extents *x, uint64_t offset, uint64_t length)
{
	if (x->n == x->room) {
		size_t room = x->room ? 2 * x->room : 16;
		void *more = reallocarray(x->v, room, sizeof(*x->v));
		if (!more)
			return -ENOMEM;
		x->v = more;
		x->room = room;
	}
	x->v[x->n++] = (struct tar_extent){ offset, length };
	return 0;
}

/*
 * Where it has data; none where that is everywhere, or nearly. File systems tell holes by their own
 * blocks, so these are multiples of what a tar asks for; whoever tells others gets no holes.
 */
static int find_extents(int fd, const struct stat *st, struct extents *ret)
{
	automatic(extents) struct extents x = { 0 };
	uint64_t size = (uint64_t)st->st_size, data = 0, end = 0;

	if (size < HOLES_MIN || (uint64_t)st->st_blocks * 512 + HOLES_MIN > size)
		return 0;
	for (off_t at = 0; (at = lseek(fd, at, SEEK_DATA)) >= 0;) {
		off_t hole = lseek(fd, at, SEEK_HOLE);
		if (hole <= at || (uint64_t)hole > size)
			return 0;
		if (at % TAR_BLOCK || ((uint64_t)hole < size && hole % TAR_BLOCK))
			return 0;
		if (add_extent(&x, (uint64_t)at, (uint64_t)(hole - at)) < 0)
			return -ENOMEM;
		data += (uint64_t)(hole - at);
		end = (uint64_t)hole;
		at = hole;
	}
	if (errno != ENXIO || data + HOLES_MIN > size)
		return 0;
	if (end < size && add_extent(&x, size, 0) < 0)
		return -ENOMEM;
	*ret = x;
	x = (struct extents){ 0 };
	return 0;
}

/* As many bytes as its header says: a file that shrinks meanwhile ends with zeros. */
static int copy_extent(
	struct packing *p, int fd, const struct tar_extent *x, const char *path, struct err *e)
{
	for (uint64_t done = 0; done < x->length;) {
		size_t want = x->length - done < PIECE ? (size_t)(x->length - done) : PIECE;
		ssize_t n = pread(fd, p->piece, want, (off_t)(x->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read '/%s'", path);
		if (n == 0)
			memset(p->piece, 0, want);
		size_t have = n ? (size_t)n : want;
		int r = tar_writer_data(p->tar, p->piece, have, e);
		if (r < 0)
			return r;
		done += have;
	}
	return 0;
}

static int put_file(struct packing *p, const struct tar_member *m, const struct str *xattrs, int fd,
	const struct stat *st, struct err *e)
{
	automatic(extents) struct extents x = { 0 };
	const struct tar_extent whole = { 0, m->size };

	if (find_extents(fd, st, &x) < 0)
		return err_set(e, ENOMEM, "read '/%s'", m->path);
	int r = tar_writer_add(p->tar, m, xattrs, x.v, x.n, e);
	if (r == 0 && !x.n)
		r = copy_extent(p, fd, &whole, m->path, e);
	for (size_t i = 0; r == 0 && i < x.n; i++)
		r = copy_extent(p, fd, &x.v[i], m->path, e);
	return r;
}

/* --- members ------------------------------------------------------------------------------------
 */

/*
 * Set in a user namespace, a capability names the root whom it is for (its third form, 24 bytes);
 * the image is for every root (its second, 20).
 */
static void generalize(const struct packing *p, struct str *xattrs)
{
	const char *name;
	const void *value;
	size_t n, at = 0, before = 0;
	automatic(str) struct str all = { 0 };

	if (!p->changes->n_uids)
		return;
	while (xattrs_next(xattrs, &at, &name, &value, &n)) {
		unsigned char v2[20];
		size_t short_n = sizeof(v2);
		if (n == 24 && strcmp(name, CAPABILITY) == 0) {
			memcpy(v2, value, sizeof(v2));
			v2[3] = 2;
			str_add_bytes(&all, name, sizeof(CAPABILITY));
			str_add_bytes(&all, &short_n, sizeof(short_n));
			str_add_bytes(&all, v2, sizeof(v2));
		} else {
			str_add_bytes(&all, xattrs->data + before, at - before);
		}
		before = at;
	}
	struct str kept = *xattrs;
	*xattrs = all;
	all = kept;
}

static int open_it(
	const struct packing *p, const struct change *c, struct str *xattrs, struct err *e)
{
	int fd =
		openat(c->place.dir, c->place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = fd < 0 ? -errno : xattrs_read(fd, xattrs);

	if (r < 0) {
		own_close(&fd);
		return err_set(e, -r, "read '/%s'", c->path);
	}
	generalize(p, xattrs);
	return fd;
}

static struct tar_member member_of(const struct change *c)
{
	const struct stat *st = &c->place.st;

	return (struct tar_member){ .path = c->path,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim };
}

/* A file that nothing but its name says anything of. */
static int put_mark(struct packing *p, const char *directory, const char *slash, const char *mark,
	const char *name, struct err *e)
{
	const struct tar_member m = { .path = p->path, .kind = TAR_FILE };
	int n = snprintf(p->path, sizeof(p->path), "%s%s%s%s", directory, slash, mark, name);

	if (n >= PATH_MAX || strlen(mark) + strlen(name) > NAME_MAX)
		return err_say(e, ENAMETOOLONG,
			"that '%s' was deleted cannot be told: the name "
			"'%s%s' is too long",
			name, mark, name);
	return tar_writer_add(p->tar, &m, NULL, NULL, 0, e);
}

static int put_whiteout(struct packing *p, const struct change *c, struct err *e)
{
	const char *slash = strrchr(c->path, '/');
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - c->path) : 0, c->path);
	return put_mark(p, directory, slash ? "/" : "", whiteout, slash ? slash + 1 : c->path, e);
}

static int put_directory(struct packing *p, const struct change *c, struct err *e)
{
	automatic(str) struct str xattrs = { 0 };
	struct tar_member m = member_of(c);

	snprintf(p->path, sizeof(p->path), "%s/", *c->path ? c->path : ".");
	m.path = p->path;
	m.kind = TAR_DIRECTORY;
	autofd int fd = open_it(p, c, &xattrs, e);
	if (fd < 0)
		return fd;
	int r = tar_writer_add(p->tar, &m, &xattrs, NULL, 0, e);
	if (r < 0 || !c->opaque || p->changes->everything)
		return r;
	return put_mark(p, c->path, "/", opaque, "", e);
}

static int put_regular(struct packing *p, const struct change *c, struct err *e)
{
	automatic(str) struct str xattrs = { 0 };
	struct tar_member m = member_of(c);

	autofd int fd = open_it(p, c, &xattrs, e);
	if (fd < 0)
		return fd;
	m.size = (uint64_t)c->place.st.st_size;
	autofd int data = fd_open_regular(c->content_dir, c->content);
	struct stat st;
	if (data < 0)
		return err_set(e, -data, "read '/%s'", c->path);
	if (fstat(data, &st) < 0)
		return err_set(e, errno, "read '/%s'", c->path);
	return put_file(p, &m, &xattrs, data, &st, e);
}

static int put_symlink(struct packing *p, const struct change *c, struct err *e)
{
	struct tar_member m = member_of(c);
	char target[PATH_MAX];
	ssize_t n = readlinkat(c->place.dir, c->place.name, target, sizeof(target) - 1);

	if (n < 0)
		return err_set(e, errno, "read '/%s'", c->path);
	target[n] = '\0';
	m.kind = TAR_SYMLINK;
	m.link = target;
	return tar_writer_add(p->tar, &m, NULL, NULL, 0, e);
}

static int put_special(struct packing *p, const struct change *c, struct err *e)
{
	struct tar_member m = member_of(c);
	mode_t mode = c->place.st.st_mode;

	m.kind = S_ISCHR(mode) ? TAR_CHAR : S_ISBLK(mode) ? TAR_BLOCK : TAR_FIFO;
	m.device = c->place.st.st_rdev;
	return tar_writer_add(p->tar, &m, NULL, NULL, 0, e);
}

/* 1 when it was packed already, under another name. */
static int put_link(struct packing *p, const struct change *c, struct err *e)
{
	struct tar_member m = member_of(c);

	if (S_ISDIR(c->place.st.st_mode) || c->place.st.st_nlink < 2)
		return 0;
	if (first_name(&p->links, c, &m.link) < 0)
		return err_set(e, ENOMEM, "pack '/%s'", c->path);
	m.kind = TAR_HARDLINK;
	int r = m.link ? tar_writer_add(p->tar, &m, NULL, NULL, 0, e) : 0;
	return r < 0 ? r : m.link != NULL;
}

static int put_change(void *data, const struct change *c, struct err *e)
{
	struct packing *p = data;
	mode_t mode = c->place.st.st_mode;

	if (c->kind == CHANGE_DELETED)
		return c->hidden ? 0 : put_whiteout(p, c, e);
	if (!p->changes->everything && str_starts(c->place.name, whiteout))
		return err_say(
			e, EINVAL, "'/%s' has a name that means a deletion in a layer", c->path);
	if (S_ISSOCK(mode)) {
		log_warn("'/%s' is a socket, which no layer can hold: it is left out", c->path);
		return 0;
	}
	int r = put_link(p, c, e);
	if (r != 0)
		return r < 0 ? r : 0;
	if (S_ISDIR(mode))
		return put_directory(p, c, e);
	if (S_ISREG(mode))
		return put_regular(p, c, e);
	return S_ISLNK(mode) ? put_symlink(p, c, e) : put_special(p, c, e);
}

int pack_changes(const struct changes *changes, tar_sink *sink, void *to, struct err *e)
{
	automatic(packing) struct packing p = { .changes = changes, .piece = malloc(PIECE) };

	if (!p.piece)
		return err_set(e, ENOMEM, "pack the changes");
	int r = tar_writer_open(sink, to, &p.tar, e);
	if (r < 0)
		return r;
	r = changes_walk(changes, put_change, &p, e);
	if (r == 0)
		r = tar_writer_end(p.tar, e);
	else
		tar_writer_spoil(p.tar);
	return r;
}

static int found(void *data, const struct change *c, struct err *e)
{
	(void)c;
	*(bool *)data = true;
	return err_say(e, ECANCELED, "there is one");
}

int pack_is_needed(const struct changes *changes, struct err *e)
{
	bool needed = false;
	int r = changes->own < 0 ? 0 : changes_walk(changes, found, &needed, e);

	return needed ? 1 : r;
}
