/* How many files may be open. */
#include "cmd/open_files.h"

#include <sys/resource.h>

enum { FILES_FOR_WORK = 128 };

static struct rlimit before;
static bool is_raised;

void open_files_raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == files.rlim_max)
		return;
	before = files;
	files.rlim_cur = files.rlim_max;
	is_raised = setrlimit(RLIMIT_NOFILE, &files) == 0 || is_raised;
}

void open_files_restore(void)
{
	if (is_raised)
		setrlimit(RLIMIT_NOFILE, &before);
}

bool open_files_may_keep(int fd)
{
	struct rlimit files;

	if (fd < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return true;
	rlim_t all = files.rlim_cur, work = all / 4 < FILES_FOR_WORK ? all / 4 : FILES_FOR_WORK;
	return (rlim_t)fd < all - work;
}
