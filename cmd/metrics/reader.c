/* A census in a process of its own. */
#include "cmd/metrics/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/metrics/text.h"
#include "spec/base/clock.h"
#include "spec/base/fd.h"

#define TEXT_MAX (256UL << 20) /* a thousand containers with all pairs have 100 MiB */

int subject_read(const struct subject *s, uint64_t n_censuses, struct str *ret, struct err *e)
{
	automatic(measured) struct measured m = { 0 };
	automatic(census) struct census c = { 0 };
	double began = clock_seconds();
	int r = measured_open_any(&m, s->context, &s->words, s->names, s->n_names, e);

	if (r == 0)
		r = measured_take(&m, 0, &c, e);
	if (r < 0)
		return r;
	struct metrics metrics = { .census = &c,
		.seconds = clock_seconds() - began,
		.n_censuses = n_censuses,
		.pairs = s->pairs };
	r = metrics_text(&metrics, ret);
	return r < 0 ? err_set(e, -r, "tell of %zu containers", c.n_usages) : 0;
}

/* The child: without the sockets of those who wait, which would stay open as long as it. */
static _Noreturn void read_and_tell(
	const struct subject *s, uint64_t n_censuses, int to, pid_t parent)
{
	automatic(str) struct str text = { 0 };
	sigset_t none;
	struct err e = { 0 };
	int kept = dup3(to, 3, O_CLOEXEC) < 0 && to != 3 ? -1 : 3;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || kept < 0)
		_exit(2);
	close_range(4, ~0U, 0);
	sigemptyset(&none);
	sigaddset(&none, SIGPIPE);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int r = subject_read(s, n_censuses, &text, &e);
	if (r < 0)
		fd_write_all(kept, e.text, strlen(e.text));
	else
		r = fd_write_all(kept, text.data, text.len);
	_exit(r < 0);
}

int reader_start(const struct subject *s, uint64_t n_censuses, struct reader *r, struct err *e)
{
	int ends[2];
	pid_t parent = getpid();

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	pid_t pid = fork();
	if (pid == 0)
		read_and_tell(s, n_censuses, ends[1], parent);
	int failed = pid < 0 ? errno : 0;
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		return err_set(e, failed, "start a process");
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*r = (struct reader){ .pid = pid, .fd = ends[0] };
	return 0;
}

int reader_take(struct reader *r)
{
	char bytes[65536];

	for (;;) {
		ssize_t n = read(r->fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno != EAGAIN;
		if (n == 0)
			return 1;
		str_add_bytes(&r->text, bytes, (size_t)n);
		if (r->text.len > TEXT_MAX)
			return 1;
	}
}

void reader_done(struct reader *r)
{
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	own_close(&r->fd);
	str_done(&r->text);
	*r = READER_NONE;
}

int reader_end(struct reader *r, struct str *ret, struct err *e)
{
	int status = -1, failed = 0;

	if (r->text.len > TEXT_MAX)
		kill(r->pid, SIGKILL);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
	if (!str_ok(&r->text))
		failed = err_set(e, ENOMEM, "keep what was measured");
	else if (WIFSIGNALED(status))
		failed = err_say(e, EIO, "the process that measures was killed by signal %d",
			WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		failed = err_say(e, EIO, "%s",
			r->text.len ? r->text.data : "the process that measures failed");
	if (failed == 0) {
		*ret = r->text;
		r->text = (struct str){ 0 };
	}
	reader_done(r);
	return failed;
}
