/*
 * Mount options: the words of config.json's mounts[].options as the kernel's flags.
 *
 * One table (mount_options[]) is read here, by `features`, and by a test that holds it against
 * libmount's. Words that it does not have are the file system's own and end up in `data`.
 */
#ifndef SPEC_MOUNTS_H
#define SPEC_MOUNTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "spec/spec.h"

struct mount_option {
	const char *name;
	uint64_t set, clear;	/* MOUNT_ATTR_*, of the mount */
	uint64_t rset, rclear;	/* the same for it and all below it (AT_RECURSIVE) */
	uint64_t propagation;	/* MS_SHARED and so on, perhaps with MS_REC */
	const char *superblock; /* a flag for fsconfig(FSCONFIG_SET_FLAG): "ro", "sync", "dirsync",
				   ... */
	const char *superblock_clear; /* takes that flag back: the word is its opposite */
	unsigned bits;		      /* enum mount_bits */
};

enum mount_bits {
	MOUNT_BIND = 1,
	MOUNT_RBIND = 2,
	MOUNT_TMPCOPYUP = 4,
	MOUNT_IDMAP = 8,
	MOUNT_RIDMAP = 16,
	MOUNT_REMOUNT = 32,
};

extern const struct mount_option mount_options[]; /* ends with a NULL name */

/* NULL when the word is none of ours: the file system's own, then. */
const struct mount_option *mount_option_find(const char *name);

struct mount_flags {
	uint64_t attr_set, attr_clear; /* for mount_setattr() of the mount itself */
	uint64_t rec_set, rec_clear;   /* of it and all below, before those */
	uint64_t asked_clear;	       /* of attr_clear: what a word names */
	uint64_t propagation[4];       /* applied one after the other */
	size_t n_propagation;
	unsigned bits;
	bool has_flags, has_atime; /* a word gives a flag; a way to keep access times */
	const char **data; /* "key=value" or "flag", in order, superblock flags behind them; a NULL
			      ends it. The words are the mount_spec's: they live as long */
	size_t n_data;
};

/*
 * Later words win over earlier ones. Superblock flags are only given for a file system, not for a
 * bind, and "ro" only where a device or file is behind a new one: that may be read-only itself,
 * while the superblock of a virtual one may be the host's too (then the mount's attribute does it
 * all). Atime bits in *_set come with all of MOUNT_ATTR__ATIME in *_clear, as the kernel wants it.
 * The caller ends it with mount_flags_done().
 */
int mount_flags_parse(const struct mount_spec *m, struct mount_flags *ret, struct err *e);

/* A clone of something on the host, and not a change of a mount that is there ("remount"). */
bool mount_flags_is_bind(const struct mount_flags *f);

/*
 * For a bind into a user namespace, whose source is mounted with these MOUNT_ATTR_*: keeps what it
 * may not take off. -EPERM where a word asks for that; `what` begins the message.
 */
int mount_flags_keep_locked(
	struct mount_flags *f, uint64_t source, const char *what, struct err *e);
/*
 * A destination as text without empty, "." and ".." components: "/proc/cpuinfo", "" for the root.
 * It is judged and mounted in this form. At most PATH_MAX - 2 bytes come in: a relative one is
 * taken as below "/".
 */
void mount_clean_path(const char *path, char out[PATH_MAX]);

void mount_flags_done(struct mount_flags *f);
DEFINE_AUTO(mount_flags, mount_flags_done)

#endif
