/*
 * A container's life: the verbs, as `cowrun` and `cow` have them in common.
 *
 *	CREATING -> CREATED -> RUNNING <-> PAUSED -> STOPPED
 *
 * container_reserve() makes the record and holds its lock; container_create() makes the container
 * of it; a `struct container` that is ended (container_done()) before that is over takes back all
 * that was made. What exists afterwards is found again by id alone. Errors carry ERR_NO_CONTAINER
 * and ERR_NOT_RUNNING where these are the cause.
 */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include <stdbool.h>

#include "cgroup/cgroup.h"
#include "cgroup/manager.h"
#include "runtime/birth.h"
#include "runtime/network.h"
#include "runtime/rdt.h"
#include "runtime/record.h"
#include "runtime/screen.h"
#include "spec/spec.h"
#include "spec/state.h"

struct checkpoint_options;
struct fork_source;
struct stock;

struct container {
	const struct home *home;
	char *id;
	int dir, journal; /* the record's directory (locked) and journal */
	int root;	  /* of the cgroup hierarchy */
	struct cgroup cgroup;
	char *cgroup_path;
	struct unit unit;	    /* systemd's, whose group that is; without a name: none */
	struct manager manager;	    /* while the unit is kept alive for the first process */
	struct rdt rdt;		    /* its group of resctrl */
	struct birth birth;	    /* of its first process: our child */
	const struct draft *unsent; /* the plan of one that is to be moved into its group first */
	int fork_status; /* of a template's fork: where its end is told (reaper.h), or -1 */
	int standin;	 /* the pidfd of who stands in for it, our child; -1: nobody */
	struct process_mark network_keeper;
	char *bundle; /* absolute */
	char *store;  /* where its files are (overlay/stack.h); NULL: nowhere */
	const struct spec *spec;
	const char *config; /* its text; borrowed, as spec */
	size_t config_len;
	bool complete; /* container_done() leaves it be */
};

#define CONTAINER_NONE                                                                             \
	{                                                                                          \
		.dir = -1, .journal = -1, .root = -1, .cgroup = { .fd = -1 }, .standin = -1,       \
		.fork_status = -1, .manager = MANAGER_NONE, .rdt = RDT_NONE, .birth = BIRTH_NONE   \
	}

/* Who makes its cgroup. */
enum group_manager { GROUP_USUAL, GROUP_CGROUPFS, GROUP_SYSTEMD, GROUP_DISABLED };

struct create_options {
	const char *bundle;			   /* directory with config.json, as given */
	const char *pid_file;			   /* NULL: none */
	const char *console_socket, *pidfd_socket; /* who gets its terminal, its pidfd; NULL */
	const struct screen *screen;		   /* where its terminal is shown; NULL: nowhere */
	const struct network *network;		   /* that it gets; NULL: none */
	const struct checkpoint_options *restore;  /* its processes are restored; NULL: new */
	int rootfs; /* a detached mount, taken; -1: root.path of the spec */
	const struct fork_source
		*from;	     /* it is a template's fork (runtime/template.h); NULL: none */
	struct stock *stock; /* of what is made once for many; NULL: it is made for this one */
	int n_preserve;	     /* fds 3, 4, ... handed on */
	bool is_template;    /* others are to be forked from it */
	unsigned fork_wait;  /* then: as in its record */
	bool waits;	     /* `create`: its program starts at container_start() */
	bool attached;	     /* foreground_wait() follows, and tells of a failure to start */
	enum group_manager manager;
	bool inside;	    /* an ordinary user's: rootless_enter() is done */
	bool strict_cgroup; /* that he may not make its group is an error, whatever is asked of it */
	bool no_keyring;
	bool die_together; /* killed for want of memory, its group dies as a whole */
};

int container_reserve(const struct home *h, const char *id, struct container *ret, struct err *e);

/*
 * `spec` is borrowed for the life of `c`; `config` is its text, kept with the record. On return the
 * container exists: its program runs, or (waits) is about to, or (attached) is about to or fails to
 * and is not complete before the caller says so. On failure nothing of it is left but the record's
 * directory, which container_done() removes.
 */
