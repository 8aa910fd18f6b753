/*
 * The birth of a process that is no child of ours: of a template's fork (runtime/template.h). From then on it
 * is runtime/birth.h's.
 */
#ifndef RUNTIME_FOREIGN_H
#define RUNTIME_FOREIGN_H

#include "runtime/birth.h"

/* As birth_begin(), over the connection to the template's stub (runtime/template/protocol.h). It will tell
 * FORKED, and has a pid from then on. The template is borrowed as long as birth_next() is called. */
int foreign_begin(const struct template *t, uint64_t by_clone, uint64_t by_child, int cgroup,
	struct birth *ret, struct err *e);

/* What it makes of namespaces, where foreign_begin() was not told. */
int foreign_tell(struct birth *b, uint64_t by_child, struct err *e);

/* For birth_next(): until it, or its template, says something. -ETIMEDOUT, -EINTR. */
int foreign_await(struct birth *b, struct err *e);

/* From now on it may take its time: what it waits for is not its template. */
void foreign_release(struct birth *b);

/* For birth_done(): what was sent and not heard is dropped. */
void foreign_take_back(struct birth *b);

#endif
