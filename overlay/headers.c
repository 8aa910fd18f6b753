/*
 * A tar's headers: a walk over the bytes by the sizes in them.
 *
 * Contents are passed over without a look, so this costs some hundred nanoseconds a member. A header
 * with a wrong checksum is libarchive's to refuse; here it ends the walk.
 */
#include "overlay/headers.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "overlay/member.h"
#include "spec/base/str.h"

#define BLOCK 512
#define BODY_MAX (1u << 20) /* of a pax header or a long name */
#define DIGITS_MAX 19	    /* of a size in decimal, below 2^63 */

/* A header's fields that matter here: where, and how long. */
enum { NAME = 0, NAME_LEN = 100, SIZE = 124, SIZE_LEN = 12, CHECKSUM = 148, CHECKSUM_LEN = 8 };
enum { TYPE = 156, EXTENDED = 482, EXTENDED_AGAIN = 504 };

struct headers {
	unsigned char block[BLOCK];
	size_t have;		    /* of the block */
	uint64_t skip;		    /* bytes that are of no interest */
	struct str body;	    /* of an extension header */
	size_t body_left;	    /* still to come */
	char type;		    /* of the last header */
	uint64_t content;	    /* of a member whose header goes on (old sparse files) */
	bool is_extended;	    /* it does */
	bool has_pax, has_pax_size; /* for the next member */
	uint64_t pax_size;
	bool ended, lost;
	bool is_named;	/* by an extension header */
	char name[128]; /* of the member that it is about, as far as it is known */
};

struct headers *headers_begin(void)
{
	return calloc(1, sizeof(struct headers));
}

void headers_free(struct headers *h)
{
	if (h)
		str_done(&h->body);
	free(h);
}

bool headers_lost(const struct headers *h)
{
	return h->lost;
}

static int refuse(const struct headers *h, const char *why, struct err *e)
{
	struct member_text shown;

	return err_say(e, ERR_DAMAGED, "damaged tar: '%s': %s", member_show(h->name, &shown), why);
}

static void set_name(struct headers *h, const void *name, size_t n, bool is_final)
{
	size_t len = strnlen(name, n);

	if (h->is_named && !is_final)
		return;
	h->is_named = is_final;
	len = len < sizeof(h->name) - 1 ? len : sizeof(h->name) - 1;
	memcpy(h->name, name, len);
	h->name[len] = '\0';
}

/* --- numbers ------------------------------------------------------------------------------------
 */

/* Octal digits, spaces before and a space or NUL behind them; false where there is anything else. */
static bool read_octal(const unsigned char *field, size_t n, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < n && field[i] == ' ')
		i++;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	*ret = value;
	return i == n || field[i] == ' ' || field[i] == '\0';
}

/* GNU's way for large ones: a first bit, and the number itself. */
static bool read_binary(const unsigned char *field, size_t n, uint64_t *ret)
{
	uint64_t value = field[0] & 0x7f;

	if (field[0] & 0x40)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (value >> 55)
			return false;
		value = value << 8 | field[i];
	}
	*ret = value;
	return true;
}

static bool read_size(const struct headers *h, uint64_t *ret)
{
	const unsigned char *field = h->block + SIZE;

	return field[0] & 0x80 ? read_binary(field, SIZE_LEN, ret)
			       : read_octal(field, SIZE_LEN, ret);
}

