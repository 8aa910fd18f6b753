/* Where bytes go that a command writes. */
#include "cmd/export/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/interrupt.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define FILE_MODE 0666 /* but for the umask: an archive may hold what is not everybody's */

static const char *shown(const struct outlet *o)
{
	return o->path ? o->path : "standard output";
}

static int open_temporary(struct outlet *o, struct err *e)
{
	autofree char *copy = strdup(o->path), *other = strdup(o->path);

	if (!copy || !other)
		return err_set(e, ENOMEM, "create '%s'", o->path);
	o->name = strdup(basename(copy));
	o->temporary = str_format(".%.200s.%ld", o->name ? o->name : "", (long)getpid());
	if (!o->name || !o->temporary)
		return err_set(e, ENOMEM, "create '%s'", o->path);
	o->dir = open(dirname(other), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dir >= 0)
		o->fd = openat(o->dir, o->temporary,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	return o->fd < 0 ? err_set(e, errno, "create '%s'", o->path) : 0;
}

int outlet_open(const char *path, struct outlet *ret, struct err *e)
{
	automatic(outlet) struct outlet o = OUTLET_NONE;
	struct stat st;
	int r = 0;

	o.path = path;
	if (!path && isatty(STDOUT_FILENO))
		return err_say(e, ERR_USAGE,
			"an archive is nothing for a terminal: name a file (-o), or redirect");
	if (!path)
		o.fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		o.fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	else
		r = open_temporary(&o, e);
	if (r == 0 && o.fd < 0)
		r = err_set(e, errno, "write '%s'", shown(&o));
	if (r < 0)
		return r;
	interrupt_watch();
	*ret = o;
	o = (struct outlet)OUTLET_NONE;
	return 0;
}

int outlet_write(void *outlet, const void *data, size_t n, struct err *e)
{
	const struct outlet *o = outlet;

	for (size_t done = 0; done < n;) {
		if (interrupted)
			return err_say(e, ECANCELED, "write '%s': interrupted", shown(o));
		ssize_t m = write(o->fd, (const char *)data + done, n - done);
		if (m < 0 && errno != EINTR)
			return err_set(e, errno, "write '%s'", shown(o));
		done += m > 0 ? (size_t)m : 0;
	}
	return 0;
}

int outlet_finish(struct outlet *o, struct err *e)
{
	if (!o->temporary)
		return 0;
	if (fsync(o->fd) < 0 || renameat(o->dir, o->temporary, o->dir, o->name) < 0)
		return err_set(e, errno, "write '%s'", o->path);
	free(o->temporary);
	o->temporary = NULL;
	return 0;
}

void outlet_done(struct outlet *o)
{
	if (o->temporary && o->fd >= 0)
		unlinkat(o->dir, o->temporary, 0);
	own_close(&o->fd);
	own_close(&o->dir);
	free(o->name);
	free(o->temporary);
	*o = (struct outlet)OUTLET_NONE;
}
