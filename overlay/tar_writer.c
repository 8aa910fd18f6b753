/* A tar being written. */
#include "overlay/tar_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "overlay/xattrs.h"

#define BUFFER (256u << 10)

struct tar_writer {
	tar_sink *sink;
	void *to;
	uint64_t due;	/* bytes of the last member's data that are still to come */
	size_t padding; /* behind them */
	size_t n;
	char buffer[BUFFER];
};

/* A member's header block (POSIX.1-1988 and what it calls them). */
struct block {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
		magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct block) == 512, "a block of a tar");

enum {
	SHORT_MAX = 07777777, /* seven octal digits */
	TYPE_PAX = 'x',
};
#define LONG_MAX_OCTAL 077777777777u /* eleven */

static const char types[] = {
	[TAR_FILE] = '0',
	[TAR_HARDLINK] = '1',
	[TAR_SYMLINK] = '2',
	[TAR_CHAR] = '3',
	[TAR_BLOCK] = '4',
	[TAR_DIRECTORY] = '5',
	[TAR_FIFO] = '6',
};

int tar_writer_open(tar_sink *sink, void *to, struct tar_writer **ret, struct err *e)
{
	struct tar_writer *t = malloc(sizeof(*t));

	if (!t)
		return err_set(e, ENOMEM, "write a tar");
	t->sink = sink;
	t->to = to;
	t->due = t->padding = t->n = 0;
	*ret = t;
	return 0;
}

static int flush(struct tar_writer *t, struct err *e)
{
	int r = t->sink(t->to, t->buffer, t->n, e);

	t->n = 0;
	return r;
}

