/*
 * Who stands on the files of a template.
 *
 * The upper layer of a container that is a template is the topmost lower layer of its forks: each
 * has it in its claim, and it must not go, nor be written to, while one of them has files. Forks
 * are found by their claims, so nothing is to be put right after a crash; a template is known by
 * being sealed, so that no other container's removal has to look for any.
 *
 * Sealed, it has a second tree, FORKS_SEALED, of further names of the same files: they are in memory
 * once. The upper layer itself is in use by the template's own mount, and the kernel warns of each
 * further mount over it; and what the template may yet make or remove in it is not seen here.
 *
 * The lock on the store's containers/ is held shared while a fork's claim is made, and exclusively
 * while one is removed or sealed, both for a moment.
 */
#ifndef OVERLAY_FORKS_H
#define OVERLAY_FORKS_H

#include "overlay/claim.h"
#include "overlay/text_list.h"

/* `containers`: that directory of the store. Waits; closing the fd gives it back. */
int forks_lock(int containers, enum store_use use, struct err *e);

#define FORKS_SEALED "sealed"

/* Seals it, by its directory, unless that is done; and takes that back. Under the exclusive lock. */
int forks_seal(const struct store *store, int template, struct err *e);
int forks_unseal(int template, struct err *e);
bool forks_is_sealed(int containers, const char *template);

/* That tree: an O_PATH fd. -ENOENT: it is not sealed, or not there. */
int forks_open(const struct store *store, const char *template, struct err *e);

/* The ids of those who have files, sorted. */
int forks_list(int containers, const char *template, struct text_list *ret, struct err *e);

/* -EBUSY, and their names in the text, when there are some. Under the lock. */
int forks_refuse(int containers, const char *template, struct err *e);

#endif
