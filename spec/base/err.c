/* The error value: texts composed in place, outermost context first. */
#include "spec/base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_reason(int code)
{
	static char text[128];

	if (code <= 0 || code >= ERR_PROGRAM_MISSING)
		return "";
	/* Lower case, since the sentence began before it ("I/O error" aside). */
	snprintf(text, sizeof(text), "%s",
		strerrordesc_np(code) ? strerrordesc_np(code) : "unknown error");
	if (islower((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
	return text;
}

void err_clean(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			c[0] = c[1] = '?';
		else if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
}

int err_set(struct err *e, int code, const char *format, ...)
{
	va_list args;

	e->code = code;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	size_t n = strlen(e->text);
	if (*err_reason(code))
		snprintf(e->text + n, sizeof(e->text) - n, ": %s", err_reason(code));
	err_clean(e->text);
	return -code;
}

int err_say(struct err *e, int code, const char *format, ...)
{
	va_list args;

	e->code = code;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	err_clean(e->text);
	return -code;
}

int err_while(struct err *e, const char *format, ...)
{
	char context[ERR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	if (n < 0 || (size_t)n + 3 >= sizeof(context))
		return -e->code;
	size_t room = sizeof(e->text) - (size_t)n - 2;
	size_t keep = strnlen(e->text, room - 1);
	memmove(e->text + n + 2, e->text, keep);
	memcpy(e->text, context, (size_t)n);
	memcpy(e->text + n, ": ", 2);
	e->text[(size_t)n + 2 + keep] = '\0';
	err_clean(e->text);
	return -e->code;
}
