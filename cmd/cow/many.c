/*
 * Many containers in the background.
 *
 * What they have in common is made once, before the first fork: the store and the image, the sealed
 * copy of the init program. More are on their way than there are processors, since a birth waits
 * for the kernel as much as it works.
 */
#include "cmd/cow/many.h"

#include <poll.h>
#include <stdio.h>

#include "cmd/cow/detach.h"
#include "cmd/interrupt.h"
#include "runtime/sealed_init.h"
#include "spec/base/str.h"
#include "spec/id.h"

#define PLACES_MAX 64

struct many {
	struct context *context;
	struct launch_options options; /* of the next one */
	const char *prefix;	       /* of its name, or NULL */
	unsigned begun, count;
	struct beginning v[PLACES_MAX]; /* on their way */
	size_t n_places;
};

static int begin_one(struct many *m, struct beginning *free_one, struct err *e)
{
	autofree char *name = NULL;

	if (m->prefix) {
		name = str_format("%s-%u", m->prefix, m->begun + 1);
		int r = name ? id_check(name, e) : err_set(e, ENOMEM, "make a name");
		if (r < 0)
			return r;
	}
	m->options.name = name;
	int r = detach_begin(m->context, &m->options, free_one, e);
	m->options.name = NULL;
	m->begun += r == 0;
	return r;
}

/* As many as there are places for. */
static int begin_some(struct many *m, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n_places && m->begun < m->count; i++)
		if (!m->v[i].pid)
			r = begin_one(m, &m->v[i], e);
	return r;
}

/* Whoever has something to say, if anybody is on his way. The first failure stays in `e`. */
static int hear_some(struct many *m, bool *ret_any, int before, struct err *e)
{
	struct pollfd fds[PLACES_MAX];
	struct err later;
	char id[128];
	int r = before;

	*ret_any = false;
	for (size_t i = 0; i < m->n_places; i++) {
		fds[i] = (struct pollfd){ m->v[i].pid ? m->v[i].said : -1, POLLIN, 0 };
		*ret_any |= m->v[i].pid != 0;
	}
	if (!*ret_any || poll(fds, m->n_places, -1) < 0)
		return r;
	for (size_t i = 0; i < m->n_places; i++) {
		if (fds[i].fd < 0 || !fds[i].revents)
			continue;
		int heard = detach_hear(&m->v[i], id, r ? &later : e);
		if (heard == 0 && (puts(id) < 0 || fflush(stdout) != 0))
			heard = err_set(r ? &later : e, EIO, "print the name");
		r = r ? r : heard;
	}
	return r;
}

int many_run(struct context *c, const struct launch_options *o, unsigned count, struct err *e)
{
	automatic(launch_ground) struct launch_ground ground = LAUNCH_GROUND_NONE;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct many m = { .context = c, .options = *o, .prefix = o->name, .count = count };
	bool any = true;

	m.n_places = processors < 1		   ? 2
		     : processors > PLACES_MAX / 2 ? PLACES_MAX
						   : 2 * (size_t)processors;
	int r = launch_ground_open(o, &ground, e);
	if (r == 0)
		r = sealed_init_keep(e);
	m.options.ground = &ground;
	interrupt_watch();
	while (any) {
		if (r == 0 && interrupted)
			r = err_say(e, EINTR, "interrupted: %u of %u were begun", m.begun, count);
		if (r == 0)
			r = begin_some(&m, e);
		r = hear_some(&m, &any, r, e);
	}
	return r;
}
