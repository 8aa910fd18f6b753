/* How the containers of a trial begin. */
#include "cmd/density/starts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/density/errands.h"
#include "cmd/density/spawn.h"
#include "spec/base/clock.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

/* --- command by command ----------------------------------------------------------------------- */

/* Those that have no name in a census have a pid, in a file. */
static int read_pid(const struct fleet *f, struct ship *ship, struct err *e)
{
	autofree char *text = NULL;
	uint64_t pid;
	size_t n;

	if (fleet_is_ours(f))
		return 0;
	int r = fd_read_file(AT_FDCWD, ship->pidfile, PIDFILE_MAX, &text, &n, e);
	if (r < 0)
		return r;
	text[strcspn(text, " \n")] = '\0';
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
	double begun = clock_seconds();
	int r = f->way && f->way->together ? start_together(f, e) : start_each(f, e);

	f->up_ms = (clock_seconds() - begun) * 1e3;
	for (size_t i = 0; (r == 0 || r == -ENOBUFS) && i < f->n; i++) {
		int failed = f->v[i].up ? read_pid(f, &f->v[i], e) : 0;
		r = failed ? failed : r;
	}
	return r;
}
