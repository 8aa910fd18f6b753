/*
 * The checks of config.json, by its parts; spec_validate() runs them all.
 *
 * A check returns 0, or says what is wrong with the place first ("linux.devices[2].major: ..."):
 * -EINVAL when no runtime could do it, -ENOTSUP when this one cannot yet.
 */
#ifndef SPEC_VALIDATE_H
#define SPEC_VALIDATE_H

#include "spec/spec.h"

struct check {
	const char *name;
	int (*run)(const struct spec *s, struct err *e);
};

extern const struct check linux_checks[]; /* ends with a NULL name */

/* validate_scheduling.c */
int check_scheduler(const struct process_spec *p, const char *path, struct err *e);
int check_io_priority(const struct process_spec *p, const char *path, struct err *e);
int check_cpu_affinity(const struct process_spec *p, const char *path, struct err *e);
int check_personality(const struct spec *s, struct err *e);
int check_memory_policy(const struct spec *s, struct err *e);
int check_rdt(const struct spec *s, struct err *e);

/* Paths that a kernel call can take: absolute, not longer than PATH_MAX. */
int check_absolute(const char *path, const char *what, size_t index, struct err *e);

/* Whether the kernel would take it; `path`: of the list, "linux.uidMappings". */
int check_id_map(const struct id_map *v, size_t n, const char *path, struct err *e);

#endif
