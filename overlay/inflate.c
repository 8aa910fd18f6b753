/*
 * gzip by ISA-L (twice as fast as zlib), zstd by libzstd.
 *
 * Both keep the window of what they have put out themselves, so each call may bring another buffer.
 * ISA-L stops behind each member, with its CRC and length verified, and what it has not used is
 * given back in next_in; the next member is begun by hand. A reader who stopped at the end of the
 * data, and did not ask for the checksum behind it, would take a cut-off stream for a whole one:
 * `within` is what tells them apart.
 */
#include "overlay/inflate.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "spec/base/log.h"
#include "spec/image.h"

#define IN_SIZE (256u << 10)
#define WINDOW_LOG_MAX 27

struct inflate {
	struct input *in;
	/* Bytes into `data`, more of the stream or -errno. Short only at the stream's end. */
	ssize_t (*read)(struct inflate *z, unsigned char *data, size_t n, struct err *e);
	unsigned char *at; /* of what was read and not used */
	size_t left;
	bool input_ended;
	bool within; /* a member or frame has begun and not ended */
	struct inflate_state *gzip;
	ZSTD_DStream *zstd;
	unsigned char buffer[IN_SIZE];
};

static int refill(struct inflate *z, struct err *e)
{
	if (z->left || z->input_ended)
		return 0;
	ssize_t n = input_read(z->in, z->buffer, sizeof(z->buffer), e);
	if (n < 0)
		return (int)n;
	z->at = z->buffer;
	z->left = (size_t)n;
	z->input_ended = z->left < sizeof(z->buffer);
	return 0;
}

static int damaged(const struct inflate *z, const char *why, struct err *e)
{
	return err_say(e, ERR_DAMAGED, "'%s' is corrupt: %s", z->in->name, why);
}

/* Tapes and some tools pad with zeros; anything else behind the last member was not meant for us.
 */
static int expect_zeros(struct inflate *z, struct err *e)
{
	for (;;) {
		int r = refill(z, e);
		if (r < 0)
			return r;
		if (!z->left)
			return 0;
		for (; z->left; z->left--)
			if (*z->at++)
				return damaged(z, "something follows its compressed data", e);
	}
}

static ssize_t read_plain(struct inflate *z, unsigned char *data, size_t n, struct err *e)
{
	size_t first = z->left < n ? z->left : n;

	memcpy(data, z->at, first);
	z->at += first;
	z->left -= first;
	if (first == n || z->input_ended)
		return (ssize_t)first;
	ssize_t more = input_read(z->in, data + first, n - first, e);
	if (more < 0)
		return more;
	z->input_ended = first + (size_t)more < n;
	return (ssize_t)first + more;
}

static const char *gzip_reason(int code)
{
	switch (code) {
	case ISAL_INCORRECT_CHECKSUM:
		return "its gzip checksum is wrong";
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return "its gzip header is wrong";
	default:
		return "its gzip data is wrong";
	}
}

/* At a member's beginning: 1 when there is one more, 0 at the end. */
static int begin_member(struct inflate *z, struct err *e)
{
	int r = refill(z, e);
	if (r < 0)
		return r;
	if (!z->left || *z->at != 0x1f)
		return expect_zeros(z, e);
	isal_inflate_reset(z->gzip);
	z->gzip->crc_flag = ISAL_GZIP;
	z->within = true;
	return 1;
}

static ssize_t read_gzip(struct inflate *z, unsigned char *data, size_t n, struct err *e)
{
	struct inflate_state *s = z->gzip;

	s->next_out = data;
	s->avail_out = (uint32_t)n;
	while (s->avail_out) {
		int r = z->within ? 1 : begin_member(z, e);
		if (r == 0)
			break;
		if (r > 0)
			r = refill(z, e);
		if (r < 0)
			return r;
		size_t out = s->avail_out, left = z->left;
		s->next_in = z->at;
		s->avail_in = (uint32_t)z->left;
		r = isal_inflate(s);
		z->at = s->next_in;
		z->left = s->avail_in;
		if (r != ISAL_DECOMP_OK)
			return damaged(z, gzip_reason(r), e);
		if (s->block_state == ISAL_BLOCK_FINISH)
			z->within = false;
		else if (s->avail_out == out && z->left == left && z->input_ended)
			return damaged(z, "its gzip data is cut off", e);
	}
	return (ssize_t)(n - s->avail_out);
}

