/* A container's scope. */
#include "runtime/scope.h"

#include <stdio.h>
#include <string.h>

#include "cgroup/knob.h"
#include "cgroup/property.h"
#include "cgroup/rights.h"
#include "cgroup/watch.h"
#include "runtime/rootless.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/userns.h"

#define GONE_MS 200 /* what a systemd that is busy may need */

/* What every container's scope has. It may have groups of its own; it does not end by systemd's
 * shutdown order; and, once it has failed, nobody need reset it. */
static const struct {
	unsigned since;
	const char *name, *type, *value;
} always[] = {
	{ 218, "Delegate", "b", "true" },
	{ 0, "DefaultDependencies", "b", "false" },
	{ 0, "MemoryAccounting", "b", "true" },
	{ 0, "CPUAccounting", "b", "true" },
	{ 230, "IOAccounting", "b", "true" },
	{ 227, "TasksAccounting", "b", "true" },
	{ 236, "CollectMode", "s", "inactive-or-failed" },
};

/* Those of annotations come last: systemd keeps the last of a name. */
static int draw_up(const struct container *c, struct str *to, struct str *settled, struct err *e)
{
	const struct spec *s = c->spec;
	autofree char *description = str_format("cowrun container %s", c->id);

	property_add(to, 0, "Description", "s", description ? description : c->id);
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		property_add(to, always[i].since, always[i].name, always[i].type, always[i].value);
	int r = property_limits(&s->linux_.resources, PROPERTY_AT_START, to, e);
	for (size_t i = 0; r == 0 && i < s->n_annotations; i++)
		if (str_starts(s->annotations[i].key, PROPERTY_ANNOTATION))
			r = property_annotation(s->annotations[i].key + strlen(PROPERTY_ANNOTATION),
				s->annotations[i].value, to, e);
	str_add(settled, "");
	if (r == 0)
		r = property_limits(&s->linux_.resources, PROPERTY_SETTLED, settled, e);
	return r < 0 || (str_ok(to) && str_ok(settled)) ? r : err_set(e, ENOMEM, "ask systemd");
}

int scope_make(struct container *c, const struct create_options *o, struct err *e)
{
	const struct linux_spec *l = &c->spec->linux_;
	automatic(str) struct str properties = { 0 }, settled = { 0 };
	bool of_user = o->inside || userns_is_inner();
	int r = unit_parse(l->cgroups_path, c->id, of_user, &c->unit, e);

	if (r == 0)
		r = draw_up(c, &properties, &settled, e);
	if (r == 0 && of_user)
		r = record_add(c->journal, "unit-of-user", "%s", e, "");
	if (r == 0)
		r = record_add(c->journal, "unit", "%s", e, c->unit.name);
	if (r == 0)
		r = manager_start(
			&c->unit, properties.data, settled.data, &c->manager, &c->cgroup_path, e);
	if (r == 0)
		r = record_add(c->journal, "cgroup", "%s", e, c->cgroup_path);
	if (r == 0)
		r = cgroup_adopt(c->root, c->cgroup_path, &l->resources, &c->cgroup, e);
	if (r == 0)
		c->cgroup.made = 1;
	return r;
}

int scope_settle(struct container *c, struct err *e)
{
	return manager_settle(&c->manager, e);
}

bool scope_of_record(const struct record *record, struct unit *ret)
{
	struct unit u = { .of_user = record->unit_of_user };

	if (!record->unit)
		return false;
	snprintf(u.name, sizeof(u.name), "%s", record->unit);
	*ret = u;
	return true;
}

int scope_update(const struct unit *u, const struct resources *r, struct err *e)
{
	automatic(str) struct str properties = { 0 };
	int bad = property_limits(r, PROPERTY_UPDATE, &properties, e);

	if (bad < 0 || !properties.len)
		return bad;
	return str_ok(&properties) ? manager_set(u, properties.data, e)
				   : err_set(e, ENOMEM, "ask systemd");
}

static bool is_there(int root, const char *path)
{
	struct cgroup group = CGROUP_NONE;
	struct err ignored;
	int r = cgroup_open(root, path, &group, &ignored);

	cgroup_done(&group);
	return r == 0;
}

/*
 * systemd removes the group of a scope that has become empty, groups below it too, and forgets the
 * unit then, before it takes another call: so whoever sees the group go need not ask. It sees to that
 * within a millisecond or two.
 */
static bool goes_by_itself(int root, const char *path)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	struct err ignored;
	autofd int events = -1;

	if (cgroup_open(root, path, &group, &ignored) == -ENOENT)
		return true;
	if (cgroup_kill(group.fd, &ignored) < 0 ||
		watch_open(group.fd, "cgroup.events", &events, &ignored) < 0)
		return false;
	int r = watch_until(events, "populated", 0, GONE_MS);
	if (r == 0)
		r = watch_until(events, "populated", 1, GONE_MS);
	return knob_is_gone(r);
}

int scope_remove(int root, const char *path, const struct unit *u, struct err *e)
{
	struct err why;

	if (goes_by_itself(root, path))
		return 0;
	int r = cgroup_remove(root, path, 1, e);
	if (r == 0 && manager_stop(u, &why) < 0)
		log_warn("unit '%s' is left to systemd: %s", u->name, why.text);
	return r;
}

char *scope_find(int root, const char *cgroups_path, const char *id, struct unit *ret)
{
	bool of_user = rootless_is_needed() || userns_is_inner();
	autofree char *own = of_user ? rights_own_path() : strdup("");
	autofree char *manager = of_user && own ? unit_of_manager(own) : take(own);
	struct unit u;
	struct err ignored;

	if (!manager || unit_parse(cgroups_path, id, of_user, &u, &ignored) < 0)
		return NULL;
	autofree char *below = unit_path(&u);
	autofree char *path = below ? str_format("%s%s", manager, below) : NULL;
	if (!path || !is_there(root, path))
		return NULL;
	*ret = u;
	return take(path);
}
