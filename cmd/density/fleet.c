/* The containers of one trial. */
#include "cmd/density/fleet.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/density/errands.h"
#include "cmd/density/floor.h"
#include "cmd/density/host.h"
#include "cmd/density/knobs.h"
#include "cmd/interrupt.h"
#include "runtime/mark.h"
#include "spec/base/clock.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

static bool is_floor(const struct fleet *f)
{
	return f->way && f->way->floor;
}

/* The template's words: of the way, or of the experiment's engine; NULL ends both. */
static const char *const *words_of(const struct fleet *f, bool stop)
{
	if (f->way)
		return stop ? f->way->stop : f->way->start;
	const struct engine *engine = experiment_engine(f->stage->experiment, f->way_name);
	return (const char *const *)(stop ? engine->stop : engine->start);
}

/* Known to cow by their names. */
static bool is_ours(const struct fleet *f)
{
	return f->way ? f->way->ours : experiment_engine(f->stage->experiment, f->way_name)->ours;
}

static bool wants_bundle(const struct fleet *f)
{
	return f->way ? f->way->bundle
		      : experiment_engine(f->stage->experiment, f->way_name)->bundle;
}

static int make_bundle(const struct fleet *f, const struct ship *ship, struct err *e)
{
	if (mkdir(ship->bundle, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", ship->bundle);
	autofd int dir = open(ship->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "open '%s'", ship->bundle);
	const char *config = f->stage->config;
	return fd_replace_file(dir, "config.json", config, strlen(config), 0600, e);
}

/* -memory of the variant is an option like those of the experiment. */
static int make_words(const struct fleet *f, size_t i, struct ship *ship, struct err *e)
{
	struct way_values values = stage_values(
		f->stage, f->way_name, ship->name, ship->bundle, ship->pidfile, f->count, i + 1);
	size_t n = f->stage->experiment->n_options;
	autofree const char **options = calloc(n + 3, sizeof(*options));

	if (!options)
		return err_set(e, ENOMEM, "make command lines");
	memcpy(options, f->stage->options, n * sizeof(*options));
	if (f->variant->memory) {
		options[n] = "-m";
		options[n + 1] = f->variant->memory;
	}
	values.options = options;
	int r = way_expand(words_of(f, false), &values, &ship->start, e);
	return r < 0 ? r : way_expand(words_of(f, true), &values, &ship->stop, e);
}

static int make_ship(
	const struct fleet *f, const char *prefix, size_t i, struct ship *ship, struct err *e)
{
	ship->name = str_format("%s-%zu", prefix, i);
	ship->bundle = str_format("%s/%zu", f->stage->scratch, i);
	ship->pidfile = str_format("%s/%zu.pid", f->stage->scratch, i);
	if (!ship->name || !ship->bundle || !ship->pidfile)
		return err_set(e, ENOMEM, "make command lines");
	int r = wants_bundle(f) && !is_floor(f) ? make_bundle(f, ship, e) : 0;
	return r < 0 || is_floor(f) ? r : make_words(f, i, ship, e);
}

int fleet_make(const struct stage *s, const struct trial *t, const char *prefix, struct fleet *ret,
	struct err *e)
{
	const struct experiment *x = s->experiment;
	automatic(fleet) struct fleet f = {
		.stage = s,
		.way = experiment_engine(x, x->ways[t->way]) ? NULL : way_find(x->ways[t->way]),
		.variant = &x->variants[t->variant],
		.way_name = x->ways[t->way],
		.count = x->counts[t->count],
		.n = x->inside ? 1 : x->counts[t->count],
		.keep_free = x->keep_free_bytes,
	};
	int r = 0;

	f.v = calloc(f.n + 1, sizeof(*f.v));
	if (!f.v)
		return err_set(e, ENOMEM, "make %zu command lines", f.n);
	for (size_t i = 0; r == 0 && i < f.n; i++)
		r = make_ship(&f, prefix, i, &f.v[i], e);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct fleet){ 0 };
	return 0;
}

static int prepare(void *context)
{
	const struct fleet *f = context;

	return knobs_of_process(f->variant);
}

/* After each start: told, and asked whether there may be one more. */
static int tick(void *context, size_t n, struct err *e)
{
	const struct fleet *f = context;
	struct host_memory memory;

	if (f->progress)
		f->progress(f->progress_context, "starting", n, f->n);
	if (interrupted)
		return err_say(e, EINTR, "interrupted");
	int r = host_memory_read(&memory, e);
	if (r == 0 && f->keep_free && memory.available < f->keep_free)
		r = err_say(e, ENOBUFS,
			"%zu are up, and the host has less than %" PRIu64
			" bytes of memory left (keep_free)",
			n, f->keep_free);
	return r;
}

static int tell(void *context, size_t n, struct err *e)
{
	const struct fleet *f = context;

	(void)e;
	if (f->progress)
		f->progress(f->progress_context, "stopping", n, f->n);
	return 0;
}

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

/* One after the other: what is measured is the kernel alone. */
static int floor_up(struct fleet *f, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n; i++) {
		double begun = clock_seconds() * 1e3;
		r = floor_start(f->stage->rootfs, f->stage->command, prepare, f, &f->v[i].pid, e);
		f->v[i].start_ms = clock_seconds() * 1e3 - begun;
		f->v[i].up = r == 0;
		if (r == 0)
			r = write_mark(&f->v[i], e);
		if (r == 0)
			r = tick(f, i + 1, e);
	}
	return r;
}

