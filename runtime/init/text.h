/* Bytes and text without a libc. */
#ifndef RUNTIME_INIT_TEXT_H
#define RUNTIME_INIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

bool text_equal(const char *a, const char *b);
bool text_starts(const char *s, const char *prefix);
const char *text_find(const char *s, char c); /* NULL: not there */

/* A text of bounded length: what does not fit is cut off, and it is always terminated. */
struct text {
	char *at;
	size_t len, room;
};

/* struct text t = TEXT_IN(array); */
#define TEXT_IN(array)                                                                             \
	{                                                                                          \
		(array), 0, sizeof(array)                                                          \
	}

void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const char *s, size_t n);
void text_add_number(struct text *t, long n);
void text_add_octal(struct text *t, unsigned n);

/* "%s" a string, "%d" an int, "%o" octal; nothing else. */
void text_format(struct text *t, const char *format, __builtin_va_list args);

#endif
