/*
 * systemd as the manager of a container's cgroup, asked through our program cowrun-systemd: a static
 * program cannot load libsystemd, and whoever does not ask for this manager shall not pay for it.
 *
 * A scope cannot be empty, neither when it is made nor later: systemd removes it. So the program
 * puts a child of its own in it, the keeper, which stays until the container's first process is
 * born there (manager_settle()), or until we are gone: a scope whose maker was killed goes by
 * itself, and nothing is to be undone.
 *
 * The talk is over a socket of packets (SOCK_SEQPACKET), which is the program's standard input:
 *
 *	we    "start MANAGER UNIT\n" properties "settled\n" properties	MANAGER: "system" or "user"
 *	it    "ok PATH"			the unit's group, below the root of the v2 hierarchy
 *	we    "settled"			the keeper goes, the other properties are set
 *	it    "ok PATH"			and it ends
 *
 *	we    "set MANAGER UNIT\n" properties				it    "ok PATH"
 *	we    "stop MANAGER UNIT\n"	a unit that is not there is none it    "ok "
 *
 * or, at any point, "error CODE TEXT", and it ends. Properties are the lines of property.h.
 */
#ifndef CGROUP_MANAGER_H
#define CGROUP_MANAGER_H

#include <sys/types.h>

#include "cgroup/unit.h"
#include "spec/base/err.h"
#include "spec/base/own.h"

#define MANAGER_PROGRAM "cowrun-systemd"

enum { MANAGER_PACKET_MAX = 64 * 1024, MANAGER_ANSWER_MAX = 8192 };

/* A scope that has its keeper still. */
struct manager {
	int socket; /* -1: none */
	pid_t pid;  /* the program: our child */
};

#define MANAGER_NONE                                                                               \
	{                                                                                          \
		.socket = -1                                                                       \
	}

/*
 * The scope, made and kept; `properties` are set as it is made, `settled` by manager_settle().
 * `ret_path`: its group; the caller frees. -EEXIST when there is a unit of that name, -ENOTCONN when
 * systemd cannot be reached.
 */
int manager_start(const struct unit *u, const char *properties, const char *settled,
	struct manager *ret, char **ret_path, struct err *e);
/* On return the keeper is gone. */
int manager_settle(struct manager *m, struct err *e);
void manager_done(struct manager *m);
DEFINE_AUTO(manager, manager_done)

/* On return systemd has written them to the group. */
int manager_set(const struct unit *u, const char *properties, struct err *e);

/* On return there is no unit of that name. */
int manager_stop(const struct unit *u, struct err *e);

#endif
