/*
 * The figures of all things, from a reading of their processes.
 *
 * A reading (reading.h) leaves two kinds of sums: by set of frames, which know sharing, and by
 * group of processes, which do not (page tables, threads, swap; and PSS where frames are not told).
 * This file takes readings until one can be believed, makes bytes of the sums, and judges them.
 */
#include "cgroup/census.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/reading.h"
#include "spec/base/str.h"

/* THREAD_SIZE of x86-64 and arm64: a figure that the kernel tells only as a sum of all threads. */
#define KERNEL_STACK 16384

static struct opt_u64 known(uint64_t value)
{
	return (struct opt_u64){ true, value };
}

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

void census_layer_done(struct census_layer *l)
{
	for (size_t i = 0; i < l->n_images; i++)
		free(l->images[i]);
	free(l->images);
	free(l->name);
	free(l->digest);
}

void census_done(struct census *c)
{
	for (size_t i = 0; i < c->n_usages; i++) {
		free(c->usages[i].name);
		free(c->usages[i].id);
		free(c->usages[i].engine);
		free(c->usages[i].kinds);
		free(c->usages[i].with);
	}
	for (size_t i = 0; i < c->n_processes; i++)
		free(c->processes[i].command);
	for (size_t i = 0; i < c->n_files; i++) {
		free(c->files[i].path);
		free(c->files[i].parts);
		free(c->files[i].layer);
	}
	free(c->usages);
	free(c->processes);
	free(c->files);
	for (size_t i = 0; i < c->n_layers; i++)
		census_layer_done(&c->layers[i]);
	free(c->layers);
	free(c->shares);
	free(c->why);
	*c = (struct census){ 0 };
}

/* Its anonymous memory and page tables: what its death would free, whatever it shares. */
static struct opt_u64 monitor_bytes(int proc, pid_t pid)
{
	struct process_memory memory;
	autofd int dir = pid > 0 ? process_open(proc, pid) : -1;

	if (dir < 0 || process_read_memory(dir, &memory) < 0)
		return (struct opt_u64){ 0 };
	return known(memory.anon + memory.page_tables);
}

/* Frames are base pages, also those of large folios: pagemap has an entry for each. */
static struct memory_kind kind_of(const struct frame_counts *n, enum frame_kind kind)
{
	return (struct memory_kind){ n->private[kind] * page_size(),
		n -> shared[kind] * page_size() };
}

static int use_frames(struct memory_usage *u, const struct frame_counts *n)
{
	uint64_t private = 0, shared = 0;

	for (size_t kind = 0; kind < FRAME_KINDS; kind++) {
		private += n->private[kind];
		shared += n->shared[kind];
	}
	u->private = known(private * page_size());
	u->shared = known(shared * page_size());
	u->unique = known((private + shared) * page_size());
	u->outside = known(n->outside * page_size());
	u->large = known(n->large * page_size());
	u->kinds = malloc(sizeof(*u->kinds));
	if (!u->kinds)
		return -ENOMEM;
	*u->kinds = (struct memory_kinds){
		.anon = kind_of(n, FRAME_ANON),
		.forked = kind_of(n, FRAME_FORKED),
		.file = kind_of(n, FRAME_FILE),
		.shmem = kind_of(n, FRAME_SHMEM),
		.ksm = kind_of(n, FRAME_KSM),
		.hugetlb = kind_of(n, FRAME_HUGETLB),
	};
	return 0;
}

/* A slot counts once for a thing, however many of its processes would read it back. */
static void use_slots(struct memory_usage *u, const struct frame_counts *n)
{
	uint64_t private = 0, shared = 0;

	for (size_t kind = 0; kind < FRAME_KINDS; kind++) {
		private += n->private[kind];
		shared += n->shared[kind];
	}
	u->swap_private = known(private * page_size());
	u->swap_shared = known(shared * page_size());
	u->swap = known((private + shared) * page_size());
}

/* Sums over processes: a page that two of them share has no place in them, so mostly unset. */
static void use_sums(struct memory_usage *u, const struct group *g)
{
	u->pss = known(g->pss);
	u->swap = known(g->swap);
	u->private = known(g->uss);
	if (g->processes <= 1) {
		u->unique = known(g->rss);
		u->shared = known(g->rss - g->uss);
	}
}

/*
 * What it was charged of shared memory and does not map. That it maps what another is charged is
 * not told, so it may be more.
 */
static struct opt_u64 unmapped_shmem(const struct memory_usage *u, const struct census_thing *t)
{
	if (!t->shmem.set || !u->kinds)
		return (struct opt_u64){ 0 };
	uint64_t mapped = u->kinds->shmem.private_bytes + u->kinds->shmem.shared_bytes;
	return known(t->shmem.value > mapped ? t->shmem.value - mapped : 0);
}

/*
 * What only the caller can know (kernel_other, private_cache, the monitor) is 0 in the sums where
 * it is not known: the bill is then what is known of it.
 */
