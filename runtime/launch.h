/*
 * From an image's name to a running container: what `cow run` needs beside container.h.
 *
 * launch() finds the image, reserves the name, mounts the layers, derives the config.json, and
 * creates. Everything it makes is named in the record first, so container_delete() takes it back.
 * The process that calls it is the container's monitor, or becomes it: it calls launch_ended().
 */
#ifndef RUNTIME_LAUNCH_H
#define RUNTIME_LAUNCH_H

#include "overlay/image.h"
#include "runtime/container.h"
#include "runtime/pattern.h"
#include "runtime/stock.h"
#include "spec/derive.h"

/* What containers of one image have in common. For forks, whom one process makes one after the other, what
 * the first has found out. */
struct launch_ground {
	struct store store;
	struct image image;
	struct pattern pattern;
	struct stock stock;
};

#define LAUNCH_GROUND_NONE                                                                         \
	{                                                                                          \
		.store = STORE_NONE, .stock = STOCK_NONE                                           \
	}

struct launch_options {
	const char *store, *image;
	struct launch_ground *ground; /* of both, for many launches; NULL: opened by each */
	const char *name;	      /* NULL: one is made of the image's name */
	const char *user;	      /* as people write it; NULL: the image's */
	const char *snapshotter;      /* the way of its files (overlay/snapshot.h); NULL: overlay */
	const char *cgroup_parent;    /* its group is made in that one; NULL: below the root */
	struct derive_options
		derive; /* user, pids controller and limits of files are filled in here */
	const struct network *network; /* user-mode; NULL: what derive.network says */
	const char *network_of;	       /* that of this container */
	bool is_template;	       /* as in create_options */
	unsigned fork_wait;	       /* ... */
	const struct fork_source
		*from; /* ... and this; its output goes to its log where ward.out is given */
	bool remove_at_exit;
	bool inside;		     /* as in create_options */
	const struct screen *screen; /* the terminal that it is shown on, or NULL */
};

struct launched {
	struct container container;
	struct spec spec;	     /* the container borrows it */
	struct patterned *patterned; /* or this, where it is one of many; NULL */
	struct str config;	     /* written, until the container is made */
};

#define LAUNCHED_NONE                                                                              \
	{                                                                                          \
		.container = CONTAINER_NONE                                                        \
	}

/* -ERR_NO_IMAGE. An image that is removed meanwhile fails a later launch, as it would without. */
int launch_ground_open(const struct launch_options *o, struct launch_ground *ret, struct err *e);
void launch_ground_done(struct launch_ground *g);
DEFINE_AUTO(launch_ground, launch_ground_done)

/*
 * The config.json that launch() would give a container of that name, but for what a network beyond the
 * kernel's own needs. `rootfs`: its files, where its accounts are looked up.
 */
int launch_derive(const struct launch_options *o, const struct image *image, const char *id,
	int rootfs, struct spec *ret, struct err *e);

/* -ERR_NO_IMAGE; what container_create() returns. */
int launch(
	const struct home *h, const struct launch_options *o, struct launched *ret, struct err *e);
void launched_done(struct launched *l);

/* Its log, among its files, made where it is missing: an fd that appends. */
int launch_open_log(const struct launched *l, struct err *e);
DEFINE_AUTO(launched, launched_done)

/* USER[:GROUP] by the account files of a container that runs, as they are now. */
int launch_resolve_user(
	const struct home *h, const char *id, const char *text, struct user *ret, struct err *e);

/*
 * A container of ours has ended with `status`: the record says so, and whether it was killed for
 * want of memory (its text is in ret_why, if that is not NULL); removed if it was to be. No error
 * when somebody removed it meanwhile; nor, if its first process is known to be `pid` (0: it is not), when
 * the id is another one's by now, or has its end written down already: then nothing is done.
 */
int launch_ended(const struct home *h, const char *id, pid_t pid, int status, char ret_why[160],
	struct err *e);

#endif
