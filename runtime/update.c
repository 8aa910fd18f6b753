/* Limits of a container, changed while it lives: the same way as when it was created. */
#include <stdio.h>
#include <string.h>

#include "cgroup/devices.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/limits.h"
#include "runtime/container.h"
#include "runtime/scope.h"
#include "spec/base/fd.h"

static int check_status(const struct home *h, const struct record *record, struct err *e)
{
	enum state_status status = container_status(h, record);

	if (status != STATE_STOPPED && status != STATE_CREATING)
		return 0;
	return err_say(e, ERR_NOT_RUNNING,
		"cannot update container '%s': container not running: %s", record->id,
		enum_name_of(state_status_names, (int)status));
}

/*
 * What is not said stays as it is, but two numbers mean something only beside another one: the sum
 * of memory and swap, and shares, which a group that is idle has none of.
 */
static int complete(int cgroup, struct resources *r, struct err *e)
{
	struct memory_limits *m = &r->memory;
	uint64_t now;

	if (m->swap.value > 0 && !m->limit.value &&
		knob_read_number(cgroup, "memory.max", &now) == 0 && now <= INT64_MAX)
		m->limit = (struct opt_i64){ true, (int64_t)now };
	if (r->cpu.shares.value && !r->cpu.idle.set &&
		knob_read_number(cgroup, "cpu.idle", &now) == 0 && now)
		return err_say(e, EINVAL,
			"resources.cpu.shares: the container is idle (cpu.idle is 1), and has none");
	return 0;
}

/* systemd has a quota as time in each second: a new period alone would change that. */
static int update_scope(int cgroup, const struct unit *unit, struct resources *r, struct err *e)
{
	char before[64];
	uint64_t quota;
	ssize_t n = knob_read(cgroup, "cpu.max", before, sizeof(before));

	if (r->cpu.period.value && !r->cpu.quota.value &&
		knob_read_number(cgroup, "cpu.max", &quota) == 0 && quota <= INT64_MAX)
		r->cpu.quota = (struct opt_i64){ true, (int64_t)quota };
	int bad = limits_check_usage(cgroup, r, e);
	if (bad == 0)
		bad = scope_update(unit, r, e);
	/* It writes all that it knows, and so a quota of whole percents for the one that is not to
	 * change. */
	if (bad == 0 && n > 0 && !r->cpu.quota.value)
		knob_write(cgroup, "cpu.max", before);
	return bad;
}

static int apply(const struct record *record, struct resources *r, struct err *e)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	struct unit unit;
	autofd int root = -1;

	if (!record->cgroup)
		return err_say(e, ERR_NOT_RUNNING, "cannot update container '%s': it has no cgroup",
			record->id);
	int bad = hierarchy_open(&root, e);
	if (bad == 0)
		bad = cgroup_open(root, record->cgroup, &group, e);
	if (bad == 0)
		bad = complete(group.fd, r, e);
	if (bad == 0)
		bad = resources_validate(r, "resources", e);
	if (bad == 0)
		bad = limits_check(root, r, e);
	/* Before the files: what systemd writes there is coarser. */
	if (bad == 0 && scope_of_record(record, &unit))
		bad = update_scope(group.fd, &unit, r, e);
	if (bad == 0)
		bad = limits_apply(group.fd, r, e);
	/* A list of rules stands for all of them, so none is no change. */
	if (bad == 0 && r->n_devices)
		bad = devices_apply(group.fd, r, false, -1, e);
	return bad;
}

int container_update(const struct home *h, const char *id, struct resources *r, struct err *e)
{
	automatic(record) struct record record = { 0 };
	autofd int dir = -1;
	int bad = record_lock(h, id, &dir, e);

	if (bad == 0)
		bad = record_read(h, id, &record, e);
	if (bad == 0)
		bad = check_status(h, &record, e);
	return bad < 0 ? bad : apply(&record, r, e);
}
