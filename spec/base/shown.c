/* Characters that may be shown. */
#include "spec/base/shown.h"

#include "spec/base/str.h"

/* By rising code. */
static const struct {
	uint32_t first, last;
} harmful[] = {
	{ 0x0000, 0x001f },
	{ 0x007f, 0x009f },
	{ 0x00ad, 0x00ad }, /* soft hyphen */
	{ 0x061c, 0x061c }, /* directions of writing, and what has no width */
	{ 0x180e, 0x180e },
	{ 0x200b, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xfe00, 0xfe0f }, /* variation selectors: their width is the terminal's guess */
	{ 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb },
	{ 0xe0000, 0xe0fff },
};

bool shown_is_harmless(uint32_t code)
{
	for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]) && code >= harmful[i].first;
		i++)
		if (code <= harmful[i].last)
			return false;
	return true;
}

size_t shown_next(const char *text, bool *ret_harmless)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t n = str_utf8_length(text);

	/* The first byte of several has as many bits less as there are bytes, and one. */
	uint32_t code = n > 1 ? *at & (0xffU >> (n + 1)) : *at;
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (at[i] & 0x3fU);
	*ret_harmless = n && shown_is_harmless(code);
	return n ? n : 1;
}
