/* Who belongs to what is measured. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/knob.h"
#include "cmd/measured.h"
#include "runtime/residents.h"

void measured_look(struct measured *m)
{
	families_done(&m->families);
	free(take(m->claims));
	m->n_claims = 0;
}

/* One snapshot of all processes serves a whole look. */
static int read_families(struct measured *m, struct err *e)
{
	return m->families.v ? 0 : families_read(&m->families, e);
}

static int list_family(struct measured *m, const struct measured_source *s, pid_t **ret_pids,
	size_t *ret_n, struct err *e)
{
	int r = read_families(m, e);

	return r < 0 ? r
		     : families_list(&m->families, s->pid, s->start, getpid(), ret_pids, ret_n, e);
}

static int list_all(struct measured *m, const struct measured_source *s, pid_t **ret_pids,
	size_t *ret_n, struct err *e)
{
	int r = 0;

	if (s->failed < 0)
		return err_set(e, -s->failed, "open the cgroup of '%s'", s->name);
	switch (s->members) {
	case MEASURED_GROUP:
	case MEASURED_ALONE:
		r = cgroup_processes(s->group.fd, s->members == MEASURED_GROUP, ret_pids, ret_n, e);
		break;
	case MEASURED_RESIDENTS:
		r = residents_list(s->record, ret_pids, ret_n, e);
		break;
	case MEASURED_FAMILY:
		r = list_family(m, s, ret_pids, ret_n, e);
		break;
	}
	if (knob_is_gone(r)) {
		*ret_pids = NULL;
		*ret_n = 0;
		r = 0;
	}
	return r;
}

/* --- claims ---------------------------------------------------------------------------------- */

static int by_pid(const void *a, const void *b)
{
	const struct measured_claim *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->depth > y->depth ? -1 : x->depth < y->depth;
}

static size_t depth_of(const struct measured_source *s)
{
	size_t n = 0;

	for (const char *at = s->whole; at && (at = strchr(at, '/')); at++)
		n++;
	return n;
}

static int claim(struct measured *m, const struct measured_source *s, struct err *e)
{
	autofree pid_t *pids = NULL;
	size_t n = 0;
	int r = list_all(m, s, &pids, &n, e);

	/* What cannot be listed has no claims. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	struct measured_claim *more = reallocarray(m->claims, m->n_claims + n + 1, sizeof(*more));
	if (!more)
		return err_set(e, ENOMEM, "list the processes of '%s'", s->name);
	m->claims = more;
	size_t depth = depth_of(s);
	for (size_t i = 0; i < n; i++)
		more[m->n_claims++] = (struct measured_claim){ pids[i], s->rank, depth };
	return 0;
}

/* Who is whose, once in a look. */
static int read_claims(struct measured *m, struct err *e)
{
	int r = 0;

	if (m->claims)
		return 0;
	for (size_t i = 0; r == 0 && i < m->n; i++)
		r = claim(m, &m->sources[i], e);
	if (m->claims)
		qsort(m->claims, m->n_claims, sizeof(*m->claims), by_pid);
	return r;
}

/* Somebody of a smaller rank has it, or somebody inside. */
static bool is_claimed(const struct measured *m, pid_t pid, const struct measured_source *s)
{
	size_t low = 0, high = m->n_claims;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (m->claims[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == m->n_claims || m->claims[low].pid != pid)
		return false;
	const struct measured_claim *c = &m->claims[low];
	return c->rank < s->rank || (s->has_inner && c->rank == s->rank && c->depth > depth_of(s));
}

/* --- */

/* Whoever guards what is frozen for us is our child, in our groups of v1. */
static int list_ours(struct measured *m, const struct measured_source *s, pid_t **ret_pids,
	size_t *ret_n, struct err *e)
{
	int r = s->is_v1 ? read_families(m, e) : 0;

	if (r < 0 || !s->is_v1) {
		*ret_pids = NULL;
		*ret_n = 0;
		return r;
	}
	return families_list(&m->families, getpid(), 0, 0, ret_pids, ret_n, e);
}

static bool is_among(pid_t pid, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

int measured_list(struct measured *m, const struct measured_source *s, pid_t **ret, size_t *ret_n,
	struct err *e)
{
	autofree pid_t *pids = NULL, *ours = NULL;
	size_t n = 0, n_ours = 0, kept = 0;
	int r = s->rank > RANK_NAMED || s->has_inner ? read_claims(m, e) : 0;

	if (r == 0)
		r = list_all(m, s, &pids, &n, e);
	if (r == 0)
		r = list_ours(m, s, &ours, &n_ours, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (pids[i] != getpid() && !is_among(pids[i], ours, n_ours) &&
			!is_claimed(m, pids[i], s))
			pids[kept++] = pids[i];
	*ret = take(pids);
	*ret_n = kept;
	return 0;
}
