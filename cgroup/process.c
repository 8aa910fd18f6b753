/*
 * /proc/PID/{stat,status,smaps_rollup} as numbers.
 *
 * Both stat and status are needed: only the first has the start time and the faults, only the
 * second the page tables.
 */
#include "cgroup/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

/* Causes as our callers tell them apart: it has ended, or we may not look. */
static int cause(int r)
{
	if (r == -ENOENT)
		return -ESRCH;
	return r == -EPERM ? -EACCES : r;
}

int process_open(int proc, pid_t pid)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)pid);
	int fd = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? cause(-errno) : fd;
}

/*
 * The file's text, at least its first `room` bytes; what does not fit is allocated and the
 * caller's, since /proc/PID/status lists up to 65536 groups before what we look for.
 */
static int read_text(int dir, const char *name, char *text, size_t room, char **ret_long)
{
	autofd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	*ret_long = NULL;
	if (fd < 0)
		return cause(-errno);
	ssize_t n = fd_read_full(fd, text, room - 1);
	if (n < 0)
		return cause((int)n);
	if (n == 0)
		return -ESRCH;
	text[n] = '\0';
	if ((size_t)n < room - 1)
		return 0;
	struct err e;
	size_t len;
	return cause(fd_read_file(dir, name, 1 << 20, ret_long, &len, &e));
}

/*
 * Fields of stat, as proc(5) numbers them; the first three are read apart. Two rows of one member
 * are added up, and a field may be part of two.
 */
static const struct {
	unsigned field;
	size_t offset;
} stat_fields[] = {
	{ 4, offsetof(struct process_stat, parent) },
	{ 9, offsetof(struct process_stat, flags) },
	{ 10, offsetof(struct process_stat, faults) },
	{ 12, offsetof(struct process_stat, faults) },
	{ 12, offsetof(struct process_stat, major) },
	{ 20, offsetof(struct process_stat, threads) },
	{ 22, offsetof(struct process_stat, start) },
	{ 23, offsetof(struct process_stat, size) },
	{ 24, offsetof(struct process_stat, resident) },
	{ 26, offsetof(struct process_stat, code) },
	{ 28, offsetof(struct process_stat, stack) },
	{ 47, offsetof(struct process_stat, brk) },
};

#define N_STAT_FIELDS (sizeof(stat_fields) / sizeof(stat_fields[0]))

/* What a process calls itself is no text for a terminal, nor for a document. */
static void copy_command(const char *from, size_t n, char *to, size_t room)
{
	size_t i = 0;

	for (; i < n && i < room - 1; i++)
		to[i] = from[i] < ' ' || from[i] > '~' ? '?' : from[i];
	to[i] = '\0';
}

bool process_parse_stat(const char *text, struct process_stat *ret)
{
	struct process_stat stat = { 0 };
	size_t found = 0;
	/* The name before it may hold anything, ")" and newlines too. */
	const char *at = strrchr(text, ')'), *name = strchr(text, '(');

	if (!at || at[1] != ' ' || !at[2])
		return false;
	const char *name_end = at;
	char state = at[2];
	at += 3;
	for (unsigned field = 4; *at == ' ' && found < N_STAT_FIELDS; field++) {
		char *end;
		uint64_t n = strtoull(at, &end, 10);
		if (end == at)
			return false;
		for (; found < N_STAT_FIELDS && stat_fields[found].field == field; found++)
			*(uint64_t *)((char *)&stat + stat_fields[found].offset) += n;
		at = end;
	}
	if (found < N_STAT_FIELDS)
		return false;
	if (name && name < name_end)
		copy_command(name + 1, (size_t)(name_end - name) - 1, stat.command,
			sizeof(stat.command));
	stat.zombie = state == 'Z' || state == 'X' || stat.size == 0;
	/* Not by its state: the end of a thread may take long, and its memory is gone at once. */
	stat.leaderless = stat.size == 0 && stat.threads > 1;
	*ret = stat;
	return true;
}

static int read_stat(int dir, const char *name, struct process_stat *ret)
{
	char text[2048] = "";
	autofree char *longer = NULL;
	int r = read_text(dir, name, text, sizeof(text), &longer);

	if (r < 0)
		return r;
	return process_parse_stat(longer ? longer : text, ret) ? 0 : -EPROTO;
}

