/*
 * What is the same for containers that one process makes alike, one after the other: found or made with the
 * first of them, and kept for the next.
 */
#ifndef RUNTIME_STOCK_H
#define RUNTIME_STOCK_H

#include "runtime/filter.h"

struct spec;
struct template;

struct stock {
	struct filter filter; /* of `section` */
	struct json_text section;
	int proc;		     /* a procfs (procfs.h), or -1 */
	int hierarchy;		     /* of cgroups, or -1 */
	bool is_looked_at, is_inner; /* userns.h */
	bool user_fits;		     /* the template's user namespace (template_check_user()) */
};

#define STOCK_NONE                                                                                 \
	{                                                                                          \
		.proc = -1, .hierarchy = -1                                                        \
	}

void stock_done(struct stock *s);

/* Each does what the function does whose name it has, where `s` is NULL too. Fds are the caller's. */

/* The filter is borrowed of the stock, or in `own`. */
int stock_filter(struct stock *s, const struct home *h, const struct json_text *section,
	struct filter *own, const struct filter **ret, struct err *e);
int stock_procfs(struct stock *s, struct err *e);
int stock_hierarchy(struct stock *s, int *ret, struct err *e);
bool stock_is_inner(struct stock *s);
int stock_check_user(
	struct stock *s, const struct template *t, const struct spec *spec, struct err *e);

#endif
