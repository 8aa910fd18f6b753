/*
 * Where errors, warnings and debug lines go: the one global.
 *
 * Libraries return errors and never print. They may log_debug() anywhere, and log_warn() only where
 * we go on although something was not as asked. The error is on stderr, and in the log file if
 * there is one: by default nothing else is, as engines parse that file, and one line more spoils
 * it. Who asks for a level gets all records up to that one in the file. Warnings and debug lines
 * are on stderr only where there is no file: who gives one is an engine, and stderr of `create` is
 * what the container writes to.
 */
#ifndef SPEC_BASE_LOG_H
#define SPEC_BASE_LOG_H

#include <stdbool.h>

#include "spec/base/err.h"

enum log_level {
	LEVEL_USUAL = 0,
	LEVEL_ERROR,
	LEVEL_WARNING,
	LEVEL_DEBUG,
};

struct log_options {
	const char *name; /* what lines on stderr begin with */
	int fd;	   /* the --log file, appended to; -1: none. Borrowed for the program's life */
	bool json; /* records: JSON, or text */
	enum log_level level;
};

void log_open(const struct log_options *options);
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The program's last word: "<name>: <text>" on stderr, and one record in the log file. */
void log_error(const char *text);

#endif
