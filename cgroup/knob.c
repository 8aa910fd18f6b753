/* One file of a cgroup's directory. */
#include "cgroup/knob.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

ssize_t knob_read(int dirfd, const char *name, char *out, size_t size)
{
	autofd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	*out = '\0';
	if (fd < 0)
		return -errno;
	return knob_read_again(fd, out, size);
}

ssize_t knob_read_again(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);

	out[n < 0 ? 0 : n] = '\0';
	if (n < 0)
		return -errno;
	return (size_t)n == size - 1 ? -EFBIG : n;
}

int knob_write(int dirfd, const char *name, const char *value)
{
	autofd int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);

	log_debug("cgroup: '%s' gets '%s'", name, value);
	return fd < 0 ? -errno : fd_write_all(fd, value, strlen(value));
}

/* Digits up to a blank, a newline or the end. */
static bool number_at(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return false;
	if (*text && *text != '\n' && *text != ' ')
		return false;
	*ret = n;
	return true;
}

bool knob_number(const char *text, uint64_t *ret)
{
	if (str_equal(text, "max") || str_equal(text, "max\n")) {
		*ret = UINT64_MAX;
		return true;
	}
	return number_at(text, ret);
}

bool knob_value(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, key, n) == 0 && text[n] == ' ')
			return knob_number(text + n + 1, ret);
	}
	return false;
}

int knob_read_number(int dirfd, const char *name, uint64_t *ret)
{
	char text[32];
	ssize_t n = knob_read(dirfd, name, text, sizeof(text));

	if (n < 0)
		return (int)n;
	return knob_number(text, ret) ? 0 : -ENODATA;
}

int knob_read_value(int dirfd, const char *name, const char *key, uint64_t *ret)
{
	char text[KNOB_TEXT_MAX];
	ssize_t n = knob_read(dirfd, name, text, sizeof(text));

	if (n < 0)
		return (int)n;
	return knob_value(text, key, ret) ? 0 : -ENODATA;
}

bool knob_is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

int knob_error(struct err *e, int code, const char *format, ...)
{
	char what[ERR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (knob_is_gone(-code))
		return err_say(e, code, "%s: the group is gone", what);
	return err_set(e, code, "%s", what);
}
