/* Times of RFC 3339. */
#include "spec/base/date.h"

#include <stdio.h>

#define DAYS_OF_400_YEARS 146097
#define DAYS_OF_100_YEARS 36524
#define DAYS_OF_4_YEARS 1461
#define FROM_MARCH_OF_0000 719468 /* days until 1970 */

/* Years that begin in March have their leap day last, and months of which five have 153 days. */
static void add_date(long long days, char out[DATE_TEXT_MAX])
{
	days += FROM_MARCH_OF_0000;
	long long era = days / DAYS_OF_400_YEARS;
	long long day = days % DAYS_OF_400_YEARS;
	long long year = (day - day / (DAYS_OF_4_YEARS - 1) + day / DAYS_OF_100_YEARS -
				 day / (DAYS_OF_400_YEARS - 1)) /
			 365;
	day -= 365 * year + year / 4 - year / 100;
	long long month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	year += 400 * era + (month >= 10);
	month += month < 10 ? 3 : -9;
	snprintf(out, DATE_TEXT_MAX, "%04lld-%02lld-%02lld", year, month, day + 1);
}

char *date_text(const struct timespec *at, bool nanoseconds, char out[DATE_TEXT_MAX])
{
	long long seconds = at->tv_sec;
	int of_day = (int)(seconds % 86400), n = 10;
	char fraction[16] = "";

	add_date(seconds / 86400, out);
	while (out[n])
		n++;
	if (nanoseconds)
		snprintf(fraction, sizeof(fraction), ".%09ld", at->tv_nsec % 1000000000);
	snprintf(out + n, (size_t)(DATE_TEXT_MAX - n), "T%02d:%02d:%02d%sZ", of_day / 3600,
		of_day / 60 % 60, of_day % 60, fraction);
	return out;
}
