/*
 * A process in the background that makes a container: what it does to itself, and how the one in the
 * foreground hears of it. It becomes a program that stays (cow-monitor, cow-reaper) by execve().
 */
#ifndef CMD_COW_BACKGROUND_H
#define CMD_COW_BACKGROUND_H

#include <stdbool.h>
#include <sys/types.h>

#include "spec/base/err.h"
#include "spec/derive.h"

#define BACKGROUND_ID 128
#define BACKGROUND_FDS 16

struct background {
	int null, out[2], err[2]; /* of the pipes, the read ends are kept */
};

/* What a process in the background becomes: by execve(), or it returns, before anything was said. */
typedef int background_program(void *data, int tell, struct err *e);

/* Forks one, in a session of its own, which becomes it; what it fails with is said. Its process, or -errno;
 * `ret_said`, the caller's, is for background_hear(). */
pid_t background_begin(background_program *become, void *data, int *ret_said, struct err *e);

/* What is said meanwhile goes where it went, and not where the container's output goes. */
int background_keep_stderr(struct err *e);
/* The container's standard streams as ours: pipes, or nothing for one that makes a `terminal`. */
int background_streams(struct background *b, bool terminal, struct err *e);
/* A pipe that a container gets: its root may open it anew (/dev/stdout), whoever that is out here. */
void background_give(const struct derive_options *d, int fd);

/* from[first] to from[n - 1] at these numbers; all fds above are gone at the execve(). */
int background_place(const int *from, int first, int n, struct err *e);

/* How it began: an error, or (code 0) the container's name. */
void background_say(int to, const struct err *e, const char *id);
/* ... as our own error. */
int background_hear(int from, pid_t pid, char id[BACKGROUND_ID], struct err *e);

#endif
