/*
 * The plan: all that the child knows.
 *
 * The parent draws it up (runtime/plan.c) while the child makes its namespaces, and before it makes
 * anything else; the child performs it by the table init_steps[] (init.c). `run`, `create`, `exec` and `fork` draw up different plans of this
 * one kind. It travels over the channel as one block of bytes with host objects beside it as fds,
 * so it holds no pointers: a text or list is a `place`, its offset in the block (0: absent), and a
 * host object is a `slot`, its number among the fds (-1: none). Every host object is an fd, and a
 * mount of the host is a detached tree, one for each use: a child that has left the host's mount
 * namespace may no longer clone from it, and no path of the host is resolved on the child's side
 * (but `root_place`, for hooks, before anything of the container is mounted).
 */
#ifndef RUNTIME_INIT_PLAN_H
#define RUNTIME_INIT_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* A template may have been built with a stub of another make: then this is another number. The size alone is the
 * same where four bytes more or less are blanks at the end. */
#define PLAN_MAGIC                                                                                 \
	(0x636f7772u + ((uint32_t)sizeof(struct init_plan) << 8) +                                 \
		((uint32_t)offsetof(struct init_plan, preserve) << 18))
#define PLAN_FDS_MAX 1024
#define PLAN_BYTES_MAX (8u << 20)

typedef uint32_t place; /* the one typedef of the house: a bare number would not say what it is */

enum plan_flags {
	PLAN_FORK = 1 << 0,   /* fork once namespaces are joined: the pid namespace starts there */
	PLAN_USERNS = 1 << 1, /* make a user namespace and wait for the parent to write its maps */
	PLAN_CGROUPNS = 1 << 2, /* unshare the cgroup namespace: its root is where we are by then */
	PLAN_LOOPBACK = 1 << 3, /* bring `lo` up in the new network namespace */
	PLAN_ROOTFS = 1 << 4,	/* set up the root file system and pivot into it */
	PLAN_ROOT_READONLY = 1 << 5,
	PLAN_DEV = 1 << 6,	    /* links in /dev: it was not made by the parent (prepared.h) */
	PLAN_BIND_DEVICES = 1 << 7, /* devices are bind mounts of the host's, as mknod is refused */
	PLAN_SYNC_MOUNTED = 1 << 8, /* tell MOUNTED and wait for GO: the parent has hooks to run */
	PLAN_SYNC_READY = 1 << 9,   /* tell READY: `create` returns then */
	PLAN_NO_NEW_PRIVS = 1 << 10,
	PLAN_SET_CAPS = 1 << 11,
	PLAN_KEYRING = 1 << 12,
	PLAN_SETSID = 1 << 13,
	PLAN_KEEP_GROUPS = 1 << 14, /* where setgroups() is denied: ours stay, an ordinary user's */
	PLAN_MAKE_CWD = 1 << 15,    /* create the working directory where it is missing */
	PLAN_CHECK_LOADER = 1 << 16, /* look for the program's interpreter before saying READY */
	PLAN_TIMENS = 1 << 17,	     /* make a time namespace, which begins with the fork */
	PLAN_LINUX32 = 1 << 18,	     /* a personality of its own: PER_LINUX32, */
	PLAN_LINUX = 1 << 19,	     /* or PER_LINUX */
	PLAN_RETURNS =
		1 << 20, /* a fork of a template: it executes nothing, but returns into what it
				   is already */
	PLAN_TERMINAL = 1 << 24,    /* a new terminal as standard streams; TERMINAL tells of it */
	PLAN_CONSOLE = 1 << 25,	    /* and as /dev/console */
	PLAN_PLAIN_LINES = 1 << 26, /* it adds no carriage return to lines */
	PLAN_CHROOT = 1 << 27, /* the mount namespace is not its own: change root, pivot nothing */
};

struct plan_join {
	int32_t slot;	/* a namespace, or a pidfd of a process in several */
	uint32_t flags; /* CLONE_NEW* */
};

enum mount_kind {
	MOUNT_KIND_NEW,	   /* a file system of its own: fsopen(type) */
	MOUNT_KIND_TREE,   /* a detached tree from the parent, its flags set already */
	MOUNT_KIND_CHANGE, /* "remount": new flags and options for what is there */
};

enum mount_op_flags {
	TARGET_FILE = 1 << 0, /* the mount point is a file (else a directory) */
	TARGET_ORDINARY =
		1 << 1, /* no component may be a symlink: /proc, /sys, /dev (CVE-2019-16884) */
	TARGET_ROOT = 1 << 2,	      /* on "/": what comes later lies on top of it */
	MOUNT_TAKE_MODE = 1 << 3,     /* its root has the mode of the directory that it covers */
	MOUNT_COPY_UP = 1 << 4,	      /* and all that is in there: "tmpcopyup" */
	MOUNT_COPY_ROOT = 1 << 5,     /* with that directory's owner and mode */
	MOUNT_READONLY_LATE = 1 << 6, /* when all is there that has to be made in it */
};

