/*
 * A layer's tar again.
 *
 * One pass, in which literal bytes come from the recipe and content from the layer's files; where
 * members were replaced, a pass before it over the instructions alone says what is kept where. The
 * recipe is our own, but disks lie: every number is held against what is left of the tar's size.
 */
#include "overlay/recipe.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay/content.h"
#include "overlay/digest.h"
#include "overlay/inflate.h"
#include "overlay/member.h"
#include "overlay/replaced.h"
#include "overlay/sharing.h"
#include "spec/base/fd.h"

#define OUT_SIZE (256u << 10)
#define IN_SIZE (64u << 10)

struct recipe {
	const struct store *store; /* borrowed */
	char diff_id[DIGEST_LENGTH + 1];
	int dir; /* layers/HEX */
	struct recipe_header header;
	struct input input;
	struct inflate *inflate;

	struct replaced replaced;

	int parent; /* the directory of the last file; -1: none */
	char parent_path[REPLACED_PLACE_MAX];

	enum recipe_code code; /* what is under way, with `left` bytes to come */
	uint64_t left, made;   /* made: bytes of the tar so far */
	uint64_t contents;     /* how many 'C' have begun */
	int content;
	uint64_t offset;
	struct sharing_sum *sum; /* of what has come of the present content, ... */
	uint64_t should;	 /* ... and what it should be at its end: of RECIPE_SUMMED */
	recipe_loss *tell;
	void *tell_to;
	char path[RECIPE_PATH_MAX + 1];

	size_t in_at, in_n;
	unsigned char in[IN_SIZE];
	unsigned char out[OUT_SIZE];
};

static int damaged(const struct recipe *r, const char *why, struct err *e)
{
	return err_say(e, ERR_DAMAGED, "layer '%s' is damaged: %s", r->diff_id, why);
}

/* --- its instructions ------------------------------------------------------------------------- */

static int begin_pass(struct recipe *r, struct err *e)
{
	inflate_free(r->inflate);
	r->inflate = NULL;
	input_done(&r->input);
	r->in_at = r->in_n = 0;
	autofd int fd = openat(r->dir, RECIPE_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_say(e, ENODATA,
			"layer '%s' has no recipe of its tar: load or pull the image again",
			r->diff_id);
	if (fd < 0 || fd_read_full(fd, &r->header, sizeof(r->header)) < 0)
		return err_set(e, errno, "read the recipe of layer '%s'", r->diff_id);
	if (memcmp(r->header.magic, RECIPE_MAGIC, sizeof(r->header.magic)) != 0)
		return damaged(r, "its recipe is none", e);
	int code = input_open(take_fd(&fd), RECIPE_FILE, NULL, UINT64_MAX, NULL, &r->input, e);
	if (code == 0)
		code = inflate_open(&r->input, &r->inflate, e);
	if (code == -ERR_DAMAGED || code == -ENOTSUP)
		return damaged(r, "its recipe has no sense", e);
	return code < 0 ? err_while(e, "layer '%s'", r->diff_id) : 0;
}

/* 1, or 0 at the end. */
static int refill(struct recipe *r, struct err *e)
{
	if (r->in_at < r->in_n)
		return 1;
	ssize_t n = inflate_read(r->inflate, r->in, sizeof(r->in), e);
	if (n == -ERR_DAMAGED)
		return damaged(r, "its recipe has no sense", e);
	if (n < 0)
		return err_while(e, "layer '%s'", r->diff_id);
	r->in_at = 0;
	r->in_n = (size_t)n;
	return n > 0;
}

static int read_number(struct recipe *r, uint64_t *ret, struct err *e)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		int code = refill(r, e);
		if (code <= 0)
			return code < 0 ? code : damaged(r, "its recipe is cut off", e);
		unsigned char byte = r->in[r->in_at++];
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return 0;
		}
	}
	return damaged(r, "its recipe has no sense", e);
}

static int read_bytes(struct recipe *r, void *data, size_t n, struct err *e)
{
	for (size_t have = 0; have < n;) {
		int code = refill(r, e);
		if (code <= 0)
			return code < 0 ? code : damaged(r, "its recipe is cut off", e);
		size_t more = r->in_n - r->in_at < n - have ? r->in_n - r->in_at : n - have;
		memcpy((char *)data + have, r->in + r->in_at, more);
		r->in_at += more;
		have += more;
	}
	return 0;
}

static int skip_bytes(struct recipe *r, uint64_t n, struct err *e)
{
	while (n) {
		int code = refill(r, e);
		if (code <= 0)
			return code < 0 ? code : damaged(r, "its recipe is cut off", e);
		uint64_t more = r->in_n - r->in_at < n ? r->in_n - r->in_at : n;
		r->in_at += (size_t)more;
		n -= more;
	}
	return 0;
}

