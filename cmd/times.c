/* Times as people read them. */
#include "cmd/times.h"

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