struct mount_op {
	uint32_t kind, flags;
	place name;   /* "mounts[3]": what messages call it */
	place target; /* absolute, in the container */
	place type, source;
	place params; /* place[n_params]: "key=value" or "flag", for fsconfig() */
	uint32_t n_params;
	int32_t tree;
	uint32_t n_propagation;
	uint64_t attr_set, attr_clear; /* MOUNT_ATTR_* */
	uint64_t rec_set, rec_clear;   /* CHANGE: the same, for all below as well, before those */
	uint64_t propagation[4];       /* MS_SHARED and so on, MS_REC for all below */
};

struct plan_device {
	place path;			       /* absolute; directly in /dev for the default ones */
	uint32_t mode, major, minor, uid, gid; /* mode with S_IFMT */
	int32_t tree; /* the host's device, where it is bound and not made */
};

struct plan_pair {
	place key, value;
};

struct plan_rlimit {
	uint32_t resource;
	place name; /* what messages call it */
	uint64_t soft, hard;
};

struct plan_memory_policy {
	uint32_t mode, n_nodes; /* mode with its flags; as many bits */
	place name, list;	/* what messages call it and them */
	place nodes;		/* uint64_t[] */
};

/* What a fork of a template would have had of its creator, had it been executed (runtime/creator.c). */
struct plan_creator {
	uint64_t timer_slack_ns;
	uint32_t securebits, personality;
};

struct plan_label {
	place what, file; /* what messages call it; below a procfs: a file of the process itself */
	place fallback;	  /* the file where that one is not there; 0: none */
	place value;
};

struct plan_hook {
	place path, argv, envp; /* argv, envp: as below */
	int32_t timeout_ms;	/* -1: none */
};

/* Lists of strings for execve(): uint64_t[n + 1], offsets that the child turns into pointers. */

struct init_plan {
	uint32_t magic, size, flags;
	int32_t n_slots;
	/* namespaces */
	uint32_t unshare; /* CLONE_NEW*, with PLAN_FORK: by that, behind the user namespace */
	uint32_t n_joins;
	place joins; /* struct plan_join[], in this order */
	place hostname, domainname;
	place time_offsets; /* what is written to timens_offsets */
	/* files */
	int32_t rootfs;	    /* the root, a detached tree; for exec with PLAN_CHROOT its directory */
	place root_place;   /* where hooks look for it on the host; nothing: nobody does */
	int32_t null_tree;  /* the host's /dev/null, read-only, detached: what masks files */
	int32_t empty_tree; /* what masks directories; -1: the child makes it */
	int32_t proc;	    /* a private procfs, detached: the only one that is written through */
	uint32_t n_mounts, n_devices, n_masked, n_readonly;
	place mounts, devices;	    /* struct mount_op[], struct plan_device[] */
	place masked, readonly;	    /* place[] of paths */
	uint64_t root_propagation;  /* for the whole tree while setting up (MS_PRIVATE, MS_SLAVE, 0)
				     */
	uint64_t final_propagation; /* for "/" at the end; 0: as it is */
	/* knobs */
	uint32_t n_sysctl, n_rlimits;
	place sysctl;  /* struct plan_pair[]: path below /proc/sys, value */
	place rlimits; /* struct plan_rlimit[] */
	place oom_score_adj;
	place memory_policy; /* struct plan_memory_policy */
	place creator;	     /* struct plan_creator; nothing: it is inherited */
	uint32_t n_labels;
	place labels;	     /* struct plan_label[]: of security modules, for the execve() */
	place keyring_label; /* SELinux' for the session keyring */
	/* who */
	uint32_t uid, gid, umask, n_gids;
	place gids; /* uint32_t[] */
	uint64_t caps_bounding, caps_effective, caps_permitted, caps_inheritable, caps_ambient;
	/* what */
	place cwd, argv, envp;
	place path; /* the value of PATH in envp: where argv[0] is looked for */
	/* the seccomp filter: struct sock_filter[n], and SECCOMP_FILTER_FLAG_*; n 0: none */
	uint32_t n_filter, filter_flags;
	place filter;
	uint16_t rows, columns; /* of the terminal; 0: nobody says */
	/* hooks on this side; `state` is the JSON for their stdin, before and after the pid's
	 * digits */
	uint32_t n_create_hooks, n_start_hooks;
	place create_hooks, start_hooks; /* struct plan_hook[] */
	place state_creating, state_created, state_tail;
	place bundle; /* where createContainer hooks run, while the host's files are there */
	/* how it starts: at once after GO, or when somebody connects here (slot of a listening
	 * socket) */
	int32_t start_socket;
	/* PLAN_RETURNS: slots of its standard streams, which others inherit; -1: /dev/null */
	int32_t stdio[3];
	/* fds that become 3, 4, ... in the program */
	uint32_t n_preserve;
	place preserve; /* int32_t[]: slots */
};

#endif
