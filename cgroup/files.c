/* Files by mapping: names, the frames seen in them, and which names are one file. */
#include "cgroup/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cgroup/maps.h"

#define PATH_BYTES 4096		      /* of a name: the rest is cut */
#define NAMES_BYTES ((size_t)4 << 20) /* of all names of a thing */

/* A name of a file: what one device calls one inode and one path. */
struct file_name {
	uint32_t parent; /* the file that this was found to be; itself: it is its own */
	uint32_t thing;
	uint64_t hash; /* of the path */
	bool seen;     /* the range that it is shown by has a page of it */
	struct census_file file;
};

/* Addresses, in pages, that are of a file. */
struct file_range {
	uint64_t start, end;
	uint64_t offset; /* in the file, bytes */
	uint32_t number;
};

void files_init(struct files *f)
{
	*f = (struct files){ 0 };
	frame_table_init(&f->table);
	/* Names are of the containers' making: without a secret, they could all have one place. */
	if (getrandom(&f->seed, sizeof(f->seed), GRND_NONBLOCK) < 0)
		f->seed = (uintptr_t)f;
	f->seed |= 1;
}

void files_clear(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->names[i].file.path);
	free(f->names);
	free(f->hashed);
	free(f->ranges);
	frame_table_done(&f->table);
	*f = (struct files){ .seed = f->seed, .table = f->table };
}

void files_done(struct files *f)
{
	files_clear(f);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static uint64_t hash_of(const struct files *f, const char *text)
{
	uint64_t hash = f->seed;

	for (; *text; text++)
		hash = mix(hash, (unsigned char)*text);
	return hash;
}

static bool is_name(const struct file_name *name, const struct mapping *m, uint64_t hash)
{
	return name->hash == hash && name->file.dev == m->dev && name->file.ino == m->ino;
}

/* Where in the table it is, or belongs. */
static uint32_t *place_of(
	const struct files *f, uint64_t dev, uint64_t ino, uint64_t hash, const struct mapping *m)
{
	size_t at = mix(mix(hash, dev), ino) % f->n_hashed;

	while (f->hashed[at] && !(m && is_name(&f->names[f->hashed[at]], m, hash)))
		at = (at + 1) % f->n_hashed;
	return &f->hashed[at];
}

/* Room for one more: the table is at most half full. */
static int grow(struct files *f)
{
	if (f->n < f->room)
		return 0;
	size_t room = f->room ? f->room * 2 : 256;
	struct file_name *names = realloc(f->names, room * sizeof(*names));
	if (!names)
		return -ENOMEM;
	f->names = names;
	f->room = room;
	if (!f->n)
		names[f->n++] = (struct file_name){ 0 };
	free(f->hashed);
	f->n_hashed = 2 * room;
	f->hashed = calloc(f->n_hashed, sizeof(*f->hashed));
	if (!f->hashed)
		return -ENOMEM;
	for (uint32_t i = 1; i < f->n; i++)
		*place_of(f, names[i].file.dev, names[i].file.ino, names[i].hash, NULL) = i;
	return 0;
}

static char *keep_path(struct files *f, const char *path)
{
	size_t n = strlen(path) + 1;

	if (n == 1 || n > f->names_left)
		return NULL;
	f->names_left -= n;
	return strdup(path);
}

/* The number of the file that this mapping names. */
static int number_of(struct files *f, pid_t pid, const struct mapping *m, uint32_t *ret)
{
	int failed = grow(f);
	uint64_t hash = hash_of(f, m->path);

	if (failed < 0)
		return failed;
	uint32_t *place = place_of(f, m->dev, m->ino, hash, m);
	if (!*place) {
		*place = (uint32_t)f->n;
		f->names[f->n] = (struct file_name){ .parent = (uint32_t)f->n,
			.hash = hash,
			.file = { .path = keep_path(f, m->path),
				.dev = m->dev,
				.ino = m->ino,
				.thing = f->thing,
				.pid = pid,
				.start = m->start,
				.end = m->end,
				.offset = m->offset } };
		f->n++;
	}
	*ret = *place;
	return 0;
}

static int add_range(struct files *f, const struct mapping *m, uint32_t number)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (f->n_ranges == f->ranges_room) {
		size_t room = f->ranges_room ? f->ranges_room * 2 : 256;
		struct file_range *ranges = realloc(f->ranges, room * sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		f->ranges = ranges;
		f->ranges_room = room;
	}
	f->ranges[f->n_ranges++] =
		(struct file_range){ m->start / page, m->end / page, m->offset, number };
	return 0;
}

int files_begin(struct files *f, size_t thing, pid_t pid, int process)
{
	automatic(maps) struct maps maps;
	char line[128 + PATH_BYTES];
	int more = maps_open(&maps, process, "maps");

	if (thing != f->thing || !f->n)
		f->names_left = NAMES_BYTES;
	f->thing = thing;
	f->pid = pid;
	f->n_ranges = f->at = 0;
	for (;;) {
		struct mapping m;
		uint32_t number;
		more = more < 0 ? more : maps_line(&maps, line, sizeof(line));
		if (more <= 0)
			return more;
		if (!maps_parse(line, &m) || !mapping_has_file(&m))
			continue;
		more = number_of(f, pid, &m, &number);
		if (more == 0)
			more = add_range(f, &m, number);
	}
}

static uint32_t root_of(struct files *f, uint32_t number)
{
	while (f->names[number].parent != number) {
		f->names[number].parent = f->names[f->names[number].parent].parent;
		number = f->names[number].parent;
	}
	return number;
}

/* The earlier of two names is the file. */
static void unite(struct files *f, uint32_t a, uint32_t b)
{
	a = root_of(f, a);
	b = root_of(f, b);
	f->names[a > b ? a : b].parent = a > b ? b : a;
}

/* A fork has none of its template's pages in a mapping before it reads there. */
static void show_by(struct files *f, const struct file_range *range)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct file_name *name = &f->names[range->number];

	name->seen = true;
	name->file.thing = f->thing;
	name->file.pid = f->pid;
	name->file.start = range->start * page;
	name->file.end = range->end * page;
	name->file.offset = range->offset;
}

