/*
 * The lines of /proc/PID/maps and smaps.
 *
 * Names of files are the last word of a line and have their newlines escaped, and device and inode
 * come before them: no name can make a line look like another. Time is linear in the text.
 */
#ifndef CGROUP_MAPS_H
#define CGROUP_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/base/own.h"

/* One mapping. A file has a device or an inode; anonymous memory, stacks and the vdso have none. */
struct mapping {
	uint64_t start, end; /* addresses */
	uint64_t offset;     /* in the file */
	dev_t dev;
	uint64_t ino;
	const char *path; /* in the line: to its end */
};

/* A file of lines. */
struct maps {
	int fd; /* owned */
	char text[4096];
	size_t at, n;
};

/* Opens this file of a process's directory: 0, or -errno (-ESRCH: gone, -EACCES: not ours). */
int maps_open(struct maps *m, int process, const char *name);
void maps_done(struct maps *m);
DEFINE_AUTO(maps, maps_done)

/* 1 and the next line, cut to what fits; 0 at the end, or -errno. */
int maps_line(struct maps *m, char *line, size_t room);

/* False for other lines of smaps, and for [vsyscall], which is no memory of the process. */
bool maps_parse(const char *line, struct mapping *ret);

static inline bool mapping_has_file(const struct mapping *m)
{
	return m->dev || m->ino;
}

#endif
