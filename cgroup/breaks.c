/* Processes held against their origins. */
#include "cgroup/breaks.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/breaks_look.h"
#include "spec/base/fd.h"

/* --- sums -------------------------------------------------------------------------------------- */

static void add_counts(struct breaks_counts *to, const struct breaks_counts *from)
{
	for (size_t i = 0; i < PAGE_FATES; i++)
		to->pages[i] += from->pages[i];
	to->broken_now += from->broken_now;
	to->left_now += from->left_now;
}

static bool is_empty(const struct breaks_counts *c)
{
	uint64_t all = c->broken_now + c->left_now;

	for (size_t i = 0; i < PAGE_FATES; i++)
		all += c->pages[i];
	return all == 0;
}

static int by_name(const void *a, const void *b)
{
	const struct breaks_mapping *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The row of that name, made where it is missing; NULL: out of memory. */
static struct row *row_of(struct look *l, const char *name)
{
	struct row wanted = { .mapping.name = (char *)name };
	struct row **found = tfind(&wanted, &l->names, by_name);

	if (found)
		return *found;
	if (!look_grow(&l->rows, l->n_rows, &l->rows_room, sizeof(void *)))
		return NULL;
	struct row *row = calloc(1, sizeof(*row));
	if (row)
		*row = (struct row){ { .name = strdup(name) }, (uint32_t)l->n_rows };
	if (!row || !row->mapping.name || !tsearch(row, &l->names, by_name)) {
		free(row ? row->mapping.name : NULL);
		free(row);
		return NULL;
	}
	return l->rows[l->n_rows++] = row;
}

/* The numbers of mappings become those of rows. */
static int merge(struct turn *t, struct breaks_process *process, size_t first_broken)
{
	struct look *l = t->look;
	autofree uint32_t *rows = calloc(t->mappings.n + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < t->mappings.n; i++) {
		const struct mapping *m = &t->mappings.v[i];
		if (m->private && m->writable && m->inode)
			l->exposed_file += m->end - m->start - t->anonymous[i];
		if (is_empty(&t->counts[i]))
			continue;
		struct row *row = row_of(l, mapping_label(m));
		if (!row)
			return -ENOMEM;
		add_counts(&row->mapping.counts, &t->counts[i]);
		add_counts(&process->counts, &t->counts[i]);
		rows[i] = row->number;
	}
	for (size_t i = first_broken; i < l->n_broken; i++)
		l->broken[i].row = rows[l->broken[i].row];
	l->exposed_swap += t->n_swapped;
	return 0;
}

/* Pages that siblings show too were written by their origin. */
static void settle(struct look *l)
{
	l->out->left_writes = fates_settle(l->broken, l->n_broken);
	for (size_t i = 0; l->rows && i < l->n_broken; i++) {
		const struct broken_page *p = &l->broken[i];
		struct breaks_counts *of[] = { &l->out->processes[p->process].counts,
			&l->rows[p->row]->mapping.counts };
		for (size_t j = 0; p->left && j < 2; j++) {
			of[j]->pages[PAGE_BROKEN]--;
			of[j]->pages[PAGE_LEFT]++;
			of[j]->broken_now -= p->now;
		}
		if (p->left && l->seen[p->process].pages)
			l->seen[p->process].pages[p->kept].fate = PAGE_LEFT;
	}
}

/* --- a look ------------------------------------------------------------------------------------ */

static const struct seen_process *find_last(const struct breaker *b, const struct candidate *c)
{
	for (size_t i = 0; i < b->n_last; i++)
		if (b->last[i].pid == c->pid && b->last[i].start == c->stat.start)
			return &b->last[i];
	return NULL;
}

static int read_pages(struct turn *t, int process, int origin, struct err *e)
{
	automatic(mappings) struct mappings other = { 0 };
	autofd int ours = pagemap_open(process);
	autofd int theirs = origin < 0 ? -1 : pagemap_open(origin);

	if (ours < 0 || (origin >= 0 && theirs < 0))
		return err_set(e, ours < 0 ? -ours : -theirs, "read the pagemap of a process");
	int r = mappings_read(process, &t->mappings, e);
	if (r == 0 && origin >= 0)
		r = mappings_read(origin, &other, e);
	if (r < 0)
		return r;
	t->counts = calloc(t->mappings.n + 1, sizeof(*t->counts));
	t->anonymous = calloc(t->mappings.n + 1, sizeof(*t->anonymous));
	if (!t->counts || !t->anonymous)
		return err_set(e, ENOMEM, "compare processes");
	return sight_read(&t->look->sight, ours, &t->mappings, theirs, origin < 0 ? NULL : &other,
		look_visit, t, e);
}

/* Its name for itself; "" when it is gone. */
static char *read_command(int process)
{
	char text[64] = "";
	autofd int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : fd_read_full(fd, text, sizeof(text) - 1);

	text[n > 0 ? n - 1 : 0] = '\0';
	return strdup(text);
}

static int look_at(struct turn *t, const struct candidate *c, int process, struct err *e)
{
	struct look *l = t->look;
	struct breaks_process *p = &l->out->processes[t->number];
	size_t n_broken = l->n_broken, n_exposed = l->n_exposed;
	autofd int origin = t->relation == RELATION_NONE ? -1
							 : process_open_memory(l->b->proc,
								   t->origin.pid, &t->origin.stat);

	if (t->relation != RELATION_NONE && origin < 0)
		t->relation = RELATION_NONE;
	l->seen[t->number] = (struct seen_process){ .pid = c->pid, .start = c->stat.start };
	*p = (struct breaks_process){ .pid = c->pid,
		.command = read_command(process),
		.relation = t->relation,
		.origin = t->relation == RELATION_NONE ? 0 : t->origin.pid,
		.start = c->stat.start,
		.faults = c->stat.faults,
		.major = c->stat.major };
	int r = p->command ? read_pages(t, process, origin, e)
			   : err_set(e, ENOMEM, "compare processes");
	if (r == 0 && merge(t, p, n_broken) < 0)
		r = err_set(e, ENOMEM, "compare processes");
	if (r == 0) {
		l->out->n_processes++;
		if (origin >= 0 && t->is_outside)
			l->origins[t->number] = t->origin;
		return 0;
	}
	/* As if it had not been there. */
	l->n_broken = n_broken;
	l->n_exposed = n_exposed;
	free(p->command);
	free(l->seen[t->number].pages);
	*p = (struct breaks_process){ 0 };
	l->seen[t->number] = (struct seen_process){ 0 };
	return r;
}

static bool is_candidate(const struct look *l, pid_t pid)
{
	for (size_t i = 0; i < l->n_candidates; i++)
		if (l->candidates[i].pid == pid)
			return true;
	return false;
}

static int take_turn(struct look *l, size_t i, struct err *e)
{
	const struct candidate *c = &l->candidates[i];
	autofd int process = process_open_memory(l->b->proc, c->pid, &c->stat);
	struct turn t = { .look = l, .number = (uint32_t)l->out->n_processes };
	int r = process < 0 ? process : spaces_add(&l->b->spaces, c->pid, &c->stat);

	/* A thread that has ended since, and not all of the process. */
	l->out->n_unread += process < 0 && c->stat.thread;
	if (r <= 0)
		return r == -ENOMEM ? err_set(e, ENOMEM, "compare processes") : 0;
	t.relation =
		origin_find(l->b->proc, l->candidates, l->n_candidates, i, l->template, &t.origin);
	t.is_outside = t.relation != RELATION_NONE && !is_candidate(l, t.origin.pid);
	t.last = find_last(l->b, c);
	r = look_at(&t, c, process, e);
	mappings_done(&t.mappings);
	free(t.counts);
	free(t.anonymous);
	if (r < 0 && r != -ENOMEM)
		l->out->n_unread += r != -ESRCH; /* the dead are counted as changed at the end */
	return r == -ENOMEM ? r : 0;
}

static int find_candidates(struct look *l, const pid_t *pids, size_t n, struct err *e)
{
	l->candidates = calloc(n + 1, sizeof(*l->candidates));
	l->seen = calloc(n + 1, sizeof(*l->seen));
	l->origins = calloc(n + 1, sizeof(*l->origins));
	l->out->processes = calloc(n + 1, sizeof(*l->out->processes));
	if (!l->candidates || !l->seen || !l->origins || !l->out->processes)
		return err_set(e, ENOMEM, "compare processes");
	for (size_t i = 0; i < n; i++) {
		struct candidate *c = &l->candidates[l->n_candidates];
		c->pid = pids[i];
		if (process_read_stat_of(l->b->proc, c->pid, &c->stat) == 0 && !c->stat.zombie)
			l->n_candidates++;
	}
	candidates_sort(l->candidates, l->n_candidates);
	return 0;
}

/* All of them at the end: a page is held against those of processes that were read before it. */
static void check(struct look *l)
{
	for (size_t i = 0; i < l->n_candidates; i++) {
		const struct candidate *c = &l->candidates[i];
		l->out->n_changed += process_has_changed(l->b->proc, c->pid, &c->stat);
	}
	/* Many may have one origin: it is one process. */
	for (size_t i = 0; i < l->out->n_processes; i++) {
		const struct candidate *c = &l->origins[i];
		bool again = i && l->origins[i - 1].pid == c->pid;
		l->out->n_changed +=
			c->pid && !again && process_has_changed(l->b->proc, c->pid, &c->stat);
	}
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

void breaks_note_born(
	struct breaks *b, const pid_t *before, size_t n_before, const pid_t *now, size_t n_now)
{
	autofree pid_t *sorted = calloc(n_before + 1, sizeof(*sorted));

	if (!sorted) { /* it is not known, so not exact */
		b->n_changed++;
		return;
	}
	if (n_before)
		memcpy(sorted, before, n_before * sizeof(*sorted));
	qsort(sorted, n_before, sizeof(*sorted), by_pid);
	for (size_t i = 0; i < n_now; i++)
		b->n_changed += !bsearch(&now[i], sorted, n_before, sizeof(*sorted), by_pid);
}

/* Most broken first, then most inherited. */
static int by_broken(const void *a, const void *b)
{
	const struct breaks_mapping *x = a, *y = b;
	static const enum page_fate order[] = { PAGE_BROKEN, PAGE_INHERITED, PAGE_OWN, PAGE_FILE };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		uint64_t of_x = x->counts.pages[order[i]], of_y = y->counts.pages[order[i]];
		if (of_x != of_y)
			return of_x > of_y ? -1 : 1;
	}
	return strcmp(x->name, y->name);
}

/* The rows become the result's. */
static int finish(struct look *l, struct err *e)
{
	struct breaks *out = l->out;

	settle(l);
	out->exposed_anon = exposed_copies(l->exposed, l->n_exposed);
	out->exposed_file = l->exposed_file;
	out->exposed_swap = l->exposed_swap;
	out->exposure_estimated = !l->b->counts;
	out->mappings = calloc(l->n_rows + 1, sizeof(*out->mappings));
	if (!out->mappings)
		return err_set(e, ENOMEM, "compare processes");
	for (size_t i = 0; i < l->n_rows; i++) {
		out->mappings[out->n_mappings++] = l->rows[i]->mapping;
		add_counts(&out->counts, &l->rows[i]->mapping.counts);
		l->rows[i]->mapping.name = NULL;
	}
	qsort(out->mappings, out->n_mappings, sizeof(*out->mappings), by_broken);
	return 0;
}

static void seen_done(struct seen_process *seen, size_t n)
{
	for (size_t i = 0; seen && i < n; i++)
		free(seen[i].pages);
	free(seen);
}

static void keep_names(void *row)
{
	(void)row;
}

static void look_done(struct look *l)
{
	tdestroy(l->names, keep_names);
	for (size_t i = 0; i < l->n_rows; i++) {
		free(l->rows[i]->mapping.name);
		free(l->rows[i]);
	}
	free(l->rows);
	free(l->broken);
	free(l->exposed);
	free(l->candidates);
	free(l->origins);
	seen_done(l->seen, l->out->n_processes);
	sight_done(&l->sight);
}
DEFINE_AUTO(look, look_done)

int breaks_take(struct breaker *b, const pid_t *pids, size_t n, pid_t template, bool remember,
	struct breaks *ret, struct err *e)
{
	automatic(breaks) struct breaks out = { 0 };
	automatic(look) struct look l = {
		.b = b, .out = &out, .template = template, .remember = remember
	};
	int r = sight_init(&l.sight, &b->pagemap, &b->kpage, e);

	spaces_clear(&b->spaces);
	if (r == 0)
		r = find_candidates(&l, pids, n, e);
	for (size_t i = 0; r == 0 && i < l.n_candidates; i++)
		r = take_turn(&l, i, e);
	if (r == 0)
		check(&l);
	if (r == 0)
		r = finish(&l, e);
	if (r < 0)
		return r;
	seen_done(b->last, b->n_last);
	b->last = take(l.seen);
	b->n_last = out.n_processes;
	b->has_looked = true;
	*ret = out;
	out = (struct breaks){ 0 };
	return 0;
}

void breaks_done(struct breaks *b)
{
	for (size_t i = 0; i < b->n_processes; i++)
		free(b->processes[i].command);
	for (size_t i = 0; i < b->n_mappings; i++)
		free(b->mappings[i].name);
	free(b->processes);
	free(b->mappings);
	*b = (struct breaks){ 0 };
}

int breaker_init(struct breaker *b, struct err *e)
{
	*b = BREAKER_NONE;
	b->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->proc < 0)
		return err_set(e, errno, "open '/proc'");
	int r = pagemap_init(&b->pagemap, b->proc, e);
	if (r == 0 && !b->pagemap.tells)
		r = err_say(e, EPERM,
			"page frames are not told without CAP_SYS_ADMIN on the host: what is shared "
			"cannot be seen");
	if (r < 0) {
		breaker_done(b);
		return r;
	}
	kpage_init(&b->kpage, b->proc);
	b->counts = b->kpage.count >= 0 && kpage_is_precise(&b->kpage, b->proc);
	spaces_init(&b->spaces, b->proc, &b->pagemap);
	return 0;
}

void breaker_done(struct breaker *b)
{
	seen_done(b->last, b->n_last);
	spaces_done(&b->spaces);
	kpage_done(&b->kpage);
	pagemap_done(&b->pagemap);
	own_close(&b->proc);
	*b = BREAKER_NONE;
}
