/*
 * A time as RFC 3339 has it, in UTC. Not by gmtime_r() and strftime(): both ask TZ, and read the
 * file that it names, or /etc/localtime.
 */
#ifndef SPEC_BASE_DATE_H
#define SPEC_BASE_DATE_H

#include <stdbool.h>
#include <time.h>

#define DATE_TEXT_MAX 64

/* "2026-11-22T14:00:00Z", or with nanoseconds "2026-11-22T14:00:00.000000042Z", of a time from 1970
 * on; into `out`, which is returned. */
char *date_text(const struct timespec *at, bool nanoseconds, char out[DATE_TEXT_MAX]);

#endif
