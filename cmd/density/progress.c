/* The line of progress. */
#include "cmd/density/progress.h"

#include "spec/base/clock.h"

#include <stdio.h>
#include <unistd.h>

void progress_begin(struct progress *p, bool quiet, size_t n_trials, double weight_all)
{
	*p = (struct progress){ .shown = !quiet && isatty(2),
		.n_trials = n_trials,
		.begun = clock_seconds(),
		.weight_all = weight_all };
}

void progress_trial(struct progress *p, size_t trial, const char *title)
{
	p->trial = trial;
	snprintf(p->title, sizeof(p->title), "%s", title);
}

void progress_ended(struct progress *p, double weight)
{
	p->weight_done += weight;
}

/* By the containers that are still to be started: what is done tells how long one takes. */
static void print_rest(const struct progress *p)
{
	if (p->weight_done <= 0)
		return;
	double rest =
		(clock_seconds() - p->begun) * (p->weight_all - p->weight_done) / p->weight_done;
	if (rest >= 90)
		fprintf(stderr, ", about %.0f minutes left", rest / 60);
	else
		fprintf(stderr, ", about %.0f s left", rest);
}

void progress_step(void *context, const char *what, size_t n, size_t of)
{
	const struct progress *p = context;

	if (!p->shown)
		return;
	fprintf(stderr, "\r\033[K%zu/%zu %s: %s %zu/%zu", p->trial, p->n_trials, p->title, what, n,
		of);
	print_rest(p);
	fflush(stderr);
}

void progress_clear(const struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
}
