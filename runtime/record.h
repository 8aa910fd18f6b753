/*
 * The record of a container: what it has that must be found again, by whichever process comes
 * later.
 *
 * ROOT/ID/record is a journal of "key value" lines, appended with one write() each. A line that
 * names a resource is written before the resource is made, so whatever instant its maker is killed
 * at, the record names at least all there is to remove; `delete` works from it alone. A last line
 * that was cut off is ignored. Beside it lie config.json, as it was at create, and, until the
 * container is started, the socket `start`. The directory is locked (flock) while a verb changes
 * the container.
 */
#ifndef RUNTIME_RECORD_H
#define RUNTIME_RECORD_H

#include <stdbool.h>
#include <time.h>

#include "runtime/mark.h"
#include "spec/base/err.h"
#include "spec/base/own.h"

#define HOME_DEFAULT "/run/cowrun"
#define RECORD_FILE "record"
#define RECORD_CONFIG "config.json"
#define RECORD_SOCKET "start"
#define RECORD_RESOLVER "resolv.conf" /* of a container with a network: bound into it */

/* Where the records are: the state root. */
struct home {
	int fd; /* -1: it does not exist, so there are none */
	const char *path;
};

#define HOME_NONE                                                                                  \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* `create`: made (0700) where it is missing. Refuses one that others may write to; `usual`: an
 * ordinary user's, and no symlink, which somebody else may have left in /tmp. */
int home_open(const char *path, bool create, bool usual, struct home *ret, struct err *e);
void home_done(struct home *h);
DEFINE_AUTO(home, home_done)

struct record {
	char *id, *bundle;
	bool cut;		 /* its last line has no end: it, and others, may be missing */
	struct timespec created; /* 0: its maker did not get that far */
	char *cgroup;		 /* path of its group in the v2 hierarchy; NULL: none */
	unsigned cgroup_made;	 /* how many levels of that path we made */
	char *unit;		 /* systemd's, whose group that is; NULL: it is nobody's but ours */
	bool unit_of_user;	 /* of a user's own systemd */
	char *resctrl;		 /* the group of resctrl that we made, below its root; NULL: none */
	struct process_mark init; /* its first process */
	bool waits;		  /* it was created to be started through the socket */
	bool started;
	bool no_keyring;  /* its processes keep the session keyring of whoever makes them */
	bool shares_pids; /* it has no pid namespace of its own */
	bool no_poststop; /* nothing in its configuration is to be done when it is gone */
	/* What `cow` adds. */
	char *image, *store, *command;
	char *snapshotter; /* the way of its files (overlay/snapshot.h); NULL: overlay */
	char *network,
		*ports; /* "pasta", "host", "ns:PATH"; what is published, with blanks between */
	struct process_mark monitor, network_keeper;
	bool is_template;   /* containers are forked from its first process (runtime/template.h) */
	unsigned fork_wait; /* seconds: how long they wait for it; 0: as long as is usual */
	char *forked_from;  /* that of this template; NULL: it was executed */
	bool remove_at_exit;
	bool ended; /* exit_status and ended_at are known */
	int exit_status;
	struct timespec ended_at;
	char *oom; /* "limit 32 MiB, peak 32 MiB": the kernel killed in it for want of memory */
};

/* Reads ROOT/id/record. -ERR_NO_CONTAINER when there is no such directory; a record that cannot be
 * read is -ERR_DAMAGED, with `id` set in ret all the same. */
int record_read(const struct home *h, const char *id, struct record *ret, struct err *e);
/* The same of an open file, which may have lost its name since. */
int record_read_open(int journal, const char *id, struct record *ret, struct err *e);
void record_done(struct record *r);
DEFINE_AUTO(record, record_done)

/* ROOT/id made, locked, with a record that says whose it is. -EEXIST when the id is in use. */
int record_make(
	const struct home *h, const char *id, int *ret_dir, int *ret_journal, struct err *e);

/* ROOT/id, with O_PATH or O_RDONLY. -ERR_NO_CONTAINER: it is not there; -EMFILE and the like tell nothing of it. */
int record_open(const struct home *h, const char *id, int flags, struct err *e);

/* Somebody changes it right now. */
bool record_is_locked(const struct home *h, const char *id);

/* The lock, for a verb that changes the container; and its journal. */
int record_lock(const struct home *h, const char *id, int *ret_dir, struct err *e);
int record_open_journal(int dir, struct err *e);

/* Gives up the lock of a directory that is still open, and takes it again; `ret_removed`: somebody
 * else has removed the container meanwhile, and its id may be another one's. */
void record_unlock(int dir);
int record_relock(int dir, const char *id, bool *ret_removed, struct err *e);

/* One line more. */
int record_add(int journal, const char *key, const char *format, struct err *e, ...)
	__attribute__((format(printf, 3, 5)));

/* The directory and all in it. */
int record_remove(const struct home *h, const char *id, struct err *e);

/* "2026-11-22T14:00:00.123456789Z" (RFC 3339), the caller's. */
char *record_time_text(const struct timespec *at);

/* All ids, sorted. */
int record_list(const struct home *h, char ***ret_ids, size_t *ret_n, struct err *e);

#endif
