/*
 * Tars made by hand, the wrong ones too: every header field can be set to what no tool would write.
 *
 *	struct tarball t = { 0 };
 *	tarball_add(&t, &(struct tar_row){ .name = "a/b", .data = "hello" });
 *	tarball_end(&t);
 */
#ifndef TESTS_UNIT_TARBALL_H
#define TESTS_UNIT_TARBALL_H

#include <stdio.h>
#include <string.h>

#include "spec/base/str.h"

enum { TAR_BLOCK_SIZE = 512 };

struct tarball {
	struct str bytes;
};

struct tar_row {
	const char *name, *link;
	char type;		 /* '0' unless given */
	unsigned mode, uid, gid; /* mode 0: 0644, or 0755 for directories */
	long mtime;		 /* 0: 1000000000 */
	const char *data;
	size_t data_len;       /* 0: strlen(data) */
	const char *size_text; /* the size field as it stands there, against the data */
	unsigned major, minor;
	bool gnu; /* the magic of GNU tar */
};

static inline void tarball_field(char *block, size_t at, size_t n, const char *text)
{
	size_t len = strlen(text);

	memcpy(block + at, text, len < n ? len : n);
}

static inline void tarball_number(char *block, size_t at, size_t n, unsigned long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*lo", (int)n - 1, value);
	tarball_field(block, at, n, text);
}

static inline void tarball_checksum(char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK_SIZE; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
}

static inline void tarball_pad(struct tarball *t)
{
	static const char zeros[TAR_BLOCK_SIZE];
	size_t over = t->bytes.len % TAR_BLOCK_SIZE;

	if (over)
		str_add_bytes(&t->bytes, zeros, TAR_BLOCK_SIZE - over);
}

static inline void tarball_add(struct tarball *t, const struct tar_row *row)
{
	char block[TAR_BLOCK_SIZE] = { 0 };
	char type = row->type ? row->type : '0';
	size_t len = row->data_len ? row->data_len : row->data ? strlen(row->data) : 0;

	tarball_field(block, 0, 100, row->name);
	tarball_number(block, 100, 8, row->mode ? row->mode : type == '5' ? 0755 : 0644);
	tarball_number(block, 108, 8, row->uid);
	tarball_number(block, 116, 8, row->gid);
	if (row->size_text)
		tarball_field(block, 124, 12, row->size_text);
	else
		tarball_number(block, 124, 12, len);
	tarball_number(block, 136, 12, (unsigned long)(row->mtime ? row->mtime : 1000000000));
	block[156] = type;
	if (row->link)
		tarball_field(block, 157, 100, row->link);
	memcpy(block + 257,
		row->gnu ? "ustar  "
			 : "ustar\0"
			   "00",
		8);
	tarball_number(block, 329, 8, row->major);
	tarball_number(block, 337, 8, row->minor);
	tarball_checksum(block);
	str_add_bytes(&t->bytes, block, sizeof(block));
	if (len)
		str_add_bytes(&t->bytes, row->data, len);
	tarball_pad(t);
}

/* One pax record for the next member; its length counts itself. */
static inline void tarball_pax(struct tarball *t, const char *key, const void *value, size_t n)
{
	struct str record = { 0 };
	size_t len = strlen(key) + n + 3, all = len + 1;

	while (all != len + (size_t)snprintf(NULL, 0, "%zu", all))
		all = len + (size_t)snprintf(NULL, 0, "%zu", all);
	str_addf(&record, "%zu %s=", all, key);
	str_add_bytes(&record, value, n);
	str_add_bytes(&record, "\n", 1);
	tarball_add(t, &(struct tar_row){ .name = "PaxHeaders/x",
			       .type = 'x',
			       .data = record.data,
			       .data_len = record.len });
	str_done(&record);
}

static inline void tarball_end(struct tarball *t)
{
	static const char zeros[2 * TAR_BLOCK_SIZE];

	str_add_bytes(&t->bytes, zeros, sizeof(zeros));
}

static inline void tarball_done(struct tarball *t)
{
	str_done(&t->bytes);
}
DEFINE_AUTO(tarball, tarball_done)

#endif
