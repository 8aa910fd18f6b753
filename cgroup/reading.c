/*
 * One reading of all processes.
 *
 * The order matters twice: things in their order, since sets of owners grow only upwards; and the
 * counts of the whole system (frames_settle) after all pagemaps, since a frame that was mapped when
 * we saw it and is not when it is counted has then fewer mappings than we know of.
 */
#include "cgroup/reading.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/str.h"

#define PIDS_MAX (1 << 22) /* PID_MAX_LIMIT of the kernel */

#define DENSE_SLACK ((uint64_t)4 << 20)

/* What pagemap_visit gets. */
struct visit {
	struct reading *r;
	uint32_t owner;
	bool again;
};

int reading_init(struct reading *r, const struct census_thing *things, size_t n,
	const struct census_options *options, struct err *e)
{
	*r = (struct reading){
		.things = things,
		.n_things = n,
		.options = options,
		.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.kpage = { .count = -1, .flags = -1 },
		.instant = INSTANT_NONE,
	};
	frames_init(&r->frames);
	frames_init(&r->slots);
	singles_init(&r->singles);
	files_init(&r->files);
	if (r->proc < 0)
		return err_set(e, errno, "open '/proc'");
	int failed = pagemap_init(&r->pagemap, r->proc, e);
	if (failed < 0)
		return failed;
	if (options->without_scan)
		r->pagemap.scans = false;
	r->has_frames = r->pagemap.tells && !options->without_frames && !options->fast;
	if (r->has_frames)
		kpage_init(&r->kpage, r->proc);
	if (options->without_counts)
		kpage_distrust(&r->kpage);
	r->scans_host = options->host || (r->has_frames && r->kpage.count < 0);
	spaces_init(&r->spaces, r->proc, r->has_frames ? &r->pagemap : NULL);
	/* One more for the host. */
	r->groups = calloc(n + 1, sizeof(*r->groups));
	if (!r->groups)
		return err_set(e, ENOMEM, "measure %zu containers", n);
	failed = instant_init(&r->instant, things, n, e);
	if (failed == 0 && r->has_frames && options->freeze == CENSUS_FREEZE_ALL)
		reading_freeze_all(r);
	return failed;
}

static void forget(struct reading *r)
{
	for (size_t i = 0; r->groups && i <= r->n_things; i++) {
		free(r->groups[i].members);
		r->groups[i] = (struct group){ 0 };
	}
	free(take(r->claimed));
	frames_done(&r->frames);
	frames_done(&r->slots);
	singles_done(&r->singles);
	files_clear(&r->files);
	r->n_gone = r->n_changed = r->n_unread = 0;
}

void reading_done(struct reading *r)
{
	forget(r);
	free(r->groups);
	instant_done(&r->instant);
	pagemap_done(&r->pagemap);
	kpage_done(&r->kpage);
	spaces_done(&r->spaces);
	if (r->proc >= 0)
		close(r->proc);
	r->groups = NULL;
	r->proc = -1;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

int reading_list(
	const struct reading *r, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	const struct census_thing *t = &r->things[thing];

	if (r->options->list) {
		int failed = r->options->list(r->options->context, thing, ret_pids, ret_n, e);
		if (failed < 0)
			return err_while(e, "list the processes of '%s'", t->name);
	} else {
		*ret_pids = malloc((t->n_pids + 1) * sizeof(**ret_pids));
		if (!*ret_pids)
			return err_set(e, ENOMEM, "list the processes of '%s'", t->name);
		if (t->n_pids)
			memcpy(*ret_pids, t->pids, t->n_pids * sizeof(**ret_pids));
		*ret_n = t->n_pids;
	}
	if (*ret_n)
		qsort(*ret_pids, *ret_n, sizeof(**ret_pids), by_pid);
	return 0;
}

const struct member *reading_find(const struct group *g, pid_t pid)
{
	/* A member begins with its pid. */
	if (!g->n_members)
		return NULL;
	return bsearch(&pid, g->members, g->n_members, sizeof(*g->members), by_pid);
}

static int make_group(struct group *g, const pid_t *pids, size_t n, struct err *e)
{
	g->members = calloc(n + 1, sizeof(*g->members));
	if (!g->members)
		return err_set(e, ENOMEM, "list %zu processes", n);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || pids[i] != pids[i - 1])
			g->members[g->n_members++].pid = pids[i];
	return 0;
}

