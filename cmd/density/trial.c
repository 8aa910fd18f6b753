/* One trial. */
#include "cmd/density/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/density/knobs.h"
#include "cmd/density/rest.h"
#include "cmd/interrupt.h"
#include "cmd/measured.h"
#include "spec/base/str.h"

#define SETTLE_STEP_MS 250
#define SETTLE_STEPS 2	   /* so often in a row it must have been the same */
#define SETTLE_SLACK 200   /* 1/200 of all */
#define SETTLE_LEAST 65536 /* bytes that nobody would call a change */
#define REST_LIMIT_MS 10000

static void wait_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* The containers that are up, as what a census can be asked for. */
struct looked_at {
	struct measured_words words;
	struct measured measured;
	char **names;
	size_t n_names;
};

static void looked_at_done(struct looked_at *l)
{
	measured_done(&l->measured);
	for (size_t i = 0; i < l->words.pids.n; i++)
		free(l->words.pids.v[i]);
	free(l->words.pids.v);
	free(l->names);
	*l = (struct looked_at){ 0 };
}
DEFINE_AUTO(looked_at, looked_at_done)

static int look_at(const struct fleet *f, struct looked_at *l, struct err *e)
{
	l->names = calloc(f->n + 2, sizeof(*l->names));
	l->words.pids.v = calloc(f->n + 1, sizeof(*l->words.pids.v));
	if (!l->names || !l->words.pids.v)
		return err_set(e, ENOMEM, "measure %zu containers", f->n);
	for (size_t i = 0; i < f->n; i++) {
		if (!f->v[i].up)
			continue;
		if (!f->v[i].pid)
			l->names[l->n_names++] = f->v[i].name;
		else if (!(l->words.pids.v[l->words.pids.n++] = str_format("%d", (int)f->v[i].pid)))
			return err_set(e, ENOMEM, "measure %zu containers", f->n);
	}
	if (f->is_ready)
		l->names[l->n_names++] = f->template;
	return measured_open(&l->measured, f->stage->context, &l->words, l->names, l->n_names, e);
}

/* Private bytes of all, by the kernel's own sums: to see whether they still grow. */
static int sum_fast(struct looked_at *l, uint64_t *ret, struct err *e)
{
	automatic(census) struct census c = { 0 };

	l->words.fast = true;
	int r = measured_take(&l->measured, 0, &c, e);
	l->words.fast = false;
	*ret = 0;
	for (size_t i = 0; r == 0 && i < c.n_usages; i++)
		*ret += c.usages[i].private.value + c.usages[i].page_tables.value;
	return r;
}

static int settle(const struct fleet *f, struct looked_at *l, bool *ret_settled, struct err *e)
{
	unsigned limit = f->stage->experiment->settle_seconds * 1000, same = 0;
	uint64_t before = 0, now = 0;
	int r = sum_fast(l, &before, e);

	for (unsigned waited = 0; r == 0 && same < SETTLE_STEPS && waited < limit;
		waited += SETTLE_STEP_MS) {
		if (f->progress)
			f->progress(f->progress_context, "settling", same, SETTLE_STEPS);
		wait_ms(SETTLE_STEP_MS);
		if (interrupted)
			return err_say(e, EINTR, "interrupted");
		r = sum_fast(l, &now, e);
		uint64_t apart = now > before ? now - before : before - now;
		uint64_t slack =
			now / SETTLE_SLACK > SETTLE_LEAST ? now / SETTLE_SLACK : SETTLE_LEAST;
		same = apart <= slack ? same + 1 : 0;
		before = now;
	}
	*ret_settled = same >= SETTLE_STEPS;
	return r;
}

static struct spread times_of(const struct fleet *f, bool stop)
{
	autofree uint64_t *v = calloc(f->n + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; v && i < f->n; i++) {
		double ms = stop ? f->v[i].stop_ms : f->v[i].start_ms;
		if (ms > 0)
			v[n++] = (uint64_t)(ms * 1000);
	}
	return v ? spread_of(v, n) : (struct spread){ 0 };
}

static struct opt_i64 rise(uint64_t from, uint64_t to)
{
	return (struct opt_i64){ true, (int64_t)(to - from) };
}

static void compare_host(struct result *r, const struct rest *then, const struct rest *at_last)
{
	const struct host_memory *before = &then->memory, *now = &at_last->memory;

	r->taken = rise(now->unused, before->unused);
	r->slab = rise(before->slab, now->slab);
	r->kernel_stacks = rise(before->kernel_stacks, now->kernel_stacks);
	r->page_tables = rise(before->page_tables, now->page_tables);
	r->per_cpu = rise(before->per_cpu, now->per_cpu);
	r->noise = (struct opt_u64){ true, then->noise + at_last->noise };
}

static void print_bytes(FILE *to, struct opt_u64 bytes)
{
	if (bytes.set)
		fprintf(to, ",%" PRIu64, bytes.value);
	else
		fputc(',', to);
}

/*
 * A line each, when all times are known, and one of what they are forks of. Names of ours begin with
 * the prefix: nothing to quote.
 */
