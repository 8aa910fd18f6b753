/*
 * Who the program is: groups, user, capabilities.
 *
 * The order is the one that works (capabilities(7)): the bounding set while CAP_SETPCAP is held,
 * groups and gid while CAP_SETGID is, then the uid with PR_SET_KEEPCAPS, then the sets exactly as
 * asked (inheritable ones too: leaving them was CVE-2022-29162), ambient ones last.
 */
#include <linux/capability.h>
#include <linux/prctl.h>

#include "runtime/init/child.h"

static void drop_bounding(struct child *c)
{
	for (int cap = 0; cap <= CAP_LAST_CAP || sys(prctl, PR_CAPBSET_READ, cap) >= 0; cap++) {
		if (cap < 64 && c->plan->caps_bounding & (1ull << cap))
			continue;
		long r = sys(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (r < 0 && r != -EINVAL) /* EINVAL: this kernel knows fewer */
			child_fail(c, (int)r, "drop capability %d from the bounding set", cap);
	}
}

static void set_ids(struct child *c)
{
	const struct init_plan *plan = c->plan;
	long r;

	/* The empty list too: groups of whoever called must not survive. */
	r = sys(setgroups, plan->n_gids, child_list(c, plan->gids));
	/* A user namespace that denies it (user_namespaces(7)): root joined without any; an ordinary
	 * user cannot drop his. */
	if (r == -EPERM && !plan->n_gids &&
		(plan->flags & PLAN_KEEP_GROUPS || sys(getgroups, 0, NULL) == 0))
		r = 0;
	if (r == -EPERM && plan->flags & PLAN_KEEP_GROUPS)
		child_refuse(c, EPERM,
			"set %d supplementary groups: where one group is mapped, by its owner, none can be set",
			(int)plan->n_gids);
	if (r < 0)
		child_fail(c, (int)r, "set %d supplementary groups", (int)plan->n_gids);
	if ((r = sys(setresgid, plan->gid, plan->gid, plan->gid)) < 0)
		child_fail(c, (int)r, "become gid %d", (int)plan->gid);
	if ((r = sys(setresuid, plan->uid, plan->uid, plan->uid)) < 0)
		child_fail(c, (int)r, "become uid %d", (int)plan->uid);
}

/* To load a filter without no_new_privs (filter.c says why it may be kept until the execve()). */
static uint64_t kept_for_filter(const struct init_plan *plan)
{
	return plan->n_filter && !(plan->flags & PLAN_NO_NEW_PRIVS) ? 1ull << CAP_SYS_ADMIN : 0;
}

long caps_set(const struct init_plan *plan, uint64_t kept)
{
	uint64_t effective = plan->caps_effective | kept;
	uint64_t permitted = plan->caps_permitted | kept;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int half = 0; half < 2; half++) {
		data[half].effective = (uint32_t)(effective >> (32 * half));
		data[half].permitted = (uint32_t)(permitted >> (32 * half));
		data[half].inheritable = (uint32_t)(plan->caps_inheritable >> (32 * half));
	}
	return sys(capset, &header, data);
}

static void set_caps(struct child *c)
{
	const struct init_plan *plan = c->plan;
	long r = caps_set(plan, kept_for_filter(plan));

	if (r < 0)
		child_fail(c, (int)r, "set the capabilities");
	for (int cap = 0; cap < 64; cap++)
		if (plan->caps_ambient & (1ull << cap) &&
			(r = sys(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0)) < 0)
			child_fail(c, (int)r, "raise ambient capability %d", cap);
}

void identity_take(struct child *c)
{
	long r;

	sys(umask, c->plan->umask);
	if (c->plan->flags & PLAN_SET_CAPS) {
		drop_bounding(c);
		sys(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	}
	set_ids(c);
	/* A change of ids sets the death signal to nothing and may make the process dumpable
	 * (/proc/sys/fs/suid_dumpable): not before the execve(). */
	sys(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (c->plan->flags & PLAN_SET_CAPS)
		set_caps(c);
	if (c->plan->flags & PLAN_NO_NEW_PRIVS &&
		(r = sys(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0)
		child_fail(c, (int)r, "set no_new_privs");
}
