/* Whether anything moved while it was read, and whom to freeze because of that. */

#include "cgroup/reading.h"

/* Members that are there now and were not listed, and those that were read and are gone. */
static int count_strays(const struct reading *r, size_t thing, uint64_t *ret, struct err *e)
{
	struct group *g = &r->groups[thing];
	autofree pid_t *pids = NULL;
	size_t n = 0, found = 0, read = 0;
	int failed = reading_list(r, thing, &pids, &n, e);

	for (size_t i = 0; failed == 0 && i < n; i++) {
		const struct member *m = reading_find(g, pids[i]);
		*ret += !m;
		found += m && m->read;
	}
	for (size_t m = 0; m < g->n_members; m++)
		read += g->members[m].read;
	*ret += read > found ? read - found : 0;
	return failed;
}

int reading_count_strays(struct reading *r, struct err *e)
{
	int failed = 0;

	for (size_t i = 0; failed == 0 && r->options->list && i < r->n_things; i++)
		if (r->instant.chosen[i])
			failed = count_strays(r, i, &r->groups[i].n_strays, e);
	return failed;
}

/* The dead were counted as changed already. */
static int check_running(struct reading *r, size_t thing, struct err *e)
{
	struct group *g = &r->groups[thing];
	autofree pid_t *pids = NULL;
	size_t n = 0;

	for (size_t m = 0; m < g->n_members; m++)
		g->n_changed +=
			g->members[m].read &&
			process_has_changed(r->proc, g->members[m].pid, &g->members[m].stat);
	int failed = r->options->list ? reading_list(r, thing, &pids, &n, e) : 0;
	for (size_t i = 0; failed == 0 && i < n; i++)
		g->n_changed += !reading_find(g, pids[i]);
	return failed;
}

int reading_check(struct reading *r, struct err *e)
{
	int failed = 0;

	r->n_changed = 0;
	for (size_t i = 0; failed == 0 && i < r->n_things; i++) {
		struct group *g = &r->groups[i];
		g->n_changed = 0;
		if (instant_held(&r->instant, i))
			g->n_changed = g->n_strays;
		else
			failed = check_running(r, i, e);
		r->n_changed += g->n_changed;
	}
	return failed;
}

/* Without frames nothing is exact, whoever stands still. */
void reading_freeze_all(struct reading *r)
{
	for (size_t i = 0; i < r->n_things; i++)
		r->instant.chosen[i] = r->has_frames;
}

bool reading_freeze_changed(struct reading *r, const uint64_t *digests)
{
	bool any = false;

	for (size_t i = 0; i < r->n_things; i++) {
		const struct group *g = &r->groups[i];
		r->instant.chosen[i] = g->n_changed || g->digest != digests[i];
		any = any || r->instant.chosen[i];
	}
	return any;
}
