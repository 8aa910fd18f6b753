/*
 * The reaper of a template: cow-reaper, a program of its own.
 *
 * It is the parent of the template's process and, as a subreaper, of all containers that are forked
 * off it, whose maker leaves at once. It copies their output into their logs, and reaps them; their
 * ends it writes down by launch_ended(). The process that started the template becomes it by an
 * execve(), as with cow-monitor, with its fds where this header says. It stays until the template
 * has ended and no fork of it is left.
 *
 * `cow fork` connects to it before it asks the template for a fork, and hands each over before the
 * child's last GO:
 *
 *	reaper_reach() ... TEMPLATE_FORK ... CHANNEL_FORKED, the record has its mark ... reaper_hand()
 *
 * A fork that dies in between is remembered, as long as that connection stands.
 */
#ifndef RUNTIME_REAPER_H
#define RUNTIME_REAPER_H

#include <stdint.h>
#include <sys/types.h>

#include "runtime/record.h"

#define REAPER_PROGRAM "cow-reaper"
#define REAPER_SOCKET "reaper" /* beside the template's record: SOCK_SEQPACKET */

/*
 * argv: cow-reaper ROOT NAME PID: the state root as an absolute path, the template's name, and its
 * process, the reaper's child. Standard streams are /dev/null. PR_SET_CHILD_SUBREAPER was set before
 * that process was born.
 */
enum reaper_fd {
	REAPER_OUT = 3,	 /* the read ends of the template's standard output and error */
	REAPER_ERR,	 /* ... */
	REAPER_LOG,	 /* appended to */
	REAPER_LISTENER, /* reaper_listen() */
	REAPER_FDS,
};

/* What is handed over. Fds are borrowed (the reaper gets copies), -1: none. */
struct reaper_ward {
	const char *id; /* of the container: its record names its first process already */
	pid_t pid;	/* that process, an orphan that has become the reaper's child */
	int out, err;	/* read ends of its standard output and error, which go to */
	int log;	/* this file, opened for O_APPEND */
	/*
	 * The write end of a pipe: when the process has ended, its wait status as an int (4 bytes);
	 * when that is in the record as well, and it is removed if it was to be, the pipe's end.
	 */
	int status;
};

#define REAPER_WARD_NONE                                                                           \
	{                                                                                          \
		.out = -1, .err = -1, .log = -1, .status = -1                                      \
	}

/* The socket that listens, in the directory of the template's record. */
int reaper_listen(int dir, struct err *e);

/* A connection to the reaper of the template whose record is in `dir`: its fd. -ECONNREFUSED and
 * -ENOENT when there is none: the template has ended. */
int reaper_reach(int dir, struct err *e);

/* Any number one after the other on one connection. An error leaves the fork nobody's: it is to be
 * killed, and may not go on. -ECHILD: no child of the reaper's; -EMFILE: it can have no more. */
int reaper_hand(int connection, const struct reaper_ward *w, struct err *e);

/*
 * An fd that becomes readable when the end of that container (`pid`: its first process) is written
 * down: there is an int32_t then; at once, if the reaper does not know of it. Or when nobody is there to
 * do it, or the reaper had no fd left for us: then it is at its end. `dir` as above; the container may be
 * the template itself. -ECONNREFUSED and -ENOENT: there is no reaper (any more).
 */
int reaper_watch(int dir, const char *id, pid_t pid);

/*
 * Waits for that, of a container by its record: 1; 0: not yet. timeout_ms -1: for as long as it takes.
 * Whoever has no room for us, and closes, is no end: he is asked again. `*watch` is -1 at first, kept for
 * the next call, and the caller's to close. -errno: we have no fd to wait with.
 */
int reaper_await(const struct home *h, const struct record *r, int timeout_ms, int *watch);

/* --- the reaper's side ---------------------------------------------------------------------------
 */

#define REAPER_ID_MAX 128

enum reaper_verb { REAPER_HAND = 1, REAPER_WATCH };

/* Which fds come with it, in this order. */
enum reaper_has {
	REAPER_HAS_OUT = 1,
	REAPER_HAS_ERR = 2,
	REAPER_HAS_LOG = 4,
	REAPER_HAS_STATUS = 8
};

/* One message; the answer is an int32_t, 0 or -errno. */
struct reaper_message {
	uint32_t verb, has;
	int32_t pid;
	char id[REAPER_ID_MAX]; /* ends with a zero; what is behind that is not sent */
};

/* A message with its fds, which are the caller's then (as in a ward, without id): 1; 0 at the end of
 * the connection; -errno, -EMFILE when its fds had no room and were dropped. Does not wait. */
int reaper_receive(int connection, struct reaper_message *ret, struct reaper_ward *ret_fds);
int reaper_answer(int connection, int32_t result);

#endif
