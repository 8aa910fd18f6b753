/* A container's network: its keeper started, heard, ended. */
#include "runtime/network.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/handover.h"
#include "runtime/keeper.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/own.h"
#include "spec/base/str.h"
#include "spec/base/sys.h"

#define TUN_DEVICE "/dev/net/tun"

enum {
	READY_TIMEOUT_MS = 15000,
	END_TIMEOUT_MS = 10000,
	ANSWER_TIMEOUT_S = 10,
	LOG_BYTES = 64 * 1024,	 /* of what the program says */
	ANSWER_BYTES = 4 * 1024, /* of what it answers on its socket */
};

/* What the keeper is born with, all of it ours. */
struct cradle {
	int fds[KEEPER_FDS]; /* where keeper.h says; [0]: /dev/null */
	int line;	     /* our end of the socket */
	int log;	     /* memory: what the program says */
	char **argv;
};

#define CRADLE_NONE                                                                                \
	{                                                                                          \
		.fds = { -1, -1, -1, -1, -1, -1 }, .line = -1, .log = -1                           \
	}

static void cradle_done(struct cradle *c)
{
	for (int i = 0; i < KEEPER_FDS; i++)
		own_close(&c->fds[i]);
	own_close(&c->line);
	own_close(&c->log);
	network_command_free(c->argv);
}
DEFINE_AUTO(cradle, cradle_done)

static int open_namespace(pid_t pid, int *ret, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	*ret = open(path, O_RDONLY | O_CLOEXEC);
	return *ret < 0 ? err_set(e, errno, "network: open '%s'", path) : 0;
}

