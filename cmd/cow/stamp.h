/*
 * Times as a log has them, "2026-11-22T14:00:00.123456789Z", without a libc: for cow-monitor.
 *
 * Each function writes at `at`, which has room, no '\0', and returns the place behind.
 */
#ifndef CMD_COW_STAMP_H
#define CMD_COW_STAMP_H

#include <time.h>

static inline char *stamp_text(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

/* The last `width` digits, with zeros before them. */
static inline char *stamp_number(char *at, unsigned long long n, int width)
{
	char *end = at + width;

	for (char *digit = end; digit-- > at; n /= 10)
		*digit = (char)('0' + n % 10);
	return end;
}

/*
 * Days since 1970 as year, month, day. Years are taken to begin in March, so that the day which
 * comes and goes is the last one; 400 of them, an era, always have as many days.
 */
static inline char *stamp_date(char *at, long long days)
{
	days += 719468; /* since the first of March of the year 0 */
	long long era = days / 146097, of_era = days % 146097;
	long long year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	long long of_year = of_era - (365 * year + year / 4 - year / 100);
	long long from_march = (5 * of_year + 2) / 153; /* 0 to 11 */
	long long month = from_march < 10 ? from_march + 3 : from_march - 9;
	long long day = of_year - (153 * from_march + 2) / 5 + 1;

	year += era * 400 + (month <= 2);
	at = stamp_text(stamp_number(at, (unsigned long long)year, 4), "-");
	at = stamp_text(stamp_number(at, (unsigned long long)month, 2), "-");
	return stamp_number(at, (unsigned long long)day, 2);
}

/* 30 characters. */
static inline char *stamp_time(char *at, const struct timespec *when)
{
	unsigned long long of_day = (unsigned long long)(when->tv_sec % 86400);

	at = stamp_text(stamp_date(at, when->tv_sec / 86400), "T");
	at = stamp_text(stamp_number(at, of_day / 3600, 2), ":");
	at = stamp_text(stamp_number(at, of_day / 60 % 60, 2), ":");
	at = stamp_text(stamp_number(at, of_day % 60, 2), ".");
	return stamp_text(stamp_number(at, (unsigned long long)when->tv_nsec, 9), "Z");
}

#endif
