/* CRIU's command line, its process, and its reasons; for runtime/checkpoint.c and restore.c. */
#ifndef RUNTIME_CRIU_H
#define RUNTIME_CRIU_H

#include "runtime/checkpoint.h"

enum criu_action { CRIU_DUMP = 1 << 0, CRIU_PRE_DUMP = 1 << 1, CRIU_RESTORE = 1 << 2 };

struct criu_words {
	char **v; /* NULL at the end */
	size_t n, room;
	const char *log; /* its name in the working directory: "dump.log" */
	bool failed;	 /* out of memory: told by criu_run() */
};

void criu_add(struct criu_words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void criu_words_done(struct criu_words *w);
DEFINE_AUTO(criu_words, criu_words_done)

/* "criu dump --images-dir ..." and all that `o` says. Pure. */
void criu_begin(struct criu_words *w, enum criu_action a, const struct checkpoint_options *o);

/* Its bind mounts, each by its destination: as what it is called in the images, or (`sources`) as
 * what it comes from. */
int criu_add_binds(struct criu_words *w, const struct spec *spec, bool sources, struct err *e);

struct criu_process {
	int cgroup;			  /* that it is born in; -1: ours */
	bool own_cgroups;		  /* in a cgroup namespace, of which that is the root */
	const char *rootfs, *mount_point; /* bound there in its own mounts; NULL: not */
	const int *fds;			  /* that it gets from CRIU_FDS on */
	int n_fds;
	const char *status_fd; /* the number of one of ours that it gets as it is; NULL */
	int silence_ms;	       /* so long it may say nothing; 0: CRIU_SILENCE_MS */
};

enum {
	CRIU_FDS = 1000, /* above all that the caller may have named */
	CRIU_SILENCE_MS = 120 * 1000,
};

/*
 * Runs it to its end. -ENOENT names the package. Who waits has the container's lock: so one that adds
 * nothing to its log for `silence_ms` is killed (-ETIMEDOUT), unless it is to wait for somebody else,
 * with lazy pages or a page server.
 */
int criu_run(struct criu_words *w, const struct checkpoint_options *o, const struct criu_process *p,
	struct err *e);

/* Pure: the last error of a log (cut in place), or its last line; "" of an empty one. */
const char *criu_reason(char *log);

#endif
