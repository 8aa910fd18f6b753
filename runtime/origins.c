/*
 * What the files of a census really are.
 *
 * Largest first, one after the other: what is opened for one (layers, the mounts of a process) is
 * kept for the next, which is often of the same container.
 */
#include "runtime/origins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cgroup/cache.h"
#include "overlay/strata.h"
#include "spec/base/str.h"
#include "spec/image.h"

#define ENTRY_PRESENT (1ULL << 63)
#define ENTRY_FILE (1ULL << 61) /* or shared memory */
#define ENTRY_FRAME ((1ULL << 55) - 1)
#define N_ENTRIES 512
#define PAGES_MAX 65536 /* of a mapping that are looked through for one that is there */

static const char deleted[] = " (deleted)";

void origins_done(struct origins *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->v[i].layer);
	free(o->v);
	*o = (struct origins){ 0 };
}

/* The layers of another engine's overlay, by its device. */
struct foreign {
	dev_t dev;
	struct strata strata;
};

struct finder {
	const struct record *const *records;
	size_t n_records;
	int proc;
	struct cache cache;
	dev_t memory; /* the file system of memfds, which nothing can be mounted of */
	struct mount_list host;
	struct mount_list mounts; /* of the process `mounts_of` */
	pid_t mounts_of;
	struct store store;
	struct strata strata; /* of the container `strata_of` */
	const struct record *strata_of;
	struct foreign *foreign;
	size_t n_foreign;
};

static void finder_done(struct finder *f)
{
	for (size_t i = 0; i < f->n_foreign; i++)
		strata_done(&f->foreign[i].strata);
	free(f->foreign);
	strata_done(&f->strata);
	store_done(&f->store);
	mount_list_done(&f->mounts);
	mount_list_done(&f->host);
	cache_done(&f->cache);
	own_close(&f->proc);
}
DEFINE_AUTO(finder, finder_done)

static void finder_init(struct finder *f, const struct record *const *records, size_t n)
{
	autofd int memory = memfd_create("cow", MFD_CLOEXEC);
	struct stat st;

	*f = (struct finder){ .records = records,
		.n_records = n,
		.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.strata = STRATA_NONE,
		.store = STORE_NONE };
	cache_init(&f->cache, f->proc);
	if (fstat(memory, &st) == 0)
		f->memory = st.st_dev;
	mount_list_read(f->proc, getpid(), &f->host);
}

/* --- proof -------------------------------------------------------------------------------------- */

/* A page that the process maps of the file. */
struct proof {
	struct cache *cache;
	uint64_t page, frame;
};

static int has_page(void *data, int file)
{
	const struct proof *p = data;
	uint64_t frame = 0;
	int r = cache_frame(p->cache, file, p->page, &frame);

	return r == 0 && frame == p->frame;
}

/* False: none of its pages is there any more, or it is a copy by now. */
static bool find_proof(struct finder *f, const struct census_file *file, struct proof *ret)
{
	uint64_t entries[N_ENTRIES], page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t first = file->start / page, n = (file->end - file->start) / page;
	char name[32];

	snprintf(name, sizeof(name), "%d/pagemap", (int)file->pid);
	autofd int pagemap = openat(f->proc, name, O_RDONLY | O_CLOEXEC);
	for (uint64_t at = 0; pagemap >= 0 && at < n && at < PAGES_MAX; at += N_ENTRIES) {
		size_t part = n - at < N_ENTRIES ? (size_t)(n - at) : N_ENTRIES;
		ssize_t got = pread(pagemap, entries, part * sizeof(*entries),
			(off_t)((first + at) * sizeof(*entries)));
		for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(*entries); i++) {
			if (!(entries[i] & ENTRY_PRESENT) || !(entries[i] & ENTRY_FILE) ||
				!(entries[i] & ENTRY_FRAME))
				continue;
			*ret = (struct proof){ &f->cache, file->offset / page + at + i,
				entries[i] & ENTRY_FRAME };
			return true;
		}
	}
	return false;
}

/* --- where to look ------------------------------------------------------------------------------ */

/* NULL: it has none of that file system. */
static const struct mount_row *mount_of(struct finder *f, const struct census_file *file)
{
	if (f->mounts_of != file->pid) {
		mount_list_done(&f->mounts);
		f->mounts_of = file->pid;
		mount_list_read(f->proc, file->pid, &f->mounts);
	}
	return mount_list_find(&f->mounts, file->dev, file->path);
}

/* Before 6.8 a mapping shows the device of the layer's file system: then the path tells. */
static const struct mount_row *overlay_of(
	struct finder *f, const struct census_file *file, const struct mount_row *mount)
{
	if (!mount || strcmp(mount->type, "overlay") != 0)
		mount = mount_list_of(&f->mounts, file->path);
	return mount && strcmp(mount->type, "overlay") == 0 ? mount : NULL;
}

