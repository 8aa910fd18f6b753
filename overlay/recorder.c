/*
 * The writer of a layer's recipe.
 *
 * `done` is how far the stream is written down; what lies behind it is in `carry`, copied from
 * buffers that had to be given back, and in the current buffer. Copied are only bytes that the tar
 * reader has looked at but not yet gone past when it asks for more: part of a header, seldom. All
 * that it has gone past and that was not told to be content is none.
 */
#include "overlay/recorder.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/deflate.h"
#include "overlay/recipe.h"
#include "overlay/sharing.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define LEVEL 1 /* of zstd: headers of tars are so alike that more gives little */

struct recorder {
	int dir, kept, file; /* kept: -1 until something is */
	tar_source *source;
	void *from;
	const struct tar *tar;
	struct deflate *out;
	struct err failure; /* code 0: none */

	const unsigned char *buffer; /* holds `n` bytes of the stream, from `at` on */
	size_t n;
	uint64_t at, done;
	struct str carry; /* the bytes before `at`, down to `done` or further */

	struct str path;	 /* of the current file */
	uint64_t offset, length; /* a part of it that is not yet written down */
	bool summed;
	struct sharing_sum *sum; /* of that part */
	uint64_t n_kept;
};

static void fail(struct recorder *r, int code)
{
	if (r->failure.code == 0)
		err_set(&r->failure, code, "write '" RECIPE_FILE "'");
}

static int write_out(void *to, const void *data, size_t n, struct err *e)
{
	const struct recorder *r = to;
	int code = fd_write_all(r->file, data, n);

	return code < 0 ? err_set(e, -code, "write '" RECIPE_FILE "'") : 0;
}

static void put(struct recorder *r, const void *data, size_t n)
{
	if (r->failure.code == 0)
		deflate_add(r->out, data, n, &r->failure);
}

static void put_number(struct recorder *r, uint64_t value)
{
	unsigned char text[10];
	size_t n = 0;

	do {
		text[n] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
		n++;
	} while (value);
	put(r, text, n);
}

static void put_code(struct recorder *r, enum recipe_code code, uint64_t number)
{
	unsigned char byte = (unsigned char)code;

	put(r, &byte, 1);
	put_number(r, number);
}

static void put_content(struct recorder *r)
{
	if (r->length == 0)
		return;
	put_code(r, r->summed ? RECIPE_SUMMED : RECIPE_CONTENT, r->path.len);
	put(r, r->path.data, r->path.len);
	put_number(r, r->offset);
	put_number(r, r->length);
	if (r->summed) {
		uint64_t sum = htole64(sharing_sum_short(r->sum));
		put(r, &sum, sizeof(sum));
	}
	r->length = 0;
}

/* Bytes of the stream from `done` on as they lie in memory, at most up to `until`. */
static size_t look(const struct recorder *r, uint64_t until, const unsigned char **ret)
{
	if (r->done < r->at) {
		uint64_t left = r->at - r->done, wanted = until - r->done;
		*ret = (const unsigned char *)r->carry.data + r->carry.len - left;
		return (size_t)(wanted < left ? wanted : left);
	}
	*ret = r->buffer + (r->done - r->at);
	return (size_t)(until - r->done);
}

/* Everything up to there is no content. */
static void put_literal(struct recorder *r, uint64_t until)
{
	const unsigned char *data;

	if (until > r->at + r->n)
		until = r->at + r->n;
	if (until <= r->done)
		return;
	put_content(r);
	put_code(r, RECIPE_LITERAL, until - r->done);
	while (r->done < until) {
		size_t n = look(r, until, &data);
		put(r, data, n);
		r->done += n;
	}
}

/* The current buffer goes: what is not decided of it is copied. */
static void carry_rest(struct recorder *r)
{
	uint64_t end = r->at + r->n;

	if (r->done >= r->at) {
		size_t undecided = (size_t)(end - r->done);
		r->carry.len = 0;
		str_add_bytes(&r->carry, r->buffer + (r->n - undecided), undecided);
	} else {
		size_t old = (size_t)(r->at - r->done);
		memmove(r->carry.data, r->carry.data + r->carry.len - old, old);
		r->carry.len = old;
		str_add_bytes(&r->carry, r->buffer, r->n);
	}
	if (r->carry.failed) {
		fail(r, ENOMEM);
		r->done = end;
	}
}

ssize_t recorder_next(void *recorder, const void **ret)
{
	struct recorder *r = recorder;

	put_literal(r, r->tar ? tar_position(r->tar) : 0);
	if (r->n)
		carry_rest(r);
	ssize_t n = r->source(r->from, ret);
	r->at += r->n;
	r->buffer = n > 0 ? *ret : NULL;
	r->n = n > 0 ? (size_t)n : 0;
	return n;
}

