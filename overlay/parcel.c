/*
 * Members of a directory or an archive, by name.
 *
 * The archive is spooled as files "0", "1", ... in a work directory; a name leads to a number by
 * comparison alone. In a directory nothing is followed: no symlink, no "..", no other mount.
 */
#include "overlay/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/filesystem.h"
#include "overlay/inflate.h"
#include "overlay/member.h"
#include "overlay/tar.h"
#include "spec/base/fd.h"

#define MEMBERS_MAX 20000
#define LINKS_MAX 8
#define PIECE (256u << 10)

struct parcel_member {
	char *name;   /* "a/b/c" */
	char *target; /* of a link: another member's name; NULL: a file of its own */
};

/* Bytes of the archive, for the tar reader. */
struct spool_source {
	struct inflate *inflate;
	struct err *e; /* the reader's own reason */
	unsigned char piece[PIECE];
};

static ssize_t next_piece(void *from, const void **ret)
{
	struct spool_source *s = from;

	*ret = s->piece;
	return inflate_read(s->inflate, s->piece, sizeof(s->piece), s->e);
}

/* "a/b" and "../c/d" are "c/d"; NULL when it leads out of the archive or memory is short. */
static char *join(const char *parent, const char *link)
{
	automatic(str) struct str out = { 0 };

	str_add(&out, *link == '/' ? "" : parent);
	for (const char *part = link; *part;) {
		size_t len = strcspn(part, "/");
		if (len == 2 && memcmp(part, "..", 2) == 0) {
			if (out.len == 0)
				return NULL;
			char *slash = strrchr(out.data, '/');
			out.len = slash ? (size_t)(slash - out.data) : 0;
			out.data[out.len] = '\0';
		} else if (len && !(len == 1 && *part == '.')) {
			if (out.len)
				str_add(&out, "/");
			str_add_bytes(&out, part, len);
		}
		part += len + (part[len] == '/');
	}
	return str_ok(&out) ? take(out.data) : NULL;
}

/* The last one of a name counts. */
static struct parcel_member *find(const struct parcel *p, const char *name)
{
	for (int links = 0; name && links < LINKS_MAX; links++) {
		struct parcel_member *m = NULL;
		for (size_t i = p->n; !m && i-- > 0;)
			if (strcmp(p->members[i].name, name) == 0)
				m = &p->members[i];
		if (!m || !m->target)
			return m;
		name = m->target;
	}
	return NULL;
}

static int add_member(
	struct parcel *p, const struct member *name, const char *target, struct err *e)
{
	if (p->n == MEMBERS_MAX)
		return err_say(e, EFBIG, "more than %d members", MEMBERS_MAX);
	struct parcel_member *more = reallocarray(p->members, p->n + 1, sizeof(*p->members));
	if (!more)
		return err_set(e, ENOMEM, "read the archive");
	p->members = more;
	struct parcel_member m = {
		.name = str_format("%s%s%s", name->parent, name->parent[0] ? "/" : "", name->base),
		.target = target ? strdup(target) : NULL,
	};
	p->members[p->n] = m;
	if (!m.name || (target && !m.target)) {
		free(m.name);
		free(m.target);
		return err_set(e, ENOMEM, "read the archive");
	}
	p->n++;
	return 0;
}

static int spool_content(struct parcel *p, struct tar *tar, uint64_t *room, struct err *e)
{
	char number[16];
	uint64_t offset, at = 0;
	const void *data;
	size_t n;
	int r;

	snprintf(number, sizeof(number), "%zu", p->n);
	autofd int fd = openat(p->spool.dir, number, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, errno, "create a temporary file");
	while ((r = tar_read(tar, &data, &n, &offset, e)) > 0) {
		if (offset != at)
			return err_say(e, ERR_DAMAGED, "a member of the archive has holes");
		if (n > *room)
			return err_say(e, EFBIG,
				"its members have more than the bytes that the free space allows");
		*room -= n;
		r = fd_write_all(fd, data, n);
		if (r < 0)
			return err_set(e, -r, "write a temporary file");
		at += n;
	}
	return r;
}

static int spool_member(struct parcel *p, struct tar *tar, const struct tar_member *m,
	uint64_t *room, struct err *e)
{
	struct member name, target;
	struct err ignored;
	autofree char *link = NULL;

	int r = member_parse(m->path, &name, e);
	if (r < 0 || name.meaning != MEMBER_PLAIN)
		return r;
	if (m->kind == TAR_SYMLINK)
		link = join(name.parent, m->link);
	else if (m->kind == TAR_HARDLINK && member_parse(m->link, &target, &ignored) == 0)
		link = join(target.parent, target.base);
	if (link)
		return add_member(p, &name, link, e);
	if (m->kind != TAR_FILE)
		return 0;
	r = spool_content(p, tar, room, e);
	return r < 0 ? r : add_member(p, &name, NULL, e);
}

