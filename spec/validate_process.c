/* The checks of a process object: config.json's, and that of `exec --process`. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "spec/validate.h"

enum {
	GROUPS_MAX = 65536,   /* the kernel's NGROUPS_MAX */
	STRING_MAX = 131071,  /* the kernel's MAX_ARG_STRLEN, without the '\0' */
	OOM_SCORE_MAX = 1000, /* and -1000 */
	UMASK_MAX = 0777,
};

/* execve() would fail with E2BIG, and not say which one it was. */
static int check_strings(char *const *v, size_t n, const char *path, const char *key, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (strnlen(v[i], STRING_MAX + 1) > STRING_MAX)
			return err_say(e, E2BIG, "%s.%s[%zu]: longer than %d bytes", path, key, i,
				STRING_MAX);
	return 0;
}

static int check_args(const struct process_spec *p, const char *path, struct err *e)
{
	if (p->n_args == 0)
		return err_say(e, EINVAL, "%s.args: empty: nothing to run", path);
	if (!*p->args[0])
		return err_say(e, EINVAL, "%s.args[0]: empty: nothing to run", path);
	return check_strings(p->args, p->n_args, path, "args", e);
}

/* An entry without "=" is invisible to getenv() and confuses shells in different ways. */
static int check_env(const struct process_spec *p, const char *path, struct err *e)
{
	for (size_t i = 0; i < p->n_env; i++)
		if (!strchr(p->env[i], '=') || p->env[i][0] == '=')
			return err_say(e, EINVAL, "%s.env[%zu]: '%.80s' is not NAME=VALUE", path, i,
				p->env[i]);
	return check_strings(p->env, p->n_env, path, "env", e);
}

/* A relative one would be relative to wherever the runtime stands (CVE-2024-21626). */
static int check_cwd(const struct process_spec *p, const char *path, struct err *e)
{
	if (p->cwd[0] != '/')
		return err_say(e, EINVAL, "%s.cwd: '%.80s' is not an absolute path", path, p->cwd);
	if (strlen(p->cwd) >= PATH_MAX)
		return err_say(e, EINVAL, "%s.cwd: longer than %d bytes", path, PATH_MAX - 1);
	return 0;
}

/* (uid_t)-1 means "leave it as it is" to the kernel's calls. */
static int check_user(const struct process_spec *p, const char *path, struct err *e)
{
	const struct user_spec *u = &p->user;

	if (u->uid == UINT32_MAX || u->gid == UINT32_MAX)
		return err_say(e, EINVAL,
			"%s.user.%s: 4294967295 is out of range (0 to 4294967294)", path,
			u->uid == UINT32_MAX ? "uid" : "gid");
	if (u->umask.set && u->umask.value > UMASK_MAX)
		return err_say(e, EINVAL, "%s.user.umask: %llu is out of range (0 to %d)", path,
			(unsigned long long)u->umask.value, UMASK_MAX);
	if (u->n_gids > GROUPS_MAX)
		return err_say(e, EINVAL,
			"%s.user.additionalGids: %zu entries, more than the %d allowed", path,
			u->n_gids, GROUPS_MAX);
	for (size_t i = 0; i < u->n_gids; i++)
		if (u->gids[i] == UINT32_MAX)
			return err_say(e, EINVAL,
				"%s.user.additionalGids[%zu]: 4294967295 is out of range "
				"(0 to 4294967294)",
				path, i);
	return 0;
}

/* Two entries of one type, and which of them holds? config.md: an error. */
static int check_rlimits(const struct process_spec *p, const char *path, struct err *e)
{
	uint32_t seen = 0; /* by type; there are 16 */

	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct rlimit_spec *l = &p->rlimits[i];
		if (seen & (1U << l->type))
			return err_say(e, EINVAL, "%s.rlimits[%zu]: %s is there twice", path, i,
				enum_name_of(rlimit_names, l->type));
		seen |= 1U << l->type;
		if (l->soft > l->hard)
			return err_say(e, EINVAL,
				"%s.rlimits[%zu]: %s: soft limit %llu is above the hard limit %llu",
				path, i, enum_name_of(rlimit_names, l->type),
				(unsigned long long)l->soft, (unsigned long long)l->hard);
	}
	return 0;
}

static int check_oom_score(const struct process_spec *p, const char *path, struct err *e)
{
	long long score = p->oom_score_adj.value;

	if (p->oom_score_adj.set && (score < -OOM_SCORE_MAX || score > OOM_SCORE_MAX))
		return err_say(e, EINVAL, "%s.oomScoreAdj: %lld is out of range (%d to %d)", path,
			score, -OOM_SCORE_MAX, OOM_SCORE_MAX);
	return 0;
}

static int check_terminal(const struct process_spec *p, const char *path, struct err *e)
{
	const struct console_size *size = &p->console_size;

	if (p->terminal && (size->height > UINT16_MAX || size->width > UINT16_MAX))
		return err_say(e, EINVAL, "%s.consoleSize.%s: %u is out of range (0 to %d)", path,
			size->height > UINT16_MAX ? "height" : "width",
			size->height > UINT16_MAX ? size->height : size->width, UINT16_MAX);
	return 0;
}

int process_validate(const struct process_spec *p, const char *path, struct err *e)
{
	static int (*const checks[])(const struct process_spec *, const char *, struct err *) = {
		check_args,
		check_env,
		check_cwd,
		check_user,
		check_rlimits,
		check_oom_score,
		check_scheduler,
		check_io_priority,
		check_cpu_affinity,
		check_terminal,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int r = checks[i](p, path, e);
		if (r < 0)
			return r;
	}
	return 0;
}