static int mark_range(
	struct files *f, const uint64_t *entries, size_t n, const struct file_range *range)
{
	const uint32_t number = range->number;

	for (size_t i = 0; i < n; i++) {
		struct frame_cell *cell;
		bool is_file;
		uint64_t frame = pagemap_frame(entries[i], &is_file);
		/* A page that was written in a private mapping is the process's, not the file's. */
		if (!frame || !is_file)
			continue;
		if (!f->names[number].seen)
			show_by(f, range);
		int failed = frame_table_at(&f->table, frame, &cell);
		if (failed < 0)
			return failed;
		if (!cell->mark)
			cell->mark = number;
		else if (cell->mark != number)
			unite(f, cell->mark, number);
	}
	return 0;
}

int files_mark(struct files *f, const struct pagemap_pages *pages)
{
	uint64_t first = pages->first, end = first + pages->n;
	int failed = 0;

	for (; failed == 0 && f->at < f->n_ranges && f->ranges[f->at].start < end; f->at++) {
		const struct file_range *range = &f->ranges[f->at];
		uint64_t from = range->start > first ? range->start : first;
		uint64_t to = range->end < end ? range->end : end;
		if (from < to)
			failed = mark_range(f, pages->entries + (from - first), to - from, range);
		/* The rest of it comes with the next pages. */
		if (range->end > end)
			break;
	}
	return failed;
}

/* Pages of one file that have one set of owners, and whether by others outside too. */
struct file_sum {
	uint32_t number, set;
	uint64_t pages[2];
};

struct file_sums {
	struct files *f;
	struct file_sum *v;
	size_t n, room; /* used, and places: at most half are used */
	struct file_sum *last;
};

static struct file_sum *sum_place(const struct file_sums *s, uint32_t number, uint32_t set)
{
	size_t at = mix(mix(s->f->seed, number), set) % s->room;

	while (s->v[at].number && (s->v[at].number != number || s->v[at].set != set))
		at = (at + 1) % s->room;
	return &s->v[at];
}

static int sums_grow(struct file_sums *s)
{
	struct file_sums bigger = { .f = s->f, .n = s->n, .room = s->room ? s->room * 2 : 1024 };

	bigger.v = calloc(bigger.room, sizeof(*bigger.v));
	if (!bigger.v)
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->v[i].number)
			*sum_place(&bigger, s->v[i].number, s->v[i].set) = s->v[i];
	free(s->v);
	*s = bigger;
	return 0;
}

