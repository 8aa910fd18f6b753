/* The instant of a reading. */
#include "cgroup/instant.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

int instant_init(struct instant *in, const struct census_thing *things, size_t n, struct err *e)
{
	*in = INSTANT_NONE;
	in->things = things;
	in->n = n;
	in->chosen = calloc(n + 1, sizeof(*in->chosen));
	in->groups = calloc(n + 1, sizeof(*in->groups));
	return in->chosen && in->groups ? 0 : err_set(e, ENOMEM, "freeze %zu containers", n);
}

void instant_done(struct instant *in)
{
	frost_done(&in->frost);
	free(in->chosen);
	free(in->groups);
	*in = INSTANT_NONE;
}

void instant_begin(struct instant *in)
{
	size_t n_chosen = 0;
	struct err ignored;

	frost_done(&in->frost);
	for (size_t i = 0; in->chosen && i < in->n; i++) {
		in->groups[i] = in->chosen[i] ? in->things[i].group : -1;
		n_chosen += in->chosen[i];
	}
	in->hurried = n_chosen > 0;
	if (!n_chosen)
		return;
	/* They are going to wait for us: so we wait for nobody, where we may. */
	in->nice = getpriority(PRIO_PROCESS, 0);
	setpriority(PRIO_PROCESS, 0, -20);
	frost_begin(in->groups, in->n, in->bytes, &in->frost, &ignored);
}

void instant_read(struct instant *in, uint64_t bytes)
{
	frost_read(&in->frost, bytes);
	in->bytes = bytes;
}

void instant_end(struct instant *in)
{
	uint64_t ns = 0;

	frost_end(&in->frost);
	if (in->hurried)
		setpriority(PRIO_PROCESS, 0, in->nice);
	in->hurried = false;
	size_t n = frost_count(&in->frost, &ns);
	if (n > in->n_frozen)
		in->n_frozen = n;
	if (ns > in->longest_ns)
		in->longest_ns = ns;
}

bool instant_held(const struct instant *in, size_t thing)
{
	return frost_held(&in->frost, thing);
}
