/* Figures of single processes. */
#include "cgroup/singles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct single {
	struct census_process process; /* without what frames know */
	char command[sizeof(((struct process_stat *)NULL)->command)];
	uint64_t slots;
	bool again, estimated, untold;
};

void singles_init(struct singles *s)
{
	*s = (struct singles){ 0 };
	frames_init(&s->frames);
	s->frames.sets_max = SINGLES_SETS_ALL;
}

void singles_done(struct singles *s)
{
	frames_done(&s->frames);
	free(s->v);
	singles_init(s);
}

static struct opt_u64 known(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

int singles_begin(struct singles *s, size_t thing, pid_t pid, bool again,
	const struct process_stat *stat, const struct process_memory *memory)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct single *v = realloc(s->v, room * sizeof(*v));
		if (!v)
			return -ENOMEM;
		s->v = v;
		s->room = room;
	}
	if (s->n == 0 || s->v[s->n - 1].process.thing != thing) {
		s->first = s->n;
		s->sets_before = s->frames.n_sets;
		s->has_many = false;
	}
	struct single *single = &s->v[s->n++];
	*single = (struct single){
		.process = { .thing = thing,
			.pid = pid,
			.threads = stat->threads,
			.page_tables = known(memory->page_tables) },
		.again = again,
		.untold = s->has_many,
	};
	memcpy(single->command, stat->command, sizeof(single->command));
	return 0;
}

void singles_drop(struct singles *s)
{
	s->v[s->n - 1].process.pid = 0;
}

void singles_estimate(struct singles *s, const struct process_rollup *rollup, uint64_t swap)
{
	struct single *last = &s->v[s->n - 1];

	last->estimated = true;
	last->process.unique = known(rollup->rss);
	last->process.private = known(rollup->uss);
	last->process.shared = known(rollup->rss - rollup->uss);
	last->process.swap = known(swap);
}

/* Processes may map pages in as many ways as there are pages: no thing gets all our memory for that. */
static void check_sets(struct singles *s)
{
	if (s->has_many || s->frames.n_sets - s->sets_before <= SINGLES_SETS_MAX)
		return;
	s->has_many = true;
	s->owner = s->n - 1;
	for (size_t i = s->first; i < s->n; i++)
		s->v[i].untold = true;
}

int singles_add(struct singles *s, const struct pagemap_pages *pages, struct err *e)
{
	struct single *last = &s->v[s->n - 1];
	uint32_t owner = (uint32_t)(s->has_many ? s->owner : s->n - 1);

	last->slots += pages->n_slots;
	int r = s->full ? 0
			: frames_add(&s->frames, owner, last->again, pages->frames, pages->n_frames,
				  e);
	if (r == -E2BIG) {
		s->full = true;
		frames_done(&s->frames);
		r = 0;
	}
	check_sets(s);
	return r;
}

/* What the frames of the things say of each: the system is not asked again. */
static int look(void *context, uint64_t first, size_t n, struct frame_fact *facts, struct err *e)
{
	const struct frames *frames = context;
	struct frame_state state;

	(void)e;
	for (size_t i = 0; i < n; i++) {
		facts[i] = (struct frame_fact){ .kind = FRAME_SPECIAL };
		if (!frames_find(frames, first + i, &state))
			continue;
		facts[i].kind = state.kind;
		facts[i].mappings = state.outside ? FRAMES_UNKNOWN - 1 : FRAMES_UNKNOWN;
	}
	return 0;
}

static int fill(struct census_process *p, const struct single *s, const struct frame_counts *n,
	uint64_t within, uint64_t page)
{
	uint64_t private = 0, shared = 0;

	for (size_t kind = 0; kind < FRAME_KINDS; kind++) {
		private += n->private[kind];
		shared += n->shared[kind];
	}
	*p = s->process;
	p->command = strdup(s->command);
	p->swap = s->estimated ? p->swap : known(s->slots * page);
	if (s->estimated || s->untold)
		return p->command ? 0 : -ENOMEM;
	p->unique = known((private + shared) * page);
	p->private = known(private * page);
	p->shared = known(shared * page);
	p->inside = known((within - private) * page);
	return p->command ? 0 : -ENOMEM;
}

int singles_fill(struct singles *s, const struct frames *frames, struct census_process **ret,
	size_t *ret_n, struct err *e)
{
	autofree struct frame_counts *counts = calloc(s->n + 1, sizeof(*counts));
	autofree uint64_t *within = calloc(s->n + 1, sizeof(*within));
	autofree uint32_t *parties = calloc(s->n + 1, sizeof(*parties));
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int failed = counts && within && parties ? 0 : -ENOMEM;

	*ret = calloc(s->n + 1, sizeof(**ret));
	*ret_n = 0;
	if (failed < 0 || !*ret)
		return err_set(e, ENOMEM, "tell %zu processes apart", s->n);
	for (size_t i = 0; i < s->n; i++)
		s->v[i].untold = s->v[i].untold || s->full;
	for (size_t i = 0; i < s->n; i++)
		parties[i] = (uint32_t)s->v[i].process.thing;
	failed = frames_settle(&s->frames, FRAMES_NO_HOST, look, (void *)frames, e);
	if (failed < 0)
		return failed;
	frames_count(&s->frames, counts, s->n);
	failed = frames_count_within(&s->frames, parties, within);
	for (size_t i = 0; failed == 0 && i < s->n; i++)
		if (s->v[i].process.pid)
			failed = fill(&(*ret)[(*ret_n)++], &s->v[i], &counts[i], within[i], page);
	return failed < 0 ? err_set(e, -failed, "tell %zu processes apart", s->n) : 0;
}
