/*
 * Checkpoints of containers, by CRIU, which is a program of its own: its command line is what we
 * say to it, and its log is what it says to us.
 *
 * An image directory is CRIU's own, and beside its files descriptors.json: what the standard
 * streams of the first process were, as CRIU calls them, so that a restore can put ours in their
 * place. A restored container is made by container_create() (create_options.restore),
 * born in its cgroup, and has a record as any other.
 *
 * LIMIT: no terminals (only CRIU's RPC hands out their masters); hooks of creation are not run by a
 * restore; groups below the container's own are not made again.
 */
#ifndef RUNTIME_CHECKPOINT_H
#define RUNTIME_CHECKPOINT_H

#include "runtime/container.h"

#define CHECKPOINT_IMAGE "checkpoint" /* the image directory where none is named */
#define CHECKPOINT_DESCRIPTORS "descriptors.json"

/* Words of the command line, borrowed; which of them CRIU takes for what: criu_options[]. */
struct checkpoint_options {
	const char *image, *work, *parent; /* directories; work NULL: image */
	const char *page_server, *status_fd, *lsm_profile, *lsm_mount_context;
	const char *const *empty_ns; /* "network" */
	size_t n_empty_ns;
	bool leave_running, pre_dump, tcp_established, tcp_close, ext_unix_sk, shell_job,
		file_locks, link_remap, auto_dedup, lazy_pages;
};

/*
 * The container has ended, and is removed, unless it is to be left running. On failure it runs on,
 * and the error is CRIU's own reason, with the path of its log.
 */
int container_checkpoint(
	const struct home *h, const char *id, const struct checkpoint_options *o, struct err *e);

#endif