static int write_table(const struct trial_setting *s, const struct fleet *f, const struct result *r,
	const struct census *c, struct err *e)
{
	const struct ship template = { .name = f->template };
	FILE *to;
	int failed = results_open_table(s->results, &to, e);

	for (size_t i = 0; failed == 0 && i < c->n_usages; i++) {
		const struct memory_usage *u = &c->usages[i];
		const struct ship *ship = u->is_template ? &template : &f->v[i];
		fprintf(to, "%zu,\"%s\",\"%s\",%" PRIu64 ",%" PRIu64 ",%s,%.0f,%.0f,%" PRIu64,
			s->results->n, r->variant, r->way, r->count, r->repetition, ship->name,
			ship->start_ms * 1000, ship->stop_ms * 1000, u->processes);
		print_bytes(to, u->unique);
		print_bytes(to, u->private);
		print_bytes(to, u->shared);
		print_bytes(to, u->kernel);
		print_bytes(to, u->monitor);
		print_bytes(to, u->cost);
		fputc('\n', to);
	}
	if (failed == 0 && fclose(to) != 0)
		failed = err_set(e, errno, "write 'containers.csv'");
	return failed;
}

/* Up, at rest, measured. -ENOBUFS of the host's memory is a result too. */
static int measure(struct fleet *f, struct result *r, struct census *c, struct err *e)
{
	automatic(looked_at) struct looked_at l = { 0 };
	struct rest before = { 0 }, now = { 0 };
	int failed = rest_clear(REST_LIMIT_MS, &before, e);

	if (failed < 0)
		return failed;
	failed = fleet_up(f, e);
	if (failed == -ENOBUFS) {
		r->why = strdup(e->text);
		failed = 0;
	}
	if (failed == 0)
		failed = look_at(f, &l, e);
	if (failed == 0)
		failed = settle(f, &l, &r->settled, e);
	/* The host first: a census of thousands has memory of its own. */
	if (failed == 0)
		failed = rest_wait(REST_LIMIT_MS, &now, e);
	if (failed == 0)
		failed = measured_take(&l.measured, 0, c, e);
	if (failed < 0)
		return failed;
	compare_host(r, &before, &now);
	r->started = fleet_count_up(f);
	failed = result_measure(r, c);
	return failed < 0 ? err_set(e, -failed, "measure %zu containers", f->n) : 0;
}

static int begin(const struct trial_setting *s, const struct trial *t, const char *prefix,
	struct fleet *f, struct err *e)
{
	int failed = results_will_run(s->results, t, prefix, e);

	if (failed == 0)
		failed = knobs_turn(s->knobs, &s->stage->experiment->variants[t->variant], e);
	if (failed == 0)
		failed = fleet_make(s->stage, t, prefix, f, e);
	f->progress = s->progress;
	f->progress_context = s->progress_context;
	return failed;
}

/* What is up goes in any case, and what was wrong first is told. */
static int end(const struct trial_setting *s, struct fleet *f, int failed, struct err *e)
{
	struct err other;
	int r = fleet_down(f, failed < 0, failed ? &other : e);

	failed = failed ? failed : r;
	r = knobs_restore(s->knobs, failed ? &other : e);
	return failed ? failed : r;
}

int trial_run(const struct trial_setting *s, const struct trial *t, struct err *e)
{
	const struct experiment *x = s->stage->experiment;
	automatic(fleet) struct fleet fleet = { 0 };
	automatic(census) struct census census = { 0 };
	automatic(result) struct result r = {
		.variant = strdup(x->variants[t->variant].name),
		.way = strdup(x->ways[t->way]),
		.count = x->counts[t->count],
		.repetition = t->repetition,
	};
	autofree char *prefix = str_format("density-%d-%zu", (int)getpid(), s->results->n);

	if (!r.variant || !r.way || !prefix)
		return err_set(e, ENOMEM, "begin a trial");
	int failed = begin(s, t, prefix, &fleet, e);
	if (failed == 0)
		failed = measure(&fleet, &r, &census, e);
	failed = end(s, &fleet, failed, e);
	if (failed == 0) {
		r.up_us = (uint64_t)(fleet.up_ms * 1000);
		r.down_us = (uint64_t)(fleet.down_ms * 1000);
		r.start_us = times_of(&fleet, false);
		r.stop_us = times_of(&fleet, true);
		failed = write_table(s, &fleet, &r, &census, e);
	}
	struct err other;
	int kept = results_have_run(s->results, failed ? NULL : &r, failed ? &other : e);
	return failed ? failed : kept;
}

int trial_clean(const struct trial_setting *s, struct err *e)
{
	const struct running *left = &s->results->running;
	const struct experiment *x = s->stage->experiment;
	const struct trial t = { left->variant, left->way, left->count, left->repetition };
	automatic(fleet) struct fleet fleet = { 0 };

	if (!left->prefix)
		return 0;
	if (t.variant >= x->n_variants || t.way >= x->n_ways || t.count >= x->n_counts)
		return err_say(
			e, EINVAL, "'%s/running.json' is not of this experiment", s->results->path);
	int failed = fleet_make(s->stage, &t, left->prefix, &fleet, e);
	if (failed == 0)
		failed = fleet_down(&fleet, true, e);
	return failed < 0 ? failed : results_have_run(s->results, NULL, e);
}
