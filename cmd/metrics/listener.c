/* The socket that is listened at. */
#include "cmd/metrics/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/base/str.h"

#define BACKLOG 128
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

void listener_done(struct listener *l)
{
	struct stat now;

	if (l->dir >= 0 && l->name) {
		/* Against one who replaces it just now. */
		flock(l->dir, LOCK_EX);
		if (fstatat(l->dir, l->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
			now.st_dev == l->dev && now.st_ino == l->ino)
			unlinkat(l->dir, l->name, 0);
	}
	own_close(&l->fd);
	own_close(&l->dir);
	free(l->name);
	*l = LISTENER_NONE;
}

/* --- Unix sockets -------------------------------------------------------------------------------- */
/* By the directory's fd: sun_path has no room for long paths. */
static int name_socket(const struct listener *l, struct sockaddr_un *ret, struct err *e)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int n = snprintf(
		ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", l->dir, l->name);
	if (n >= (int)sizeof(ret->sun_path))
		return err_set(e, ENAMETOOLONG, "listen at '%s'", l->name);
	return 0;
}

static int open_directory(const char *path, struct listener *l, struct err *e)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	l->name = strdup(slash ? slash + 1 : path);
	if (!dir || !l->name)
		return err_set(e, ENOMEM, "listen at '%s'", path);
	if (!*l->name || strcmp(l->name, ".") == 0 || strcmp(l->name, "..") == 0)
		return err_set(e, EISDIR, "listen at '%s'", path);
	l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0 || flock(l->dir, LOCK_EX) < 0)
		return err_set(e, errno, "open the directory of '%s'", path);
	return 0;
}

/* Whatever has the name is gone, or is an error. */
static int clear_name(
	const struct listener *l, const struct sockaddr_un *at, const char *path, struct err *e)
{
	struct stat found;

	if (fstatat(l->dir, l->name, &found, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "look at '%s'", path);
	if (!S_ISSOCK(found.st_mode))
		return err_say(e, EEXIST, "'%s' is there, and is no socket", path);
	autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, errno, "make a socket");
	if (connect(fd, (const void *)at, sizeof(*at)) == 0 || errno != ECONNREFUSED)
		return err_say(e, EADDRINUSE, "somebody listens at '%s' already", path);
	if (unlinkat(l->dir, l->name, 0) < 0)
		return err_set(e, errno, "replace '%s'", path);
	return 0;
}

static int listen_unix(const char *path, struct listener *l, struct err *e)
{
	struct sockaddr_un at;
	struct stat made;
	int r = open_directory(path, l, e);

	if (r == 0)
		r = name_socket(l, &at, e);
	if (r == 0)
		r = clear_name(l, &at, path, e);
	if (r < 0)
		return r;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return err_set(e, errno, "make a socket");
	/* Nobody can connect before listen(), whatever the mode is until then. */
	if (bind(l->fd, (const void *)&at, sizeof(at)) < 0)
		return err_set(e, errno, "listen at '%s'", path);
	if (fstatat(l->dir, l->name, &made, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "look at '%s'", path);
	l->dev = made.st_dev;
	l->ino = made.st_ino;
	if (fchmodat(l->dir, l->name, 0600, 0) < 0 || listen(l->fd, BACKLOG) < 0)
		return err_set(e, errno, "listen at '%s'", path);
	flock(l->dir, LOCK_UN);
	l->is_unix = true;
	snprintf(l->text, sizeof(l->text), "unix:%s", path);
	return 0;
}

/* --- ports ------------------------------------------------------------------------------------------ */
static int listen_port(const struct address *a, struct listener *l, struct err *e)
{
	struct sockaddr_storage at = a->at;
	socklen_t size = sizeof(at);
	int on = 1;
	char text[64];

	l->fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return err_set(e, errno, "make a socket");
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(l->fd, (const void *)&at, a->size) < 0 || listen(l->fd, BACKLOG) < 0)
		return err_set(e, errno, "listen at '%s'", address_text(&at, text));
	if (getsockname(l->fd, (void *)&at, &size) < 0)
		return err_set(e, errno, "look at a socket");
	snprintf(l->text, sizeof(l->text), "http://%s/metrics", address_text(&at, text));
	return 0;
}

int listener_open(const struct address *a, struct listener *ret, struct err *e)
{
	automatic(listener) struct listener l = LISTENER_NONE;
	int r = a->path ? listen_unix(a->path, &l, e) : listen_port(a, &l, e);

	if (r < 0)
		return r;
	*ret = l;
	l = LISTENER_NONE;
	return 0;
}

/* --- from systemd -------------------------------------------------------------------------------- */
static bool is_listening(int fd)
{
	int listens = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

int listener_of_systemd(struct listener *ret, struct err *e)
{
	const char *pid_text = getenv("LISTEN_PID"), *count_text = getenv("LISTEN_FDS");
	struct sockaddr_storage at = { 0 };
	socklen_t size = sizeof(at);
	uint64_t pid = 0, count = 0;
	char text[64];

	if (!pid_text || !count_text || !str_to_u64(pid_text, INT32_MAX, &pid) ||
		pid != (uint64_t)getpid())
		return -ENOENT;
	if (!str_to_u64(count_text, 1024, &count) || count != 1 || !is_listening(FIRST_FD) ||
		getsockname(FIRST_FD, (void *)&at, &size) < 0)
		return err_say(e, EINVAL, "LISTEN_FDS: not one stream socket that listens");
	if (!address_is_local(&at))
		return err_say(e, EINVAL,
			"LISTEN_FDS: '%s' is not of the loopback device, and whoever reaches it needs "
			"no password",
			address_text(&at, text));
	fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC);
	fcntl(FIRST_FD, F_SETFL, O_NONBLOCK);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*ret = LISTENER_NONE;
	ret->fd = FIRST_FD;
	ret->is_unix = at.ss_family == AF_UNIX;
	snprintf(ret->text, sizeof(ret->text), "%s", "the socket that was handed to it");
	return 0;
}
