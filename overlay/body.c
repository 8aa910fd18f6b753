/* Contents of members. */
#include "overlay/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/fd.h"

/* One content, piece by piece. */
struct filling {
	struct body *body;
	struct tar *tar;
	const struct sharing_file *f;
	int *file;
	uint64_t at;		 /* bytes so far, holes included */
	struct sharing_sum *sum; /* of a large one, as long as it has no hole */
};

static int write_piece(struct filling *w, const void *data, size_t n, uint64_t offset)
{
	if (offset != w->at && lseek(*w->file, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	w->at = offset + n;
	return fd_write_all(*w->file, data, n);
}

/* The next piece: 1, 0 at the end, or an error as body_fill() has it. */
static int next_piece(
	struct filling *w, const void **ret, size_t *ret_n, uint64_t *ret_offset, struct err *e)
{
	int r = tar_read(w->tar, ret, ret_n, ret_offset, e);
	uint64_t size = w->f->size;

	if (r <= 0)
		return r;
	if (*ret_offset < w->at || *ret_offset > size || *ret_n > size - *ret_offset)
		return -ERR_DAMAGED;
	recorder_piece(w->body->recorder, *ret, *ret_n, *ret_offset);
	return 1;
}

/* Holes stay holes; one at the end is made by the size. */
static int write_rest(struct filling *w, struct err *e)
{
	const void *data;
	uint64_t offset;
	size_t n;
	int r;

	while ((r = next_piece(w, &data, &n, &offset, e)) > 0) {
		if (w->sum && offset != w->at) {
			sharing_sum_free(w->sum);
			w->sum = NULL;
		}
		if (w->sum)
			sharing_sum_add(w->sum, data, n);
		r = write_piece(w, data, n, offset);
		if (r < 0)
			return r;
	}
	if (r == 0 && w->at < w->f->size && ftruncate(*w->file, (off_t)w->f->size) < 0)
		return -errno;
	return r;
}

/* Whole, in memory. */
static int put(struct filling *w, const void *data, struct err *e)
{
	int r = sharing_put(w->body->sharing, *w->file, data, (size_t)w->f->size);

	if (r == 0)
		r = fd_write_all(*w->file, data, (size_t)w->f->size);
	w->at = w->f->size;
	return r < 0 ? r : write_rest(w, e);
}

/* What was held is written after all: there is a hole, so it is a file of its own. */
static int let_go(struct filling *w)
{
	return w->at ? fd_write_all(*w->file, w->body->held, (size_t)w->at) : 0;
}

static int hold(struct filling *w, struct err *e)
{
	struct body *b = w->body;
	const void *data;
	uint64_t offset;
	size_t n;
	int r;

	while ((r = next_piece(w, &data, &n, &offset, e)) > 0) {
		if (w->at == 0 && n == w->f->size)
			return put(w, data, e);
		if (!b->held && !(b->held = malloc(BODY_HELD_MAX)))
			return -ENOMEM;
		if (offset != w->at) {
			r = let_go(w);
			if (r == 0)
				r = write_piece(w, data, n, offset);
			return r < 0 ? r : write_rest(w, e);
		}
		memcpy(b->held + offset, data, n);
		w->at += n;
		if (w->at == w->f->size)
			return put(w, b->held, e);
	}
	if (r == 0)
		r = let_go(w);
	if (r == 0 && ftruncate(*w->file, (off_t)w->f->size) < 0)
		return -errno;
	return r;
}

static int write_large(struct filling *w, struct err *e)
{
	w->sum = sharing_sum_begin();
	if (!w->sum)
		return -ENOMEM;
	int r = write_rest(w, e);
	if (r == 0 && w->sum && w->at == w->f->size)
		r = sharing_take(w->body->sharing, w->f, w->sum, w->file);
	sharing_sum_free(w->sum);
	return r < 0 ? r : 0;
}

/* A file of that size, and no block. */
static int fill_skeleton(struct filling *w, struct err *e)
{
	const void *data;
	uint64_t offset;
	size_t n;
	int r;

	while ((r = next_piece(w, &data, &n, &offset, e)) > 0)
		w->at = offset + n;
	if (r == 0 && ftruncate(*w->file, (off_t)w->f->size) < 0)
		return -errno;
	return r;
}

int body_fill(struct body *b, struct tar *tar, const struct sharing_file *f, bool share, int *file,
	struct err *e)
{
	struct filling w = { .body = b, .tar = tar, .f = f, .file = file };

	e->code = 0;
	if (f->size == 0)
		return 0;
	if (b->skeleton)
		return fill_skeleton(&w, e);
	if (!b->sharing || !share)
		return write_rest(&w, e);
	return f->size <= BODY_HELD_MAX ? hold(&w, e) : write_large(&w, e);
}

void body_done(struct body *b)
{
	free(b->held);
	b->held = NULL;
}
