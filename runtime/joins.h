/* The namespaces that a container joins: those that its configuration names by path; and a template's fork
 * also ours where it is to have none of its own, since by itself it would be in its template's. */
#ifndef RUNTIME_JOINS_H
#define RUNTIME_JOINS_H

#include <sys/types.h>

#include "runtime/draft.h"
#include "spec/spec.h"

/* `template`: the process that it is forked from; 0: none. */
int plan_joins(const struct spec *spec, pid_t template, struct draft *d, struct err *e);

#endif