static void add_costs(struct memory_usage *u, const struct group *g, const struct census_thing *t)
{
	u->page_tables = known(g->page_tables);
	u->kernel_stacks = known(g->threads * KERNEL_STACK);
	u->kernel = known(g->page_tables + g->threads * KERNEL_STACK + t->kernel_other.value);
	u->unmapped_shmem = unmapped_shmem(u, t);
	u->cost = known(u->private.value + u->kernel.value + u->private_cache.value +
			u->unmapped_shmem.value + u->monitor.value);
}

/* The thing of a usage; behind all others the host, where it was asked for. */
static const struct census_thing *thing_of(const struct reading *r, size_t i)
{
	static const struct census_thing host = { .name = "host", .group = -1 };

	return i < r->n_things ? &r->things[i] : &host;
}

static int fill_usage(const struct reading *r, size_t i, const struct frame_counts *frames,
	const struct frame_counts *slots, struct memory_usage *u)
{
	const struct census_thing *t = thing_of(r, i);
	const struct group *g = &r->groups[i];

	u->name = strdup(t->name);
	u->id = strdup(t->id ? t->id : t->name);
	u->engine = t->engine ? strdup(t->engine) : NULL;
	if (!u->name || !u->id || (t->engine && !u->engine))
		return -ENOMEM;
	u->is_template = t->is_template;
	u->is_host = i == r->n_things;
	u->processes = g->processes;
	u->threads = g->threads;
	u->private_cache = t->private_cache;
	u->charged = t->charged;
	u->limit = t->limit;
	u->monitor = monitor_bytes(r->proc, t->monitor);
	/* Some of its processes are not enough to say anything about all of them. */
	u->n_unread = g->n_unread;
	if (g->n_unread && !u->is_host)
		return 0;
	int failed = 0;
	if (r->has_frames) {
		failed = use_frames(u, frames);
		use_slots(u, slots);
	} else {
		use_sums(u, g);
	}
	if (u->is_host)
		u->outside.set = false;
	add_costs(u, g, t);
	return failed;
}

static int fill_usages(const struct reading *r, struct census *c)
{
	size_t n = r->n_things + r->options->host;
	autofree struct frame_counts *frames = calloc(n + 1, sizeof(*frames));
	autofree struct frame_counts *slots = calloc(n + 1, sizeof(*slots));

	c->usages = calloc(n + 1, sizeof(*c->usages));
	if (!frames || !slots || !c->usages)
		return -ENOMEM;
	c->n_usages = n;
	frames_count(&r->frames, frames, n);
	frames_count(&r->slots, slots, n);
	for (size_t i = 0; i < n; i++) {
		int failed = fill_usage(r, i, &frames[i], &slots[i], &c->usages[i]);
		if (failed < 0)
			return failed;
	}
	return 0;
}

/* Above CENSUS_PAIRS_MAX the figures of each are still exact; who shares with whom is not told. */
static int fill_shares(const struct reading *r, struct census *c)
{
	if (!r->has_frames || c->n_usages > CENSUS_PAIRS_MAX)
		return 0;
	size_t n = frames_pair(0, c->n_usages + 1);
	c->shares = calloc(n + 1, sizeof(*c->shares));
	if (!c->shares)
		return -ENOMEM;
	frames_share(&r->frames, c->shares, c->n_usages);
	for (size_t i = 0; i < n; i++)
		c->shares[i] *= page_size();
	return 0;
}

/*
 * A template is memory that is held for its forks, so it is in the union; without sharing there
 * would be none, so it is not in what that is compared with.
 */
static void fill_totals(const struct reading *r, struct census *c)
{
	uint64_t union_bytes = frames_union(&r->frames) * page_size(), apart = 0;
	bool has_apart = true;

	for (size_t i = 0; i < r->n_things; i++) {
		const struct memory_usage *u = &c->usages[i];
		if (!u->private.set)
			return;
		has_apart = has_apart && (u->unique.set || u->is_template);
		if (!u->is_template)
			apart += u->unique.value;
		if (!r->has_frames)
			union_bytes += u->pss.value;
	}
	c->union_bytes = known(union_bytes);
	if (!has_apart)
		return;
	c->unshared_bytes = known(apart);
	c->saved_bytes = known(apart > union_bytes ? apart - union_bytes : 0);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "es";
}

/* Names, and what single processes have: nothing here needs processes that stand still. */
static int fill_details(struct reading *r, struct census *c, struct err *e)
{
	unsigned details = r->options->details;
	int failed = 0;

	if (details & CENSUS_PROCESSES)
		failed = singles_fill(&r->singles, &r->frames, &c->processes, &c->n_processes, e);
	if (failed < 0 || !r->has_frames || !(details & CENSUS_FILES))
		return failed;
	failed = files_fill(&r->files, &r->frames, c->n_usages, &c->files, &c->n_files);
	return failed < 0 ? err_set(e, -failed, "tell files apart") : 0;
}

