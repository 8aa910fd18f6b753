/* linux.resources as cgroup files: checked against the host, and written. */
#include "cgroup/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/knob.h"
#include "spec/base/str.h"

int limits_check(int root, const struct resources *r, struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	int bad = limits_plan(r, &plan, e);

	if (bad < 0 || plan.n == 0)
		return bad;
	unsigned offered = hierarchy_controllers(root);
	for (size_t i = 0; i < plan.n; i++)
		if (plan.v[i].controller & ~offered && !(plan.v[i].flags & LIMIT_MAY_LACK))
			return hierarchy_refuse(plan.v[i].controller, e);
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

static int write_error(const struct limit_write *w, const char *value, int code, struct err *e)
{
	if (code == ENOENT)
		return err_say(e, ERR_NO_CONTROLLER,
			"cannot set '%s': this cgroup or this kernel does not have it", w->file);
	if (code == ENODEV && w->controller == CONTROLLER_IO)
		return err_say(
			e, code, "set '%s' to '%s': there is no such block device", w->file, value);
	return knob_error(e, code, "set '%s' to '%s'", w->file, value);
}

/* cpu.max takes both numbers: the first one stays what it is. */
static int keep_first(int fd, struct limit_write *w)
{
	char now[48], rest[48];
	ssize_t n = knob_read(fd, w->file, now, sizeof(now));

	if (n < 0)
		return (int)n;
	now[strcspn(now, " \n")] = '\0';
	snprintf(rest, sizeof(rest), "%s", w->value + strcspn(w->value, " "));
	snprintf(w->value, sizeof(w->value), "%.20s%.24s", now, rest);
	return 0;
}

/* Some files take a line at a time. */
static int write_lines(int fd, const char *file, const char *text)
{
	int r = 0;

	while (r == 0 && *text) {
		int n = (int)strcspn(text, "\n");
		autofree char *line = n ? str_format("%.*s", n, text) : NULL;
		if (n)
			r = line ? knob_write(fd, file, line) : -ENOMEM;
		text += n + (text[n] == '\n');
	}
	return r;
}

/* 1: the file is not there, and the next write says the same to another one. */
static int write_one(int fd, struct limit_write *w, struct err *e)
{
	const char *value = w->text ? w->text : w->value;
	int r = w->flags & LIMIT_KEEP_FIRST ? keep_first(fd, w) : 0;

	if (r == 0)
		r = w->flags & LIMIT_BY_LINE ? write_lines(fd, w->file, value)
					     : knob_write(fd, w->file, value);
	if (r == -ENOENT && w->flags & LIMIT_OR_NEXT)
		return 1;
	if ((r == -ENOENT && w->flags & LIMIT_MAY_LACK) ||
		(r == -EINVAL && w->flags & LIMIT_COMES_AGAIN))
		return 0;
	return r < 0 ? write_error(w, value, -r, e) : 0;
}

static int write_all(int fd, const struct limits_plan *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->n; i++) {
		r = write_one(fd, &p->v[i], e);
		if (r == 0 && p->v[i].flags & LIMIT_OR_NEXT)
			i++;
	}
	return r;
}

/* 0 where it cannot be told. */
static uint64_t usage(int fd, const char *file)
{
	uint64_t value;

	return knob_read_number(fd, file, &value) == 0 ? value : 0;
}

/* memory.checkBeforeUpdate: the kernel would reclaim and then kill; v1 refused. */
int limits_check_usage(int fd, const struct resources *r, struct err *e)
{
	const struct memory_limits *m = &r->memory;

	if (!m->check_before_update.value)
		return 0;
	uint64_t used = usage(fd, "memory.current");
	if (m->limit.set && m->limit.value > 0 && used > (uint64_t)m->limit.value)
		return err_say(e, EBUSY,
			"rejecting memory limit %" PRId64 ": %" PRIu64 " bytes are in use",
			m->limit.value, used);
	used += usage(fd, "memory.swap.current");
	if (m->swap.set && m->swap.value > 0 && used > (uint64_t)m->swap.value)
		return err_say(e, EBUSY,
			"rejecting memory+swap limit %" PRId64 ": %" PRIu64 " bytes are in use",
			m->swap.value, used);
	return 0;
}

int limits_apply(int fd, const struct resources *r, struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	int bad = limits_plan(r, &plan, e);

	if (bad == 0)
		bad = limits_check_usage(fd, r, e);
	return bad == 0 ? write_all(fd, &plan, e) : bad;
}

int limits_die_together(int fd, struct err *e)
{
	int r = knob_write(fd, "memory.oom.group", "1");

	return r < 0 ? knob_error(e, -r, "set 'memory.oom.group'") : 0;
}
