/* A reading for the model. */
#include "cmd/top/live.h"

#include "spec/base/clock.h"

int top_read(const struct top *t, unsigned details, bool exact, struct model *m, int *ret_took_ms,
	struct err *e)
{
	automatic(measured) struct measured measured = { 0 };
	automatic(census) struct census census = { 0 };
	struct measured_words words = t->words;
	int64_t began = clock_ms();

	words.never_freeze = !exact;
	int r = measured_open_any(&measured, t->context, &words, t->names, t->n_names, e);
	if (r == 0)
		r = measured_take(&measured, details, &census, e);
	if (r < 0)
		return r;
	r = model_feed(m, &census);
	if (r < 0)
		return err_set(e, -r, "show what was read");
	*ret_took_ms = (int)(clock_ms() - began);
	return 0;
}
