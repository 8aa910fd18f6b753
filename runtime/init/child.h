/*
 * The child: a process between its clone and its execve, performing a plan.
 *
 * A step that cannot be done ends the process: it reports over the channel and leaves, it never
 * unwinds. What it had made (mounts, namespaces) goes with it; what the host must undo, the parent
 * knows from its record.
 */
#ifndef RUNTIME_INIT_CHILD_H
#define RUNTIME_INIT_CHILD_H

#include <stdbool.h>

#include "runtime/init/channel.h"
#include "runtime/init/plan.h"
#include "runtime/init/sys.h"

struct child {
	struct init_plan *plan; /* the block, ours to change */
	int n_fds;
	int channel;	   /* to the parent, later to `start`; -1 once neither listens */
	uint64_t old_root; /* the mount that the pivot leaves behind */
	int hollow; /* of a fork: a mount namespace to make its own of; -1: the one that it is in */
	int root;   /* the container's root, O_PATH; -1 before rootfs and for exec */
	int clocks; /* timens_offsets of its process, until they are set */
	bool is_in_cwd;
	const char *step;
	int fds[PLAN_FDS_MAX]; /* by slot; at the end, as few pages of it are touched */
};

/* Says what was attempted and why it failed (code: errno, its reason is added by the parent). */
_Noreturn void child_fail(struct child *c, int code, const char *format, ...);
/* The same where the text says the reason itself. */
_Noreturn void child_refuse(struct child *c, int code, const char *format, ...);

/* Texts and lists of the plan. */
static inline const char *child_text(const struct child *c, place at)
{
	return at ? (const char *)c->plan + at : NULL;
}

static inline void *child_list(const struct child *c, place at)
{
	return (char *)c->plan + at;
}

static inline int child_fd(const struct child *c, int32_t slot)
{
	return slot >= 0 && slot < c->n_fds ? c->fds[slot] : -1;
}

/* channel.c */
/* Takes in the plan, and does what is said before it. */
void channel_receive_plan(struct child *c);
void channel_send(struct child *c, enum channel_type type, const void *payload, uint32_t len);
/* By write(): the one call that a seccomp filter must let us make. */
void channel_write(struct child *c, const void *message, size_t len);
void channel_send_fd(struct child *c, enum channel_type type, int fd);
void channel_wait_go(struct child *c);
/* For `create`: says READY, then takes the next GO from whoever connects to the start socket. */
void channel_wait_start(struct child *c);

/* namespaces.c: CLONE_NEW*, for this very process. */
void namespaces_make(struct child *c, uint64_t flags);

/* steps.c: all of them, in their order. */
void steps_perform(struct child *c);

/* The steps, each in the file of its noun. */
void clocks_open(struct child *c);
void limits_raise(struct child *c);
void namespaces_enter(struct child *c);
void session_begin(struct child *c);
void loopback_raise(struct child *c);
void names_set(struct child *c);
void root_attach(struct child *c);
void mounts_perform(struct child *c);
void devices_make(struct child *c);
void cwd_make(struct child *c);
void mounted_tell(struct child *c);
void create_hooks_run(struct child *c);
void terminal_make(struct child *c);
void root_pivot(struct child *c);
void sysctl_write(struct child *c);
void masks_apply(struct child *c);
void limits_set(struct child *c);
void memory_policy_set(struct child *c);
void labels_write(struct child *c);
void creator_follow(struct child *c);
void personality_set(struct child *c);
void cwd_enter_first(struct child *c);
void identity_take(struct child *c);
void cwd_enter(struct child *c);
void program_find(struct child *c);
void start_wait(struct child *c);
void start_hooks_run(struct child *c);
_Noreturn void program_run(struct child *c);
/* What of ours it gets, where its program finds it: standard streams (PLAN_RETURNS), 3, 4, ... */
void fds_place(struct child *c);

/* identity.c: the plan's, and `kept` in the permitted and the effective set; -errno. */
long caps_set(const struct init_plan *plan, uint64_t kept);
/* filter.c: the seccomp filter, for us just before execve(); -errno in the process of a hook. */
void filter_load(struct child *c);
long filter_load_for_hook(struct child *c);
/* knobs.c: writes a value to a file below the plan's procfs; -errno. */
long knob_write(struct child *c, const char *path, const char *value);

/*
 * target.c: a place in the container's root to mount on, made where it is missing (`ret_made`, which
 * may be NULL, says so): TARGET_* of plan.h.
 */
int target_open(
	struct child *c, const char *what, const char *path, uint32_t flags, bool *ret_made);
/* An O_PATH fd of `path` below the root, symlinks resolved inside of it; -errno. */
int target_find(const struct child *c, const char *path, int flags, uint64_t resolve);
void target_attach(struct child *c, const char *what, int tree, int target, const char *path);

/* mounts.c: mount_setattr(2) on what `fd` is, with AT_RECURSIVE on all below; -errno. */
long mount_change(int fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation);
/* What was mounted writable so that things could be made in it. */
void mounts_make_readonly(struct child *c);

/* mask.c: a detached tmpfs, read-only and without a name for anything, or -errno. */
long empty_tree(void);
/* The same; `attempt`: what fails without it. */
int empty_directory(struct child *c, const char *attempt);

/* copyup.c: all of the directory `from` into the tmpfs `to`; with its own owner and mode, too. */
void copy_up(struct child *c, const char *what, const char *path, int from, int to, bool with_root);

#endif
