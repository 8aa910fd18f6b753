/* cow density: how many fit, and why. */
#include "cmd/density/density.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/density/compare.h"
#include "cmd/density/knobs.h"
#include "cmd/density/plots.h"
#include "cmd/density/progress.h"
#include "cmd/density/report.h"
#include "cmd/density/summary.h"
#include "cmd/density/trial.h"
#include "cmd/interrupt.h"
#include "cmd/json_list.h"
#include "spec/base/log.h"
#include "spec/base/str.h"

/* Settings of the host are written down here, whoever changes them; and one experiment at a time. */
#define LAB "/run/cowrun-density"

struct density_words {
	bool quiet, json, compare;
	const char *out, *image, *counts, *keep_free;
	struct option_list ways;
	int repetitions, parallel;
	struct opt_u64 seed;
};

static const struct option_row options[] = {
	{ "out", 'o', OPTION_TEXT, offsetof(struct density_words, out), "DIR",
		"where results go; a directory with some is gone on with (density-results)" },
	{ "image", 0, OPTION_TEXT, offsetof(struct density_words, image), "IMAGE",
		"what is started" },
	{ "count", 0, OPTION_TEXT, offsetof(struct density_words, counts), "N,N,...",
		"how many at once" },
	{ "way", 0, OPTION_LIST, offsetof(struct density_words, ways), "WAY",
		"how they are started: overlay, copy, crun, podman, ...; may be given again" },
	{ "repeat", 0, OPTION_COUNT, offsetof(struct density_words, repetitions), "N",
		"trials of each count and way" },
	{ "parallel", 0, OPTION_COUNT, offsetof(struct density_words, parallel), "N",
		"starts side by side" },
	{ "seed", 0, OPTION_UNSIGNED, offsetof(struct density_words, seed), "N",
		"of the order of the trials" },
	{ "keep-free", 0, OPTION_TEXT, offsetof(struct density_words, keep_free), "SIZE",
		"memory of the host that is left alone" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct density_words, quiet), NULL, "no progress" },
	{ "json", 0, OPTION_FLAG, offsetof(struct density_words, json), NULL,
		"print the summary as JSON" },
	{ "compare", 0, OPTION_FLAG, offsetof(struct density_words, compare), NULL,
		"start nothing: hold the results in two directories against each other" },
	{ 0 },
};

static int replace_text(char **member, const char *text, struct err *e)
{
	if (!text)
		return 0;
	free(*member);
	*member = strdup(text);
	return *member ? 0 : err_set(e, ENOMEM, "read an experiment");
}

/* Takes the place of a list: words of the command line count more than the file. */
static int replace_words(char ***list, size_t *n, char *const *words, size_t n_words, struct err *e)
{
	if (!n_words)
		return 0;
	char **v = calloc(n_words + 1, sizeof(*v));
	for (size_t i = 0; v && i < n_words; i++)
		v[i] = strdup(words[i]);
	for (size_t i = 0; i < *n; i++)
		free((*list)[i]);
	free(*list);
	*list = v;
	*n = v ? n_words : 0;
	for (size_t i = 0; i < *n; i++)
		if (!v[i])
			return err_set(e, ENOMEM, "read an experiment");
	return v ? 0 : err_set(e, ENOMEM, "read an experiment");
}

static int replace_counts(struct experiment *x, const char *text, struct err *e)
{
	if (!text)
		return 0;
	x->n_counts = 0;
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, ",");
		autofree char *word = strndup(at, n);
		uint64_t *v = reallocarray(x->counts, x->n_counts + 1, sizeof(*v));
		if (!word || !v)
			return err_set(e, ENOMEM, "read an experiment");
		x->counts = v;
		if (!str_to_u64(word, UINT64_MAX, &v[x->n_counts++]))
			return err_say(e, ERR_USAGE, "option --count: '%s' is no number", word);
		at += n + (at[n] == ',');
	}
	return 0;
}

/* The file, then what the command line says over it. */
static int read_experiment(
	const struct density_words *w, int argc, char **argv, struct experiment *x, struct err *e)
{
	bool file = argc > 0 && !w->image;
	int r = file ? experiment_read(argv[0], x, e) : 0;

	if (r == 0)
		r = replace_text(&x->image, w->image, e);
	if (r == 0)
		r = replace_text(&x->keep_free, w->keep_free, e);
	if (r == 0)
		r = replace_counts(x, w->counts, e);
	if (r == 0)
		r = replace_words(&x->ways, &x->n_ways, w->ways.v, w->ways.n, e);
	if (r == 0)
		r = replace_words(
			&x->command, &x->n_command, argv + file, (size_t)(argc - file), e);
	if (w->repetitions)
		x->repetitions = (uint32_t)w->repetitions;
	if (w->parallel)
		x->parallel = (uint32_t)w->parallel;
	if (w->seed.set)
		x->seed = w->seed.value;
	if (r == 0)
		r = experiment_complete(x, e);
	return r < 0 ? r : experiment_check(x, e);
}