/* Of the thing that the file is seen in; NULL: it is none of a store, or it is being removed. */
static const struct strata *strata_of(struct finder *f, const struct census_file *file)
{
	const struct record *record = file->thing < f->n_records ? f->records[file->thing] : NULL;
	struct err ignored;

	if (!record || !record->store)
		return NULL;
	if (f->strata_of != record) {
		strata_done(&f->strata);
		f->strata_of = record;
		if (store_change(&f->store, record->store, &ignored) < 0 ||
			strata_of_container(&f->store, record->id, &f->strata, &ignored) < 0)
			f->strata = (struct strata)STRATA_NONE;
	}
	return f->strata.n ? &f->strata : NULL;
}

/* NULL: out of memory. */
static const struct strata *foreign_strata(struct finder *f, const struct mount_row *mount)
{
	struct err ignored;

	for (size_t i = 0; i < f->n_foreign; i++)
		if (f->foreign[i].dev == mount->dev)
			return &f->foreign[i].strata;
	struct foreign *more = reallocarray(f->foreign, f->n_foreign + 1, sizeof(*more));
	if (!more)
		return NULL;
	f->foreign = more;
	more += f->n_foreign;
	*more = (struct foreign){ mount->dev, STRATA_NONE };
	if (strata_of_overlay(mount->options, &f->host, &more->strata, &ignored) < 0)
		return NULL;
	f->n_foreign++;
	return &more->strata;
}

/* --- looking ------------------------------------------------------------------------------------ */

static int take_hit(const struct strata *s, const struct strata_hit *hit, struct origin *ret)
{
	const char *name = hit->stratum->name;
	enum origin_kind kind = !*name			 ? ORIGIN_OWN
				: hit->stratum->is_upper ? ORIGIN_TEMPLATE
							 : ORIGIN_LAYER;

	*ret = (struct origin){ kind, NULL, kind == ORIGIN_LAYER && s->ours, hit->object, hit->dev,
		hit->ino };
	if (*name)
		ret->layer = strdup(name);
	return *name && !ret->layer ? -ENOMEM : 1;
}

/* The path as it is in the file system that is mounted there, of which it may be a part. */
static char *path_within(const struct mount_row *mount, const char *path)
{
	size_t len = mount ? strlen(mount->point) : 0;

	while (len && mount->point[len - 1] == '/')
		len--;
	if (!mount || strncmp(path, mount->point, len) != 0 || path[len] != '/')
		return strdup(path);
	return str_format("%s%s", strcmp(mount->root, "/") == 0 ? "" : mount->root, path + len);
}

/* With and without the word that the kernel adds: a name may end in it. */
static int look_for(
	const struct strata *s, char *path, const struct proof *proof, struct origin *ret)
{
	size_t len = strlen(path), more = sizeof(deleted) - 1;
	struct strata_hit hit;
	int r = strata_find(s, path, has_page, (void *)proof, &hit);

	if (r == 0 && len > more && strcmp(path + len - more, deleted) == 0) {
		path[len - more] = '\0';
		r = strata_find(s, path, has_page, (void *)proof, &hit);
		path[len - more] = ' ';
	}
	return r > 0 ? take_hit(s, &hit, ret) : r;
}

/* As it is named, and as the overlay has it that seems to be there: one may lie over another. */
static int look_in(const struct strata *s, const struct mount_row *overlay, const char *name,
	const struct proof *proof, struct origin *ret)
{
	autofree char *path = strdup(name), *within = path_within(overlay, name);

	if (!path || !within)
		return -ENOMEM;
	int r = look_for(s, path, proof, ret);
	return r || strcmp(path, within) == 0 ? r : look_for(s, within, proof, ret);
}

/* By the file system alone. */
static enum origin_kind kind_of(const struct mount_row *mount)
{
	static const struct {
		const char *type;
		enum origin_kind kind;
	} kinds[] = { { "tmpfs", ORIGIN_TMPFS }, { "ramfs", ORIGIN_TMPFS },
		{ "hugetlbfs", ORIGIN_TMPFS }, { "devtmpfs", ORIGIN_DEVICE },
		{ "overlay", ORIGIN_UNKNOWN } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(mount->type, kinds[i].type) == 0)
			return kinds[i].kind;
	return str_starts(mount->type, "fuse") ? ORIGIN_UNKNOWN : ORIGIN_HOST;
}

static int find_one(
	struct finder *f, const struct census_file *file, struct origin *ret, struct err *e)
{
	struct proof proof;
	int r = 0;

	*ret = (struct origin){ 0 };
	if (!file->path)
		return 0;
	if (file->dev == f->memory) {
		ret->kind = ORIGIN_MEMFD;
		return 0;
	}
	const struct mount_row *mount = mount_of(f, file);
	const struct mount_row *overlay = overlay_of(f, file, mount);
	const struct strata *strata = strata_of(f, file);
	bool has_proof = find_proof(f, file, &proof);
	if (!strata && overlay) {
		strata = foreign_strata(f, overlay);
		r = strata ? 0 : -ENOMEM;
	}
	if (has_proof && strata)
		r = look_in(strata, overlay, file->path, &proof, ret);
	if (r == 0 && mount)
		ret->kind = kind_of(mount);
	return r < 0 ? err_set(e, -r, "find layers") : 0;
}

