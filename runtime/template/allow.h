/*
 * Which programs bear to be frozen: see freeze.h for what they have to bear.
 *
 * Told by the names of the files that they map. A name can lie, but it is the template's own: it
 * hurts nobody else. A program says that it bears it by cow_template_allow_freeze(), or by an ELF
 * note of its executable: owner "cowrun", type COW_NOTE_FREEZE, nothing in it.
 */
#ifndef RUNTIME_TEMPLATE_ALLOW_H
#define RUNTIME_TEMPLATE_ALLOW_H

#include "runtime/template/freeze.h"
#include "runtime/template/mappings.h"

#define COW_NOTE_OWNER "cowrun"
#define COW_NOTE_FREEZE 1

struct allow {
	bool known;	  /* a runtime that bears it */
	char refused[64]; /* the file or the word that does not; "": none */
	char granted[64]; /* the file that is known */
};

/* Every mapping is shown. */
void allow_see(struct allow *a, const struct mapping *m);
/* Looks at the environment that the program began with, and for its note; `l` is not open. */
void allow_look(struct allow *a, struct lines *l);

#endif
