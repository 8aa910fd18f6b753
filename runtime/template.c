/* Templates: found, asked, forked. */
#include "runtime/template.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "runtime/container.h"
#include "runtime/handover.h"
#include "runtime/message.h"
#include "spec/id.h"

int template_open(const struct home *h, const char *name, struct template *ret, struct err *e)
{
	automatic(template) struct template t = TEMPLATE_NONE;
	int r = record_read(h, name, &t.record, e);

	if (r < 0)
		return r;
	if (!t.record.is_template)
		return err_say(e, EINVAL, "'%s' is a container and no template", name);
	if (container_status(h, &t.record) == STATE_PAUSED)
		return err_say(
			e, EBUSY, "template '%s' is paused (hint: cowrun resume %s)", name, name);
	autofd int dir = openat(h->fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	t.connection =
		mark_is_alive(&t.record.init) && dir >= 0
			? handover_reach(dir, TEMPLATE_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK)
			: -ESRCH;
	if (t.connection == -EAGAIN)
		return err_say(e, EAGAIN, "template '%s' is asked by too many at once", name);
	if (t.connection < 0)
		return err_say(e, ERR_NOT_RUNNING, "template '%s' is not running", name);
	t.reaper = reaper_reach(dir, e);
	if (t.reaper < 0)
		return t.reaper;
	*ret = t;
	t = (struct template)TEMPLATE_NONE;
	return 0;
}

void template_done(struct template *t)
{
	own_close(&t->connection);
	own_close(&t->reaper);
	record_done(&t->record);
	*t = (struct template)TEMPLATE_NONE;
}

static const char *annotation(const struct spec *spec)
{
	for (size_t i = 0; i < spec->n_annotations; i++)
		if (strcmp(spec->annotations[i].key, TEMPLATE_ANNOTATION) == 0)
			return spec->annotations[i].value;
	return NULL;
}

static int open_in(const char *root, const char *name, struct template *ret, struct err *e)
{
	automatic(home) struct home home = HOME_NONE;
	int r = home_open(root, false, false, &home, e);

	if (r == 0 && home.fd < 0)
		return err_say(e, ERR_NO_CONTAINER, "no template '%s' in '%s'", name, root);
	if (r == 0)
		r = id_check(name, e);
	return r < 0 ? r : template_open(&home, name, ret, e);
}

int template_wanted(
	const struct home *h, const struct spec *spec, struct template *ret, struct err *e)
{
	const char *value = annotation(spec), *slash = value ? strrchr(value, '/') : NULL;
	int r;

	if (!value)
		return 0;
	if (slash) {
		autofree char *root = strndup(value, (size_t)(slash - value));
		r = root ? open_in(root, slash + 1, ret, e) : err_set(e, ENOMEM, "read it");
	} else {
		r = open_in(h->path, value, ret, e);
		if (r == -ERR_NO_CONTAINER && strcmp(h->path, HOME_DEFAULT) != 0)
			r = open_in(HOME_DEFAULT, value, ret, e);
	}
	return r < 0 ? err_while(e, "annotation " TEMPLATE_ANNOTATION) : 1;
}

int template_wait_ms(const struct template *t)
{
	const unsigned most = INT_MAX / 1000, s = t->record.fork_wait;

	return 1000 * (int)(s > most ? most : s ? s : TEMPLATE_FORK_WAIT_S);
}

/* One that was told to stop by a signal does not say that itself. */
static bool is_stopped(pid_t pid)
{
	char path[32], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	/* Behind the command, which may hold anything. */
	const char *at = strrchr(text, ')');
	return at && (strncmp(at, ") T", 3) == 0 || strncmp(at, ") t", 3) == 0);
}

int template_silent(const struct template *t, struct err *e)
{
	const int pid = t->record.init.pid, s = template_wait_ms(t) / 1000;

	if (is_stopped(pid))
		return err_say(e, ETIMEDOUT,
			"template '%s' has not answered for %d s: it is stopped (hint: kill -CONT %d)",
			t->record.id, s, pid);
	return err_say(e, ETIMEDOUT,
		"template '%s', or its fork, has not answered for %d s (hint: cow template create --fork-wait gives it more)",
		t->record.id, s);
}

static int await(const struct template *t, int fd, int other, int timeout_ms, struct err *e)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = t->stop, .events = POLLIN },
		{ .fd = other, .events = POLLIN } };
	int n;

	while ((n = poll(fds, 3, timeout_ms)) < 0 && errno == EINTR)
		;
	if (n < 0)
		return err_set(e, errno, "wait for template '%s'", t->record.id);
	if (n > 0 && fds[1].revents)
		return err_say(e, EINTR, "interrupted");
	return n ? 0 : template_silent(t, e);
}

