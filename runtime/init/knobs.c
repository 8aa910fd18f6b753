/*
 * Sysctls, the OOM score, resource limits.
 *
 * Whatever lies on a /proc of the container, nothing here writes through it: the plan hands in a
 * procfs of its own, never attached anywhere (CVE-2025-52881, CVE-2019-16884).
 */
#include <fcntl.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

static long write_value(struct child *c, const char *path, const char *value)
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
		long r = write_value(c, path, value);
		if (r < 0)
			child_fail(c, (int)r, "set sysctl '%s' to '%s'", key, value);
	}
}

void limits_set(struct child *c)
{
	const struct plan_rlimit *limits = child_list(c, c->plan->rlimits);
	const char *score = child_text(c, c->plan->oom_score_adj);
	long r;

	if (score && (r = write_value(c, "self/oom_score_adj", score)) < 0) {
		if (r == -EACCES || r == -EPERM)
			child_refuse(c, EPERM,
				"set oom_score_adj to %s: lowering it needs CAP_SYS_RESOURCE",
				score);
		child_fail(c, (int)r, "set oom_score_adj to %s", score);
	}
	for (uint32_t i = 0; i < c->plan->n_rlimits; i++) {
		uint64_t pair[2] = { limits[i].soft, limits[i].hard };
		r = sys(prlimit64, 0, limits[i].resource, pair, 0);
		if (r == -EPERM)
			child_refuse(c, EPERM,
				"set rlimit %d: above this process's hard limit, which needs CAP_SYS_RESOURCE",
				(int)limits[i].resource);
		if (r < 0)
			child_fail(c, (int)r, "set rlimit %d", (int)limits[i].resource);
	}
}
