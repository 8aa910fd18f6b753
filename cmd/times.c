/* Times as people read them. */
#include "cmd/times.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

const char *time_since(const struct timespec *then, char out[32])
{
	static const struct {
		long long seconds;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	long long passed = now.tv_sec - then->tv_sec;
	passed = passed < 0 ? 0 : passed;
	size_t i = 0;
	while (i < 3 && passed < units[i].seconds)
		i++;
	long long n = passed / units[i].seconds;
	snprintf(out, 32, "%lld %s%s", n, units[i].name, n == 1 ? "" : "s");
	return out;
}

const char *time_ago_text(const char *rfc3339, char out[32])
{
	struct tm utc = { 0 };
	struct timespec then = { 0 };

	if (!rfc3339 || !strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &utc))
		return memcpy(out, "-", 2);
	then.tv_sec = timegm(&utc);
	time_since(&then, out);
	size_t n = strlen(out);
	snprintf(out + n, 32 - n, " ago");
	return out;
}

/* "1.5": strtod() would take signs, blanks, infinity, exponents and hexadecimal numbers as well. */
static bool take_decimal(const char **text, double *ret)
{
	double n = 0, place = 1;

	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text)
		n = n * 10 + (**text - '0');
	if (**text == '.')
		for (++*text; isdigit((unsigned char)**text); ++*text)
			n += (place /= 10) * (**text - '0');
	*ret = n;
	return true;
}

bool time_to_ms(const char *text, int *ret)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "ns", 1e-6 }, { "us", 1e-3 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 } };
	double all = 0, n;

	if (!*text)
		return false;
	while (*text) {
		if (!take_decimal(&text, &n))
			return false;
		size_t length = strcspn(text, "0123456789."), i = 0;
		while (i < 6 && (strlen(units[i].name) != length ||
					strncmp(units[i].name, text, length) != 0))
			i++;
		if (i == 6)
			return false;
		all += n * units[i].ms;
		text += length;
	}
	if (all >= INT_MAX)
		return false;
	/* Some time is never none. */
	*ret = all > 0 && all < 1 ? 1 : (int)all;
	return true;
}
