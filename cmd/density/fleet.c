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

#include "cmd/density/bundle.h"
#include "cmd/density/errands.h"
#include "cmd/density/host.h"
#include "cmd/density/knobs.h"
#include "cmd/density/starts.h"
#include "cmd/interrupt.h"
#include "cmd/open_files.h"
#include "runtime/mark.h"
#include "spec/base/clock.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

bool fleet_is_floor(const struct fleet *f)
{
	return f->way && f->way->floor;
}

#define LOOK_EVERY_MS 20

/* The template's words: of the way, or of the experiment's engine; NULL ends both. */
static const char *const *words_of(const struct fleet *f, bool stop)
{
	if (f->way)
		return stop ? f->way->stop : f->way->start;
	const struct engine *engine = experiment_engine(f->stage->experiment, f->way_name);
	return (const char *const *)(stop ? engine->stop : engine->start);
}

/* Known to cow by their names. */
bool fleet_is_ours(const struct fleet *f)
{
	return f->way ? f->way->ours : experiment_engine(f->stage->experiment, f->way_name)->ours;
}

static bool wants_bundle(const struct fleet *f)
{
	return f->way ? f->way->bundle
		      : experiment_engine(f->stage->experiment, f->way_name)->bundle;
}

/* The same container as cow's own. */
static int make_config(const struct fleet *f, const struct ship *ship,
	const struct way_values *values, char **ret, struct err *e)
{
	static const char *const options[] = { "{options}", NULL }, *const command[] = {
		"{command}", NULL
	};
	struct bundle_wish wish = { &f->stage->image, f->stage->rootfs, ship->name, NULL, NULL };
	char **given = NULL, **words = NULL;
	int r = way_expand(options, values, &given, e);

	if (r == 0)
		r = way_expand(command, values, &words, e);
	wish.options = given;
	wish.command = words;
	if (r == 0)
		r = bundle_config(&wish, ret, e);
	way_free(given);
	way_free(words);
	return r;
}