int template_await(const struct template *t, int fd, bool or_answers, struct err *e)
{
	return await(t, fd, or_answers ? t->connection : -1, template_wait_ms(t), e);
}

int template_ask(
	const struct template *t, int timeout_ms, struct template_report *ret, struct err *e)
{
	struct template_message m = { .type = TEMPLATE_HELLO };
	ssize_t n = send(t->connection, &m, sizeof(m), MSG_NOSIGNAL);
	int r = n > 0 ? await(t, t->connection, -1, timeout_ms, e) : 0;

	if (r < 0)
		return r;
	if (n > 0)
		n = recv(t->connection, &m, sizeof(m), 0);
	if (n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE)))
		return err_say(e, ERR_NOT_RUNNING, "template '%s' ended before it was ready",
			t->record.id);
	if (n < 0)
		return err_set(e, errno, "hear from template '%s'", t->record.id);
	if (n == sizeof(m) && m.type == TEMPLATE_REFUSED) {
		m.failure.text[sizeof(m.failure.text) - 1] = '\0';
		return err_say(e, message_failure_code(&m.failure), "template '%s': %s",
			t->record.id, m.failure.text);
	}
	if (n != sizeof(m) || m.type != TEMPLATE_READY)
		return err_say(e, EPROTO,
			"hear from template '%s': its stub is of another make than this program",
			t->record.id);
	*ret = m.report;
	ret->freeze.because[sizeof(ret->freeze.because) - 1] = '\0';
	return 0;
}

int template_hear_fork(const struct template *t, struct err *e)
{
	struct template_message m;
	int r = template_await(t, t->connection, false, e);

	if (r < 0)
		return r;
	ssize_t n = recv(t->connection, &m, sizeof(m), 0);
	if (n == sizeof(m) && m.type == TEMPLATE_FORKED)
		return 0;
	return err_say(e, ERR_NOT_RUNNING, "template '%s' ended while it forked", t->record.id);
}

static bool has_maps(pid_t pid, const char *file, const struct id_map *maps, size_t n)
{
	char path[48];
	unsigned inside, outside, size;
	size_t found = 0;
	bool same = true;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	FILE *f = fopen(path, "re");
	for (; f && fscanf(f, "%u %u %u", &inside, &outside, &size) == 3; found++)
		same = same && found < n && maps[found].inside == inside &&
		       maps[found].outside == outside && maps[found].size == size;
	if (f)
		fclose(f);
	return same && found == n;
}

int template_check_user(const struct template *t, const struct spec *spec, struct err *e)
{
	const pid_t pid = t->record.init.pid;
	const struct linux_spec *l = &spec->linux_;
	const bool wanted = spec_namespace(spec, CLONE_NEWUSER);
	struct stat ours, its;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	if (stat("/proc/self/ns/user", &ours) < 0)
		return err_set(e, errno, "find out our own user namespace");
	/* An ordinary user's commands are in one each, from where the others cannot be looked into. */
	bool apart = stat(path, &its) < 0 ? errno == EACCES : ours.st_ino != its.st_ino;
	if (wanted != apart)
		return err_say(e, EINVAL,
			"template '%s' has %s user namespace, and so has each of its forks",
			t->record.id, wanted ? "no" : "a");
	if (wanted && !(has_maps(pid, "uid_map", l->uid_maps, l->n_uid_maps) &&
			      has_maps(pid, "gid_map", l->gid_maps, l->n_gid_maps)))
		return err_say(e, EINVAL,
			"a fork has the user namespace of its template '%s', which maps other ids",
			t->record.id);
	return 0;
}

int template_ask_fork(int connection, uint64_t namespaces, int channel, int cgroup)
{
	struct template_message m = { .type = TEMPLATE_FORK, .namespaces = namespaces };
	const int fds[] = { channel, cgroup };
	size_t n = cgroup >= 0 ? 2 : 1;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = { 0 };
	struct iovec io = { &m, sizeof(m) };
	struct msghdr h = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * n) };

	*CMSG_FIRSTHDR(&h) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * n),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), fds, sizeof(int) * n);
	while (sendmsg(connection, &h, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}
