/*
 * The containers of one trial: brought up, known by what a census can be asked for, taken down.
 *
 * What is left of a fleet whose process was killed is taken down by the same names.
 */
#ifndef CMD_DENSITY_FLEET_H
#define CMD_DENSITY_FLEET_H

#include "cmd/density/schedule.h"
#include "cmd/density/stage.h"

/* A pid, or the whole line of /proc/PID/stat. */
#define PIDFILE_MAX 1024

/* One container. */
struct ship {
	char *name, *bundle, *pidfile;
	char **start, **stop; /* command lines; to stop the floor there is none */
	pid_t pid;	      /* where it is not known by its name: from its pidfile */
	double start_ms, stop_ms;
	bool up;
};

struct fleet {
	const struct stage *stage; /* borrowed */
	const struct way *way;	   /* NULL: an engine of the experiment */
	const struct variant *variant;
	const char *way_name;
	uint64_t count; /* of the trial: {n} */
	struct ship *v;
	size_t n;
	char *template;		/* the name of what they are forks of */
	char **before, **after; /* command lines of the trial, or NULL */
	bool is_ready;		/* `before` has been done */
	bool is_unsure;		/* of which are up: some were on their way when it ended */
	double looked_ms;	/* when the host's memory was looked at */
	uint64_t keep_free;	/* bytes of the host that are left alone; 0: all may go */
	void (*progress)(void *context, const char *what, size_t n, size_t of);
	void *progress_context;
	double up_ms, down_ms;
};

/* `prefix` begins all names. Makes the bundles, and starts nothing. */
int fleet_make(const struct stage *s, const struct trial *t, const char *prefix, struct fleet *ret,
	struct err *e);

/*
 * -ENOBUFS: the host has no more memory to give, and those that are up stay; -EINTR: interrupted;
 * -ECHILD: a start has failed.
 */
int fleet_up(struct fleet *f, struct err *e);

/*
 * All of them that are up; `all`: whether they are known to be or not, and failures are nothing. None of
 * a fleet that was never made.
 */
int fleet_down(struct fleet *f, bool all, struct err *e);

/* Which of the ways it is, as fleet_up() and what makes a fleet must know. */
bool fleet_is_floor(const struct fleet *f);
bool fleet_is_ours(const struct fleet *f);

/*
 * After each start: told, and asked whether there may be one more (-ENOBUFS, -EINTR). `n` are up.
 */
int fleet_tick(struct fleet *f, size_t n, struct err *e);

size_t fleet_count_up(const struct fleet *f);

void fleet_done(struct fleet *f);
DEFINE_AUTO(fleet, fleet_done)

#endif
