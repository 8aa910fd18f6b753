/* Signals by name. */
#include "cmd/signals.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "spec/base/str.h"

int signal_parse(const char *text, int *ret, struct err *e)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	uint64_t n;

	if (str_to_u64(text, (uint64_t)SIGRTMAX, &n)) {
		*ret = (int)n;
		return 0;
	}
	for (int s = 1; s < 32; s++)
		if (sigabbrev_np(s) && strcasecmp(sigabbrev_np(s), name) == 0) {
			*ret = s;
			return 0;
		}
	/* "RTMIN", "RTMIN+3", "RTMAX-2", as kill(1) lists them. */
	bool up = strncasecmp(name, "RTMIN", 5) == 0;
	if (up || strncasecmp(name, "RTMAX", 5) == 0) {
		const char *rest = name + 5;
		n = 0;
		if (!*rest || (*rest == (up ? '+' : '-') &&
				      str_to_u64(rest + 1, (uint64_t)(SIGRTMAX - SIGRTMIN), &n))) {
			*ret = up ? SIGRTMIN + (int)n : SIGRTMAX - (int)n;
			return 0;
		}
	}
	return err_say(e, ERR_USAGE, "unknown signal \"%s\"", text);
}
