/* The files of a template, which those of its forks stand on (overlay/forks.h), and its end. */
#ifndef RUNTIME_TEMPLATE_FILES_H
#define RUNTIME_TEMPLATE_FILES_H

#include "runtime/template.h"

/* What it has written until now becomes what its forks stand on. */
int template_seal(const struct template *t, struct err *e);

/*
 * The end of a template and all that it has. -EBUSY while a fork of it has files, whose names are in the
 * text; `with_forks`: these end and go first.
 */
int template_remove(const struct home *h, const char *name, bool with_forks, struct err *e);

#endif
