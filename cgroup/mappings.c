/* /proc/PID/maps, line by line. */
#include "cgroup/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/str.h"

void mappings_done(struct mappings *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].name);
	free(m->v);
	*m = (struct mappings){ 0 };
}

/* A number in hexadecimal and the character behind it, which is stepped over. */
static bool take_hex(char **at, char behind, uint64_t *ret)
{
	char *end;

	if (**at == ' ' || **at == '-' || **at == '+')
		return false;
	*ret = strtoull(*at, &end, 16);
	if (end == *at || *end != behind)
		return false;
	*at = end + 1;
	return true;
}

/* Names that the kernel gives to what is its own, the same frames in every process. */
static bool is_special(const char *name)
{
	static const char *const names[] = { "[vdso]", "[vvar", "[vsyscall]", "[sigpage]",
		"[uprobes]" };

	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (str_starts(name, names[i]))
			return true;
	return false;
}

bool mapping_parse(char *line, uint64_t page, struct mapping *ret)
{
	uint64_t start, end, major, minor;
	struct mapping m = { 0 };
	char *at = line;

	if (!take_hex(&at, '-', &start) || !take_hex(&at, ' ', &end) || strlen(at) < 5 ||
		at[4] != ' ' || start >= end)
		return false;
	m.start = start / page;
	m.end = end / page;
	m.writable = at[1] == 'w';
	m.private = at[3] == 'p';
	at += 5;
	if (!take_hex(&at, ' ', &m.offset) || !take_hex(&at, ':', &major) ||
		!take_hex(&at, ' ', &minor))
		return false;
	m.device = major << 32 | minor;
	m.inode = strtoull(at, &at, 10);
	at += strspn(at, " ");
	m.name = *at ? at : NULL;
	m.special = m.inode == 0 && is_special(m.name);
	*ret = m;
	return true;
}

static int add(struct mappings *m, const struct mapping *mapping)
{
	if (m->n == m->room) {
		size_t room = m->room ? m->room * 2 : 64;
		struct mapping *v = reallocarray(m->v, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		m->v = v;
		m->room = room;
	}
	struct mapping *to = &m->v[m->n];
	*to = *mapping;
	to->name = mapping->name ? strndup(mapping->name, MAPPING_NAME_MAX) : NULL;
	if (mapping->name && !to->name)
		return -ENOMEM;
	m->n++;
	return 0;
}

static int read_lines(FILE *from, struct mappings *m)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	autofree char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int r = 0;

	errno = 0;
	while (r == 0 && (n = getline(&line, &room, from)) > 0) {
		struct mapping mapping;
		line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
		if (mapping_parse(line, page, &mapping))
			r = add(m, &mapping);
	}
	if (r == 0 && ferror(from))
		r = errno ? -errno : -EIO;
	return r;
}

int mappings_read(int process, struct mappings *ret, struct err *e)
{
	automatic(mappings) struct mappings m = { 0 };
	int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);
	FILE *from = fd < 0 ? NULL : fdopen(fd, "r");
	int r = 0;

	if (!from) {
		r = errno == ENOENT ? -ESRCH : errno == EPERM ? -EACCES : -errno;
		own_close(&fd);
		return err_set(e, -r, "read the mappings of a process");
	}
	r = read_lines(from, &m);
	fclose(from);
	if (r < 0)
		return err_set(e, -r, "read the mappings of a process");
	*ret = m;
	m = (struct mappings){ 0 };
	return 0;
}

bool mapping_is_same(const struct mapping *a, const struct mapping *b, uint64_t page)
{
	if (!a->private || !b->private || a->inode != b->inode || a->device != b->device)
		return false;
	/* The beginning of one may have been unmapped: what counts is what an address shows. */
	return a->inode == 0 || a->start - a->offset / page == b->start - b->offset / page;
}

const char *mapping_label(const struct mapping *m)
{
	return m->name ? m->name : "anonymous";
}
