/*
 * The handshake, both sides of it: the one place that tells who waits for whom.
 *
 * The channel is a stream socket. Each message is a header and `len` bytes. A side that sees it closed
 * knows that the other is gone: a child before its execve() then leaves at once, so that a creator
 * that is killed leaves no half-born container.
 *
 *	parent (runtime/birth.c)             child (runtime/init/init.c)
 *	clone3 into the cgroup, execve    -> starts, undumpable
 *	[BEGIN { namespaces }]            -> makes them, while the parent draws up the plan
 *	PLAN with the fds                 -> reads it whole
 *	                                     [PLAN_USERNS: unshares]
 *	writes uid_map, gid_map           <- [NEED_MAPS]
 *	[GO]                              ->
 *	                                     [PLAN_FORK: forks; the parent gets the sibling]
 *	takes over the new pid            <- [FORKED { pid }]
 *	                                     root, mounts, devices
 *	createRuntime hooks               <- [PLAN_SYNC_MOUNTED: MOUNTED]
 *	[GO]                              ->
 *	                                     createContainer hooks
 *	keeps it, or hands it on          <- [PLAN_TERMINAL: TERMINAL, with the master's fd]
 *	                                     pivot_root, masks, identity
 *	records the pid; GO               -> waits for it: nothing foreign runs before the record
 *	returns from `create`             <- [PLAN_SYNC_READY: READY; then accepts on the start
 *	                                     socket, and takes GO from there: `start`]
 *	                                     startContainer hooks, the seccomp filter
 *	takes the fd, sends it to the agent <- [its filter has an agent: LISTENER { fd }, by write()]
 *	[GO]                              -> read(): execve() closes that fd
 *	                                     execve
 *	end of file: it runs              <- (the channel closes by itself)
 *	the failure, whole                <- or FAILED { failure } at any point, and _exit
 *
 * BEGIN, or a PLAN that is known by then, lies in the socket before the clone where it fits unread
 * (two wake-ups less); else the PLAN follows. The last GO may be sent at any time; the child meets
 * it when it gets there. What a successor says may be heard before the FORKED of who forked it.
 * `exec` has the same order with fewer steps.
 */
#ifndef RUNTIME_INIT_CHANNEL_H
#define RUNTIME_INIT_CHANNEL_H

#include <stdint.h>

#define INIT_NAME "cowrun-init"	    /* of the process, until it executes its program */
#define CHANNEL_FD 3		    /* where the child finds it */
#define CHANNEL_FDS_PER_MESSAGE 250 /* SCM_MAX_FD is 253 */

enum channel_type {
	CHANNEL_PLAN = 1, /* struct init_plan; its fds in this and in FDS messages before it */
	CHANNEL_FDS,
	CHANNEL_BEGIN, /* uint64_t CLONE_NEW*: make these for yourself, the plan follows */
	CHANNEL_GO,
	CHANNEL_NEED_MAPS,
	CHANNEL_FORKED, /* uint32_t pid, in the parent's pid namespace */
	CHANNEL_MOUNTED,
	CHANNEL_READY,
	CHANNEL_FAILED,	  /* struct failure */
	CHANNEL_LISTENER, /* int32_t: an fd of the child's, the agent's end of its seccomp filter */
	CHANNEL_TERMINAL, /* one fd beside the header: the terminal's master, nobody else's */
};

struct channel_header {
	uint32_t type, len;
};

/* What went wrong, in words; `code` is an errno whose reason the parent adds, or an enum err_code.
 */
struct failure {
	int32_t code;
	uint32_t reasoned; /* the text says the reason itself */
	char text[760];
};

#endif