static int put(struct tar_writer *t, const void *data, size_t n, struct err *e)
{
	while (n > 0) {
		size_t room = BUFFER - t->n, part = n < room ? n : room;
		memcpy(t->buffer + t->n, data, part);
		t->n += part;
		data = (const char *)data + part;
		n -= part;
		int r = t->n == BUFFER ? flush(t, e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static size_t padding_of(uint64_t n)
{
	return (size_t)(-n % sizeof(struct block));
}

static int put_padded(struct tar_writer *t, const void *data, size_t n, struct err *e)
{
	static const char zeros[sizeof(struct block)];
	int r = put(t, data, n, e);

	return r < 0 ? r : put(t, zeros, padding_of(n), e);
}

/* --- headers ------------------------------------------------------------------------------------
 */

/* What does not fit is 0 there, and in the pax header. */
static void octal(char *field, size_t n, uint64_t value, uint64_t most)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*" PRIo64, (int)n - 1, value <= most ? value : 0);
	memcpy(field, text, n);
}

static void bytes(char *field, size_t n, const char *text)
{
	size_t len = strlen(text);

	memcpy(field, text, len < n ? len : n);
}

static void finish(struct block *b)
{
	unsigned sum = 0;
	char text[8];

	memcpy(b->magic, "ustar\00000", 8);
	memset(b->checksum, ' ', sizeof(b->checksum));
	for (size_t i = 0; i < sizeof(*b); i++)
		sum += ((unsigned char *)b)[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(b->checksum, text, 7);
}

static void fill(struct block *b, const struct tar_member *m, const char *name, uint64_t size)
{
	*b = (struct block){ .type = types[m->kind] };
	bytes(b->name, sizeof(b->name), name);
	octal(b->mode, sizeof(b->mode), m->mode, SHORT_MAX);
	octal(b->uid, sizeof(b->uid), m->uid, SHORT_MAX);
	octal(b->gid, sizeof(b->gid), m->gid, SHORT_MAX);
	octal(b->size, sizeof(b->size), size, LONG_MAX_OCTAL);
	octal(b->mtime, sizeof(b->mtime), m->mtime.tv_sec < 0 ? 0 : (uint64_t)m->mtime.tv_sec,
		LONG_MAX_OCTAL);
	if (m->link)
		bytes(b->link, sizeof(b->link), m->link);
	bool is_device = m->kind == TAR_CHAR || m->kind == TAR_BLOCK;
	octal(b->major, sizeof(b->major), is_device ? major(m->device) : 0, SHORT_MAX);
	octal(b->minor, sizeof(b->minor), is_device ? minor(m->device) : 0, SHORT_MAX);
	finish(b);
}

/* "LEN key=value\n", where LEN counts itself. */
static void record(struct str *out, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, all = rest + 1;

	while (all != rest + (size_t)snprintf(NULL, 0, "%zu", all))
		all = rest + (size_t)snprintf(NULL, 0, "%zu", all);
	str_addf(out, "%zu %s=", all, key);
	str_add_bytes(out, value, n);
	str_add(out, "\n");
}

static void number(struct str *out, const char *key, uint64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, value);

	record(out, key, text, (size_t)n);
}

/* Before 1970 in whole seconds: "-4.5" is read in two ways. */
static void add_time(struct str *out, const struct timespec *at)
{
	int64_t seconds = at->tv_sec, fraction = seconds < 0 ? 0 : at->tv_nsec;
	char text[48];

	if (!fraction && seconds >= 0 && (uint64_t)seconds <= LONG_MAX_OCTAL)
		return;
	int n = snprintf(text, sizeof(text), "%" PRId64 ".%09" PRId64, seconds, fraction);
	while (text[n - 1] == '0')
		n--;
	n -= text[n - 1] == '.';
	record(out, "mtime", text, (size_t)n);
}

/* Whether a field of ustar holds it as everybody reads it. */
static bool is_plain(const char *name)
{
	size_t n = 0;

	while (name[n] && !((unsigned char)name[n] & 0x80))
		n++;
	return !name[n] && n <= sizeof(((struct block *)0)->name);
}

static void add_records(
	struct str *out, const struct tar_member *m, uint64_t size, const struct str *xattrs)
{
	const char *name;
	const void *value;
	size_t n, at = 0;

	if (m->link && !is_plain(m->link))
		record(out, "linkpath", m->link, strlen(m->link));
	if (m->uid > SHORT_MAX)
		number(out, "uid", m->uid);
	if (m->gid > SHORT_MAX)
		number(out, "gid", m->gid);
	if (size > LONG_MAX_OCTAL)
		number(out, "size", size);
	add_time(out, &m->mtime);
	while (xattrs && xattrs_next(xattrs, &at, &name, &value, &n)) {
		autofree char *key = str_format("SCHILY.xattr.%s", name);
		if (key)
			record(out, key, value, n);
		out->failed |= !key;
	}
}

static int put_pax(struct tar_writer *t, const char *path, const struct str *records, struct err *e)
{
	static const struct tar_member usual = { .mode = 0644 };
	const char *slash = strrchr(path, '/');
	struct block b;
	char name[101];

	snprintf(name, sizeof(name), "PaxHeaders.0/%s", slash && slash[1] ? slash + 1 : path);
	fill(&b, &usual, name, records->len);
	b.type = TYPE_PAX;
	finish(&b);
	int r = put(t, &b, sizeof(b), e);
	return r < 0 ? r : put_padded(t, records->data, records->len, e);
}

/* GNU's format 1.0: the map is text before the data, filled up to a block. */
static void draw_map(struct str *map, const struct tar_extent *v, size_t n, uint64_t *ret_data)
{
	static const char zeros[sizeof(struct block)];

	*ret_data = 0;
	str_addf(map, "%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		str_addf(map, "%" PRIu64 "\n%" PRIu64 "\n", v[i].offset, v[i].length);
		*ret_data += v[i].length;
	}
	str_add_bytes(map, zeros, padding_of(map->len));
}

/* What stands in the header of a file with holes in the place of its name. */
static char *add_sparse(struct str *out, const struct tar_member *m)
{
	number(out, "GNU.sparse.major", 1);
	number(out, "GNU.sparse.minor", 0);
	record(out, "GNU.sparse.name", m->path, strlen(m->path));
	number(out, "GNU.sparse.realsize", m->size);
	return str_format("GNUSparseFile.0/%s", m->path);
}

int tar_writer_add(struct tar_writer *t, const struct tar_member *m, const struct str *xattrs,
	const struct tar_extent *extents, size_t n_extents, struct err *e)
{
	automatic(str) struct str records = { 0 }, map = { 0 };
	uint64_t size = m->kind == TAR_FILE ? m->size : 0, data = size;
	autofree char *other = NULL;
	struct block b;

	if (extents) {
		draw_map(&map, extents, n_extents, &data);
		size = data + map.len;
		other = add_sparse(&records, m);
	}
	const char *name = extents ? other : m->path;
	if (name && !is_plain(name))
		record(&records, "path", name, strlen(name));
	add_records(&records, m, size, xattrs);
	if (!name || records.failed || map.failed)
		return err_set(e, ENOMEM, "write '%s' into a tar", m->path);
	int r = records.len ? put_pax(t, m->path, &records, e) : 0;
	fill(&b, m, name, size);
	if (r == 0)
		r = put(t, &b, sizeof(b), e);
	if (r == 0)
		r = put(t, map.data, map.len, e);
	t->due = data;
	t->padding = padding_of(data);
	return r < 0 ? err_while(e, "'%s'", m->path) : 0;
}

int tar_writer_data(struct tar_writer *t, const void *data, size_t n, struct err *e)
{
	static const char zeros[sizeof(struct block)];

	if (n > t->due)
		return err_say(e, EFBIG, "write a tar: more data than was announced");
	int r = put(t, data, n, e);
	t->due -= n;
	return r < 0 || t->due || n == 0 ? r : put(t, zeros, t->padding, e);
}

int tar_writer_end(struct tar_writer *t, struct err *e)
{
	static const struct block zeros[2];
	int r = put(t, zeros, sizeof(zeros), e);

	return r < 0 ? r : flush(t, e);
}

void tar_writer_spoil(struct tar_writer *t)
{
	struct block b;
	struct err ignored;

	memset(&b, 0xff, sizeof(b)); /* no checksum of any header, and no end */
	for (int i = 0; i < 2; i++)
		put(t, &b, sizeof(b), &ignored);
	flush(t, &ignored);
}

void tar_writer_free(struct tar_writer *t)
{
	free(t);
}
