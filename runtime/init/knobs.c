/*
 * Sysctls, the OOM score, resource limits, memory policy, personality, labels.
 *
 * Whatever lies on a /proc of the container, nothing here writes through it: the plan hands in a
 * procfs of its own, never attached anywhere (CVE-2025-52881, CVE-2019-16884).
 */
#include <fcntl.h>
#include <linux/personality.h>
#include <linux/prctl.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

long knob_write(struct child *c, const char *path, const char *value)
{
	int fd = sys_openat2_path(child_fd(c, c->plan->proc), path,
		O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
		RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	long r = fd;

	if (fd >= 0) {
		r = sys(write, fd, value, strlen(value));
		sys(close, fd);
	}
	return r;
}

/*
 * It shows the host's processes, and through them the host's files: closed before the program or
 * its directory is looked for, since an image may name that "/proc/self/fd/7/1234/cwd/...".
 */
static void close_proc(struct child *c)
{
	if (c->plan->proc >= 0)
		sys(close, child_fd(c, c->plan->proc));
	c->plan->proc = -1;
}

/* Files of /proc/sys show the namespaces of whoever opens them: here, the container's. */
void sysctl_write(struct child *c)
{
	const struct plan_pair *pairs = child_list(c, c->plan->sysctl);

	for (uint32_t i = 0; i < c->plan->n_sysctl; i++) {
		const char *key = child_text(c, pairs[i].key),
			   *value = child_text(c, pairs[i].value);
		char path[512];
		struct text t = TEXT_IN(path);
		text_add(&t, "sys/");
		text_add(&t, key);
		long r = knob_write(c, path, value);
		if (r < 0)
			child_fail(c, (int)r, "set sysctl '%s' to '%s'", key, value);
	}
}

static void add_limit(struct text *t, uint64_t limit)
{
	if (limit == UINT64_MAX)
		text_add(t, "unlimited");
	else
		text_add_number(t, (long)limit);
}

static _Noreturn void refuse_raising(
	struct child *c, const struct plan_rlimit *limit, uint64_t ours)
{
	char asked[24], have[24];
	struct text a = TEXT_IN(asked), h = TEXT_IN(have);

	add_limit(&a, limit->hard);
	add_limit(&h, ours);
	child_refuse(c, EPERM,
		"set %s: cannot raise the hard limit from %s to %s: that needs CAP_SYS_RESOURCE",
		child_text(c, limit->name), have, asked);
}

/*
 * What takes a privilege of the host's user namespace, so before another one is entered: the OOM
 * score, and hard limits above ours. Lowering comes later: our own steps need files and processes.
 */
void limits_raise(struct child *c)
{
	const struct plan_rlimit *limits = child_list(c, c->plan->rlimits);
	const char *score = child_text(c, c->plan->oom_score_adj);
	long r;

	if (score && (r = knob_write(c, "self/oom_score_adj", score)) < 0) {
		if (r == -EACCES || r == -EPERM)
			child_refuse(c, EPERM,
				"set oom_score_adj to %s: lowering it needs CAP_SYS_RESOURCE",
				score);
		child_fail(c, (int)r, "set oom_score_adj to %s", score);
	}
	/* Not to be found among our fds by somebody in there with CAP_SYS_PTRACE, unless it is
	 * needed again. */
	if (!c->plan->n_sysctl && !c->plan->n_labels)
		close_proc(c);
	for (uint32_t i = 0; i < c->plan->n_rlimits; i++) {
		uint64_t ours[2] = { 0 };
		r = sys(prlimit64, 0, limits[i].resource, NULL, ours);
		if (r == 0 && (ours[0] < limits[i].soft || ours[1] < limits[i].hard)) {
			uint64_t raised[2] = { ours[0] < limits[i].soft ? limits[i].soft : ours[0],
				ours[1] < limits[i].hard ? limits[i].hard : ours[1] };
			r = sys(prlimit64, 0, limits[i].resource, raised, NULL);
		}
		if (r == -EPERM)
			refuse_raising(c, &limits[i], ours[1]);
		if (r < 0)
			child_fail(c, (int)r, "set %s", child_text(c, limits[i].name));
	}
}

/*
 * For the program that execve() will load. As late as privilege allows, and through our own procfs:
 * a file that an image laid over /proc/self/attr has swallowed labels (CVE-2019-16884,
 * CVE-2025-52881).
 */
void labels_write(struct child *c)
{
	const struct plan_label *labels = child_list(c, c->plan->labels);

	for (uint32_t i = 0; i < c->plan->n_labels; i++) {
		const char *value = child_text(c, labels[i].value);
		const char *fallback = child_text(c, labels[i].fallback);
		long r = knob_write(c, child_text(c, labels[i].file), value);
		if (r == -ENOENT && fallback)
			r = knob_write(c, fallback, value);
		if (r < 0)
			child_fail(c, (int)r, "%s: write '%s' for the program",
				child_text(c, labels[i].what), value);
	}
	close_proc(c);
}

void memory_policy_set(struct child *c)
{
	const struct plan_memory_policy *m = child_list(c, c->plan->memory_policy);

	if (!c->plan->memory_policy)
		return;
	/* One more bit than there are: the kernel counts one less than it is told. */
	long r = sys(set_mempolicy, m->mode, m->n_nodes ? child_list(c, m->nodes) : NULL,
		m->n_nodes ? m->n_nodes + 1 : 0);
	if (r < 0)
		child_fail(c, (int)r, "set the memory policy %s for the nodes '%s'",
			child_text(c, m->name), child_text(c, m->list));
}

/* While the capability is there (CAP_SETPCAP). */
void creator_follow(struct child *c)
{
	const struct plan_creator *from = child_list(c, c->plan->creator);
	long r;

	if (!c->plan->creator)
		return;
	sys(prctl, PR_SET_TIMERSLACK, from->timer_slack_ns, 0, 0, 0);
	if ((r = sys(personality, from->personality)) < 0)
		child_fail(c, (int)r, "set the personality of its creator");
	if (sys(prctl, PR_GET_SECUREBITS, 0, 0, 0, 0) != (long)from->securebits &&
		(r = sys(prctl, PR_SET_SECUREBITS, from->securebits, 0, 0, 0)) < 0)
		child_fail(c, (int)r, "set the secure bits of its creator");
}

void personality_set(struct child *c)
{
	uint32_t asked = c->plan->flags & (PLAN_LINUX | PLAN_LINUX32);
	long r = asked ? sys(personality, asked & PLAN_LINUX32 ? PER_LINUX32 : PER_LINUX) : 0;

	if (r < 0)
		child_fail(c, (int)r, "set the personality");
}

void limits_set(struct child *c)
{
	const struct plan_rlimit *limits = child_list(c, c->plan->rlimits);

	for (uint32_t i = 0; i < c->plan->n_rlimits; i++) {
		uint64_t pair[2] = { limits[i].soft, limits[i].hard };
		long r = sys(prlimit64, 0, limits[i].resource, pair, NULL);
		if (r < 0)
			child_fail(c, (int)r, "set %s", child_text(c, limits[i].name));
	}
}
