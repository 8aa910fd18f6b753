/*
 * What this host can and cannot do: findings, one line each, gathered by checks.
 *
 * A check looks at one thing, tries it where it can be tried without a trace, and adds what it
 * found. It never fails: that it cannot look is a finding too.
 */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

enum finding_state {
	FINDING_OK = 1,
	FINDING_LACKS,	/* something cannot be done; containers run */
	FINDING_BROKEN, /* containers do not run */
};

struct finding {
	char *name, *text;
	int state;
	char *remedy; /* NULL: none is needed, or none is known */
};

struct findings {
	struct finding *v;
	size_t n;
	bool failed; /* out of memory */
};

void findings_done(struct findings *f);
DEFINE_AUTO(findings, findings_done)

/* `remedy` may be NULL. */
void findings_add(struct findings *f, const char *name, enum finding_state state,
	const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Where `cow` keeps things, and below what the files of engines, /proc and /sys are (NULL: /). */
struct str;
struct statvfs;
struct places {
	const char *root, *store, *system;
};

/* An ordinary user (doctor_rootless.c). */
void doctor_user(const struct places *p, struct findings *f);
void doctor_subordinate_ids(const struct places *p, struct findings *f);
void doctor_own_namespace(const struct places *p, struct findings *f);
void doctor_delegation(const struct places *p, struct findings *f);
/* Kernel, privilege (doctor_kernel.c). */
void doctor_kernel(const struct places *p, struct findings *f);
void doctor_capabilities(const struct places *p, struct findings *f);
void doctor_programs(const struct places *p, struct findings *f);
void doctor_network(const struct places *p, struct findings *f);
void doctor_sealed_program(const struct places *p, struct findings *f);
void doctor_user_namespaces(const struct places *p, struct findings *f);
void doctor_security(const struct places *p, struct findings *f);
/* Groups and memory (doctor_cgroup.c). */
void doctor_cgroup(const struct places *p, struct findings *f);
void doctor_birth(const struct places *p, struct findings *f);
void doctor_limits(const struct places *p, struct findings *f);
void doctor_memory(const struct places *p, struct findings *f);
void doctor_swap(const struct places *p, struct findings *f);
/* Files (doctor_files.c). */
void doctor_overlay(const struct places *p, struct findings *f);
void doctor_snapshotters(const struct places *p, struct findings *f);
void doctor_store(const struct places *p, struct findings *f);
void doctor_root(const struct places *p, struct findings *f);
/*
 * "ext4, 12 GiB free" of the file system that this directory is on, or will be made on. *ret is
 * zero where that cannot be told.
 */
void doctor_describe(const char *path, struct str *out, struct statvfs *ret);
/* Who else is here: a finding for each engine (doctor_engines.c). */
void doctor_engines(const struct places *p, struct findings *f);
/* Whether so many containers fit, and what stands in their way (doctor_density.c). */
void doctor_density(const struct places *p, uint64_t containers, struct findings *f);

#endif
