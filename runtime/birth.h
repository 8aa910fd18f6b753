/*
 * A birth: the parent's side of the handshake in runtime/init/channel.h.
 *
 * birth_begin() leaves a process that makes its namespaces and awaits a plan, or has it already, and
 * performs it; the caller records it, lets it go on, and hears how it went. A birth that is given up
 * (birth_done() before it is over) kills what was being born.
 */
#ifndef RUNTIME_BIRTH_H
#define RUNTIME_BIRTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/draft.h"
#include "runtime/init/channel.h"

struct template;

struct birth {
	pid_t pid;
	int pidfd, channel;
	int listener; /* what CHANNEL_LISTENER came with: see notify.h */
	bool forks;   /* it will tell FORKED, and has not yet */
	bool foreign; /* it is a template's fork, and no child of ours (runtime/foreign.h) */
	/* Then: whose, borrowed. We wait as long as that one is waited for; NULL: as long as it takes. */
	const struct template *from;
	/* The other end of the channel, until the template has answered: -1. What was sent to one that does
	 * not answer is taken back, or it held our streams and mounts for as long as it pleases. */
	int theirs;
	bool helped;  /* its template has not said yet that whoever forked it has left its group */
	bool over;    /* the process is somebody's: birth_done() leaves it alone */
	bool unheard; /* all is said to it, and whether its program runs was not waited for */
	bool awaits_mounted, awaits_terminal; /* it will tell MOUNTED, TERMINAL, and has not yet */
	int terminal; /* then: the master of its terminal, unless `console` got it; -1: none */
	int console;  /* a connection that gets it (runtime/handover.h), ours; -1: none */
};

#define BIRTH_NONE                                                                                 \
	{                                                                                          \
		.pidfd = -1, .channel = -1, .listener = -1, .terminal = -1, .console = -1,         \
		.theirs = -1                                                                       \
	}

/*
 * `by_clone`, `by_child`: CLONE_NEW* for clone3(), and for the process itself. `cgroup`: a directory
 * fd (-1: ours) that it is born in. `d`: its plan; NULL: birth_send() follows. The draft's fds are
 * sent, and may be closed afterwards.
 */
int birth_begin(uint64_t by_clone, uint64_t by_child, int cgroup, const struct draft *d,
	struct birth *ret, struct err *e);
int birth_send(struct birth *b, const struct draft *d, struct err *e);
void birth_done(struct birth *b);
DEFINE_AUTO(birth, birth_done)

int birth_go(struct birth *b, struct err *e);

/*
 * What the child says next: CHANNEL_NEED_MAPS, CHANNEL_FORKED (the birth is then that of the new
 * process), CHANNEL_MOUNTED, CHANNEL_TERMINAL, CHANNEL_READY, CHANNEL_LISTENER (with its fd, which is
 * the birth's); 0: it has executed its program, or died. A failure is returned as an error.
 */
int birth_next(struct birth *b, enum channel_type *ret, struct err *e);

/*
 * Of a process that has ended and is not yet waited for. Whether it got to its program: only the
 * init has its name, and the channel's end looks the same for both. And the error of one that did
 * not; `cgroup` -1: none to ask whether memory was short.
 */
bool birth_was_over(const struct birth *b);
/* Whether it has ended. While it has not, its pid is its own, and what was read by that number is of it. */
bool birth_has_ended(const struct birth *b);
int birth_died(const struct birth *b, int cgroup, struct err *e);

/* What one that has ended had to say, as an error: that of a failure, or of its end. 0: it lives,
 * and `e` is as it was. */
int birth_last_words(struct birth *b, int cgroup, struct err *e);

/*
 * The same conversation over another connection, with a process that waits for it (`start`). Takes
 * both fds; the process is not ours.
 */
struct birth birth_of_start(pid_t pid, int pidfd, int channel);

#endif
