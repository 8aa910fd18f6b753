/* cow exec: a further process in a container. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/stat.h"
#include "cmd/cow/commands.h"
#include "runtime/container.h"
#include "runtime/launch.h"
#include "spec/base/fd.h"

struct exec_words {
	const char *workdir, *user;
	struct option_list env;
	bool detach, interactive, tty;
};

#define ROW(name, letter, kind, member, value, help)                                               \
	{                                                                                          \
		name, letter, kind, offsetof(struct exec_words, member), value, help               \
	}

static const struct option_row options[] = {
	ROW("detach", 'd', OPTION_FLAG, detach, NULL, "return when it runs"),
	ROW("interactive", 'i', OPTION_FLAG, interactive, NULL, "give it our standard input"),
	ROW("tty", 't', OPTION_FLAG, tty, NULL, "give it a terminal"),
	ROW("env", 'e', OPTION_LIST, env, "NAME[=VALUE]", "one more of its environment"),
	ROW("workdir", 'w', OPTION_TEXT, workdir, "DIR", "its working directory"),
	ROW("user", 'u', OPTION_TEXT, user, "USER[:GROUP]", "who it is, by name or number"),
	{ 0 },
};

static int add_env(struct process_spec *p, const char *word, struct err *e)
{
	const char *ours = strchr(word, '=') ? NULL : getenv(word);

	if (!strchr(word, '=') && !ours)
		return 0;
	char **more = realloc(p->env, (p->n_env + 2) * sizeof(*more));
	if (!more)
		return err_set(e, ENOMEM, "read the command line");
	p->env = more;
	more[p->n_env] = ours ? str_format("%s=%s", word, ours) : strdup(word);
	more[++p->n_env] = NULL;
	return 0;
}

static bool has_env(const struct process_spec *p, const char *start)
{
	for (size_t i = 0; i < p->n_env; i++)
		if (str_starts(p->env[i], start))
			return true;
	return false;
}

static void free_list(char ***list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*n = 0;
}

static int replace_args(struct process_spec *p, int argc, char **argv, struct err *e)
{
	char **args = calloc((size_t)argc + 1, sizeof(*args));

	if (!args)
		return err_set(e, ENOMEM, "read the command line");
	free_list(&p->args, &p->n_args);
	for (int i = 0; i < argc; i++)
		args[i] = strdup(argv[i]);
	p->args = args;
	p->n_args = (size_t)argc;
	return 0;
}

/* The account files are the container's, as they are now. */
static int set_user(const struct home *h, const char *id, const char *text, struct process_spec *p,
	struct err *e)
{
	automatic(user) struct user user = { 0 };
	int r = launch_resolve_user(h, id, text, &user, e);

	if (r < 0)
		return r;
	p->user.uid = user.uid;
	p->user.gid = user.gid;
	free(p->user.gids);
	p->user.gids = take(user.gids);
	p->user.n_gids = user.n_gids;
	/* As derive_spec() does: whoever is not root has no capability in effect. */
	if (user.uid && p->capabilities) {
		free_list(&p->capabilities->effective, &p->capabilities->n_effective);
		free_list(&p->capabilities->permitted, &p->capabilities->n_permitted);
	}
	return 0;
}

static int adapt(const struct home *h, const char *id, const struct exec_words *w, int argc,
	char **argv, struct process_spec *p, struct err *e)
{
	int r = replace_args(p, argc, argv, e);

	p->terminal = w->tty;
	for (size_t i = 0; r == 0 && i < w->env.n; i++)
		r = add_env(p, w->env.v[i], e);
	if (r == 0 && w->tty && !has_env(p, "TERM="))
		r = add_env(p, DERIVE_TERM, e);
	if (r == 0 && w->user)
		r = set_user(h, id, w->user, p, e);
	if (r == 0 && w->workdir) {
		free(p->cwd);
		p->cwd = strdup(w->workdir);
	}
	return r < 0 ? r : process_validate(p, "process", e);
}

/* The cgroup of the container, and how many the kernel has killed in it for want of memory. */
struct watched {
	struct cgroup group;
	uint64_t kills;
};

static void watched_done(struct watched *w)
{
	cgroup_done(&w->group);
}
DEFINE_AUTO(watched, watched_done)

static void watch(const struct home *h, const char *id, struct watched *w)
{
	automatic(record) struct record record = { 0 };
	struct err ignored;

	if (record_read(h, id, &record, &ignored) == 0 && container_cgroup(&record, &w->group) == 0)
		cgroup_oom_kills(w->group.fd, &w->kills);
}

/* One more than before, and ours was killed: its end was for want of memory. */
static void tell_kill(const char *id, const struct watched *w)
{
	char why[CGROUP_OOM_TEXT];
	uint64_t kills = 0;

	if (w->group.fd >= 0 && cgroup_oom_kills(w->group.fd, &kills) == 0 && kills > w->kills)
		fprintf(stderr, "cow: %s: killed: %s\n", id, cgroup_oom_text(w->group.fd, why));
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(watched) struct watched watched = { .group = CGROUP_NONE };
	automatic(spec) struct spec spec = { 0 };
	automatic(birth) struct birth birth = BIRTH_NONE;
	automatic(screen) struct screen screen = SCREEN_NONE;
	const struct exec_words *w = data;
	struct outcome outcome;

	if (w->tty && w->detach)
		return err_say(e, ERR_USAGE, "options --tty and --detach exclude each other");
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = container_spec(&c->home, argv[0], &spec, e);
	if (r == 0)
		r = adapt(&c->home, argv[0], w, argc - 1, argv + 1, spec.process, e);
	if (r < 0)
		return r;
	autofd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!w->interactive && (null < 0 || dup2(null, 0) < 0))
		return err_set(e, errno, "open '/dev/null'");
	if (!w->detach)
		foreground_prepare();
	screen_look(w->interactive, &screen);
	struct exec_options o = { .process = spec.process, .screen = w->tty ? &screen : NULL };
	watch(&c->home, argv[0], &watched);
	r = container_exec(&c->home, argv[0], &o, &birth, e);
	if (r < 0 || w->detach)
		return r;
	r = foreground_wait(&birth, w->tty ? &screen : NULL, -1, &outcome, e);
	if (r == 0 && outcome.killed && outcome.status == 128 + SIGKILL)
		tell_kill(argv[0], &watched);
	return r < 0 ? r : outcome.status;
}

const struct command exec_command = {
	.name = "exec",
	.arguments = "[options] NAME COMMAND [ARGUMENT ...]",
	.summary = "Runs a further process in a container, and ends with its status.",
	.options = options,
	.options_size = sizeof(struct exec_words),
	.min_words = 2,
	.max_words = -1,
	.failure_status = STATUS_RUN_FAILED,
	.run = run,
};