static int add_frame(void *context, uint64_t frame, const struct frame_state *state, struct err *e)
{
	struct file_sums *s = context;
	const struct frame_cell *cell = NULL;

	(void)e;
	if (state->kind == FRAME_FILE || state->kind == FRAME_SHMEM || state->kind == FRAME_HUGETLB)
		cell = frame_table_look(&s->f->table, frame);
	if (!cell || !cell->mark)
		return 0;
	uint32_t number = root_of(s->f, cell->mark);
	if (!s->last || s->last->number != number || s->last->set != state->set) {
		int failed = 2 * s->n >= s->room ? sums_grow(s) : 0;
		if (failed < 0)
			return failed;
		s->last = sum_place(s, number, state->set);
		s->n += !s->last->number;
		s->last->number = number;
		s->last->set = state->set;
	}
	s->last->pages[state->outside]++;
	if (state->kind == FRAME_SHMEM)
		s->f->names[number].file.is_shmem = true;
	return 0;
}

/* Those of one file stand together; the free places behind all. */
static int by_number(const void *a, const void *b)
{
	const struct file_sum *x = a, *y = b;
	uint32_t left = x->number - 1, right = y->number - 1;

	return left < right ? -1 : left > right;
}

static int most_first(const void *a, const void *b)
{
	const struct census_part *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->thing < y->thing ? -1 : x->thing > y->thing;
}

/* What each thing has of one file: pages by thing, and the things that have any. */
struct file_tally {
	uint64_t *pages;
	size_t *things, n;
	uint64_t page; /* bytes */
};

/* Leaves the tally as it was at first: empty. */
static int fill_parts(struct census_file *file, struct file_tally *t)
{
	file->parts = calloc(t->n + 1, sizeof(*file->parts));
	if (!file->parts)
		return -ENOMEM;
	for (; file->n_parts < t->n; file->n_parts++) {
		size_t thing = t->things[file->n_parts];
		file->parts[file->n_parts] =
			(struct census_part){ thing, t->pages[thing] * t->page };
		t->pages[thing] = 0;
	}
	t->n = 0;
	qsort(file->parts, file->n_parts, sizeof(*file->parts), most_first);
	return 0;
}

static void add_sum(struct census_file *file, const struct frames *frames,
	const struct file_sum *sum, struct file_tally *t)
{
	uint64_t all = sum->pages[0] + sum->pages[1], page = t->page;
	uint32_t set = sum->set;
	size_t n = 0;

	for (; set; n++) {
		uint32_t owner = frames_owner(frames, &set);
		if (!t->pages[owner])
			t->things[t->n++] = owner;
		t->pages[owner] += all;
	}
	file->unique += all * page;
	file->outside += sum->pages[1] * page;
	if (n == 1)
		file->private += sum->pages[0] * page;
}

static int by_size(const void *a, const void *b)
{
	const struct census_file *x = a, *y = b;

	return x->unique > y->unique ? -1 : x->unique < y->unique;
}

static size_t count_files(const struct file_sums *sums)
{
	size_t n = 0;

	for (size_t i = 0; i < sums->n; i++)
		n += i == 0 || sums->v[i].number != sums->v[i - 1].number;
	return n;
}

/* Files of sums that stand together by file. */
static int fill_files(struct files *f, const struct frames *frames, const struct file_sums *sums,
	size_t n_things, struct census_file *files, size_t *ret_n)
{
	autofree uint64_t *pages = calloc(n_things + 1, sizeof(*pages));
	autofree size_t *things = calloc(n_things + 1, sizeof(*things));
	struct file_tally tally = { pages, things, 0, (uint64_t)sysconf(_SC_PAGESIZE) };
	int failed = pages && things ? 0 : -ENOMEM;

	for (size_t i = 0, end; failed == 0 && i < sums->n; i = end) {
		struct census_file *file = &files[(*ret_n)++];
		*file = f->names[sums->v[i].number].file;
		f->names[sums->v[i].number].file.path = NULL; /* taken */
		for (end = i; end < sums->n && sums->v[end].number == sums->v[i].number; end++)
			add_sum(file, frames, &sums->v[end], &tally);
		failed = fill_parts(file, &tally);
	}
	return failed;
}

int files_fill(struct files *f, const struct frames *frames, size_t n_things,
	struct census_file **ret, size_t *ret_n)
{
	struct file_sums sums = { .f = f };
	struct err e;
	int failed = frames_each(frames, add_frame, &sums, &e);

	if (failed == 0 && sums.n)
		qsort(sums.v, sums.room, sizeof(*sums.v), by_number);
	*ret = failed == 0 ? calloc(count_files(&sums) + 1, sizeof(**ret)) : NULL;
	*ret_n = 0;
	if (failed == 0)
		failed = *ret ? fill_files(f, frames, &sums, n_things, *ret, ret_n) : -ENOMEM;
	if (failed == 0)
		qsort(*ret, *ret_n, sizeof(**ret), by_size);
	free(sums.v);
	return failed;
}