/* Those that have no name in a census have a pid, in a file. */
static int read_pid(const struct fleet *f, struct ship *ship, struct err *e)
{
	autofree char *text = NULL;
	uint64_t pid;
	size_t n;

	if (is_ours(f))
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

static int start_all(struct fleet *f, struct err *e)
{
	autofree struct errand *v = calloc(f->n + 1, sizeof(*v));
	struct errands errands = { .v = v,
		.n = f->n,
		.parallel = f->stage->experiment->parallel,
		.prepare = prepare,
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

int fleet_up(struct fleet *f, struct err *e)
{
	double begun = clock_seconds() * 1e3;
	int r = is_floor(f) ? floor_up(f, e) : start_all(f, e);

	f->up_ms = clock_seconds() * 1e3 - begun;
	return r;
}

static void kill_marked(const char *pidfile)
{
	struct process_mark mark = { 0 };
	autofree char *text = NULL;
	struct err ignored;
	size_t n;

	if (fd_read_file(AT_FDCWD, pidfile, 64, &text, &n, &ignored) < 0 ||
		sscanf(text, "%d %" SCNu64, &mark.pid, &mark.start) != 2)
		return;
	autofd int pidfd = mark_open(&mark);
	if (pidfd >= 0)
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

static int floor_down(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++) {
		double begun = clock_seconds() * 1e3;
		kill_marked(f->v[i].pidfile);
		f->v[i].stop_ms = clock_seconds() * 1e3 - begun;
		f->v[i].up = false;
	}
	return 0;
}

static int stop_all(struct fleet *f, bool all, struct err *e)
{
	autofree struct errand *v = calloc(f->n + 1, sizeof(*v));
	autofree size_t *which = calloc(f->n + 1, sizeof(*which));
	struct errands errands = { .v = v,
		.parallel = f->stage->experiment->parallel,
		.tick = tell,
		.context = f,
		.go_on = true };

	if (!v || !which)
		return err_set(e, ENOMEM, "stop %zu containers", f->n);
	for (size_t i = 0; i < f->n; i++)
		if (all || f->v[i].up) {
			which[errands.n] = i;
			v[errands.n++].words = f->v[i].stop;
		}
	int r = errands_run(&errands, e);
	for (size_t i = 0; i < errands.n; i++) {
		f->v[which[i]].stop_ms = v[i].ms;
		f->v[which[i]].up = false;
	}
	return all ? 0 : r;
}

static void remove_bundles(struct fleet *f)
{
	struct err ignored;

	for (size_t i = 0; i < f->n; i++) {
		unlink(f->v[i].pidfile);
		fd_remove_tree(AT_FDCWD, f->v[i].bundle, &ignored);
	}
}

int fleet_down(struct fleet *f, bool all, struct err *e)
{
	double begun = clock_seconds() * 1e3;
	int r = is_floor(f) ? floor_down(f) : stop_all(f, all, e);

	f->down_ms = clock_seconds() * 1e3 - begun;
	remove_bundles(f);
	return r;
}

size_t fleet_count_up(const struct fleet *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->v[i].up;
	return n;
}

void fleet_done(struct fleet *f)
{
	for (size_t i = 0; f->v && i < f->n; i++) {
		free(f->v[i].name);
		free(f->v[i].bundle);
		free(f->v[i].pidfile);
		way_free(f->v[i].start);
		way_free(f->v[i].stop);
	}
	free(f->v);
	*f = (struct fleet){ 0 };
}
