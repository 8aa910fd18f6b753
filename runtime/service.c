/* What a service manager says in our environment. */
#include "runtime/service.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/base/str.h"

#define DIRECTORY "notify" /* in the record's directory */
#define NAME "notify.sock"
#define SOCKETS_MAX 1000 /* fewer than file descriptors of a plan */
#define BARRIER_MS 30000 /* for how long systemd's own programs wait */

/* The later of two entries of one name is the one that counts. */
static int add_env(struct process_spec *p, const char *name, const char *value)
{
	char **more = realloc(p->env, (p->n_env + 2) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	p->env = more;
	more[p->n_env] = str_format("%s=%s", name, value);
	if (!more[p->n_env])
		return -ENOMEM;
	more[++p->n_env] = NULL;
	return 0;
}

int service_sockets(struct process_spec *p, struct err *e)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t n, whose;

	/* Of another process, they are not for us: so says sd_listen_fds(3). */
	if (!p || !count || !pid || !str_to_u64(pid, INT32_MAX, &whose) ||
		whose != (uint64_t)getpid() || !str_to_u64(count, SOCKETS_MAX, &n) || !n)
		return 0;
	if (add_env(p, "LISTEN_FDS", count) < 0 || add_env(p, "LISTEN_PID", "1") < 0 ||
		(names && add_env(p, "LISTEN_FDNAMES", names) < 0))
		return err_set(e, ENOMEM, "hand on the sockets of LISTEN_FDS");
	return (int)n;
}

static const char *manager(void)
{
	const char *socket = getenv("NOTIFY_SOCKET");

	return socket && (*socket == '/' || *socket == '@') && socket[1] ? socket : NULL;
}

bool service_is_awaited(void)
{
	return manager() != NULL;
}

/* The directory alone is mounted: so the socket may come later, and nobody else's file be there. */
static int add_mount(struct spec *spec, const char *source)
{
	static const char *const words[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
	const size_t n = sizeof(words) / sizeof(words[0]);
	struct mount_spec *more = realloc(spec->mounts, (spec->n_mounts + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	spec->mounts = more;
	struct mount_spec *m = &more[spec->n_mounts++];
	*m = (struct mount_spec){ .destination = strdup(SERVICE_SOCKET),
		.type = strdup("bind"),
		.source = strdup(source),
		.options = calloc(n + 1, sizeof(*m->options)) };
	for (size_t i = 0; m->options && i < n; i++, m->n_options++)
		if (!(m->options[i] = strdup(words[i])))
			return -ENOMEM;
	if (!m->destination || !m->type || !m->source || !m->options)
		return -ENOMEM;
	*strrchr(m->destination, '/') = '\0';
	return 0;
}

int service_prepare(const struct home *h, const char *id, int dir, struct spec *spec, struct err *e)
{
	autofree char *root = NULL, *source = NULL;

	if (!service_is_awaited() || !spec->process)
		return 0;
	if (mkdirat(dir, DIRECTORY, 0755) < 0 || fchmodat(dir, DIRECTORY, 0755, 0) < 0)
		return err_set(e, errno, "make the directory of NOTIFY_SOCKET");
	root = realpath(h->path, NULL);
	source = root ? str_format("%s/%s/" DIRECTORY, root, id) : NULL;
	if (!source || add_mount(spec, source) < 0 ||
		add_env(spec->process, "NOTIFY_SOCKET", SERVICE_SOCKET) < 0)
		return err_set(e, root ? ENOMEM : errno, "prepare NOTIFY_SOCKET");
	return 0;
}

int service_listen(int dir, int *ret_socket, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	autofd int place = openat(dir, DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*ret_socket = -1;
	if (place < 0 && errno == ENOENT)
		return 0;
	autofd int fd = place < 0 ? -1 : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/" NAME, place);
	if (fd >= 0)
		unlinkat(place, NAME, 0); /* of a start that did not get further */
	/* For everybody: the program may be anybody in the container, and so it is with systemd's. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		fchmodat(place, NAME, 0777, 0) < 0)
		return err_set(e, errno, "make the socket of NOTIFY_SOCKET");
	*ret_socket = take_fd(&fd);
	return 0;
}

/* One line of what it says, whatever else it says; systemd's programs send it with others. */
static bool says_ready(char *text)
{
	for (char *line = strsep(&text, "\n"); line; line = strsep(&text, "\n"))
		if (strcmp(line, "READY=1") == 0)
			return true;
	return false;
}

/* A connection to the manager; an abstract address begins with '@'. */
static int reach_manager(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *path = manager();
	size_t len = path ? strlen(path) : 0;
	autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !len || len >= sizeof(at.sun_path))
		return -1;
	memcpy(at.sun_path, path, len);
	if (*path == '@')
		at.sun_path[0] = '\0';
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return connect(fd, (struct sockaddr *)&at, size) < 0 ? -1 : take_fd(&fd);
}

/* Until the manager has seen all that we sent: it closes the other end then (sd_notify_barrier(3)).
 * Else it might look for us when we are gone, and not know whose word it was. */
static void wait_until_seen(int to)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec io = { (char[]){ "BARRIER=1" }, sizeof("BARRIER=1") - 1 };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
	};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &ends[1], sizeof(int));
	bool sent = sendmsg(to, &m, MSG_NOSIGNAL) > 0;
	close(ends[1]);
	if (sent)
		poll(&(struct pollfd){ .fd = ends[0] }, 1, BARRIER_MS);
	close(ends[0]);
}

static void tell_manager(pid_t whom)
{
	autofd int to = reach_manager();
	char pid[40];

	if (to < 0)
		return;
	snprintf(pid, sizeof(pid), "MAINPID=%d\n", (int)whom);
	send(to, "READY=1\n", strlen("READY=1\n"), MSG_NOSIGNAL);
	send(to, pid, strlen(pid), MSG_NOSIGNAL);
	wait_until_seen(to);
}

void service_relay(int socket, int pidfd, pid_t whom)
{
	struct pollfd fds[] = { { .fd = socket, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN } };
	char text[4096];

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		ssize_t n = fds[0].revents ? recv(socket, text, sizeof(text) - 1, 0) : 0;
		text[n > 0 ? n : 0] = '\0';
		if (says_ready(text)) {
			tell_manager(whom);
			return;
		}
		if (fds[1].revents && !fds[0].revents)
			return;
	}
}

int service_relay_apart(int socket, int pidfd, pid_t whom, struct err *e)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_set(e, errno, "fork the relay of NOTIFY_SOCKET");
	if (pid)
		return 0;
	service_relay(socket, pidfd, whom);
	_exit(0);
}
