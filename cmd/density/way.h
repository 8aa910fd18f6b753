/*
 * Ways to start a container: command lines, as templates, in one table.
 *
 * A word that is {name}, {names}, {image}, {bundle}, {state}, {pidfile} or {way} stands for that; {cow}, {cowrun},
 * {options} and {command} for any number of words. Anywhere in a word, {n} is the count of the trial and {i}
 * the number of the container in it, from 1. {names} begins the names of a trial, which go on with -1, -2,
 * ...; {all} is how many they are, and {template} what they are forks of.
 */
#ifndef CMD_DENSITY_WAY_H
#define CMD_DENSITY_WAY_H

#include <stdbool.h>

#include "cmd/density/experiment.h"

#define WAY_WORDS_MAX 16

struct way {
	const char *name, *title; /* as the reader of a report sees it */
	const char *start[WAY_WORDS_MAX], *stop[WAY_WORDS_MAX];
	/* Of a trial: before the clock runs, and when all of it are gone. */
	const char *before[WAY_WORDS_MAX], *after[WAY_WORDS_MAX];
	bool ours;   /* a container of cow, known by its name */
	bool bundle; /* is started from a bundle, made before the clock runs */
	/* One command starts {all} and prints the name of each when it runs. */
	bool together;
	bool rootfs;	     /* wants the image's files mounted, as one with a bundle does */
	bool floor;	     /* no runtime at all: the bare system calls (cow-floor.c) */
	const char *program; /* what must be there; NULL: our own */
};

/* NULL: there is none of that name. What stands behind a colon ("lvm:GROUP/POOL") is not looked at. */
const struct way *way_find(const char *name);

/* All names, for messages: "overlay, copy, ...". */
const char *way_names(void);

/* What the words of a template stand for; all borrowed. */
struct way_values {
	const char *way, *name, *names, *all, *template, *image, *bundle, *rootfs, *state, *pidfile,
		*floor;
	const char *const *cow, *const *cowrun, *const *options,
							*const *command; /* NULL ends each */
	uint64_t n, i;
};

/*
 * The words of a command line, allocated with their list: the caller frees each and the list, by
 * way_free(). `words` ends with NULL. -ENOMEM; -EINVAL: an unknown {word}.
 */
int way_expand(
	const char *const *words, const struct way_values *values, char ***ret, struct err *e);
void way_free(char **words);

#endif
