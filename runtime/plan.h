/*
 * From what is asked for to what the child does.
 *
 * plan_create() and plan_exec() read documents and open host objects; they make nothing that
 * outlives their fds. Whether something can be done is found out here wherever it can be: the child
 * only performs.
 */
#ifndef RUNTIME_PLAN_H
#define RUNTIME_PLAN_H

#include "runtime/draft.h"
#include "runtime/filter.h"
#include "runtime/screen.h"
#include "spec/spec.h"

struct stock;

struct plan_inputs {
	const char *id;
	const char *bundle; /* absolute */
	int bundle_fd;
	int rootfs;	  /* a detached tree, taken; -1: root.path of the spec is cloned */
	int cgroup;	  /* the container's group, -1 without; borrowed */
	int start_socket; /* listening, taken; -1: it starts at once */
	int n_preserve;	  /* fds 3, 4, ... of ours that the program gets */
	int listener;	  /* of a template that it is to be: its fd 3, taken; -1: it is none */
	const int
		*stdio; /* of a template's fork: what become its standard streams, borrowed; NULL */
	pid_t template; /* whose fork it is; 0 */
	bool keyring;	/* a session keyring of its own */
	bool inside;	/* we are in a user namespace ourselves: userns_is_inner() */
	bool network;	/* it gets one, before its program starts */
	const struct filter *filter; /* seccomp's */
	const struct screen *screen; /* where its terminal is shown; NULL: nowhere that we know */
	struct stock *stock;	     /* as in create_options */
};

/* Who makes a container's new namespaces (CLONE_NEW*). Pure. */
struct plan_namespaces {
	uint64_t by_clone; /* clone3() */
	uint64_t by_child; /* its first process, before anything else */
	uint64_t behind;   /* `forks`: its first process, as the plan says */
	bool forks;	   /* and forks then: the container's first process is that child */
};

/* A fork is in the user namespace of its template. */
struct plan_namespaces plan_namespaces(const struct spec *spec, bool is_fork);

/* The plan is complete (draft_finish() is done). */
int plan_create(
	const struct spec *spec, const struct plan_inputs *in, struct draft *d, struct err *e);

struct exec_inputs {
	const struct spec *spec;	    /* the container's */
	const struct process_spec *process; /* what to run in it */
	const char *id;
	int pidfd; /* of the container's init; taken */
	int root;  /* its root directory; borrowed */
	const struct filter *filter;
	bool keyring;
	bool inside; /* no root of the host, or in a user namespace: as above */
	int n_preserve;
	const struct screen *screen;
};

int plan_exec(const struct exec_inputs *in, struct draft *d, struct err *e);

/* files.c: rootfs, devices, masks; and mounts by the next one. */
int plan_files(
	const struct spec *spec, const struct plan_inputs *in, struct draft *d, struct err *e);

/*
 * mounts.c. Whether what belongs to no namespace but the user namespace is made on the parent's side (prepared.h).
 */
bool plan_prepares(const struct spec *spec, const struct plan_inputs *in);

/*
 * mounts.c. `ret_dev_is_bound`: /dev is the host's, or another, and nothing is made in it. `ret_dev`: it is new, made
 * here already, and has what it is to have yet; borrowed; -1.
 */
int plan_mounts(const struct spec *spec, const struct plan_inputs *in, struct draft *d,
	bool *ret_dev_is_bound, int *ret_dev, struct err *e);

#endif
