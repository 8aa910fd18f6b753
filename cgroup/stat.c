/* What a cgroup uses: one row a figure. */
#include "cgroup/stat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/knob.h"
#include "spec/base/str.h"

struct row {
	const char *file;
	const char *key; /* NULL: the file is one number */
	size_t offset;
};

#define ROW(file, key, member)                                                                     \
	{                                                                                          \
		(file), (key), offsetof(struct cgroup_stat, member)                                \
	}

/* Rows of one file stand together: it is read once. */
static const struct row rows[] = {
	ROW("memory.current", NULL, memory.current),
	ROW("memory.peak", NULL, memory.peak),
	ROW("memory.max", NULL, memory.max),
	ROW("memory.low", NULL, memory.low),
	ROW("memory.swap.current", NULL, memory.swap),
	ROW("memory.swap.peak", NULL, memory.swap_peak),
	ROW("memory.swap.max", NULL, memory.swap_max),
	ROW("memory.stat", "anon", memory.anon),
	ROW("memory.stat", "file", memory.file),
	ROW("memory.stat", "shmem", memory.shmem),
	ROW("memory.stat", "file_mapped", memory.file_mapped),
	ROW("memory.stat", "file_dirty", memory.file_dirty),
	ROW("memory.stat", "inactive_file", memory.inactive_file),
	ROW("memory.stat", "kernel", memory.kernel),
	ROW("memory.stat", "kernel_stack", memory.kernel_stack),
	ROW("memory.stat", "pagetables", memory.pagetables),
	ROW("memory.stat", "slab", memory.slab),
	ROW("memory.stat", "sock", memory.sock),
	ROW("memory.stat", "percpu", memory.percpu),
	ROW("memory.stat", "vmalloc", memory.vmalloc),
	ROW("memory.stat", "pgfault", memory.faults),
	ROW("memory.stat", "pgmajfault", memory.major_faults),
	ROW("memory.events", "low", memory_events.low),
	ROW("memory.events", "high", memory_events.high),
	ROW("memory.events", "max", memory_events.max),
	ROW("memory.events", "oom", memory_events.oom),
	ROW("memory.events", "oom_kill", memory_events.oom_kill),
	ROW("memory.events", "oom_group_kill", memory_events.oom_group_kill),
	ROW("cpu.stat", "usage_usec", cpu.usage_usec),
	ROW("cpu.stat", "user_usec", cpu.user_usec),
	ROW("cpu.stat", "system_usec", cpu.system_usec),
	ROW("cpu.stat", "nr_periods", cpu.periods),
	ROW("cpu.stat", "nr_throttled", cpu.throttled),
	ROW("cpu.stat", "throttled_usec", cpu.throttled_usec),
	ROW("pids.current", NULL, pids.current),
	ROW("pids.peak", NULL, pids.peak),
	ROW("pids.max", NULL, pids.max),
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

void cgroup_stat_parse(const char *file, const char *text, struct cgroup_stat *into)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *row = &rows[i];
		uint64_t value;
		if (!str_equal(row->file, file))
			continue;
		if (row->key ? knob_value(text, row->key, &value) : knob_number(text, &value))
			*(struct opt_u64 *)((char *)into + row->offset) =
				(struct opt_u64){ .set = true, .value = value };
	}
}

int cgroup_stat_read(int fd, struct cgroup_stat *ret, struct err *e)
{
	struct cgroup_stat all = { 0 };
	char text[KNOB_TEXT_MAX];

	for (size_t i = 0; i < N_ROWS; i++) {
		if (i && str_equal(rows[i].file, rows[i - 1].file))
			continue;
		ssize_t n = knob_read(fd, rows[i].file, text, sizeof(text));
		if (n >= 0)
			cgroup_stat_parse(rows[i].file, text, &all);
		else if (n != -ENOENT && n != -EOPNOTSUPP)
			return knob_error(e, (int)-n, "read '%s'", rows[i].file);
	}
	*ret = all;
	return 0;
}

int cgroup_oom_kills(int fd, uint64_t *ret)
{
	return knob_read_value(fd, "memory.events", "oom_kill", ret);
}

/* As people say it: "32 MiB", not "32.0 MiB". */
static const char *human(uint64_t bytes, char out[16])
{
	char *zero = strstr(str_human(bytes, out), ".0 ");

	if (zero)
		memmove(zero, zero + 2, strlen(zero + 2) + 1);
	return out;
}

char *cgroup_oom_text(int fd, char out[CGROUP_OOM_TEXT])
{
	uint64_t max, peak;
	char text[16], limit[40] = "", most[40] = "";

	if (knob_read_number(fd, "memory.max", &max) == 0)
		snprintf(limit, sizeof(limit),
			max == UINT64_MAX ? "no limit of its own" : "limit %s", human(max, text));
	if (knob_read_number(fd, "memory.peak", &peak) == 0)
		snprintf(most, sizeof(most), "%speak %s", *limit ? ", " : "", human(peak, text));
	snprintf(out, CGROUP_OOM_TEXT, *limit || *most ? "out of memory (%s%s)" : "out of memory",
		limit, most);
	return out;
}