/* At most `max` bytes are looked at; false without a digit, with more of them, or another byte. */
static bool read_decimal(const char *text, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	if (n == 0 || n > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = value;
	return value <= INT64_MAX;
}

/* --- extension headers --------------------------------------------------------------------------
 */

/* Keys whose values are names, or end up where a NUL is an end. */
static const char *const text_keys[] = { "path", "linkpath", "uname", "gname", "GNU.sparse.name" };

static bool is_key(const char *key, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(key, name, n) == 0;
}

static int check_record(struct headers *h, const char *key, size_t key_len, const char *value,
	size_t n, struct err *e)
{
	if (key_len == 0 || memchr(key, '\0', key_len))
		return refuse(h, "its pax header has a record without a name", e);
	if (is_key(key, key_len, "path"))
		set_name(h, value, n, true);
	if (is_key(key, key_len, "size")) {
		if (!read_decimal(value, n, &h->pax_size))
			return refuse(h, "its pax header has a size that is no number", e);
		h->has_pax_size = true;
	}
	for (size_t i = 0; i < sizeof(text_keys) / sizeof(text_keys[0]); i++)
		if (is_key(key, key_len, text_keys[i]) && memchr(value, '\0', n))
			return refuse(h, "its pax header has a name with a NUL in it", e);
	return 0;
}

/* One "LENGTH key=value\n"; how long it is. */
static int next_record(struct headers *h, const char *text, size_t n, size_t *ret, struct err *e)
{
	static const char wrong[] = "its pax header has a record of a wrong length";
	const char *space = memchr(text, ' ', n < DIGITS_MAX ? n : DIGITS_MAX);
	uint64_t len;

	if (!space || !read_decimal(text, (size_t)(space - text), &len) || len > n ||
		len < (size_t)(space - text) + 3 || text[len - 1] != '\n')
		return refuse(h, wrong, e);
	const char *key = space + 1, *end = text + len - 1;
	const char *sign = memchr(key, '=', (size_t)(end - key));
	if (!sign)
		return refuse(h, wrong, e);
	*ret = len;
	return check_record(h, key, (size_t)(sign - key), sign + 1, (size_t)(end - sign - 1), e);
}

static int check_pax(struct headers *h, struct err *e)
{
	size_t at = 0, len = 0;

	while (at < h->body.len) {
		int r = next_record(h, h->body.data + at, h->body.len - at, &len, e);
		if (r < 0)
			return r;
		at += len;
	}
	return 0;
}

/* GNU's long name or link: text, a NUL, and nothing else. */
static int check_long_name(struct headers *h, struct err *e)
{
	size_t len = h->body.len ? strnlen(h->body.data, h->body.len) : 0;

	if (h->type == 'L' && len)
		set_name(h, h->body.data, len, true);
	for (size_t i = len; i < h->body.len; i++)
		if (h->body.data[i])
			return refuse(h, "its long name has a NUL in it", e);
	return 0;
}

static uint64_t padding(uint64_t size)
{
	return -size % BLOCK;
}

static int end_body(struct headers *h, struct err *e)
{
	h->skip = padding(h->body.len);
	int r = h->type == 'x' ? check_pax(h, e) : check_long_name(h, e);
	h->body.len = 0;
	return r;
}

static int begin_body(struct headers *h, uint64_t size, struct err *e)
{
	if (size > BODY_MAX)
		return refuse(h, "its extension header has more than the 1 MiB allowed", e);
	if (h->type == 'x' && h->has_pax)
		return refuse(h, "it has two pax headers", e);
	h->has_pax |= h->type == 'x';
	h->body_left = size;
	return size ? 0 : end_body(h, e);
}

/* --- members ------------------------------------------------------------------------------------
 */

enum content {
	CONTENT_SIZED, /* as much as the header says */
	CONTENT_NONE,  /* none, whatever it says; not so with a pax header's size */
	CONTENT_ZERO,  /* none, and it must say so: some skip what it says, some do not */
	CONTENT_BODY,  /* an extension header */
	CONTENT_GLOBAL,
	CONTENT_REFUSED,
};

/* Every other type is a file, as POSIX wants it. */
static const struct {
	char type;
	enum content content;
} types[] = {
	{ '1', CONTENT_ZERO },
	{ '2', CONTENT_NONE },
	{ '3', CONTENT_NONE },
	{ '4', CONTENT_NONE },
	{ '5', CONTENT_NONE },
	{ '6', CONTENT_NONE },
	{ 'x', CONTENT_BODY },
	{ 'L', CONTENT_BODY },
	{ 'K', CONTENT_BODY },
	{ 'g', CONTENT_GLOBAL },
	{ 'A', CONTENT_REFUSED },
	{ 'M', CONTENT_REFUSED },
	{ 'N', CONTENT_REFUSED },
	{ 'V', CONTENT_REFUSED },
	{ 'X', CONTENT_REFUSED },
};

static enum content content_of(char type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return types[i].content;
	return CONTENT_SIZED;
}

/* What a pax header says of the next member's size counts, always. */
static int begin_member(struct headers *h, uint64_t size, struct err *e)
{
	enum content content = content_of(h->type);
	bool says_otherwise = h->has_pax_size && h->pax_size;

	if ((content == CONTENT_NONE && says_otherwise) ||
		(content == CONTENT_ZERO && (says_otherwise || (!h->has_pax_size && size))))
		return refuse(h, "it has a size, and is of a kind that has no content", e);
	if (h->has_pax_size)
		size = h->pax_size;
	h->has_pax = h->has_pax_size = false;
	h->content = content == CONTENT_SIZED ? size + padding(size) : 0;
	h->is_extended = h->type == 'S' && h->block[EXTENDED];
	if (!h->is_extended)
		h->skip = h->content;
	return 0;
}

/* As unsigned bytes, or as signed ones, which some old programs took. */
static bool is_sum_right(const struct headers *h)
{
	uint64_t is = 0;
	int64_t is_signed = 0;
	uint64_t said;

	for (size_t i = 0; i < BLOCK; i++) {
		unsigned char c = i - CHECKSUM < CHECKSUM_LEN ? ' ' : h->block[i];
		is += c;
		is_signed += (signed char)c;
	}
	return read_octal(h->block + CHECKSUM, CHECKSUM_LEN, &said) &&
	       (said == is || (int64_t)said == is_signed);
}

static bool is_zero(const unsigned char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

static int read_header(struct headers *h, struct err *e)
{
	uint64_t size;

	if (is_zero(h->block) || !is_sum_right(h)) {
		h->ended = true;
		h->lost = !is_zero(h->block);
		return 0;
	}
	h->type = (char)h->block[TYPE];
	set_name(h, h->block + NAME, NAME_LEN, false);
	if (!read_size(h, &size) || size > INT64_MAX - BLOCK)
		return refuse(h, "its size is no number", e);
	switch (content_of(h->type)) {
	case CONTENT_BODY:
		return begin_body(h, size, e);
	case CONTENT_GLOBAL:
		h->skip = size + padding(size);
		return 0;
	case CONTENT_REFUSED:
		return refuse(h, "it is of a kind that no layer has", e);
	case CONTENT_SIZED:
	case CONTENT_NONE:
	case CONTENT_ZERO:
		break;
	}
	int r = begin_member(h, size, e);
	h->is_named = false;
	return r;
}

static int read_block(struct headers *h, struct err *e)
{
	if (!h->is_extended)
		return read_header(h, e);
	h->is_extended = h->block[EXTENDED_AGAIN];
	if (!h->is_extended)
		h->skip = h->content;
	return 0;
}

static size_t least(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* Uses some of the bytes, at least one: how many, or -errno. */
static ssize_t pass_some(struct headers *h, const unsigned char *data, size_t n, struct err *e)
{
	int r = 0;

	if (h->skip) {
		n = least(h->skip, n);
		h->skip -= n;
	} else if (h->body_left) {
		n = least(h->body_left, n);
		str_add_bytes(&h->body, data, n);
		h->body_left -= n;
		if (!str_ok(&h->body))
			return err_set(e, ENOMEM, "read tar");
		r = h->body_left ? 0 : end_body(h, e);
	} else {
		n = least(BLOCK - h->have, n);
		memcpy(h->block + h->have, data, n);
		h->have = (h->have + n) % BLOCK;
		r = h->have ? 0 : read_block(h, e);
	}
	return r < 0 ? r : (ssize_t)n;
}

int headers_pass(struct headers *h, const void *data, size_t n, struct err *e)
{
	const unsigned char *at = data;

	while (n && !h->ended) {
		ssize_t used = pass_some(h, at, n, e);
		if (used < 0)
			return (int)used;
		at += used;
		n -= (size_t)used;
	}
	return 0;
}
