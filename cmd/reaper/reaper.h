/*
 * What cow-reaper holds: the template and its forks, whom it calls wards.
 *
 * One thread, and one epoll instance, from which one event is taken at a time: whoever handles it
 * may free any other source. Nothing here waits for anybody: output is read as it comes, answers are
 * sent or dropped, and what may have to wait for a lock is done by a process of its own (teller.h).
 */
#ifndef CMD_REAPER_REAPER_H
#define CMD_REAPER_REAPER_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "runtime/record.h"

/* An fd that is waited for: the first member of what it belongs to. */
struct reaper;
struct source {
	void (*ready)(struct reaper *r, struct source *s);
	int fd; /* -1: none */
};

struct reaper {
	struct home home;
	int epoll;
	struct source signals, listener;
	int spare;	     /* /dev/null: given up for an fd that is only taken to be closed */
	struct rlimit files; /* as it was found: for what the tellers start */
	struct ward *wards;  /* the template's among them */
	struct visitor *visitors;
	bool template_ended;
	bool due; /* some have ended, and it is nobody's to write that down */
};

int reaper_wait_for(const struct reaper *r, struct source *s); /* -errno */
/* Closes it. Others may have copies of the fd, and then it would be waited for all the same. */
void reaper_leave(const struct reaper *r, struct source *s);

/* A child that nobody has handed over: its wait status, for who does that while he is connected. */
void reaper_remember(const struct reaper *r, pid_t pid, int status);
/* Forgets it too. */
bool reaper_recall(pid_t pid, int *ret_status);
void reaper_forget(void);

#endif
