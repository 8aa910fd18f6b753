/*
 * The mappings of a process, from /proc/PID/maps, by rising address.
 *
 * The kernel escapes newlines in names; whatever else is in them is as it is, and for terminals to
 * be cleaned by whoever prints. Names are kept up to MAPPING_NAME_MAX bytes, so that a process with
 * 65 000 mappings of long names cannot fill our memory.
 */
#ifndef CGROUP_MAPPINGS_H
#define CGROUP_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

#define MAPPING_NAME_MAX 255

struct mapping {
	uint64_t start, end; /* in pages */
	uint64_t offset;     /* bytes, into the file */
	uint64_t device, inode;
	bool private, writable;
	bool special; /* the kernel's own: vdso, vvar, vsyscall */
	char *name;   /* NULL: anonymous, without a name */
};

struct mappings {
	struct mapping *v;
	size_t n, room;
};

/* -ESRCH: it is gone; -EACCES: it is none of our business. `process` is its /proc directory. */
int mappings_read(int process, struct mappings *ret, struct err *e);
void mappings_done(struct mappings *m);
DEFINE_AUTO(mappings, mappings_done)

/*
 * One line, without its newline. False for what is none. `name` then points into the line; NULL
 * where there is none.
 */
bool mapping_parse(char *line, uint64_t page, struct mapping *ret);

/* Whether both map the same: anonymous memory, or the same place of the same file. */
bool mapping_is_same(const struct mapping *a, const struct mapping *b, uint64_t page);

/* "[heap]", "[stack]", "anonymous", or the file's name: what a table calls it. */
const char *mapping_label(const struct mapping *m);

#endif
