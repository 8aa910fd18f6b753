/* The page cache of a container's own files that nobody maps. */
#include "runtime/private_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "overlay/files.h"
#include "overlay/stack.h"
#include "runtime/template/freeze.h"
#include "spec/base/str.h"

void private_cache_init(struct private_cache *p)
{
	autofd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*p = (struct private_cache){ .store = STORE_NONE };
	cache_init(&p->cache, proc);
}

void private_cache_done(struct private_cache *p)
{
	cache_done(&p->cache);
	store_done(&p->store);
}

struct sum {
	struct cache *cache;
	uint64_t bytes;
};

/* Most files of most containers are not in memory, or not there: then one call a file is all. */
static int add_file(void *data, int file, struct err *e)
{
	struct sum *sum = data;
	uint64_t resident = 0, mapped = 0;
	int r = cache_resident(sum->cache, file, &resident);

	if (r == 0 && resident)
		r = cache_mapped(sum->cache, file, &mapped);
	if (r < 0)
		return err_set(e, -r, "look at the page cache of a file");
	/* It may have changed in between. */
	sum->bytes += resident > mapped ? resident - mapped : 0;
	return 0;
}

/* All mappings of what is frozen are of one file: the first is as good as any. Its name in map_files has no zeros before
 * it, as maps has below 256 MiB, where the heap of a program may be. */
static int open_frozen(pid_t pid)
{
	char path[64], *line = NULL;
	unsigned long from, to;
	size_t room = 0;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	while (maps && fd < 0 && getline(&line, &room, maps) > 0) {
		if (!strstr(line, "/memfd:" FREEZE_MEMFD " ") ||
			sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)pid, from, to);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	free(line);
	if (maps)
		fclose(maps);
	return fd;
}

/* Forks map it too: what none of them has touched, and the template has not since, is in no process. */
static int add_frozen(const struct record *record, struct sum *sum, struct err *e)
{
	autofd int fd = record->is_template ? open_frozen(record->init.pid) : -1;

	return fd >= 0 && mark_is_alive(&record->init) ? add_file(sum, fd, e) : 0;
}

static bool is_on_tmpfs(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

int private_cache_read(struct private_cache *p, const struct record *record,
	struct private_cache_bytes *ret, struct err *e)
{
	static const struct files_options options = { .foreign = true, .max = PRIVATE_CACHE_FILES };
	struct sum sum = { .cache = &p->cache };
	autofd int own = -1;

	if (!record->store)
		return err_say(e, ENODATA, "the files of '%s' are in no store", record->id);
	int r = store_change(&p->store, record->store, e);
	if (r == 0)
		r = stack_own(&p->store, record->id, &own, e);
	if (r == 0 && own >= 0)
		r = files_walk(own, &options, add_file, &sum, e);
	if (r < 0)
		return err_while(e, "page cache of the files of '%s'", record->id);
	uint64_t files = sum.bytes;
	r = add_frozen(record, &sum, e);
	*ret = (struct private_cache_bytes){ sum.bytes,
		sum.bytes - (own >= 0 && is_on_tmpfs(own) ? 0 : files) };
	return r;
}