/* --- files that are one ------------------------------------------------------------------------- */

struct found {
	struct census_file file;
	struct origin origin;
};

static int by_inode(const void *a, const void *b)
{
	const struct origin *x = &((const struct found *)a)->origin;
	const struct origin *y = &((const struct found *)b)->origin;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static int by_size(const void *a, const void *b)
{
	const struct census_file *x = &((const struct found *)a)->file;
	const struct census_file *y = &((const struct found *)b)->file;

	if (x->unique != y->unique)
		return x->unique > y->unique ? -1 : 1;
	int r = x->path && y->path ? strcmp(x->path, y->path) : 0;
	return r ? r : (x->ino > y->ino) - (x->ino < y->ino);
}

static int most_first(const void *a, const void *b)
{
	const struct census_part *x = a, *y = b;

	return x->bytes == y->bytes ? (x->thing > y->thing) - (x->thing < y->thing)
				    : (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* Frames of two files that were not known to be one are different ones: sums are right. */
static int merge(struct census_file *into, struct census_file *from)
{
	struct census_part *parts =
		reallocarray(into->parts, into->n_parts + from->n_parts + 1, sizeof(*parts));

	if (!parts)
		return -ENOMEM;
	into->parts = parts;
	for (size_t i = 0, at; i < from->n_parts; i++) {
		for (at = 0; at < into->n_parts && parts[at].thing != from->parts[i].thing;)
			at++;
		if (at == into->n_parts)
			parts[into->n_parts++] = from->parts[i];
		else
			parts[at].bytes += from->parts[i].bytes;
	}
	qsort(parts, into->n_parts, sizeof(*parts), most_first);
	into->unique += from->unique;
	into->private += from->private;
	into->outside += from->outside;
	return 0;
}

static void found_done(struct found *f)
{
	free(f->file.path);
	free(f->file.parts);
	free(f->file.layer);
	free(f->origin.layer);
}

static int merge_all(struct found *all, size_t *n)
{
	size_t kept = 0;
	int r = 0;

	qsort(all, *n, sizeof(*all), by_inode);
	for (size_t i = 0; i < *n; i++) {
		bool same = kept && all[i].origin.ino && by_inode(&all[kept - 1], &all[i]) == 0;
		if (r == 0 && same)
			r = merge(&all[kept - 1].file, &all[i].file);
		if (r == 0 && same)
			found_done(&all[i]);
		else
			all[kept++] = all[i];
	}
	*n = kept;
	qsort(all, kept, sizeof(*all), by_size);
	return r;
}

/* What people see of it; NULL with an errno of 0: it is not known. */
static char *label_of(const struct origin *o)
{
	static const char *const words[] = { [ORIGIN_OWN] = "own",
		[ORIGIN_HOST] = "host",
		[ORIGIN_TMPFS] = "tmpfs",
		[ORIGIN_MEMFD] = "memfd",
		[ORIGIN_DEVICE] = "device" };

	if (o->kind == ORIGIN_LAYER)
		return strndup(o->ours ? digest_hex(o->layer) : o->layer, ORIGIN_SHORT);
	if (o->kind == ORIGIN_TEMPLATE)
		return str_format("template %s", o->layer);
	return words[o->kind] ? strdup(words[o->kind]) : NULL;
}

/* The census has them back in any case. */
static int put_back(struct census *c, struct found *all, size_t n, struct origins *ret)
{
	struct origin *v = calloc(n + 1, sizeof(*v));
	int r = v ? 0 : -ENOMEM;

	for (size_t i = 0; i < n; i++) {
		c->files[i] = all[i].file;
		free(c->files[i].layer);
		c->files[i].layer = label_of(&all[i].origin);
		if (v)
			v[i] = all[i].origin;
		else
			free(all[i].origin.layer);
	}
	c->n_files = n;
	*ret = (struct origins){ v, v ? n : 0 };
	return r;
}

int origins_find(struct census *c, const struct record *const *records, size_t n,
	struct origins *ret, struct err *e)
{
	automatic(finder) struct finder f;
	autofree struct found *all = calloc(c->n_files + 1, sizeof(*all));
	size_t n_files = c->n_files;
	int r = 0;

	finder_init(&f, records, n);
	if (!all)
		return err_set(e, ENOMEM, "find layers");
	for (size_t i = 0; i < n_files; i++) {
		all[i].file = c->files[i];
		if (r == 0)
			r = find_one(&f, &c->files[i], &all[i].origin, e);
	}
	if (r == 0 && merge_all(all, &n_files) < 0)
		r = err_set(e, ENOMEM, "find layers");
	if (put_back(c, all, n_files, ret) < 0 && r == 0)
		r = err_set(e, ENOMEM, "find layers");
	return r;
}