/* The first of the threads in this directory with an address space; -ESRCH: none has it any more. */
static int find_thread(int tasks, pid_t *ret_thread, struct process_stat *ret)
{
	DIR *dir = fdopendir(tasks);
	int r = -ESRCH;

	if (!dir) {
		r = cause(-errno);
		close(tasks);
		return r;
	}
	for (struct dirent *d; r == -ESRCH && (d = readdir(dir));) {
		struct process_stat stat;
		char name[32];
		uint64_t thread;
		if (!str_to_u64(d->d_name, INT32_MAX, &thread))
			continue;
		snprintf(name, sizeof(name), "%d/stat", (int)thread);
		r = read_stat(dirfd(dir), name, &stat);
		if (r == 0 && stat.zombie)
			r = -ESRCH;
		if (r < 0)
			continue;
		*ret_thread = (pid_t)thread;
		*ret = stat;
	}
	closedir(dir);
	return r;
}

/*
 * The first thread may end before the others. All of the process then shows as a zombie, and its
 * memory only through one of those. `tasks` is the name of their directory.
 */
static int look_past_leader(int dir, const char *tasks, struct process_stat *stat)
{
	struct process_stat living = { 0 };
	int fd = openat(dir, tasks, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? cause(-errno) : find_thread(fd, &stat->thread, &living);

	/* On the way to its end: as any zombie. */
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return r;
	stat->zombie = false;
	stat->size = living.size;
	stat->resident = living.resident;
	stat->stack = living.stack;
	stat->code = living.code;
	stat->brk = living.brk;
	return 0;
}

int process_read_stat(int dir, struct process_stat *ret)
{
	struct process_stat stat;
	int r = read_stat(dir, "stat", &stat);

	if (r == 0 && stat.leaderless)
		r = look_past_leader(dir, "task", &stat);
	if (r == 0)
		*ret = stat;
	return r;
}

int process_read_stat_of(int proc, pid_t pid, struct process_stat *ret)
{
	struct process_stat stat;
	char name[24];

	snprintf(name, sizeof(name), "%d/stat", (int)pid);
	int r = read_stat(proc, name, &stat);
	snprintf(name, sizeof(name), "%d/task", (int)pid);
	if (r == 0 && stat.leaderless)
		r = look_past_leader(proc, name, &stat);
	if (r == 0)
		*ret = stat;
	return r;
}

int process_open_memory(int proc, pid_t pid, const struct process_stat *stat)
{
	char name[40];

	if (!stat->thread)
		return process_open(proc, pid);
	snprintf(name, sizeof(name), "%d/task/%d", (int)pid, (int)stat->thread);
	int fd = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? cause(-errno) : fd;
}

/* The bytes of a line "Key:   123 kB"; false when there is none. Names in /proc hold no newlines.
 */
static bool find_kib(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || line[n] != ':')
			continue;
		*ret = strtoull(line + n + 1, NULL, 10) << 10;
		return true;
	}
	return false;
}

bool process_parse_memory(const char *text, struct process_memory *ret)
{
	struct process_memory memory = { 0 };

	if (!find_kib(text, "VmPTE", &memory.page_tables) ||
		!find_kib(text, "RssAnon", &memory.anon))
		return false;
	find_kib(text, "VmSwap", &memory.swap);
	*ret = memory;
	return true;
}

int process_read_memory(int dir, struct process_memory *ret)
{
	char text[4096] = "";
	autofree char *longer = NULL;
	int r = read_text(dir, "status", text, sizeof(text), &longer);

	if (r < 0)
		return r;
	/* Without an address space there are no such lines. */
	return process_parse_memory(longer ? longer : text, ret) ? 0 : -ESRCH;
}

bool process_has_changed(int proc, pid_t pid, const struct process_stat *before)
{
	struct process_stat now;

	return process_read_stat_of(proc, pid, &now) < 0 || now.start != before->start ||
	       now.faults != before->faults || now.threads != before->threads ||
	       now.size != before->size || now.resident != before->resident;
}

bool process_parse_rollup(const char *text, struct process_rollup *ret)
{
	struct process_rollup rollup = { 0 };
	uint64_t clean = 0, dirty = 0, huge = 0;

	if (!find_kib(text, "Rss", &rollup.rss) || !find_kib(text, "Pss", &rollup.pss) ||
		!find_kib(text, "Private_Clean", &clean) ||
		!find_kib(text, "Private_Dirty", &dirty))
		return false;
	find_kib(text, "Private_Hugetlb", &huge);
	rollup.uss = clean + dirty + huge;
	*ret = rollup;
	return true;
}

int process_read_rollup(int dir, struct process_rollup *ret)
{
	char text[4096] = "";
	autofree char *longer = NULL;
	int r = read_text(dir, "smaps_rollup", text, sizeof(text), &longer);

	if (r < 0)
		return r;
	return process_parse_rollup(longer ? longer : text, ret) ? 0 : -ESRCH;
}
