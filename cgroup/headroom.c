/* What is left of limits, and of the host's memory. */
#include "cgroup/headroom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/stat.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

/* Deeper than any hierarchy that is limited. */
#define N_LEVELS 64

void headroom_add_limit(struct headroom *h, uint64_t max, uint64_t current, uint64_t inactive_file)
{
	uint64_t used = current > inactive_file ? current - inactive_file : 0;
	uint64_t left = max > used ? max - used : 0;

	/* What no machine has is no limit. */
	if (max >= UINT64_MAX >> 1 || (h->limit_left.set && left >= h->limit_left.value))
		return;
	h->limit = (struct opt_u64){ true, max };
	h->limit_left = (struct opt_u64){ true, left };
}

void headroom_add_meminfo(struct headroom *h, const char *text)
{
	const struct {
		const char *key;
		struct opt_u64 *to;
	} rows[] = {
		{ "MemAvailable:", &h->available },
		{ "CommitLimit:", &h->commit_limit },
		{ "Committed_AS:", &h->committed },
	};

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			if (str_starts(line, rows[i].key))
				*rows[i].to = (struct opt_u64){ true,
					strtoull(line + strlen(rows[i].key), NULL, 10) << 10 };
	}
}

/* 0, or -1 above the highest group that has limits. */
static int add_group(struct headroom *h, int group)
{
	struct cgroup_stat stat = { 0 };
	struct err ignored;

	if (faccessat(group, "memory.max", F_OK, 0) < 0 ||
		cgroup_stat_read(group, &stat, &ignored) < 0)
		return -1;
	if (stat.memory.max.set && stat.memory.current.set)
		headroom_add_limit(h, stat.memory.max.value, stat.memory.current.value,
			stat.memory.inactive_file.value);
	return 0;
}

void headroom_read(int group, struct headroom *ret)
{
	struct headroom h = { 0 };
	struct err ignored;
	autofree char *meminfo = NULL, *mode = NULL;
	autofd int above = -1;
	size_t n;

	for (int i = 0, at = group; i < N_LEVELS && at >= 0 && add_group(&h, at) == 0; i++) {
		int next = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		own_close(&above);
		at = above = next;
	}
	if (fd_read_file(AT_FDCWD, "/proc/meminfo", 1 << 16, &meminfo, &n, &ignored) == 0)
		headroom_add_meminfo(&h, meminfo);
	if (fd_read_file(AT_FDCWD, "/proc/sys/vm/overcommit_memory", 64, &mode, &n, &ignored) == 0)
		h.overcommit = (struct opt_u64){ true, strtoull(mode, NULL, 10) };
	*ret = h;
}

bool headroom_is_exceeded(const struct headroom *h, uint64_t need, char out[HEADROOM_TEXT])
{
	bool promised = h->overcommit.set && h->overcommit.value == OVERCOMMIT_NEVER;
	bool limit = h->limit_left.set && need > h->limit_left.value;
	bool host = h->available.set && need > h->available.value && !promised;
	char text[16];

	/* The nearer end is the one to be told. */
	if (limit && host)
		limit = h->limit_left.value <= h->available.value;
	if (limit)
		snprintf(out, HEADROOM_TEXT, "its limit leaves %s",
			str_human(h->limit_left.value, text));
	else if (host)
		snprintf(out, HEADROOM_TEXT, "the host has %s available",
			str_human(h->available.value, text));
	return limit || host;
}