/* -EBUSY: another experiment runs. What one that was killed has changed is put back. */
static int open_lab(int *ret, struct err *e)
{
	if (mkdir(LAB, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", LAB);
	autofd int dir = open(LAB, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "open '%s'", LAB);
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return err_say(
			e, EBUSY, "another experiment runs on this host ('%s' is locked)", LAB);
	int r = knobs_restore(dir, e);
	if (r < 0)
		return r;
	*ret = take_fd(&dir);
	return 0;
}

static void title_of(const struct experiment *x, const struct trial *t, char out[96])
{
	bool named = x->n_variants > 1;

	snprintf(out, 96, "%s%s%s, %" PRIu64, named ? x->variants[t->variant].name : "",
		named ? ", " : "", x->ways[t->way], x->counts[t->count]);
}

static double weigh(const struct results *r, const struct schedule *s)
{
	double all = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!results_has(r, &s->v[i]))
			all += (double)r->experiment.counts[s->v[i].count];
	return all;
}

static int run_trials(const struct trial_setting *setting, const struct schedule *schedule,
	bool quiet, struct err *e)
{
	const struct experiment *x = &setting->results->experiment;
	struct progress progress;
	struct trial_setting told = *setting, *s = &told;
	char title[96];
	int r = trial_clean(s, e);

	progress_begin(&progress, quiet, schedule->n, weigh(s->results, schedule));
	s->progress = progress_step;
	s->progress_context = &progress;
	for (size_t i = 0; r == 0 && i < schedule->n; i++) {
		const struct trial *t = &schedule->v[i];
		if (results_has(s->results, t))
			continue;
		title_of(x, t, title);
		progress_trial(&progress, i + 1, title);
		r = trial_run(s, t, e);
		if (r < 0 && r != -EINTR)
			r = err_while(e, "%s", title);
		progress_ended(&progress, (double)x->counts[t->count]);
	}
	progress_clear(&progress);
	return r;
}

static int write_text(const struct results *r, const struct summary *s, struct err *e)
{
	int fd = openat(r->dir, "summary.txt", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return err_set(e, errno, "make '%s/summary.txt'", r->path);
	int failed = summary_print(file, s, false, e);
	if (fclose(file) != 0 && failed == 0)
		failed = err_set(e, errno, "write '%s/summary.txt'", r->path);
	return failed;
}

/* All that is made of the trials, whichever of them are there. */
static int present(const struct results *r, bool plots, bool json, struct err *e)
{
	automatic(summary) struct summary s = { 0 };
	int failed = summary_make(r, &s, e);

	if (failed == 0)
		failed = write_text(r, &s, e);
	if (failed == 0)
		failed = report_make(r, &s, e);
	if (failed == 0 && plots)
		failed = plots_make(r, &s, e);
	if (failed == 0 && json)
		return json_list_print(cell_fields, s.v, s.n, sizeof(*s.v), e);
	return failed < 0 ? failed : summary_print(stdout, &s, isatty(1), e);
}

static int make_experiment(struct context *c, const struct density_words *w, struct experiment *x,
	struct results *results, struct err *e)
{
	automatic(stage) struct stage stage = { .store = STORE_NONE, .lock = -1 };
	automatic(schedule) struct schedule schedule = { 0 };
	autofd int lab = -1;
	int r = open_lab(&lab, e);

	if (r == 0)
		r = command_open_home(c, true, e);
	if (r == 0)
		r = results_begin(w->out ? w->out : "density-results", c->home.fd, x, results, e);
	if (r == 0)
		r = stage_open(c, &results->experiment, results->path, &stage, e);
	if (r == 0 && schedule_make(&results->experiment, &schedule) < 0)
		r = err_set(e, ENOMEM, "order the trials");
	struct trial_setting setting = { .stage = &stage, .results = results, .knobs = lab };
	if (r == 0)
		r = run_trials(&setting, &schedule, w->quiet, e);
	if (!results->running.prefix)
		stage_clear(&stage);
	return r;
}

static int compare(const struct density_words *w, int argc, char **argv, struct err *e)
{
	automatic(results) struct results a = RESULTS_NONE, b = RESULTS_NONE;

	if (argc != 2)
		return err_say(e, ERR_USAGE, "--compare needs two directories of results");
	int r = results_look(argv[0], &a, e);
	if (r == 0)
		r = results_look(argv[1], &b, e);
	if (r < 0)
		return r;
	return w->json ? compare_print_json(&a, &b, e)
		       : compare_print(stdout, &a, &b, isatty(1), e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(experiment) struct experiment x = { 0 };
	automatic(results) struct results results = RESULTS_NONE;
	const struct density_words *w = data;

	if (w->compare)
		return compare(w, argc, argv, e);
	interrupt_watch();
	int r = read_experiment(w, argc, argv, &x, e);
	bool plots = plots_can_be_made();
	if (r == 0 && !plots)
		log_warn("there is no gnuplot: no plots");
	if (r == 0)
		r = make_experiment(c, w, &x, &results, e);
	if (r == -EINTR)
		return 130;
	return r < 0 ? r : present(&results, plots, w->json, e);
}

const struct command density_command = {
	.name = "density",
	.arguments =
		"[options] EXPERIMENT.json | [options] --image IMAGE [COMMAND ...] | --compare DIR DIR",
	.summary = "Starts containers by the hundred, and tells what each costs.",
	.options = options,
	.options_size = sizeof(struct density_words),
	.max_words = -1,
	.run = run,
};
