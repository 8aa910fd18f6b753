/* How the containers of a trial begin. */
#include "cmd/density/starts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/density/errands.h"
#include "cmd/density/floor.h"
#include "cmd/density/spawn.h"
#include "runtime/mark.h"
#include "spec/base/clock.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

static double now_ms(void)
{
	return clock_seconds() * 1e3;
}

/* --- without a runtime ------------------------------------------------------------------------ */

/* With its start: whoever takes down what is left of us must not kill another. */
static int write_mark(const struct ship *ship, struct err *e)
{
	struct process_mark mark;
	char text[64];
	int r = mark_take(ship->pid, &mark);

	if (r < 0)
		return err_set(e, -r, "look at the process %d", (int)ship->pid);
	int n = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)mark.pid, mark.start);
	return fd_replace_file(AT_FDCWD, ship->pidfile, text, (size_t)n, 0600, e);
}

/* One on its way. */
struct slip {
	struct floor_birth birth;
	size_t ship;
	double begun;
};

static int hear_floor(struct fleet *f, struct slip *slip, struct err *e)
{
	struct ship *ship = &f->v[slip->ship];
	int r = floor_hear(&slip->birth, &ship->pid, e);

	if (r < 0)
		return r;
	ship->start_ms = now_ms() - slip->begun;
	ship->up = true;
	return write_mark(ship, e);
}

/* Those that are heard of, at least one of `n` places; how many that are is added to *n_ended. */
static int hear_floors(
	struct fleet *f, struct slip *slips, size_t n, int before, size_t *n_ended, struct err *e)
{
	autofree struct pollfd *fds = calloc(n, sizeof(*fds));
	struct err later;
	int r = before;

	if (!fds)
		return err_set(e, ENOMEM, "wait for what is started");
	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){ slips[i].birth.middle ? slips[i].birth.told : -1, POLLIN,
			0 };
	while (poll(fds, n, -1) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < n; i++) {
		if (fds[i].fd < 0 || !fds[i].revents)
			continue;
		int heard = hear_floor(f, &slips[i], r ? &later : e);
		++*n_ended;
		if (heard == 0 && r == 0)
			heard = fleet_tick(f, *n_ended, e);
		r = r ? r : heard;
	}
	return r;
}

static int start_floor(struct fleet *f, struct err *e)
{
	size_t n = f->stage->experiment->parallel, begun = 0, ended = 0;
	autofree struct slip *slips = calloc(n, sizeof(*slips));
	int r = 0;

	if (!slips)
		return err_set(e, ENOMEM, "start %zu containers", f->n);
	while (ended < begun || (r == 0 && begun < f->n)) {
		for (size_t i = 0; r == 0 && i < n && begun < f->n; i++) {
			if (slips[i].birth.middle)
				continue;
			slips[i] = (struct slip){ .ship = begun, .begun = now_ms() };
			r = floor_begin(f->stage->rootfs, f->stage->command, &slips[i].birth, e);
			begun += r == 0;
		}
		if (ended < begun)
			r = hear_floors(f, slips, n, r, &ended, e);
	}
	return r;
}

/* --- command by command ----------------------------------------------------------------------- */

/* Those that have no name in a census have a pid, in a file. */
static int read_pid(const struct fleet *f, struct ship *ship, struct err *e)
{
	autofree char *text = NULL;
	uint64_t pid;
	size_t n;

	if (fleet_is_ours(f))
		return 0;
	int r = fd_read_file(AT_FDCWD, ship->pidfile, 64, &text, &n, e);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (!str_to_u64(text, INT32_MAX, &pid) || !pid)
		return err_say(e, EINVAL, "'%s' is no pid: '%s'", ship->pidfile, text);
	ship->pid = (pid_t)pid;
	return 0;
}

static int tick(void *context, size_t n, struct err *e)
{
	return fleet_tick(context, n, e);
}

static int start_each(struct fleet *f, struct err *e)
{
	autofree struct errand *v = calloc(f->n + 1, sizeof(*v));
	struct errands errands = { .v = v,
		.n = f->n,
		.parallel = f->stage->experiment->parallel,
		.tick = tick,
		.context = f };

	if (!v)
		return err_set(e, ENOMEM, "start %zu containers", f->n);
	for (size_t i = 0; i < f->n; i++)
		v[i].words = f->v[i].start;
	int r = errands_run(&errands, e);
	for (size_t i = 0; i < f->n; i++) {
		f->v[i].start_ms = v[i].ms;
		f->v[i].up = v[i].done;
		if (r == 0 || r == -ENOBUFS) {
			int failed = v[i].done ? read_pid(f, &f->v[i], e) : 0;
			r = failed ? failed : r;
		}
	}
	return r;
}

/* --- all by one command ------------------------------------------------------------------------- */

/* "PREFIX-12\n" */
static void note_name(struct fleet *f, const char *name)
{
	const char *dash = strrchr(name, '-');
	uint64_t i;

	if (dash && str_to_u64(dash + 1, f->n, &i) && i && str_equal(f->v[i - 1].name, name))
		f->v[i - 1].up = true;
}

/* What it prints, until its end; a failure of ours tells it to begin no more. */
static int hear_names(struct fleet *f, FILE *from, pid_t pid, struct err *e)
{
	char name[256];
	size_t n = 0;
	int r = 0;

	for (;;) {
		errno = 0;
		if (!fgets(name, sizeof(name), from)) {
			if (errno != EINTR)
				return r;
			clearerr(from);
			n--; /* nothing was said: only asked again */
		} else {
			name[strcspn(name, "\n")] = '\0';
			note_name(f, name);
		}
		n++;
		int more = r ? 0 : fleet_tick(f, n, e);
		if (more < 0)
			kill(pid, SIGTERM);
		r = r ? r : more;
	}
}

static int start_together(struct fleet *f, struct err *e)
{
	int said = -1, status = 0, ends[2];
	struct err other;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	int r = spawn_begin(f->v[0].start, NULL, ends[1], &pid, &said, e);
	close(ends[1]);
	FILE *from = fdopen(ends[0], "r");
	if (r < 0 || !from) {
		from ? fclose(from) : close(ends[0]);
		return r < 0 ? r : err_set(e, ENOMEM, "hear what is started");
	}
	r = hear_names(f, from, pid, e);
	fclose(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	f->is_unsure = r != 0;
	int ended = status ? spawn_complain(f->v[0].start[0], said, status, r ? &other : e) : 0;
	close(said);
	return r ? r : ended;
}

int starts_run(struct fleet *f, struct err *e)
{
	if (fleet_is_floor(f))
		return start_floor(f, e);
	return f->way && f->way->together ? start_together(f, e) : start_each(f, e);
}
