/* Our other programs. */
#include "spec/base/libexec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char self[4096]; /* our directory, with a slash behind it; "": not looked for yet */

int libexec_locate(struct err *e)
{
	ssize_t n = *self ? 0 : readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = n > 0 ? strrchr(self, '/') : NULL; /* `self` began as zeros */

	if (n < 0)
		return err_set(e, errno, "find our own program");
	if (slash)
		slash[1] = '\0';
	return 0;
}

int libexec_find(const char *program, char out[4096], struct err *e)
{
	static const char *const places[] = { "", "../libexec/cowrun/" };

	if (libexec_locate(e) < 0)
		return err_while(e, "find the program '%s'", program);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(out, 4096, "%s%s%s", self, places[i], program);
		if (len < 4096 && access(out, X_OK) == 0)
			return 0;
	}
	return err_say(e, ENOENT,
		"find the program '%s': it is neither in '%s' nor in '%s../libexec/cowrun'",
		program, self, self);
}
