/*
 * From an image to a container: image config and what the user asked for become a config.json.
 *
 * Pure. An image decides what runs by default and as whom; it never decides what its container may
 * do: its labels, ports and volumes select nothing here (CVE-2026-53488).
 */
#ifndef SPEC_DERIVE_H
#define SPEC_DERIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/image.h"
#include "spec/spec.h"
#include "spec/user.h"

enum derive_network {
	DERIVE_NETWORK_NONE, /* its own: loopback alone, unless somebody adds to it */
	DERIVE_NETWORK_HOST,
	DERIVE_NETWORK_JOINED, /* that of network_path */
};

/* A device of the host, and what may be done with it. */
struct derive_device {
	char *source; /* its path there */
	struct device_spec node;
	char *access; /* of "rwm" */
};

/* What the user asked for; zeroed is "nothing in particular". All of it is borrowed. */
struct derive_options {
	const char *const *args; /* in the place of the image's command */
	size_t n_args;
	const char *entrypoint; /* in the place of the image's, whose command goes with it; "":
				   none. NULL: not given */
	const char *const *env; /* "NAME=VALUE", over the image's */
	size_t n_env;
	const char *workdir;
	const struct user *user; /* resolved already; NULL: root */
	const char *hostname;
	const char *rootfs; /* root.path; NULL: "rootfs" */
	const char *cgroups_path;
	bool read_only;
	bool terminal;
	bool allow_new_privileges;
	bool template; /* others are forked from it, so it keeps what they need (profile.h) */
	const char *python_path; /* a directory to be first in PYTHONPATH, or NULL */
	enum derive_network network;
	const char *network_path;
	const char *resolver; /* a file, bound to /etc/resolv.conf; NULL: the image's */
	/* A user namespace with the ids of these rows' `inside`, which are called the same outside;
	 * none: none. With one group, no supplementary one can be set: an image's are left out. */
	const struct id_map *uids, *gids;
	size_t n_uids, n_gids;
	bool ids_of_host; /* no: what the rows' `outside` says is what they are called outside */
	const struct mount_spec *volumes; /* of derive_volume_parse() */
	size_t n_volumes;
	const struct string_pair *annotations;
	size_t n_annotations;
	struct resources
		limits; /* numbers and cpusets; memory.swap not given: as memory, no swap */
	bool has_pids_controller;	   /* then 2048 is the limit unless asked otherwise */
	const struct rlimit_spec *rlimits; /* over the usual ones */
	size_t n_rlimits;
	const struct derive_device *devices; /* beside the usual ones */
	size_t n_devices;
	struct opt_i64 oom_score_adj;
	struct opt_i64 shm_size;	 /* bytes of /dev/shm; 0: no limit of its own */
	bool no_seccomp;		 /* no filter: every system call of the kernel */
	const char *seccomp_file;	 /* what errors call ... */
	const struct json_text *seccomp; /* ... this profile; NULL: the default one */
	uint64_t nofile_hard;		 /* the host's hard limit; 0: leave the limits alone */
};

#define DERIVE_STOP_SIGNAL "org.opencontainers.image.stopSignal" /* annotation: the image's */
#define DERIVE_PIDS_LIMIT 2048
#define DERIVE_TERM "TERM=xterm" /* of who has a terminal and is not told otherwise */

/* Untouched on failure; the caller ends it with spec_done(). It is not validated yet. */
int derive_spec(const struct image_config *image, const struct derive_options *options,
	struct spec *ret, struct err *e);

/* "nofile=1024:2048" as a limit of processes; names in any case. */
int derive_ulimit_parse(const char *text, struct rlimit_spec *ret, struct err *e);

/* "/dev/x[:/dev/y][:rwm]": all but what it is on the host. */
int derive_device_parse(const char *text, struct derive_device *ret, struct err *e);
void derive_device_done(struct derive_device *d);

/* "SRC:DST[:OPTIONS]" as a bind mount. The caller ends it with mount_spec_done(). */
int derive_volume_parse(const char *text, struct mount_spec *ret, struct err *e);

#endif
