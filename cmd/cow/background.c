/* A process in the background: streams, fds, and the word of how it began. */
#include "cmd/cow/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/interrupt.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/own.h"

/* What the launching process says: an error, or (code 0) the container's name. */
struct report {
	struct err e;
	char id[BACKGROUND_ID];
};

pid_t background_begin(background_program *become, void *data, int *ret_said, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	autofd int ours = ends[0], theirs = ends[1];
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork a process for the background");
	if (pid == 0) {
		interrupt_forget();
		setsid();
		if (become(data, theirs, e) < 0)
			background_say(theirs, e, NULL);
		_exit(1);
	}
	*ret_said = take_fd(&ours);
	return pid;
}

/* What is said meanwhile is for people and not for the container's log. */
int background_keep_stderr(struct err *e)
{
	int fd = fcntl(2, F_DUPFD_CLOEXEC, 20);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");

	if (!to)
		return err_set(e, errno, "keep standard error");
	setvbuf(to, NULL, _IONBF, 0);
	stderr = to;
	return 0;
}

/* The container's standard streams become ours for the birth; nobody else keeps the write ends.
 * One with a terminal makes its own. */
int background_streams(struct background *p, bool terminal, struct err *e)
{
	p->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (p->null >= 0 && terminal) {
		for (int fd = 0; fd < 3; fd++)
			dup2(p->null, fd);
		return 0;
	}
	if (p->null < 0 || pipe2(p->out, O_CLOEXEC) < 0 || pipe2(p->err, O_CLOEXEC) < 0)
		return err_set(e, errno, "make the pipes of its output");
	fcntl(p->out[0], F_SETFL, O_NONBLOCK);
	fcntl(p->err[0], F_SETFL, O_NONBLOCK);
	if (dup2(p->null, 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->err[1], 2) < 0)
		return err_set(e, errno, "take on its standard streams");
	close(p->out[1]);
	close(p->err[1]);
	return 0;
}

void background_give(const struct derive_options *d, int fd)
{
	/* LIMIT: one that stays ours can be written to, and not opened anew. */
	if (d->ids_of_host && fchown(fd, d->uids->outside, d->gids->outside) < 0)
		log_debug("background: chown a pipe: %s", strerror(errno));
}

int background_place(const int *from, int first, int n, struct err *e)
{
	int up[BACKGROUND_FDS];

	for (int i = first; i < n; i++) {
		up[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 20);
		if (up[i] < 0)
			return err_set(e, errno, "hand over to the background process");
	}
	for (int i = first; i < n; i++)
		if (dup2(up[i], i) < 0)
			return err_set(e, errno, "hand over to the background process");
	if (close_range((unsigned)n, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) < 0)
		return err_set(e, errno, "hand over to the background process");
	return 0;
}

void background_say(int to, const struct err *e, const char *id)
{
	struct report report = { .e = *e };

	if (id)
		snprintf(report.id, sizeof(report.id), "%s", id);
	fd_write_all(to, &report, sizeof(report));
}

int background_hear(int from, pid_t pid, char id[BACKGROUND_ID], struct err *e)
{
	struct report report = { 0 };

	if (fd_read_full(from, &report, sizeof(report)) != sizeof(report))
		return err_say(e, EPROTO,
			"the monitor died before its container ran (hint: rm --force what ps --all shows of it)");
	if (report.e.code) {
		*e = report.e;
		waitpid(pid, NULL, 0);
		return -e->code;
	}
	snprintf(id, BACKGROUND_ID, "%s", report.id);
	return 0;
}
