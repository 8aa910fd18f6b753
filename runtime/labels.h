/*
 * Labels of the security modules: AppArmor's profile, SELinux' context.
 *
 * A label that is asked for and not applied would be a hole: where the kernel does not have the
 * module, it is refused, never warned about.
 */
#ifndef RUNTIME_LABELS_H
#define RUNTIME_LABELS_H

#include "runtime/draft.h"
#include "spec/base/str.h"
#include "spec/spec.h"

/* The names of the kernel's security modules, "capability,landlock,bpf"; empty: it does not tell. */
void labels_modules(struct str *ret);

/*
 * What the child writes, and where. `first`: the container's own process, whose labels hold where
 * `p` has none (NULL: there is no other). `modules`: as labels_modules() has them.
 */
int labels_plan(const struct process_spec *p, const struct process_spec *first, const char *modules,
	struct draft *d, struct err *e);

/* True when any is asked for: who asks for none need not know of modules. */
bool labels_asked(const struct process_spec *p, const struct process_spec *first);

#endif