static int prepare(
	const struct network *n, const struct network_target *t, struct cradle *c, struct err *e)
{
	int ends[2];

	c->argv = network_command(n);
	if (!c->argv)
		return err_set(e, ENOMEM, "network: write its command line");
	/* The programs' own words for it are others, and slirp4netns's last ones are of IPv6. */
	if (access(TUN_DEVICE, R_OK | W_OK) < 0)
		return err_set(e, errno, "network: open '" TUN_DEVICE "'");
	int r = open_namespace(t->pid, &c->fds[KEEPER_NAMESPACE], e);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(e, errno, "network: make a socket pair");
	c->line = ends[0];
	c->fds[KEEPER_LINE] = ends[1];
	c->fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c->log = memfd_create("network", MFD_CLOEXEC);
	c->fds[KEEPER_PIDFD] = fcntl(t->pidfd, F_DUPFD_CLOEXEC, KEEPER_FDS);
	autofd int at = openat(t->dir, KEEPER_MOUNT_POINT, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (c->fds[0] < 0 || c->log < 0 || c->fds[KEEPER_PIDFD] < 0 || at < 0)
		return err_set(e, errno, "network: open its files");
	c->fds[1] = dup(c->log);
	c->fds[2] = dup(c->log);
	return c->fds[1] < 0 || c->fds[2] < 0 ? err_set(e, errno, "network: open its files") : 0;
}

static int place_fds(const struct cradle *c)
{
	int up[KEEPER_FDS];

	for (int i = 0; i < KEEPER_FDS; i++)
		if ((up[i] = fcntl(c->fds[i], F_DUPFD_CLOEXEC, 20)) < 0)
			return -errno;
	for (int i = 0; i < KEEPER_FDS; i++)
		if (dup2(up[i], i) < 0)
			return -errno;
	return close_range(KEEPER_FDS, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

/* What a program says for as long as it lives is bounded: then its write() fails, and no signal. */
static void bound_log(void)
{
	const struct rlimit bound = { LOG_BYTES, LOG_BYTES };

	setrlimit(RLIMIT_FSIZE, &bound);
	signal(SIGXFSZ, SIG_IGN);
}

/*
 * In the forked process: its child is the first one of a new pid namespace, and our caller's child.
 * Its pid as our caller counts goes to the line; or -errno. A session of its own: what is typed at a
 * terminal is for the container.
 */
static void bear(const struct network *n, const struct network_target *t, const struct cradle *c)
{
	static char name[] = KEEPER_PROGRAM;
	const struct clone_args args = { .flags = CLONE_PARENT };
	size_t words = 0;
	sigset_t none;

	while (c->argv[words])
		words++;
	char **argv = calloc(words + 3, sizeof(*argv));
	int line = c->fds[KEEPER_LINE];
	int32_t said = argv ? 0 : -ENOMEM;
	sigemptyset(&none);
	setsid();
	sigprocmask(SIG_SETMASK, &none, NULL);
	bound_log();
	if (said == 0 && (fchdir(t->dir) < 0 || unshare(CLONE_NEWPID) < 0))
		said = -errno;
	if (said == 0)
		said = place_fds(c);
	if (said == 0) {
		line = KEEPER_LINE;
		argv[0] = name;
		argv[1] = (char *)n->path;
		memcpy(argv + 2, c->argv, words * sizeof(*argv));
		long pid = syscall(SYS_clone3, &args, sizeof(args));
		if (pid == 0) {
			execve(n->keeper, argv, environ);
			_exit(127);
		}
		said = pid < 0 ? -errno : (int32_t)pid;
	}
	fd_write_all(line, &said, sizeof(said));
	_exit(0);
}

/* The keeper's pid, our child, which waits to be let begin. */
static int fork_keeper(const struct network *n, const struct network_target *t,
	const struct cradle *c, pid_t *ret, struct err *e)
{
	int32_t said = -ECHILD;

	pid_t pid = fork();
	if (pid == 0)
		bear(n, t, c);
	if (pid < 0)
		return err_set(e, errno, "network: fork");
	waitpid(pid, NULL, 0);
	if (recv(c->line, &said, sizeof(said), MSG_DONTWAIT) != sizeof(said))
		said = -ECHILD;
	if (said < 0)
		return err_set(e, -said, "network: start '%s'", n->keeper);
	*ret = said;
	return 0;
}

/* The last line of what it said: "network: pasta: no external interface". */
static int say_why(const struct network *n, const struct cradle *c, struct err *e)
{
	char text[1024];
	off_t end = lseek(c->log, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) - 1 ? end - (off_t)sizeof(text) + 1 : 0;
	ssize_t len = end > 0 ? pread(c->log, text, sizeof(text) - 1, from) : 0;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	if (len <= 0)
		return err_say(e, EIO, "network: '%s' ended without a word", n->path);
	text[len] = '\0';
	const char *line = strrchr(text, '\n');
	return err_say(e, EIO, "network: %s: %s", n->program->name, line ? line + 1 : text);
}

static int await_ready(const struct network *n, const struct cradle *c, struct err *e)
{
	struct pollfd p = { .fd = c->line, .events = POLLIN };
	char word = 0;
	int polled;

	while ((polled = poll(&p, 1, READY_TIMEOUT_MS)) < 0 && errno == EINTR)
		;
	if (polled == 0)
		return err_say(e, ETIMEDOUT, "network: '%s' is not ready after %d s", n->path,
			READY_TIMEOUT_MS / 1000);
	return read(c->line, &word, 1) == 1 && word == KEEPER_READY ? 0 : say_why(n, c, e);
}

/* --- slirp4netns's socket: a request and an answer for each connection ------------------------- */

static int ask_port(const struct network *n, int dir, const struct port *p, struct err *e)
{
	automatic(str) struct str request = { 0 };
	const struct timeval bound = { .tv_sec = ANSWER_TIMEOUT_S };
	char answer[ANSWER_BYTES] = "", text[PORT_TEXT_MAX];

	str_addf(&request,
		"{\"execute\": \"add_hostfwd\", \"arguments\": {\"proto\": \"%s\", "
		"\"host_addr\": \"%s\", \"host_port\": %u, \"guest_port\": %u}}",
		p->udp ? "udp" : "tcp", *p->address ? p->address : "0.0.0.0", p->outside,
		p->inside);
	autofd int socket = handover_reach(dir, NETWORK_SOCKET, SOCK_STREAM);
	if (socket < 0 || !str_ok(&request))
		return err_set(e, socket < 0 ? -socket : ENOMEM, "network: ask %s for port %s",
			n->program->name, port_text(p, text));
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
	int r = fd_write_all(socket, request.data, request.len);
	shutdown(socket, SHUT_WR);
	ssize_t len = r < 0 ? r : fd_read_full(socket, answer, sizeof(answer) - 1);
	if (len < 0)
		return err_set(e, len == -EAGAIN ? ETIMEDOUT : (int)-len,
			"network: ask %s for port %s", n->program->name, port_text(p, text));
	/* {"return": ...} or {"error": {"desc": "..."}}; it does not tell the kernel's reason. */
	return strstr(answer, "\"error\"") || !strstr(answer, "\"return\"")
		       ? err_say(e, EADDRINUSE,
				 "network: %s cannot publish port %s (is it in use, or not for us?)",
				 n->program->name, port_text(p, text))
		       : 0;
}

static int publish(const struct network *n, int dir, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !n->program->tcp && i < n->n_ports; i++)
		r = ask_port(n, dir, &n->ports[i], e);
	return r;
}

/* --- begun, ended -------------------------------------------------------------------------------
 */

int network_start(const struct network *n, const struct network_target *t, struct process_mark *ret,
	struct err *e)
{
	automatic(cradle) struct cradle c = CRADLE_NONE;
	struct process_mark keeper;
	pid_t pid = 0;
	int r = prepare(n, t, &c, e);

	if (r == 0)
		r = fork_keeper(n, t, &c, &pid, e);
	if (r < 0)
		return r;
	own_close(&c.fds[KEEPER_LINE]); /* so that its end is heard */
	c.fds[KEEPER_LINE] = -1;
	r = mark_take(pid, &keeper);
	r = r < 0 ? err_set(e, -r, "network: start '%s'", n->keeper)
		  : record_add(t->journal, "network-keeper", "%d %llu", e, (int)keeper.pid,
			    (unsigned long long)keeper.start);
	if (r == 0 && send(c.line, "", 1, MSG_NOSIGNAL) != 1)
		r = say_why(n, &c, e);
	if (r == 0)
		r = await_ready(n, &c, e);
	if (r == 0)
		r = publish(n, t->dir, e);
	if (r == 0) {
		log_debug("network: %s, kept by process %d", n->path, (int)pid);
		*ret = keeper;
		return 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

int network_end(const struct process_mark *keeper, struct err *e)
{
	autofd int pidfd = keeper->pid ? mark_open(keeper) : -1;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return 0;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	if (poll(&p, 1, END_TIMEOUT_MS) == 0)
		return err_say(e, EBUSY, "network: process %d does not end", (int)keeper->pid);
	return 0;
}

/* --- names --------------------------------------------------------------------------------------
 */

#define RESOLVER_FILE "/etc/resolv.conf"

char *network_resolver(bool user_mode)
{
	static const char *const kept[] = { "search", "domain", "options" };
	automatic(str) struct str out = { 0 };
	autofree char *host = NULL;
	struct err ignored;
	size_t len;

	/* A host without the file resolves nothing, and so does its container. */
	if (fd_read_file(AT_FDCWD, RESOLVER_FILE, 1 << 16, &host, &len, &ignored) < 0)
		host = strdup("");
	if (!host || !user_mode)
		return take(host);
	str_add(&out, "nameserver " NETWORK_RESOLVER "\n");
	for (char *rest = host, *line; (line = strsep(&rest, "\n"));)
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			if (str_starts(line, kept[i]) && strchr(" \t", line[strlen(kept[i])]))
				str_addf(&out, "%s\n", line);
	return str_ok(&out) ? take(out.data) : NULL;
}