static int read_path(struct recipe *r, struct err *e)
{
	uint64_t n;

	int code = read_number(r, &n, e);
	if (code < 0)
		return code;
	if (n == 0 || n > RECIPE_PATH_MAX)
		return damaged(r, "its recipe has no sense", e);
	code = read_bytes(r, r->path, (size_t)n, e);
	r->path[n] = '\0';
	return code;
}

static int read_content_place(struct recipe *r, struct err *e)
{
	r->contents++;
	int code = read_path(r, e);
	if (code == 0)
		code = read_number(r, &r->offset, e);
	if (code == 0)
		code = read_number(r, &r->left, e);
	if (code == 0 && r->code == RECIPE_SUMMED) {
		code = read_bytes(r, &r->should, sizeof(r->should), e);
		r->should = le64toh(r->should);
		sharing_sum_reset(r->sum);
	}
	return code;
}

/* The next one, with its bytes still to come: 1, or 0 at the end. */
static int read_instruction(struct recipe *r, struct err *e)
{
	int code = refill(r, e);

	if (code <= 0)
		return code;
	r->code = r->in[r->in_at++];
	r->left = 0;
	switch (r->code) {
	case RECIPE_LITERAL:
	case RECIPE_ZEROS:
		code = read_number(r, &r->left, e);
		break;
	case RECIPE_KEEP:
		code = read_path(r, e);
		break;
	case RECIPE_CONTENT:
	case RECIPE_SUMMED:
		code = read_content_place(r, e);
		break;
	default:
		code = damaged(r, "its recipe has no sense", e);
	}
	if (code == 0 && r->left > le64toh(r->header.size) - r->made)
		code = damaged(r, "its recipe has no sense", e);
	r->made += r->left;
	return code < 0 ? code : 1;
}

/* --- what was replaced ------------------------------------------------------------------------ */

static int add_kept(struct recipe *r, struct err *e)
{
	if (r->replaced.n == le64toh(r->header.n_kept))
		return damaged(r, "its recipe has no sense", e);
	int code = replaced_add(&r->replaced, r->path, r->contents);
	return code < 0 ? err_set(e, -code, "read the recipe of layer '%s'", r->diff_id) : 0;
}

static int read_kept(struct recipe *r, struct err *e)
{
	int code;

	if (r->header.n_kept == 0)
		return 0;
	while ((code = read_instruction(r, e)) > 0) {
		code = r->code == RECIPE_KEEP	   ? add_kept(r, e)
		       : r->code == RECIPE_LITERAL ? skip_bytes(r, r->left, e)
						   : 0;
		if (code < 0)
			return code;
	}
	if (code < 0)
		return code;
	replaced_sort(&r->replaced);
	r->made = r->left = r->contents = 0;
	return begin_pass(r, e);
}

/* --- content ---------------------------------------------------------------------------------- */

/* The rest of what comes from the present file is zeros, where somebody wants to know that. */
static int lose_content(struct recipe *r, const char *why, struct err *e)
{
	struct member_text shown;

	if (!r->tell)
		return err_say(e, ERR_DAMAGED, "layer '%s' is damaged: '%s': %s", r->diff_id,
			member_show(r->path, &shown), why);
	r->tell(r->tell_to, r->path, why);
	r->code = RECIPE_ZEROS;
	return 0;
}

static int open_parent(struct recipe *r, const char path[REPLACED_PLACE_MAX])
{
	if (r->parent >= 0 && strcmp(path, r->parent_path) == 0)
		return 0;
	own_close(&r->parent);
	r->parent = fd_open_beneath(r->dir, path, O_PATH | O_DIRECTORY);
	memcpy(r->parent_path, path, strlen(path) + 1);
	return r->parent < 0 ? r->parent : 0;
}

static int open_content(struct recipe *r, struct err *e)
{
	static const struct {
		int code;
		const char *why;
	} losses[] = { { ENOENT, "it is missing" }, { ELOOP, "it is no file" },
		{ EINVAL, "it is no file" }, { ERR_DAMAGED, "its content is lost" } };
	char path[REPLACED_PLACE_MAX];
	struct err ignored;

	replaced_place(&r->replaced, r->path, r->contents, path);
	char *base = strrchr(path, '/');
	*base++ = '\0';
	int code = open_parent(r, path);
	if (code < 0)
		return lose_content(r, err_reason(-code), e);
	own_close(&r->content);
	r->content = -1;
	code = content_open(r->store, r->parent, base, &r->content, &ignored);
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		if (code == -losses[i].code)
			return lose_content(r, losses[i].why, e);
	return code < 0 ? lose_content(r, err_reason(-code), e) : 0;
}