static bool *claim_of(struct reading *r, pid_t pid)
{
	return pid > 0 && pid < PIDS_MAX ? &r->claimed[pid] : NULL;
}

static int make_groups(struct reading *r, struct err *e)
{
	r->claimed = calloc(PIDS_MAX, sizeof(*r->claimed));
	if (!r->claimed)
		return err_set(e, ENOMEM, "list the processes of %zu containers", r->n_things);
	for (size_t i = 0; i < r->n_things; i++) {
		autofree pid_t *pids = NULL;
		size_t n = 0;
		int failed = reading_list(r, i, &pids, &n, e);
		if (failed == 0)
			failed = make_group(&r->groups[i], pids, n, e);
		if (failed < 0)
			return failed;
		/* A cgroup may be measured, and one inside it too. */
		for (size_t m = 0; m < r->groups[i].n_members; m++) {
			struct member *member = &r->groups[i].members[m];
			bool *claimed = claim_of(r, member->pid);
			member->again = claimed && *claimed;
			if (claimed)
				*claimed = true;
		}
	}
	return 0;
}

static bool wants(const struct reading *r, unsigned detail)
{
	return r->options->details & detail;
}

static int visit_slots(void *context, const struct pagemap_pages *pages, struct err *e)
{
	const struct visit *visit = context;

	if (!pages->n_slots)
		return 0;
	return frames_add(
		&visit->r->slots, visit->owner, visit->again, pages->slots, pages->n_slots, e);
}

static uint64_t digest(uint64_t before, const uint64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		before = ((before << 7 | before >> 57) ^ numbers[i]) * UINT64_C(0x9E3779B97F4A7C15);
	return before;
}

static int visit_pages(void *context, const struct pagemap_pages *pages, struct err *e)
{
	const struct visit *visit = context;
	struct group *g = &visit->r->groups[visit->owner];

	if (visit->r->options->freeze == CENSUS_FREEZE_CHANGED)
		g->digest = digest(digest(g->digest, pages->frames, pages->n_frames), pages->slots,
			pages->n_slots);
	int failed = frames_add(
		&visit->r->frames, visit->owner, visit->again, pages->frames, pages->n_frames, e);

	if (failed == 0)
		failed = visit_slots(context, pages, e);
	if (failed == 0 && wants(visit->r, CENSUS_PROCESSES))
		failed = singles_add(&visit->r->singles, pages, e);
	if (failed == 0 && wants(visit->r, CENSUS_FILES))
		failed = files_mark(&visit->r->files, pages);
	return failed;
}

/*
 * What a process that ended, or that is not ours to read, does to a reading; or the error. The
 * first is no reason for doubt: it held nothing any more when its turn came.
 */
static int missed(struct reading *r, struct group *g, int failed)
{
	switch (failed) {
	case -ESRCH:
		r->n_gone++;
		return 0;
	case -EACCES:
	case -EFBIG:
		g->n_unread++;
		/* What the host maps is in the counts too, where there are any. */
		r->n_unread += g != &r->groups[r->n_things] || r->kpage.count < 0;
		return 0;
	default:
		return failed;
	}
}

/* PAGEMAP_SCAN costs 12 ns for each resident page, an entry of a hole 8 ns at most. */
static bool is_dense(const struct process_stat *stat)
{
	return stat->size <= 2 * stat->resident * (uint64_t)sysconf(_SC_PAGESIZE) + DENSE_SLACK;
}