int container_create(struct container *c, const struct spec *spec, const char *config, size_t len,
	const struct create_options *o, struct err *e);
void container_done(struct container *c);
DEFINE_AUTO(container, container_done)

/* Removes what an ended container has: its group, files, record; runs its poststop hooks. */
int container_clear(struct container *c, struct err *e);

/* Its files, in a store; no error when there are none. */
int container_remove_files(const char *store, const char *id, struct err *e);

/* --- of a container that is found by its id ------------------------------------------------------
 */

/* What it is, from its record and the kernel; a damaged record counts as what is left of it. */
enum state_status container_status(const struct home *h, const struct record *r);

int container_start(const struct home *h, const char *id, struct err *e);
/* Of a damaged record: to everybody in its group, found by name, and told. `all`: every process of its
 * group, and no error when there is none; so is SIGKILL where it has no
 * pid namespace of its own. */
int container_kill(const struct home *h, const char *id, int signal, bool all, struct err *e);
/* `force`: kills it first; then neither a missing container nor a damaged record is an error.
 * `store`: where its files may be if the record does not tell any more, NULL: nowhere. */
int container_delete(
	const struct home *h, const char *id, bool force, const char *store, struct err *e);
/* By force, by what was read under record_lock(), which is held: without it, another one could have got
 * the name. */
int container_delete_locked(const struct home *h, const struct record *record, struct err *e);
int container_freeze(const struct home *h, const char *id, bool frozen, struct err *e);

/* Sets what `r` says, and leaves what it does not say as it is; judged here. Not of a stopped one. */
int container_update(const struct home *h, const char *id, struct resources *r, struct err *e);

/* The pids in it. The caller frees. */
int container_processes(
	const struct home *h, const char *id, pid_t **ret, size_t *ret_n, struct err *e);

/* Its group, by its record: -ENOENT (no error text) when it has none. */
int container_cgroup(const struct record *r, struct cgroup *ret);

/* The config.json that it was created with. */
int container_spec(const struct home *h, const char *id, struct spec *ret, struct err *e);

struct exec_options {
	const struct process_spec *process;
	const char *pid_file;
	const char *console_socket, *pidfd_socket; /* as in create_options */
	const struct screen *screen;
	int n_preserve;
	bool ignore_paused;
	const char *cgroup; /* below the container's, "/" for that one; NULL: where it can be */
};

/* A further process in it, our child. `ret`: its birth, over. */
int container_exec(const struct home *h, const char *id, const struct exec_options *o,
	struct birth *ret, struct err *e);

/* How a process of ours ended. */
struct outcome {
	int status; /* exit status, or 128 + signal */
	bool killed;
	bool oom;      /* the kernel killed in its group for want of memory, and it was killed */
	char why[160]; /* "killed: out of memory (limit 32 MiB, peak 32 MiB)" */
};

/*
 * Waits for the process of a birth. An error tells why its program did not start (attached), or that
 * it was killed before it executed its program (-ECHILD): nothing shall be kept of it then. The
 * signals that we get meanwhile are passed on to it. `screen`: of screen_look(), where its terminal
 * is shown if it has one that is ours; NULL: it has none. `cgroup`: where to look for an OOM kill, -1
 * for nowhere. Call foreground_prepare() before the birth, so that no signal is lost.
 */
void foreground_prepare(void);
int foreground_wait(
	struct birth *b, struct screen *screen, int cgroup, struct outcome *ret, struct err *e);

/* Passes our signals on to a process that is nobody's child here, until it has ended. */
void foreground_attend(int pidfd);
/* The same of one with a terminal, which is shown meanwhile. */
void foreground_attend_shown(struct birth *b, struct screen *s);

/*
 * Shows a terminal that somebody else keeps: `output` is what he sends of it, `terminal` its master,
 * `pidfd` whom signals are for. Until its end (screen is_gone, and is_unseen where it is we who have
 * nobody to show it to), or until its user leaves (is_detached). After foreground_prepare().
 */
void foreground_show(struct screen *s, int output, int terminal, int pidfd);

#endif
