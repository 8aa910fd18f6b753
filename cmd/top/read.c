/* A reading for the model. */
#include <time.h>

#include "cmd/top/live.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int top_read(const struct top *t, unsigned details, bool exact, struct model *m, int *ret_took_ms,
	struct err *e)
{
	automatic(measured) struct measured measured = { 0 };
	automatic(census) struct census census = { 0 };
	struct measured_words words = t->words;
	int64_t began = now_ms();

	words.never_freeze = !exact;
	int r = measured_open_any(&measured, t->context, &words, t->names, t->n_names, e);
	if (r == 0)
		r = measured_take(&measured, details, &census, e);
	if (r < 0)
		return r;
	r = model_feed(m, &census);
	if (r < 0)
		return err_set(e, -r, "show what was read");
	*ret_took_ms = (int)(now_ms() - began);
	return 0;
}