void recorder_watch(struct recorder *r, const struct tar *tar)
{
	if (r)
		r->tar = tar;
}

static void set_path(struct str *path, const char *parent, const char *base)
{
	path->len = 0;
	str_add(path, parent);
	str_add(path, *parent ? "/" : "");
	str_add(path, base);
}

void recorder_file(struct recorder *r, const char *parent, const char *base, bool summed)
{
	if (!r)
		return;
	put_content(r);
	set_path(&r->path, parent, base);
	r->summed = summed;
	if (r->path.failed)
		fail(r, ENOMEM);
}

/* The stream's next bytes are these; nearly always it is the very same memory. */
static bool is_next(const struct recorder *r, const unsigned char *data, size_t n)
{
	if (n > r->at + r->n - r->done)
		return false;
	if (r->done < r->at) {
		size_t left = (size_t)(r->at - r->done), first = n < left ? n : left;
		return memcmp(r->carry.data + r->carry.len - left, data, first) == 0 &&
		       memcmp(r->buffer, data + first, n - first) == 0;
	}
	const unsigned char *here = r->buffer + (r->done - r->at);
	return here == data || memcmp(here, data, n) == 0;
}

void recorder_piece(struct recorder *r, const void *data, size_t n, uint64_t offset)
{
	if (!r || r->failure.code || n == 0 || r->path.len > RECIPE_PATH_MAX)
		return;
	put_literal(r, tar_position(r->tar));
	if (r->done != tar_position(r->tar) || !is_next(r, data, n))
		return;
	if (r->length && r->offset + r->length != offset)
		put_content(r);
	if (r->length == 0) {
		r->offset = offset;
		sharing_sum_reset(r->sum);
	}
	if (r->summed)
		sharing_sum_add(r->sum, data, n);
	r->length += n;
	r->done += n;
}

static int open_kept(struct recorder *r)
{
	if (r->kept >= 0)
		return 0;
	if (mkdirat(r->dir, RECIPE_KEPT, 0700) < 0)
		return -errno;
	r->kept = openat(r->dir, RECIPE_KEPT, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->kept < 0 ? -errno : 0;
}

int recorder_keep(struct recorder *r, int dirfd, const char *parent, const char *name)
{
	automatic(str) struct str path = { 0 };
	char number[24];

	int code = open_kept(r);
	if (code < 0)
		return code;
	snprintf(number, sizeof(number), "%ju", (uintmax_t)r->n_kept);
	set_path(&path, parent, name);
	if (!str_ok(&path))
		return -ENOMEM;
	if (path.len > RECIPE_PATH_MAX)
		return -ENAMETOOLONG;
	if (renameat(dirfd, name, r->kept, number) < 0)
		return -errno;
	r->n_kept++;
	put_content(r);
	put_code(r, RECIPE_KEEP, path.len);
	put(r, path.data, path.len);
	return 0;
}

void recorder_archive_ends(struct recorder *r)
{
	if (r)
		put_literal(r, tar_position(r->tar));
}

int recorder_end(struct recorder *r, uint64_t size, struct err *e)
{
	struct recipe_header header = { .size = htole64(size), .n_kept = htole64(r->n_kept) };

	memcpy(header.magic, RECIPE_MAGIC, sizeof(header.magic));
	put_content(r);
	if (size > r->done)
		put_code(r, RECIPE_ZEROS, size - r->done);
	if (r->failure.code == 0)
		deflate_end(r->out, &r->failure);
	if (pwrite(r->file, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		fail(r, errno);
	if (r->failure.code)
		*e = r->failure;
	return -r->failure.code;
}

int recorder_open(int dir, tar_source *source, void *from, struct recorder **ret, struct err *e)
{
	static const struct recipe_header none;
	struct recorder *r = malloc(sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "write '" RECIPE_FILE "'");
	*r = (struct recorder){
		.dir = dir, .kept = -1, .source = source, .from = from, .sum = sharing_sum_begin()
	};
	r->file = openat(
		dir, RECIPE_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int code = r->file < 0 ? -errno
		   : !r->sum   ? -ENOMEM
			       : fd_write_all(r->file, &none, sizeof(none));
	code = code < 0 ? err_set(e, -code, "write '" RECIPE_FILE "'")
			: deflate_open(LEVEL, write_out, r, &r->out, e);
	if (code < 0)
		recorder_free(r);
	else
		*ret = r;
	return code;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	deflate_free(r->out);
	sharing_sum_free(r->sum);
	own_close(&r->file);
	own_close(&r->kept);
	str_done(&r->carry);
	str_done(&r->path);
	free(r);
}
