/* A tar of a few files. */
#include "overlay/ustar.h"

#include <stdio.h>
#include <string.h>

#include "spec/base/str.h"

#define OCTAL_MAX 077777777777u /* what fits into the field of a size */

/* Where the fields are, and how long. */
enum {
	AT_NAME = 0,
	NAME_SIZE = 100,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	SIZE_SIZE = 12,
	AT_MTIME = 136,
	AT_CHECKSUM = 148,
	CHECKSUM_SIZE = 8,
	AT_TYPE = 156,
	AT_MAGIC = 257,
};

static void write_size(char *field, uint64_t size)
{
	if (size <= OCTAL_MAX) {
		snprintf(field, SIZE_SIZE, "%011jo", (uintmax_t)size);
		return;
	}
	field[0] = (char)0x80;
	for (size_t i = SIZE_SIZE - 1; size; i--, size >>= 8)
		field[i] = (char)(size & 0xff);
}

/* The sum of all bytes, with its own field as spaces. */
static void write_checksum(char *block)
{
	unsigned sum = 0;

	memset(block + AT_CHECKSUM, ' ', CHECKSUM_SIZE);
	for (size_t i = 0; i < USTAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + AT_CHECKSUM, CHECKSUM_SIZE, "%06o", sum);
}

static void put(struct ustar_block *b, size_t at, const char *text)
{
	memcpy(b->bytes + at, text, strlen(text));
}

struct ustar_block ustar_header(const char *name, uint64_t size)
{
	struct ustar_block b = { { 0 } };
	size_t len = strlen(name);
	bool is_dir = len && name[len - 1] == '/';

	memcpy(b.bytes + AT_NAME, name, len < NAME_SIZE ? len : NAME_SIZE);
	put(&b, AT_MODE, is_dir ? "0000755" : "0000644");
	put(&b, AT_UID, "0000000");
	put(&b, AT_GID, "0000000");
	write_size(b.bytes + AT_SIZE, size);
	put(&b, AT_MTIME, "00000000000");
	b.bytes[AT_TYPE] = is_dir ? '5' : '0';
	memcpy(b.bytes + AT_MAGIC, "ustar\00000", 8);
	write_checksum(b.bytes);
	return b;
}

size_t ustar_padding(uint64_t size)
{
	return (size_t)(-size % USTAR_BLOCK);
}