/* Whether it is exact, and if not, the first of the reasons, the one that says most. */
static int judge(const struct reading *r, struct census *c)
{
	c->n_gone = r->n_gone;
	c->n_read = r->pagemap.n_read;
	c->estimated = !r->has_frames;
	if (r->options->fast)
		c->why = str_format("a fast look: sums of PSS and USS");
	else if (c->estimated)
		c->why = str_format("no CAP_SYS_ADMIN on this host: sums of PSS and USS");
	else if (r->n_unread)
		c->why = str_format(
			"%zu process%s could not be read", r->n_unread, plural(r->n_unread));
	else if (r->n_changed)
		c->why = str_format("%zu process%s changed while being read", r->n_changed,
			plural(r->n_changed));
	else if (r->frames.n_moved)
		c->why = str_format("%zu page frame%s moved while being read", r->frames.n_moved,
			r->frames.n_moved == 1 ? "" : "s");
	else
		c->exact = true;
	return c->exact || c->why ? 0 : -ENOMEM;
}

/* Counts of large folios may be averages (CONFIG_NO_PAGE_MAPCOUNT): then all of /proc is read. */
static bool distrusts_counts(struct reading *r)
{
	if (!r->has_frames || r->kpage.count < 0 || !frames_has_large(&r->frames) ||
		kpage_is_precise(&r->kpage, r->proc))
		return false;
	kpage_distrust(&r->kpage);
	return r->scans_host = true;
}

static int read_and_check(struct reading *r, struct census *c, struct err *e)
{
	int failed = reading_take(r, e);

	c->n_passes++;
	return failed < 0 || !r->has_frames ? failed : reading_check(r, e);
}

/* Again, and once more with those standing still whose frames are others now. */
static int freeze_changed(struct reading *r, struct census *c, struct err *e)
{
	autofree uint64_t *digests = calloc(r->n_things + 1, sizeof(*digests));

	if (!digests)
		return err_set(e, ENOMEM, "compare %zu containers", r->n_things);
	for (size_t i = 0; i < r->n_things; i++)
		digests[i] = r->groups[i].digest;
	int failed = read_and_check(r, c, e);
	if (failed == 0 && (reading_freeze_changed(r, digests) || r->frames.n_moved))
		failed = read_and_check(r, c, e);
	return failed;
}

/*
 * Once more when something moved, and no oftener: what changes all the time would never be done,
 * and a reading that is not exact, and says so, is better than none.
 */
static int take_reading(struct reading *r, struct census *c, struct err *e)
{
	int failed = read_and_check(r, c, e);

	if (failed == 0 && distrusts_counts(r))
		failed = read_and_check(r, c, e);
	if (failed == 0 && r->has_frames && r->options->freeze == CENSUS_FREEZE_CHANGED)
		failed = freeze_changed(r, c, e);
	else if (failed == 0 && (r->n_changed || r->frames.n_moved))
		failed = read_and_check(r, c, e);
	c->n_frozen = r->instant.n_frozen;
	c->frozen_ns = r->instant.longest_ns;
	return failed;
}

int census_take(const struct census_thing *things, size_t n, const struct census_options *options,
	struct census *ret, struct err *e)
{
	static const struct census_options usual;
	automatic(reading) struct reading r = {
		.proc = -1, .kpage = { .count = -1, .flags = -1 }, .instant = INSTANT_NONE
	};
	automatic(census) struct census c = { 0 };
	int failed = reading_init(&r, things, n, options ? options : &usual, e);

	if (failed == 0)
		failed = take_reading(&r, &c, e);
	if (failed < 0)
		return err_while(e, "measure the memory of %zu containers", n);
	failed = fill_usages(&r, &c);
	if (failed == 0)
		failed = fill_shares(&r, &c);
	if (failed == 0)
		failed = judge(&r, &c);
	if (failed < 0)
		return err_set(e, -failed, "measure the memory of %zu containers", n);
	failed = fill_details(&r, &c, e);
	if (failed < 0)
		return err_while(e, "measure the memory of %zu containers", n);
	fill_totals(&r, &c);
	*ret = c;
	c = (struct census){ 0 };
	return 0;
}

struct opt_u64 census_shared(const struct census *c, size_t a, size_t b)
{
	if (a == b)
		return c->usages[a].unique;
	if (!c->shares || !c->usages[a].unique.set || !c->usages[b].unique.set)
		return (struct opt_u64){ 0 };
	return known(c->shares[a < b ? frames_pair(a, b) : frames_pair(b, a)]);
}

static int most_first(const void *a, const void *b)
{
	const struct memory_share *x = a, *y = b;

	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

int census_rank(struct census *c, struct err *e)
{
	for (size_t i = 0; i < c->n_usages; i++) {
		struct memory_usage *u = &c->usages[i];
		if (u->with)
			continue;
		u->with = calloc(c->n_usages, sizeof(*u->with));
		if (!u->with)
			return err_set(e, ENOMEM, "rank what %zu containers share", c->n_usages);
		for (size_t j = 0; j < c->n_usages; j++) {
			uint64_t bytes = j == i ? 0 : census_shared(c, i, j).value;
			if (bytes)
				u->with[u->n_with++] =
					(struct memory_share){ c->usages[j].name, bytes };
		}
		qsort(u->with, u->n_with, sizeof(*u->with), most_first);
	}
	return 0;
}