static int read_pages(
	struct reading *r, size_t thing, int dir, const struct member *m, struct err *e)
{
	struct visit visit = { r, (uint32_t)thing, m->again };
	int failed = wants(r, CENSUS_FILES) ? files_begin(&r->files, thing, m->pid, dir) : 0;

	e->code = 0;
	return failed < 0
		       ? failed
		       : pagemap_read(&r->pagemap, dir, is_dense(&m->stat), visit_pages, &visit, e);
}

static int read_sums(struct reading *r, size_t thing, int dir, const struct process_memory *memory)
{
	struct group *g = &r->groups[thing];
	struct process_rollup rollup;
	int failed = process_read_rollup(dir, &rollup);

	if (failed < 0)
		return failed;
	g->swap += memory->swap;
	g->rss += rollup.rss;
	g->pss += rollup.pss;
	g->uss += rollup.uss;
	if (wants(r, CENSUS_PROCESSES))
		singles_estimate(&r->singles, &rollup, memory->swap);
	return 0;
}

/* What is known of an address space, once for all the processes of a thing in it. */
static int read_space(
	struct reading *r, size_t thing, int dir, const struct member *m, struct err *e)
{
	struct process_memory memory;
	bool single = wants(r, CENSUS_PROCESSES);
	int failed = process_read_memory(dir, &memory);

	if (failed == 0 && single)
		failed = singles_begin(&r->singles, thing, m->pid, m->again, &m->stat, &memory);
	if (failed < 0)
		return failed;
	failed =
		r->has_frames ? read_pages(r, thing, dir, m, e) : read_sums(r, thing, dir, &memory);
	if (failed == 0)
		r->groups[thing].page_tables += memory.page_tables;
	else if (single)
		singles_drop(&r->singles);
	return failed;
}

/* Only the thread that we looked through has ended: then nobody knows what we missed. */
static int cause_of(int dir, int failed)
{
	struct process_stat now = { 0 };

	if (failed != -ESRCH || process_read_stat(dir, &now) == -ESRCH || now.zombie)
		return failed;
	return -EACCES;
}

static int read_memory(
	struct reading *r, size_t thing, int dir, const struct member *m, struct err *e)
{
	autofd int thread = m->stat.thread ? process_open_memory(r->proc, m->pid, &m->stat) : -1;
	int failed = m->stat.thread && thread < 0
			     ? thread
			     : read_space(r, thing, thread < 0 ? dir : thread, m, e);

	return cause_of(dir, failed);
}

static int read_member(struct reading *r, size_t thing, struct member *m, struct err *e)
{
	struct group *g = &r->groups[thing];
	autofd int dir = process_open(r->proc, m->pid);
	int failed = dir < 0 ? dir : process_read_stat(dir, &m->stat);

	e->code = 0;
	/* Zombies have no memory, and kernel threads never had any. */
	if (failed == 0 && m->stat.zombie)
		return 0;
	if (failed == 0)
		failed = spaces_add(&r->spaces, m->pid, &m->stat);
	if (failed > 0) {
		bool is_new = failed == SPACE_NEW;
		m->again = m->again || !is_new;
		failed = read_memory(r, thing, dir, m, e);
		/* Another may live on in it. */
		if (failed < 0 && is_new)
			spaces_drop(&r->spaces);
	}
	if (failed < 0) {
		failed = missed(r, g, failed);
		return failed < 0 && !e->code ? err_set(e, -failed, "read '/proc/%d'", m->pid)
					      : failed;
	}
	m->read = true;
	g->processes++;
	g->threads += m->stat.threads;
	return 0;
}

typedef int read_other(struct reading *r, struct member *m, struct err *e);

