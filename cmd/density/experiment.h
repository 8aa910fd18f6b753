/*
 * An experiment: what is started, how often, in which ways, under which settings of the host.
 *
 *	{ "name": "one image, many containers", "image": "debian:bookworm", "command": ["sleep", "inf"],
 *	  "counts": [1, 10, 100], "ways": ["overlay", "copy"], "repetitions": 3 }
 *
 * A document that people write: an unknown key is an error, and all that can be found wrong is found
 * before anything is started. What it leaves out has the values of experiment_usual().
 */
#ifndef CMD_DENSITY_EXPERIMENT_H
#define CMD_DENSITY_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/json.h"
#include "spec/base/opt.h"
#include "spec/base/own.h"

#define EXPERIMENT_COUNT_MAX 100000 /* of containers at once */
#define EXPERIMENT_TRIALS_MAX 10000

enum huge_pages { HUGE_PAGES_NEVER = 1, HUGE_PAGES_ALWAYS };

/* Settings under which all ways are tried: one curve for each way and variant. */
struct variant {
	char *name;
	int huge_pages; /* enum huge_pages; 0: as the host is. NEVER by prctl, in the container alone */
	bool merge;	/* KSM, by prctl */
	char **options; /* behind the experiment's */
	size_t n_options;
	char *memory; /* of each container, as -m takes it; NULL: no limit */
	struct opt_u64 swappiness, overcommit; /* vm.swappiness, vm.overcommit_memory of the host */
};

/* Another engine, by its command lines: {name}, {image}, {rootfs}, {bundle}, {n}, {i}, {pidfile}. */
struct engine {
	char *name;
	char **start, **stop;
	size_t n_start, n_stop;
	bool bundle; /* wants a bundle for each container, made before the clock runs */
	bool ours;   /* what it starts is a container of cow, under {name} */
};

struct experiment {
	char *name, *image;
	char **command,
		**options; /* options: of cow run, and of engines that are given {options} */
	size_t n_command, n_options;
	uint64_t *counts;
	size_t n_counts;
	bool inside; /* the count is not of containers: one is started, and its command has {n} */
	char **ways; /* of ways[] (way.h), or names of engines */
	size_t n_ways;
	struct variant *variants;
	size_t n_variants;
	struct engine *engines;
	size_t n_engines;
	uint32_t repetitions, parallel; /* parallel 0: as many as there are processors */
	uint32_t settle_seconds;	/* how long to wait, at most, until memory is at rest */
	uint64_t seed;
	char *keep_free;	  /* memory of the host that is left alone: "1g" */
	uint64_t keep_free_bytes; /* experiment_check() fills it in */
};

extern const struct field experiment_fields[];

/* From a file. -EINVAL with the key and what is wrong with it. */
int experiment_read(const char *path, struct experiment *ret, struct err *e);

/* Fills in what is left out. -ENOMEM. */
int experiment_complete(struct experiment *x, struct err *e);

/* Whether it makes sense by itself; nothing of this host is looked at. */
int experiment_check(struct experiment *x, struct err *e);

/* NULL: no such engine in the experiment. */
const struct engine *experiment_engine(const struct experiment *x, const char *name);

void experiment_done(struct experiment *x);
DEFINE_AUTO(experiment, experiment_done)

#endif
