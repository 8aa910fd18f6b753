/*
 * A process by more than its number: numbers are used again, a number with its start time is not.
 */
#ifndef RUNTIME_MARK_H
#define RUNTIME_MARK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_mark {
	pid_t pid;	/* 0: none */
	uint64_t start; /* clock ticks since boot: field 22 of /proc/PID/stat */
};

/*
 * The mark of a living process; -errno (-ESRCH when there is none, or only its zombie). It lives as
 * long as one of its threads does, which the first need not be.
 */
int mark_take(pid_t pid, struct process_mark *ret);
/* Of a line of /proc/PID/stat, as it was when that was read. -EPROTO: it is none. */
int mark_read(const char *line, struct process_mark *ret);
bool mark_is_alive(const struct process_mark *mark);

/* A pidfd of exactly that process, -ESRCH when it is gone, or why it could not be had (-EMFILE). The
 * caller's. */
int mark_open(const struct process_mark *mark);

#endif