/* All processes of no thing, ourselves too: the group behind the things. */
static int read_others(struct reading *r, read_other *read, struct err *e)
{
	DIR *dir = fdopendir(openat(r->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int failed = 0;

	if (!dir)
		return err_set(e, errno, "list '/proc'");
	spaces_turn(&r->spaces, r->n_things);
	for (struct dirent *d; failed == 0 && (d = readdir(dir));) {
		uint64_t pid;
		if (!str_to_u64(d->d_name, PIDS_MAX - 1, &pid) || r->claimed[pid])
			continue;
		struct member m = { .pid = (pid_t)pid };
		failed = read(r, &m, e);
	}
	closedir(dir);
	return failed;
}

static int read_host(struct reading *r, struct member *m, struct err *e)
{
	return read_member(r, r->n_things, m, e);
}

/* Of a process of no thing only what it has in swap, if it has anything there. */
static int read_host_slots(struct reading *r, struct member *m, struct err *e)
{
	autofd int dir = process_open(r->proc, m->pid);
	struct visit visit = { r, (uint32_t)r->n_things, false };
	struct process_memory memory;
	int failed = dir < 0 ? dir : process_read_memory(dir, &memory);

	e->code = 0;
	if (dir >= 0 && failed == -ESRCH && process_read_stat(dir, &m->stat) == 0 &&
		m->stat.thread) {
		own_close(&dir);
		dir = process_open_memory(r->proc, m->pid, &m->stat);
		failed = dir < 0 ? -EACCES : process_read_memory(dir, &memory);
	}
	if (failed == 0 && memory.swap)
		failed = pagemap_read(&r->pagemap, dir, false, visit_slots, &visit, e);
	if (failed < 0)
		failed = missed(r, &r->groups[r->n_things], failed);
	return failed < 0 && !e->code ? err_set(e, -failed, "read '/proc/%d'", m->pid) : failed;
}

/* Slots have no kinds, and the system tells nothing of them. */
static int look_at_slots(
	void *context, uint64_t first, size_t n, struct frame_fact *facts, struct err *e)
{
	(void)context, (void)first, (void)e;
	for (size_t i = 0; i < n; i++)
		facts[i] = (struct frame_fact){ .mappings = FRAMES_UNKNOWN, .kind = FRAME_ANON };
	return 0;
}

static int read_things(struct reading *r, struct err *e)
{
	int failed = 0;

	spaces_clear(&r->spaces);
	for (size_t i = 0; failed == 0 && i < r->n_things; i++) {
		struct group *g = &r->groups[i];
		spaces_turn(&r->spaces, i);
		for (size_t m = 0; failed == 0 && m < g->n_members; m++) {
			failed = read_member(r, i, &g->members[m], e);
			instant_read(
				&r->instant, r->frames.n_frames * (uint64_t)sysconf(_SC_PAGESIZE));
		}
	}
	return failed;
}

/* All that wants the things to stand still, and nothing else. */
static int read_all(struct reading *r, struct err *e)
{
	struct frames_host host = { (uint32_t)r->n_things, r->options->host };
	int failed = make_groups(r, e);

	if (failed == 0)
		failed = read_things(r, e);
	if (failed == 0 && r->scans_host)
		failed = read_others(r, read_host, e);
	else if (failed == 0 && r->slots.n_sets)
		failed = read_others(r, read_host_slots, e);
	/* How often a slot is used no count tells. */
	if (r->slots.n_sets && r->kpage.count >= 0)
		r->n_unread += r->groups[r->n_things].n_unread;
	if (failed < 0 || !r->has_frames)
		return failed;
	failed = frames_settle(&r->slots, host, look_at_slots, NULL, e);
	if (failed == 0)
		failed = frames_settle(&r->frames, host, kpage_look, &r->kpage, e);
	return failed;
}

int reading_take(struct reading *r, struct err *e)
{
	forget(r);
	instant_begin(&r->instant);
	int failed = read_all(r, e);
	if (failed == 0)
		failed = reading_count_strays(r, e);
	instant_end(&r->instant);
	return failed;
}
