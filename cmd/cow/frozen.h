/*
 * What is told of the freezing of a template's memory: a report as JSON and in words.
 *
 *	struct frozen f;
 *	frozen_tell(&report.freeze, &f);
 *	json_write(frozen_fields, &f, JSON_INDENTED, &text);
 */
#ifndef CMD_COW_FROZEN_H
#define CMD_COW_FROZEN_H

#include "runtime/template/freeze.h"
#include "spec/base/json.h"

struct frozen {
	const char *verdict; /* "done", "never", "unknown", "refused" or "failed" */
	const char *why;     /* it is not frozen, or not all of it; NULL: it is */
	const char *because; /* the file that decided; NULL: none did */
	uint64_t left_bytes; /* of anonymous memory, which every fork copies page tables of */
	struct freeze_report report;
	char text[128];
};

extern const struct field frozen_fields[];

void frozen_tell(const struct freeze_report *report, struct frozen *ret);

/* Of --freeze, as the template's stub reads it. */
#define FROZEN_WORDS "auto|always|never"
enum { FROZEN_ALWAYS = 2 }; /* of these words */

#endif
