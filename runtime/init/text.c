/* Bytes and text without a libc. */
#include "runtime/init/text.h"

/* The compiler calls these four on its own; the loops are not turned into calls of themselves
 * (-fno-tree-loop-distribute-patterns). */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	char *t = to;

	while (n--)
		*t++ = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

bool text_starts(const char *s, const char *prefix)
{
	while (*prefix && *s == *prefix)
		s++, prefix++;
	return !*prefix;
}

const char *text_find(const char *s, char c)
{
	for (; *s; s++)
		if (*s == c)
			return s;
	return NULL;
}

void text_add_bytes(struct text *t, const char *s, size_t n)
{
	while (n-- && t->len + 1 < t->room)
		t->at[t->len++] = *s++;
	if (t->room)
		t->at[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

static void add_digits(struct text *t, unsigned long n, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % base);
	while (n /= base);
	text_add_bytes(t, digits + at, sizeof(digits) - at);
}

void text_add_number(struct text *t, long n)
{
	if (n < 0)
		text_add(t, "-");
	add_digits(t, n < 0 ? 0 - (unsigned long)n : (unsigned long)n, 10);
}

void text_add_octal(struct text *t, unsigned n)
{
	add_digits(t, n, 8);
}

void text_format(struct text *t, const char *format, __builtin_va_list args)
{
	for (; *format; format++) {
		if (*format != '%') {
			text_add_bytes(t, format, 1);
			continue;
		}
		switch (*++format) {
		case 's':
			text_add(t, __builtin_va_arg(args, const char *));
			break;
		case 'd':
			text_add_number(t, __builtin_va_arg(args, int));
			break;
		case 'o':
			text_add_octal(t, __builtin_va_arg(args, unsigned));
			break;
		default:
			break;
		}
	}
}