/* 0: it was lost meanwhile. */
static ssize_t read_content(struct recipe *r, void *data, size_t n, struct err *e)
{
	ssize_t got = pread(r->content, data, n, (off_t)r->offset);

	if (got <= 0)
		return lose_content(
			r, got < 0 ? err_reason(errno) : "it is shorter than it was", e);
	r->offset += (uint64_t)got;
	if (r->code != RECIPE_SUMMED)
		return got;
	sharing_sum_add(r->sum, data, (size_t)got);
	if ((uint64_t)got == r->left && sharing_sum_short(r->sum) != r->should) {
		int code = lose_content(r, "its content has changed", e);
		return code < 0 ? code : got;
	}
	return got;
}

/* --- the tar ---------------------------------------------------------------------------------- */

static int begin(struct recipe *r, struct err *e)
{
	int code = read_instruction(r, e);

	if (code > 0 && (r->code == RECIPE_CONTENT || r->code == RECIPE_SUMMED)) {
		int opened = open_content(r, e);
		return opened < 0 ? opened : code;
	}
	return code;
}

/* Up to n bytes of what is under way. */
static ssize_t proceed(struct recipe *r, void *data, size_t n, struct err *e)
{
	if (n > r->left)
		n = (size_t)r->left;
	if (r->code == RECIPE_CONTENT || r->code == RECIPE_SUMMED)
		return read_content(r, data, n, e);
	if (r->code == RECIPE_ZEROS) {
		memset(data, 0, n);
		return (ssize_t)n;
	}
	int code = read_bytes(r, data, n, e);
	return code < 0 ? code : (ssize_t)n;
}

ssize_t recipe_next(struct recipe *r, const void **ret, struct err *e)
{
	size_t have = 0;

	while (have < sizeof(r->out)) {
		int code = r->left ? 1 : begin(r, e);
		if (code < 0)
			return code;
		if (code == 0)
			break;
		ssize_t n = proceed(r, r->out + have, sizeof(r->out) - have, e);
		if (n < 0)
			return n;
		r->left -= (uint64_t)n;
		have += (size_t)n;
	}
	if (have == 0 && r->made != le64toh(r->header.size))
		return damaged(r, "its recipe is cut off", e);
	*ret = r->out;
	return (ssize_t)have;
}

void recipe_on_loss(struct recipe *r, recipe_loss *tell, void *to)
{
	r->tell = tell;
	r->tell_to = to;
}

uint64_t recipe_size(const struct recipe *r)
{
	return le64toh(r->header.size);
}

int recipe_open(const struct store *store, const char *diff_id, struct recipe **ret, struct err *e)
{
	struct recipe *r = malloc(sizeof(*r));
	autofree char *name = str_format("layers/%.64s", digest_hex(diff_id));

	if (!r || !name) {
		free(r);
		return err_set(e, ENOMEM, "read the recipe of layer '%s'", diff_id);
	}
	memset(r, 0, offsetof(struct recipe, in));
	r->store = store;
	r->dir = r->parent = r->content = -1;
	r->input = (struct input)INPUT_NONE;
	r->sum = sharing_sum_begin();
	snprintf(r->diff_id, sizeof(r->diff_id), "%s", diff_id);
	r->dir = openat(store->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int code = !r->sum	? err_set(e, ENOMEM, "read the recipe of layer '%s'", diff_id)
		   : r->dir < 0 ? err_say(e, ENOENT, "layer '%s' is not in the store '%s'", diff_id,
					  store->path)
				: begin_pass(r, e);
	if (code == 0)
		code = read_kept(r, e);
	if (code < 0)
		recipe_free(r);
	else
		*ret = r;
	return code;
}

void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	replaced_done(&r->replaced);
	sharing_sum_free(r->sum);
	inflate_free(r->inflate);
	input_done(&r->input);
	own_close(&r->dir);
	own_close(&r->parent);
	own_close(&r->content);
	free(r);
}

static int play(struct recipe *r, struct digest *sum, recipe_sink *sink, void *to, struct err *e)
{
	const void *data = NULL;
	ssize_t n;

	while ((n = recipe_next(r, &data, e)) > 0) {
		digest_add(sum, data, (size_t)n);
		int code = sink(to, data, (size_t)n, e);
		if (code < 0)
			return code;
	}
	if (n < 0)
		return (int)n;
	struct digest_text is = digest_end(sum);
	return strcmp(is.text, r->diff_id) == 0
		       ? 0
		       : err_say(e, ERR_DAMAGED, "layer '%s' is damaged: its content gives %s",
				 r->diff_id, is.text);
}

int recipe_play(
	const struct store *store, const char *diff_id, recipe_sink *sink, void *to, struct err *e)
{
	struct digest *sum = digest_begin();
	struct recipe *r = NULL;

	if (!sum)
		return err_set(e, ENOMEM, "read the recipe of layer '%s'", diff_id);
	int code = recipe_open(store, diff_id, &r, e);
	if (r)
		code = play(r, sum, sink, to, e);
	recipe_free(r);
	digest_free(sum);
	return code;
}
