/* Text: growing strings, strict numbers. */
#include "spec/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool grow(struct str *s, size_t n)
{
	if (s->failed)
		return false;
	if (s->len + n + 1 <= s->room)
		return true;
	size_t room = s->room ? s->room * 2 : 128;
	while (room < s->len + n + 1)
		room *= 2;
	char *data = realloc(s->data, room);
	if (!data) {
		s->failed = true;
		return false;
	}
	s->data = data;
	s->room = room;
	return true;
}

void str_add_bytes(struct str *s, const void *bytes, size_t n)
{
	if (!grow(s, n))
		return;
	if (n)
		memcpy(s->data + s->len, bytes, n);
	s->len += n;
	s->data[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_add_bytes(s, text, strlen(text));
}

static void add_formatted(struct str *s, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	if (n < 0)
		s->failed = true;
	else if (grow(s, (size_t)n)) {
		vsnprintf(s->data + s->len, (size_t)n + 1, format, again);
		s->len += (size_t)n;
	}
	va_end(again);
}

void str_addf(struct str *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_formatted(s, format, args);
	va_end(args);
}

bool str_ok(const struct str *s)
{
	return !s->failed && s->data;
}

void str_done(struct str *s)
{
	free(s->data);
	*s = (struct str){ 0 };
}

char *str_format(const char *format, ...)
{
	struct str s = { 0 };
	va_list args;

	va_start(args, format);
	add_formatted(&s, format, args);
	va_end(args);
	if (!str_ok(&s))
		str_done(&s);
	return s.data;
}

bool str_to_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!isdigit((unsigned char)*text) || (text[0] == '0' && text[1]))
		return false;
	for (; isdigit((unsigned char)*text); text++) {
		unsigned digit = (unsigned)(*text - '0');
		if (n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (*text || n > max)
		return false;
	*ret = n;
	return true;
}

/* Powers of 1024 by their letters; an optional "b" or "ib" may follow. */
static bool unit_shift(const char *text, unsigned *ret)
{
	static const char letters[] = "kmgt";
	unsigned shift = 0;

	if (*text) {
		const char *at = strchr(letters, tolower((unsigned char)*text));
		if (at) {
			shift = 10 * (unsigned)(at - letters + 1);
			text++;
		}
		if (shift && tolower((unsigned char)*text) == 'i' &&
			tolower((unsigned char)text[1]) == 'b')
			text++;
		if (tolower((unsigned char)*text) == 'b')
			text++;
	}
	*ret = shift;
	return *text == '\0';
}

bool str_to_bytes(const char *text, uint64_t *ret)
{
	uint64_t whole = 0, part = 0, scale = 1;
	unsigned shift;

	if (str_equal(text, "-1")) {
		*ret = UINT64_MAX;
		return true;
	}
	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return false;
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text) && scale < 1000000; text++, scale *= 10)
			part = part * 10 + (uint64_t)(*text - '0');
	if (!unit_shift(text, &shift) || whole > (UINT64_MAX >> shift))
		return false;
	*ret = (whole << shift) + ((part << shift) / scale);
	return true;
}

/* To the nearest, and of two to the even one, as printf does it, at a tenth of the price. */
static uint64_t nearest(double n)
{
	uint64_t below = (uint64_t)n;
	double rest = n - (double)below;

	return below + (rest > 0.5 || (rest == 0.5 && below % 2));
}

/* Digits of n from the back of what ends before `end`; where they begin. */
static char *digits_before(char *end, uint64_t n)
{
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	return end;
}

char *str_human(uint64_t bytes, char out[16])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t unit = 0;
	double n = (double)bytes;

	/* What would be shown as 1024 is 1 of the next unit. */
	for (; n >= (unit < 2 ? 1023.5 : 1023.95) && unit + 1 < sizeof(units) / sizeof(units[0]);
		unit++)
		n /= 1024;
	/* One decimal from MiB on: below that it would promise more than a page. */
	char text[24], *end = text + sizeof(text), *at = end;
	if (unit < 2) {
		at = digits_before(end, nearest(n));
	} else {
		uint64_t tenths = nearest(n * 10);
		*--at = (char)('0' + tenths % 10);
		*--at = '.';
		at = digits_before(at, tenths / 10);
	}
	size_t digits = (size_t)(end - at), rest = strlen(units[unit]) + 1;
	memcpy(out, at, digits);
	out[digits] = ' ';
	memcpy(out + digits + 1, units[unit], rest);
	return out;
}

bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

size_t str_utf8_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = *at < 0x80 ? 1 : *at < 0xc0 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

	if (n < 2)
		return n;
	uint32_t code = *at & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3fU);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}
