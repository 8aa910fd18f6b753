/* Times as people read them. */
#ifndef CMD_TIMES_H
#define CMD_TIMES_H

#include <stdbool.h>
#include <time.h>

/* "5 seconds", "3 minutes", "2 hours", "4 days" since then; into `out`, which is returned. */
const char *time_since(const struct timespec *then, char out[32]);

/* The same of an RFC 3339 text, with " ago"; "-" when it is none. */
const char *time_ago_text(const char *rfc3339, char out[32]);

/* "5s", "100ms", "1m30s", "1.5h", as Go writes them; false when it is none, or above 24 days. */
bool time_to_ms(const char *text, int *ret);

#endif
