/*
 * The store held against what it once took in.
 *
 * Documents by their digest; objects by their name; and each layer by its tar: it is made again
 * (overlay/recipe.h), must have the layer's diffID, and is unpacked once more, without contents,
 * into the store's tmp/, against which the layer's directory is compared name by name. So nothing
 * that a layer's tar says goes unnoticed when it changes on disk.
 *
 * A layer without recipe, as stores from before there were any have them, and bases of snapshots have
 * nothing that they can be held against: that is told, and is no damage.
 *
 * The store is locked against removals meanwhile. What the dead have left in tmp/ and trash/ is told
 * and is no damage: the next import takes it away.
 */
#ifndef OVERLAY_VERIFY_H
#define OVERLAY_VERIFY_H

#include <signal.h>
#include <stdint.h>

#include "overlay/store.h"
#include "overlay/text_list.h"
#include "spec/base/err.h"

enum finding_kind {
	FINDING_IMAGE,	  /* `name`: the image's; something of it is missing or wrong */
	FINDING_LAYER,	  /* `name`: its digest; `path`: in it, or NULL */
	FINDING_DOCUMENT, /* `name`: its digest */
	FINDING_LEFT,	  /* `name`: of what was left in the store; no damage */
	FINDING_KEPT,	  /* `name`: of a damaged layer that a repair leaves */
	FINDING_NOTE,	  /* `name`: of what cannot be held against anything; no damage */
};

struct finding {
	enum finding_kind kind;
	const char *name, *path, *what;
};

struct verify_options {
	char *const *refs; /* these images alone; NULL: all there is */
	size_t n_refs;
	void (*tell)(void *to, const struct finding *finding);
	void *to;
	const volatile sig_atomic_t *cancelled; /* NULL, or: -ECANCELED soon after it turns true */
};

struct verify_result {
	uint64_t images, layers, documents, objects; /* that were looked at */
	uint64_t findings;			     /* of damage */
	struct text_list damaged_layers, damaged_documents;
	struct text_list made_here; /* layers that no tar was (overlay/parents.h) */
};

/* 0 also where damage was found. An error: it could not be finished. */
int verify_store(const struct store *store, const struct verify_options *options,
	struct verify_result *ret, struct err *e);

/*
 * Takes away what was found damaged, so that the next load or pull brings it again: layers and
 * documents, objects that no layer has then, and bases of a layer that is not there. Each is looked
 * at once more before, under the lock. What a container uses stays, and is told.
 */
int verify_repair(const struct store *store, const struct verify_options *options,
	const struct verify_result *result, struct err *e);

void verify_result_done(struct verify_result *result);
DEFINE_AUTO(verify_result, verify_result_done)

#endif
