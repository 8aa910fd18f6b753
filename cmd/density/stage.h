/*
 * What all trials of an experiment stand on: the image, a root file system for those ways that want
 * a bundle, the words that start `cow` and `cowrun`, and a mount namespace of our own where all this
 * is mounted, so that nothing is left on the host whatever becomes of us.
 */
#ifndef CMD_DENSITY_STAGE_H
#define CMD_DENSITY_STAGE_H

#include <limits.h>

#include "cmd/commands.h"
#include "cmd/density/experiment.h"
#include "cmd/density/way.h"
#include "overlay/image.h"

struct stage {
	struct context *context; /* borrowed, as is the experiment */
	const struct experiment *experiment;
	struct store store;
	struct image image;
	int lock;      /* the image stays */
	char *scratch; /* a directory below the results, absolute */
	char *rootfs;  /* the image's files, read-only, if they ... */
	bool is_mounted;
	/* Beside cow's own state root, so that what all runtimes write down at a start lies on one
	 * file system: pid files, and the state root of the others. */
	char *run, *state;
	char cow_path[PATH_MAX], cowrun_path[PATH_MAX], floor_path[PATH_MAX];
	const char *cow[6], *cowrun[2]; /* NULL ends them */
	const char **command, **options;
};

/*
 * Finds out whether all is there that the experiment needs, in one line if not: image, programs,
 * memory, space. `results`: the directory of the results, absolute. `ret` has what was made of it, where it
 * failed too: for stage_clear().
 */
int stage_open(struct context *c, const struct experiment *x, const char *results,
	struct stage *ret, struct err *e);

/* What the words of a way stand for in all trials of `n`; what is of one container is the caller's. */
struct way_values stage_values(const struct stage *s, const char *way, uint64_t n);

/* Whether it is in PATH. */
bool stage_has_program(const char *program);

/* A directory of it, with all that it holds, if that can be. */
void stage_remove(const char *path);

/* Removes its directories: when nothing that was started is left. */
void stage_clear(struct stage *s);

void stage_done(struct stage *s);
DEFINE_AUTO(stage, stage_done)

#endif
