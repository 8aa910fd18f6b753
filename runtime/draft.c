/* A plan being drawn up. */
#include "runtime/draft.h"

#include <string.h>
#include <unistd.h>

void draft_begin(struct draft *d)
{
	d->block = (struct str){ 0 };
	d->n_fds = 0;
	d->full = false;
	d->plan = (struct init_plan){ .magic = PLAN_MAGIC,
		.rootfs = -1,
		.null_tree = -1,
		.empty_tree = -1,
		.proc = -1,
		.start_socket = -1,
		.stdio = { -1, -1, -1 } };
	str_add_bytes(&d->block, &d->plan, sizeof(d->plan));
}

void draft_done(struct draft *d)
{
	for (int i = 0; i < d->n_fds; i++)
		close(d->fds[i]);
	d->n_fds = 0;
	str_done(&d->block);
}

place draft_text(struct draft *d, const char *text)
{
	if (!text)
		return 0;
	place at = (place)d->block.len;
	str_add_bytes(&d->block, text, strlen(text) + 1);
	return at;
}

place draft_list(struct draft *d, const void *items, size_t n)
{
	static const char zeros[8];

	str_add_bytes(&d->block, zeros, -d->block.len & 7);
	place at = (place)d->block.len;
	str_add_bytes(&d->block, items, n);
	return at;
}

place draft_strings(struct draft *d, char *const *strings, size_t n)
{
	autofree uint64_t *offsets = calloc(n + 1, sizeof(*offsets));

	if (!offsets) {
		d->block.failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		offsets[i] = draft_text(d, strings[i]);
	return draft_list(d, offsets, (n + 1) * sizeof(*offsets));
}

place draft_texts(struct draft *d, char *const *texts, size_t n)
{
	autofree place *places = calloc(n + 1, sizeof(*places));

	if (!places) {
		d->block.failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		places[i] = draft_text(d, texts[i]);
	return draft_list(d, places, n * sizeof(*places));
}

int32_t draft_fd(struct draft *d, int fd)
{
	if (fd < 0)
		return -1;
	if (d->n_fds == PLAN_FDS_MAX) {
		d->full = true;
		close(fd);
		return -1;
	}
	d->fds[d->n_fds] = fd;
	return d->n_fds++;
}

int draft_finish(struct draft *d, struct err *e)
{
	if (d->block.failed)
		return err_set(e, ENOMEM, "draw up the plan");
	if (d->full)
		return err_say(e, E2BIG,
			"draw up the plan: more than %d host objects in one container",
			PLAN_FDS_MAX);
	if (d->block.len > PLAN_BYTES_MAX)
		return err_say(e, E2BIG,
			"draw up the plan: arguments and environment take %zu bytes, more than %u",
			d->block.len, PLAN_BYTES_MAX);
	d->plan.size = (uint32_t)d->block.len;
	d->plan.n_slots = d->n_fds;
	memcpy(d->block.data, &d->plan, sizeof(d->plan));
	return 0;
}