/* The rest counts too: gzip's checksum is at the end. */
static int spool_all(struct parcel *p, struct spool_source *source, struct tar *tar, struct err *e)
{
	uint64_t room = filesystem_room(p->spool.dir);
	struct tar_member member;
	const void *ignored;
	ssize_t n;
	int r;

	while ((r = tar_next(tar, &member, e)) > 0) {
		r = spool_member(p, tar, &member, &room, e);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	while ((n = next_piece(source, &ignored)) > 0)
		continue;
	if (n < 0)
		*e = *source->e;
	return (int)n;
}

static int spool(
	struct parcel *p, const struct store *store, struct inflate *inflate, struct err *e)
{
	struct err reason = { 0 };
	struct tar *tar = NULL;
	autofree struct spool_source *source = malloc(sizeof(*source));

	if (!source)
		return err_set(e, ENOMEM, "read the archive");
	source->inflate = inflate;
	source->e = &reason;
	int r = work_begin(store, NULL, &p->spool, e);
	if (r == 0)
		r = tar_open(next_piece, source, &tar, e);
	if (r == 0)
		r = spool_all(p, source, tar, e);
	tar_free(tar);
	if (r < 0 && reason.code)
		*e = reason;
	return r < 0 ? -e->code : 0;
}

static int open_path(const char *path, struct err *e)
{
	int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
					: open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? err_set(e, errno, "open '%s'", path) : fd;
}

int parcel_open(const struct store *store, const char *path, const struct import_options *options,
	struct parcel *ret, struct err *e)
{
	automatic(parcel) struct parcel p = PARCEL_NONE;
	automatic(input) struct input in = INPUT_NONE;
	struct inflate *inflate = NULL;
	struct stat st;

	autofd int fd = open_path(path, e);
	if (fd < 0)
		return fd;
	p.path = path;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		p.dir = take_fd(&fd);
	} else {
		int r = input_open(take_fd(&fd), path, NULL, UINT64_MAX, options, &in, e);
		if (r == 0)
			r = inflate_open(&in, &inflate, e);
		if (r < 0)
			return r;
		in.what = "archive";
		r = spool(&p, store, inflate, e);
		inflate_free(inflate);
		if (r < 0)
			return err_while(e, "archive '%s'", path);
	}
	*ret = p;
	p = (struct parcel)PARCEL_NONE;
	return 0;
}

bool parcel_has(const struct parcel *p, const char *name)
{
	if (p->dir >= 0)
		return faccessat(p->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return find(p, name) != NULL;
}

int parcel_member(const struct parcel *p, const char *name, int *ret_fd, struct err *e)
{
	char number[16];
	struct stat st;
	int fd = -ENOENT;

	if (p->dir >= 0) {
		/* Non-blocking: a FIFO in a blob's place must not hang us. */
		fd = fd_open_beneath(p->dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	} else {
		const struct parcel_member *m = find(p, name);
		if (m) {
			snprintf(number, sizeof(number), "%zu", (size_t)(m - p->members));
			fd = fd_open_beneath(p->spool.dir, number, O_RDONLY);
		}
	}
	if (fd < 0)
		return fd == -ENOENT ? err_say(e, ENOENT, "'%s' is not in '%s'", name, p->path)
				     : err_set(e, -fd, "open '%s' in '%s'", name, p->path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_say(e, EINVAL, "'%s' in '%s' is not a regular file", name, p->path);
	}
	*ret_fd = fd;
	return 0;
}

int parcel_read(const struct parcel *p, const char *name, size_t limit, char **ret_data,
	size_t *ret_n, struct err *e)
{
	autofree char *data = NULL;
	autofd int fd = -1;
	struct stat st;

	int r = parcel_member(p, name, &fd, e);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "read '%s' in '%s'", name, p->path);
	if (st.st_size > (off_t)limit)
		return err_say(e, EFBIG, "read '%s' in '%s': more than the %zu bytes allowed", name,
			p->path, limit);
	data = malloc((size_t)st.st_size + 1);
	ssize_t n = data ? fd_read_full(fd, data, (size_t)st.st_size) : -ENOMEM;
	if (n < 0)
		return err_set(e, (int)-n, "read '%s' in '%s'", name, p->path);
	data[n] = '\0';
	*ret_data = take(data);
	*ret_n = (size_t)n;
	return 0;
}

void parcel_done(struct parcel *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->members[i].name);
		free(p->members[i].target);
	}
	free(p->members);
	own_close(&p->dir);
	work_end(&p->spool);
	*p = (struct parcel)PARCEL_NONE;
}
