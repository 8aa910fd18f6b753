/* Warnings and debug lines. */
#include "spec/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

static struct log_options sink = { .name = "cowrun", .fd = -1 };

void log_open(const struct log_options *options)
{
	sink = *options;
}

static void add_quoted(struct str *s, const char *text)
{
	str_add(s, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			str_addf(s, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			str_addf(s, "\\u%04x", (unsigned char)*text);
		else
			str_add_bytes(s, text, 1);
	}
	str_add(s, "\"");
}

static void record(const char *level, const char *text)
{
	automatic(str) struct str line = { 0 };
	struct timespec now;
	struct tm utc;
	char at[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &utc);
	if (sink.json) {
		str_addf(&line, "{\"level\":\"%s\",\"msg\":", level);
		add_quoted(&line, text);
		str_addf(&line, ",\"time\":\"%s\"}\n", at);
	} else {
		str_addf(&line, "time=\"%s\" level=%s msg=", at, level);
		add_quoted(&line, text);
		str_add(&line, "\n");
	}
	/* One write(): records of several processes do not mix in a file opened with O_APPEND. */
	if (str_ok(&line))
		fd_write_all(sink.fd, line.data, line.len);
}

static void say(const char *level, const char *format, va_list args)
{
	char text[ERR_TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	fprintf(stderr, "%s: %s: %s\n", sink.name, level, text);
	if (sink.fd >= 0 && sink.debug)
		record(level, text);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (!sink.debug)
		return;
	va_start(args, format);
	say("debug", format, args);
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("warning", format, args);
	va_end(args);
}

void log_error(const char *text)
{
	fprintf(stderr, "%s: %s\n", sink.name, text);
	if (sink.fd >= 0)
		record("error", text);
}
