/* The pages of `cow top`, drawn on a canvas of any size. Pure: what is shown is in the model. */
#ifndef CMD_TOP_VIEW_H
#define CMD_TOP_VIEW_H

#include <stdbool.h>

#include "cmd/top/canvas.h"
#include "cmd/top/keys.h"
#include "cmd/top/model.h"
#include "spec/base/str.h"

struct view {
	enum page page;
	size_t first; /* the row, the process or the line that stands first; drawing corrects it */
	size_t n_shown; /* how many of them there is room for; by drawing */
	bool is_paused;
	bool is_typing; /* a filter */
	int interval_ms;
	int took_ms;	     /* the last reading; below 0: there was none */
	const char *clock;   /* when that was: "17:03:05" */
	const char *failure; /* why the last reading failed; NULL: it did not */
};

/* "8 containers", "1 container and 2 templates", "2 of 8 containers" */
void view_count(const struct model *m, struct str *s);

void view_draw(struct view *v, const struct model *m, struct canvas *c);

/* --- for the pages: each draws the rows from `top` up to `end` --------------------------------- */
void view_list(struct view *v, const struct model *m, struct canvas *c, int top, int end);
void view_detail(struct view *v, const struct model *m, struct canvas *c, int top, int end);
void view_help(struct view *v, const struct model *m, struct canvas *c, int top, int end);

/* "41.2 MiB", "~41.2 MiB" of an estimate, "-" of what is not known; where that is too wide, "1023 MiB". */
#define VIEW_BYTES_WIDTH 9
const char *view_bytes(struct opt_u64 bytes, bool estimated, char out[20]);

#endif
