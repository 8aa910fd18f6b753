/*
 * A third one, who watches the guardian (guardian.h): when that ends before its groups run again, or
 * does not thaw them when it should, the witness does, whatever the reader does.
 *
 * So groups run again after the death of any two of the three, and after a stop of the reader or
 * of the guardian beside.
 * LIMIT: not if the guardian and the witness are both killed, and the reader is stopped or killed
 * before its next look at them (frost_read()).
 * LIMIT: a guardian's locks go with it. Who asks in the moment between its death and that thaw is told
 * that the group is paused, and a pause that is made then is undone.
 */
#ifndef CGROUP_WITNESS_H
#define CGROUP_WITNESS_H

#include <stddef.h>

struct guard;

/* Lets those run that nobody looks after any more. Once it is known that the guardian has ended. */
void witness_thaw(struct guard *g);

/* Its whole life. `guardian`: a pidfd; `keep`: fds that stay open, sorted; one of them is that. */
_Noreturn void witness_run(struct guard *g, int guardian, const int *keep, size_t n_keep);

#endif