static ssize_t read_zstd(struct inflate *z, unsigned char *data, size_t n, struct err *e)
{
	ZSTD_outBuffer out = { .dst = data, .size = n };

	while (out.pos < n) {
		int r = refill(z, e);
		if (r < 0)
			return r;
		if (!z->left && !z->within)
			break;
		ZSTD_inBuffer in = { .src = z->at, .size = z->left };
		size_t before = out.pos, more = ZSTD_decompressStream(z->zstd, &out, &in);
		if (ZSTD_isError(more))
			return err_say(e, ERR_DAMAGED, "'%s' is corrupt: zstd says '%s'",
				z->in->name, ZSTD_getErrorName(more));
		z->at += in.pos;
		z->left -= in.pos;
		if (!z->left && z->input_ended && more && out.pos == before && !in.pos)
			return damaged(z, "its zstd data is cut off", e);
		z->within = more != 0;
	}
	return (ssize_t)out.pos;
}

static int open_gzip(struct inflate *z, struct err *e)
{
	z->gzip = malloc(sizeof(*z->gzip));
	if (!z->gzip)
		return err_set(e, ENOMEM, "read '%s'", z->in->name);
	isal_inflate_init(z->gzip);
	z->read = read_gzip;
	return 0;
}

static int open_zstd(struct inflate *z, struct err *e)
{
	z->zstd = ZSTD_createDStream();
	if (!z->zstd ||
		ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		return err_set(e, ENOMEM, "read '%s'", z->in->name);
	z->read = read_zstd;
	return 0;
}

static int open_plain(struct inflate *z, struct err *e)
{
	(void)e;
	z->read = read_plain;
	return 0;
}

/* zstd streams may begin with any of sixteen kinds of skippable frame: 50..5f 2a 4d 18. */
static const struct form {
	const char *name;
	unsigned char bytes[10], mask[10];
	size_t length;
	int (*open)(struct inflate *z, struct err *e); /* NULL: only known by name */
	enum compression compression;
} forms[] = {
	{ "gzip", { 0x1f, 0x8b }, { 0xff, 0xff }, 2, open_gzip, COMPRESSION_GZIP },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, { 0xff, 0xff, 0xff, 0xff }, 4, open_zstd,
		COMPRESSION_ZSTD },
	{ "zstd", { 0x50, 0x2a, 0x4d, 0x18 }, { 0xf0, 0xff, 0xff, 0xff }, 4, open_zstd,
		COMPRESSION_ZSTD },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 6, NULL,
		COMPRESSION_NONE },
	{ "bzip2", { 'B', 'Z', 'h', '0', '1', 'A', 'Y', '&', 'S', 'Y' },
		{ 0xff, 0xff, 0xff, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 10, NULL,
		COMPRESSION_NONE },
	{ "lz4", { 0x04, 0x22, 0x4d, 0x18 }, { 0xff, 0xff, 0xff, 0xff }, 4, NULL,
		COMPRESSION_NONE },
	{ "lzip", { 'L', 'Z', 'I', 'P', 1 }, { 0xff, 0xff, 0xff, 0xff, 0xff }, 5, NULL,
		COMPRESSION_NONE },
	{ "compress", { 0x1f, 0x9d }, { 0xff, 0xff }, 2, NULL, COMPRESSION_NONE },
};

static const struct form plain = { .name = "nothing", .open = open_plain };

static bool is_of(const struct inflate *z, const struct form *form)
{
	if (z->left < form->length)
		return false;
	for (size_t i = 0; i < form->length; i++)
		if ((z->at[i] & form->mask[i]) != form->bytes[i])
			return false;
	return true;
}

static const struct form *find_form(const struct inflate *z)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (is_of(z, &forms[i]))
			return &forms[i];
	return &plain;
}

/* What a stream is, its own first bytes say; other programs may go by its media type. */
static int open_form(struct inflate *z, struct err *e)
{
	const struct form *form = find_form(z);
	const struct media_type *type = z->in->type;

	if (!form->open)
		return err_say(e, ENOTSUP,
			"read '%s': it is compressed by %s, which is not supported (gzip, zstd, or none)",
			z->in->name, form->name);
	if (type && type->compression != form->compression)
		log_warn("'%s' is compressed by %s, and called '%s'", z->in->name, form->name,
			type->name);
	return form->open(z, e);
}

int inflate_open(struct input *in, struct inflate **ret, struct err *e)
{
	struct inflate *z = calloc(1, sizeof(*z));
	if (!z)
		return err_set(e, ENOMEM, "read '%s'", in->name);
	z->in = in;
	int r = refill(z, e);
	if (r == 0)
		r = open_form(z, e);
	if (r < 0)
		inflate_free(z);
	else
		*ret = z;
	return r;
}

ssize_t inflate_read(struct inflate *z, void *data, size_t n, struct err *e)
{
	return z->read(z, data, n, e);
}

void inflate_free(struct inflate *z)
{
	if (!z)
		return;
	free(z->gzip);
	ZSTD_freeDStream(z->zstd);
	free(z);
}
