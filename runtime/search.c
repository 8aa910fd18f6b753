/* Programs of the host by their names. */
#include "runtime/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool search_program(const char *name, char out[4096])
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
		*path;) {
		int n = (int)strcspn(path, ":");
		int len = snprintf(out, 4096, "%.*s/%s", n, path, name);
		if (*path == '/' && len < 4096 && access(out, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}
