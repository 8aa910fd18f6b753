/*
 * One file of a cgroup's directory: small texts, read and written whole.
 *
 * The kernel makes the text anew at each read from its beginning, so one read() gets all of it.
 */
#ifndef CGROUP_KNOB_H
#define CGROUP_KNOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/err.h"

/* What fits the longest of them (memory.stat). */
enum { KNOB_TEXT_MAX = 8192 };

/*
 * The text into `out`, terminated (also on failure); its length, -EFBIG when it does not fit, or
 * -errno.
 */
ssize_t knob_read(int dirfd, const char *name, char *out, size_t size);

/* The same of a file that is open for reading, as it is now. */
ssize_t knob_read_again(int fd, char *out, size_t size);

/* 0 or -errno. */
int knob_write(int dirfd, const char *name, const char *value);

/* A number, as the files have it: digits, or "max", which is UINT64_MAX. A newline may end it. */
bool knob_number(const char *text, uint64_t *ret);

/* The value of the line "<key> <number>". */
bool knob_value(const char *text, const char *key, uint64_t *ret);

/* The number that a file is, or that its line "<key> <number>" has: 0, -ENODATA, or -errno. */
int knob_read_number(int dirfd, const char *name, uint64_t *ret);
int knob_read_value(int dirfd, const char *name, const char *key, uint64_t *ret);

/* Whether a result (-errno) means that the group is not there, or not any more. */
bool knob_is_gone(int r);

/* err_set(), but never with the words for ENOENT: there it says that the group is gone. */
int knob_error(struct err *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
