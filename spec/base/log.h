/*
 * Where warnings and debug lines go: the one global.
 *
 * Libraries return errors and never print. They may log_debug() anywhere, and log_warn() only where
 * we go on although something was not as asked. By default nothing but warnings is shown, on
 * stderr, and nothing is written to a log file but what log_error() writes: engines parse that
 * file, and one line more than the error spoils it.
 */
#ifndef SPEC_BASE_LOG_H
#define SPEC_BASE_LOG_H

#include <stdbool.h>

#include "spec/base/err.h"

struct log_options {
	const char *name; /* what lines on stderr begin with */
	int fd;	   /* the --log file, appended to; -1: none. Borrowed for the program's life */
	bool json; /* records in that file: JSON, or text */
	bool debug;
};

void log_open(const struct log_options *options);
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The program's last word: "<name>: <text>" on stderr, and one record in the log file. */
void log_error(const char *text);

#endif
