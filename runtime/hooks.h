/* Hooks of the runtime's side: prestart, createRuntime, poststart, poststop. */
#ifndef RUNTIME_HOOKS_H
#define RUNTIME_HOOKS_H

#include "spec/spec.h"

/*
 * Runs them in order, each with `state` (the container's state as JSON) on stdin, in the runtime's
 * namespaces and with its environment unless the hook has one of its own, in the directory
 * `bundle`. One that fails, or does not end in its time (it is killed), ends the row with an error.
 */
int hooks_run(const char *kind, const struct hook *hooks, size_t n, const char *state,
	const char *bundle, struct err *e);

/* The poststop hooks: one that fails is warned about, and the next runs (runtime.md#lifecycle). */
void hooks_run_last(const struct hooks *hooks, const char *state, const char *bundle);

#endif
