/* A process that packs a container's changes into a pipe. */
#include "overlay/packer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "overlay/pack.h"
#include "spec/base/fd.h"

#define PIPE_SIZE (1 << 20)

/* The first says whether there is something to pack, the second how it ended. */
struct report {
	int needed;
	struct err err;
};

static int set_hold(const struct packer_hold *hold, bool held, struct err *e)
{
	return hold->set ? hold->set(hold->data, held, e) : 0;
}

static void send_report(int to, int needed, int r, const struct err *e)
{
	struct report report = { .needed = needed };

	if (r < 0)
		report.err = *e;
	report.err.code = r < 0 ? -r : 0;
	fd_write_all(to, &report, sizeof(report));
}

static int write_pipe(void *to, const void *data, size_t n, struct err *e)
{
	int r = fd_write_all(*(int *)to, data, n);

	return r < 0 ? err_set(e, -r, "pack the changes") : 0;
}

static int work(const struct changes *changes, int out, int reports, struct err *e)
{
	int needed = pack_is_needed(changes, e);

	send_report(reports, needed > 0, needed < 0 ? needed : 0, e);
	return needed > 0 ? pack_changes(changes, write_pipe, &out, e) : needed;
}

/* A container that could not be held is let go all the same: it may have been on the way. */
static void run(const struct changes *changes, const struct packer_hold *hold, int out, int reports)
{
	struct err e = { 0 }, thawing = { 0 };
	int r = set_hold(hold, true, &e);

	if (r < 0)
		send_report(reports, 0, r, &e);
	else
		r = work(changes, out, reports, &e);
	int thawed = set_hold(hold, false, &thawing);
	send_report(reports, 0, r < 0 ? r : thawed, r < 0 ? &e : &thawing);
}

static int hear(int reports, struct report *ret, struct err *e)
{
	if (fd_read_full(reports, ret, sizeof(*ret)) != sizeof(*ret))
		return err_say(e, ECHILD, "pack the changes: the process for it has died");
	ret->err.text[sizeof(ret->err.text) - 1] = '\0';
	if (ret->err.code)
		*e = ret->err;
	return -ret->err.code;
}

/* Where its first word is a failure, it has ended with it. */
static int hear_first(struct packer *p, struct err *e)
{
	struct report report;
	int r = hear(p->reports, &report, e);

	if (r < 0)
		return packer_end(p, r, e);
	p->needed = report.needed;
	return 0;
}

int packer_start(const struct changes *changes, const struct packer_hold *hold, struct packer *ret,
	struct err *e)
{
	struct packer p = { .hold = *hold };
	int data[2], reports[2];

	if (pipe2(data, O_CLOEXEC) < 0)
		return err_set(e, errno, "pack the changes");
	autofd int in = data[0], out = data[1];
	if (pipe2(reports, O_CLOEXEC) < 0)
		return err_set(e, errno, "pack the changes");
	autofd int hears = reports[0], tells = reports[1];
	(void)!fcntl(
		out, F_SETPIPE_SZ, PIPE_SIZE); /* fewer turns; more than it may be had is no loss */
	p.pid = fork();
	if (p.pid < 0)
		return err_set(e, errno, "pack the changes");
	if (p.pid == 0) {
		close(in);
		close(hears);
		run(changes, hold, out, tells);
		_exit(0);
	}
	p.pipe = take_fd(&in);
	p.reports = take_fd(&hears);
	own_close(&tells);
	tells = -1;
	own_close(&out);
	out = -1;
	int r = hear_first(&p, e);
	if (r == 0)
		*ret = p;
	return r;
}

int packer_end(struct packer *p, int r, struct err *e)
{
	struct report report;
	struct err packing = { 0 }, ignored;
	int status = 0;

	own_close(&p->pipe);
	int packed = hear(p->reports, &report, &packing);
	own_close(&p->reports);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		set_hold(&p->hold, false, &ignored);
	*p = (struct packer)PACKER_NONE;
	/* It could not write because we had stopped to read, for a reason that we know. */
	if (packed == 0 || (r < 0 && packed == -EPIPE))
		return r;
	*e = packing;
	return packed;
}
