/* Errors, warnings and debug lines. */
#include "spec/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "spec/base/date.h"
#include "spec/base/err.h"
#include "spec/base/fd.h"
#include "spec/base/json.h"
#include "spec/base/str.h"

static struct log_options sink = { .name = "cowrun", .fd = -1 };

void log_open(const struct log_options *options)
{
	sink = *options;
}

static void record(int fd, const char *level, const char *text)
{
	automatic(str) struct str line = { 0 };
	char now[DATE_TEXT_MAX];
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	str_addf(&line,
		sink.json ? "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":"
			  : "time=\"%s\" level=%s msg=",
		date_text(&at, false, now), level);
	json_write_string(text, &line);
	str_add(&line, sink.json ? "}\n" : "\n");
	/* One write(): records of several processes do not mix in a file opened with O_APPEND. */
	if (str_ok(&line))
		fd_write_all(fd, line.data, line.len);
}

void log_debug(const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (sink.level < LEVEL_DEBUG)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	record(sink.fd >= 0 ? sink.fd : STDERR_FILENO, "debug", text);
}

void log_warn(const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (sink.level == LEVEL_ERROR)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	err_clean(text);
	if (sink.fd < 0)
		fprintf(stderr, "%s: warning: %s\n", sink.name, text);
	else if (sink.level >= LEVEL_WARNING)
		record(sink.fd, "warning", text);
}

void log_error(const char *text)
{
	fprintf(stderr, "%s: %s\n", sink.name, text);
	if (sink.fd >= 0)
		record(sink.fd, "error", text);
}