static int make_bundle(const struct fleet *f, const struct ship *ship,
	const struct way_values *values, struct err *e)
{
	autofree char *config = NULL;

	if (mkdir(ship->bundle, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", ship->bundle);
	autofd int dir = open(ship->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "open '%s'", ship->bundle);
	int r = make_config(f, ship, values, &config, e);
	return r < 0 ? r : fd_replace_file(dir, "config.json", config, strlen(config), 0600, e);
}

/* What the words of a trial can be made of; the options are the experiment's and the variant's. */
struct wording {
	struct way_values values;
	const char **options;
	char all[24];
};

static int begin_wording(
	const struct fleet *f, const char *prefix, struct wording *ret, struct err *e)
{
	const struct variant *variant = f->variant;
	size_t n = 0, n_all = f->stage->experiment->n_options + variant->n_options;

	ret->options = calloc(n_all + 3, sizeof(*ret->options));
	if (!ret->options)
		return err_set(e, ENOMEM, "make command lines");
	for (const char **option = f->stage->options; *option; option++)
		ret->options[n++] = *option;
	for (size_t i = 0; i < variant->n_options; i++)
		ret->options[n++] = variant->options[i];
	if (variant->memory) {
		ret->options[n] = "-m";
		ret->options[n + 1] = variant->memory;
	}
	ret->values = stage_values(f->stage, f->way_name, f->count);
	ret->values.options = ret->options;
	ret->values.names = prefix;
	ret->values.template = f->template;
	snprintf(ret->all, sizeof(ret->all), "%zu", f->n);
	ret->values.all = ret->all;
	return 0;
}

static int make_ship(
	const struct fleet *f, struct wording *w, size_t i, struct ship *ship, struct err *e)
{
	ship->name = str_format("%s-%zu", w->values.names, i + 1);
	ship->bundle = str_format("%s/%zu", f->stage->scratch, i + 1);
	ship->pidfile = str_format("%s/%zu.pid", f->stage->run, i + 1);
	if (!ship->name || !ship->bundle || !ship->pidfile)
		return err_set(e, ENOMEM, "make command lines");
	w->values.name = ship->name;
	w->values.bundle = ship->bundle;
	w->values.pidfile = ship->pidfile;
	w->values.i = i + 1;
	int r = wants_bundle(f) ? make_bundle(f, ship, &w->values, e) : 0;
	if (r == 0)
		r = way_expand(words_of(f, false), &w->values, &ship->start, e);
	return r < 0 ? r : way_expand(words_of(f, true), &w->values, &ship->stop, e);
}

static int make_ships(struct fleet *f, const char *prefix, struct err *e)
{
	struct wording w = { 0 };
	int r = begin_wording(f, prefix, &w, e);

	for (size_t i = 0; r == 0 && i < f->n; i++)
		r = make_ship(f, &w, i, &f->v[i], e);
	if (r == 0 && f->way && f->way->before[0])
		r = way_expand(f->way->before, &w.values, &f->before, e);
	if (r == 0 && f->way && f->way->after[0])
		r = way_expand(f->way->after, &w.values, &f->after, e);
	free(w.options);
	return r;
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

	f.v = calloc(f.n + 1, sizeof(*f.v));
	f.template = str_format("%s-template", prefix);
	if (!f.v || !f.template)
		return err_set(e, ENOMEM, "make %zu command lines", f.n);
	int r = make_ships(&f, prefix, e);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct fleet){ 0 };
	return 0;
}

/* One command, whose time nobody asks for. */
static int run_words(char **words, struct err *e)
{
	struct errand errand = { .words = words };
	struct errands errands = { .v = &errand, .n = 1, .parallel = 1 };

	return words ? errands_run(&errands, e) : 0;
}

int fleet_tick(struct fleet *f, size_t n, struct err *e)
{
	double now = clock_seconds() * 1e3;
	struct host_memory memory;

	if (f->progress)
		f->progress(f->progress_context, "starting", n, f->n);
	if (interrupted)
		return err_say(e, EINTR, "interrupted");
	/* To look costs a part of what a start does. */
	if (!f->keep_free || now < f->looked_ms + LOOK_EVERY_MS)
		return 0;
	f->looked_ms = now;
	int r = host_memory_read(&memory, e);
	if (r == 0 && memory.available < f->keep_free)
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

int fleet_up(struct fleet *f, struct err *e)
{
	struct err other;

	/* What is started has the limits that we were started with; measuring raises them. */
	open_files_restore();
	int r = knobs_of_process(f->variant, true, e);
	if (r == 0)
		r = run_words(f->before, e);
	f->is_ready = r == 0 && f->before;
	if (r == 0)
		r = starts_run(f, e);
	int undone = knobs_of_process(f->variant, false, r ? &other : e);
	return r ? r : undone;
}

/* Of the floor: with its start, as whoever takes down what is left of us must not kill another. */
static void kill_marked(const char *pidfile)
{
	struct process_mark mark;
	autofree char *text = NULL;
	struct err ignored;
	size_t n;

	if (fd_read_file(AT_FDCWD, pidfile, PIDFILE_MAX, &text, &n, &ignored) < 0 ||
		mark_read(text, &mark) < 0)
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
	for (size_t i = 0; i < f->n; i++) {
		unlink(f->v[i].pidfile);
		stage_remove(f->v[i].bundle);
	}
}

int fleet_down(struct fleet *f, bool all, struct err *e)
{
	double begun = clock_seconds() * 1e3;
	struct err other;

	if (!f->n)
		return 0;
	int r = fleet_is_floor(f) ? floor_down(f) : stop_all(f, all || f->is_unsure, e);

	f->down_ms = clock_seconds() * 1e3 - begun;
	if (f->after && (all || f->is_ready)) {
		int left = run_words(f->after, r ? &other : e);
		r = r || all ? r : left;
		f->is_ready = false;
	}
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
	free(f->template);
	way_free(f->before);
	way_free(f->after);
	*f = (struct fleet){ 0 };
}
