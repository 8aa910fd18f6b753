/*
 * The stub: the template's side of a fork. Freestanding, as runtime/init/ is, so that it can live in
 * any program.
 */
#ifndef RUNTIME_TEMPLATE_STUB_H
#define RUNTIME_TEMPLATE_STUB_H

#include "runtime/init/child.h"

struct stub {
	int listener;
	long (*fork)(void);   /* libc's, or the system call: as fork(2), -errno */
	bool bears_freezing;  /* the program has said so */
	void (*before)(void); /* in the template, before each fork; any of these may be NULL */
	void (*after_parent)(void); /* in the template, after it */
};

/*
 * Serves as a template for ever. Returns in each fork, when it has become its container and has
 * nothing left of the template but its memory: the child that it was, with the plan, whose argv and envp are lists of pointers.
 */
struct child *stub_serve(const struct stub *stub);

#endif
