/* Our other programs. */
#include "spec/base/libexec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int libexec_find(const char *program, char out[4096], struct err *e)
{
	static const char *const places[] = { "", "../libexec/cowrun/" };
	static char self[4096]; /* our directory; known from the first call on */
	ssize_t n = *self ? 0 : readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return err_set(e, errno, "find the program '%s'", program);
	if (n > 0) {
		self[n] = '\0';
		strrchr(self, '/')[1] = '\0';
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(out, 4096, "%s%s%s", self, places[i], program);
		if (len < 4096 && access(out, X_OK) == 0)
			return 0;
	}
	return err_say(e, ENOENT,
		"find the program '%s': it is neither in '%s' nor in '%s../libexec/cowrun'",
		program, self, self);
}
