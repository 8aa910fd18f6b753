/* cowrun exec: a further process in a container. */
#include <string.h>
#include <sys/stat.h>

#include "cmd/oci/commands.h"
#include "cmd/oci/create.h"
#include "runtime/container.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/id.h"

#include <fcntl.h>

#define PROCESS_BYTES_MAX (4u << 20)

struct exec_words {
	const char *process, *pid_file, *console_socket, *pidfd_socket, *cwd, *user, *label,
		*profile, *cgroup;
	struct option_list env, caps, groups;
	int n_preserve;
	bool detach, tty, no_new_privs, ignore_paused;
};

#define ROW(name, letter, kind, member, value, help)                                               \
	{                                                                                          \
		name, letter, kind, offsetof(struct exec_words, member), value, help               \
	}

static const struct option_row options[] = {
	ROW("process", 'p', OPTION_TEXT, process, "FILE", "the process, as in config.json"),
	ROW("detach", 'd', OPTION_FLAG, detach, NULL, "return when it runs"),
	ROW("pid-file", 0, OPTION_TEXT, pid_file, "FILE", "write its pid to FILE"),
	ROW("cwd", 0, OPTION_TEXT, cwd, "DIR", "its working directory"),
	ROW("user", 'u', OPTION_TEXT, user, "UID[:GID]", "who it is"),
	ROW("env", 'e', OPTION_LIST, env, "NAME=VALUE", "one more of its environment"),
	ROW("additional-gids", 'g', OPTION_LIST, groups, "GID", "one more of its groups"),
	ROW("cap", 'c', OPTION_LIST, caps, "CAP", "one more of its capabilities"),
	ROW("process-label", 0, OPTION_TEXT, label, "LABEL", "its SELinux label"),
	ROW("apparmor", 0, OPTION_TEXT, profile, "PROFILE", "its AppArmor profile"),
	ROW("preserve-fds", 0, OPTION_COUNT, n_preserve, "N",
		"hand on N file descriptors, from 3 on"),
	ROW("tty", 't', OPTION_FLAG, tty, NULL, "give it a terminal of its own"),
	ROW("console-socket", 0, OPTION_TEXT, console_socket, "SOCKET",
		"send the terminal to who listens on SOCKET"),
	ROW("pidfd-socket", 0, OPTION_TEXT, pidfd_socket, "SOCKET",
		"send its pidfd to who listens on SOCKET"),
	ROW("cgroup", 0, OPTION_TEXT, cgroup, "PATH", "born in that group below the container's"),
	ROW("no-new-privs", 0, OPTION_FLAG, no_new_privs, NULL, "set no_new_privs"),
	ROW("ignore-paused", 0, OPTION_FLAG, ignore_paused, NULL, "also in a paused container"),
	{ 0 },
};

static int add_string(char ***list, size_t *n, const char *text, struct err *e)
{
	char **more = realloc(*list, (*n + 2) * sizeof(*more));

	if (!more)
		return err_set(e, ENOMEM, "read the command line");
	*list = more;
	more[*n] = strdup(text);
	more[++*n] = NULL;
	return 0;
}

static void free_strings(char ***list, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		free((*list)[i]);
	free(*list);
	*list = NULL;
	*n = 0;
}

static int set_user(struct user_spec *u, char *text, struct err *e)
{
	char *colon = strchr(text, ':');
	uint32_t uid, gid = 0;

	if (colon)
		*colon = '\0';
	if (!id_number(text, &uid) || (colon && !id_number(colon + 1, &gid)))
		return err_say(e, ERR_USAGE, "option --user: '%s%s%s' is not UID[:GID]", text,
			colon ? ":" : "", colon ? colon + 1 : "");
	u->uid = uid;
	u->gid = gid;
	return 0;
}

static int add_groups(struct user_spec *u, const struct option_list *list, struct err *e)
{
	for (size_t i = 0; i < list->n; i++) {
		uint32_t gid, *more = realloc(u->gids, (u->n_gids + 1) * sizeof(*more));
		if (!more)
			return err_set(e, ENOMEM, "read the command line");
		u->gids = more;
		if (!id_number(list->v[i], &gid))
			return err_say(e, ERR_USAGE, "option --additional-gids: '%s' is not a gid",
				list->v[i]);
		more[u->n_gids++] = gid;
	}
	return 0;
}

/*
 * Into every set that a process uses, but never the inheritable one (CVE-2022-29162): so the
 * ambient one gets it only where config.json has inheritable ones (runc does the same).
 */
static int add_caps(struct process_spec *p, const struct option_list *list, struct err *e)
{
	int r = 0;

	if (list->n && !p->capabilities)
		p->capabilities = calloc(1, sizeof(*p->capabilities));
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		struct capability_spec *c = p->capabilities;
		if (!c)
			return err_set(e, ENOMEM, "read the command line");
		r = add_string(&c->bounding, &c->n_bounding, list->v[i], e);
		if (r == 0)
			r = add_string(&c->effective, &c->n_effective, list->v[i], e);
		if (r == 0)
			r = add_string(&c->permitted, &c->n_permitted, list->v[i], e);
		if (r == 0 && c->n_inheritable)
			r = add_string(&c->ambient, &c->n_ambient, list->v[i], e);
	}
	return r;
}

/* NULL: leaves it as it is. */
static int replace(char **text, const char *by, struct err *e)
{
	char *copy = by ? strdup(by) : NULL;

	if (by && !copy)
		return err_set(e, ENOMEM, "read the command line");
	if (by) {
		free(*text);
		*text = copy;
	}
	return 0;
}

/* The container's own process, changed by the command line. */
static int adapt(
	struct process_spec *p, const struct exec_words *w, int argc, char **argv, struct err *e)
{
	int r = 0;

	free_strings(&p->args, &p->n_args);
	for (int i = 0; r == 0 && i < argc; i++)
		r = add_string(&p->args, &p->n_args, argv[i], e);
	for (size_t i = 0; r == 0 && i < w->env.n; i++)
		r = add_string(&p->env, &p->n_env, w->env.v[i], e);
	if (r == 0 && w->user)
		r = set_user(&p->user, (char *)w->user, e);
	if (r == 0)
		r = add_groups(&p->user, &w->groups, e);
	if (r == 0)
		r = add_caps(p, &w->caps, e);
	if (r == 0)
		r = replace(&p->cwd, w->cwd, e);
	if (r == 0)
		r = replace(&p->selinux_label, w->label, e);
	if (r == 0)
		r = replace(&p->apparmor_profile, w->profile, e);
	p->no_new_privileges |= w->no_new_privs;
	p->terminal = w->tty; /* its first process's is another matter */
	return r;
}

static int load_process(const char *path, struct process_spec *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len;
	int r = fd_read_stream(path, PROCESS_BYTES_MAX, &text, &len, e);

	if (r == 0)
		r = json_read(path, text, len, process_fields, ret, &json_usual_limits, e);
	return r;
}

static int finish(struct context *c, const char *id, const struct exec_words *w,
	const struct process_spec *p, struct err *e)
{
	automatic(birth) struct birth birth = BIRTH_NONE;
	automatic(record) struct record record = { 0 };
	automatic(screen) struct screen screen = SCREEN_NONE;
	bool shows = p->terminal && !w->detach;
	struct cgroup group = CGROUP_NONE;
	struct exec_options o = { .process = p,
		.pid_file = w->pid_file,
		.console_socket = w->console_socket,
		.pidfd_socket = w->pidfd_socket,
		.screen = shows ? &screen : NULL,
		.n_preserve = w->n_preserve,
		.ignore_paused = w->ignore_paused,
		.cgroup = w->cgroup };
	struct outcome outcome;

	int r = process_validate(p, "process", e);
	if (r == 0)
		r = check_console(p->terminal, w->detach, w->console_socket, e);
	if (r < 0)
		return r;
	if (shows)
		screen_look(true, &screen);
	if (!w->detach)
		foreground_prepare();
	r = container_exec(&c->home, id, &o, &birth, e);
	if (r < 0 || w->detach)
		return r;
	if (record_read(&c->home, id, &record, e) == 0)
		container_cgroup(&record, &group);
	r = foreground_wait(&birth, shows ? &screen : NULL, group.fd, &outcome, e);
	cgroup_done(&group);
	if (r == 0 && outcome.oom)
		log_error(outcome.why);
	return r < 0 ? r : outcome.status;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(spec) struct spec spec = { 0 };
	struct exec_words *w = data;
	struct process_spec own = { 0 };
	const char *id = argv[0];

	if (!w->process && argc < 2)
		return err_say(e, ERR_USAGE, "neither a command nor --process is given");
	int r = command_open_home(c, false, e);
	if (r == 0 && w->process) {
		r = load_process(w->process, &own, e);
		own.terminal |= w->tty;
		if (r == 0)
			r = finish(c, id, w, &own, e);
		process_done(&own);
		return r;
	}
	if (r == 0)
		r = id_check(id, e);
	if (r == 0)
		r = container_spec(&c->home, id, &spec, e);
	if (r == 0)
		r = adapt(spec.process, w, argc - 1, argv + 1, e);
	if (r == 0)
		r = finish(c, id, w, spec.process, e);
	return r;
}

const struct command exec_command = {
	.name = "exec",
	.arguments = "[options] ID COMMAND [ARGUMENT ...]",
	.summary = "Runs a further process in a container, and ends with its status.",
	.options = options,
	.options_size = sizeof(struct exec_words),
	.min_words = 1,
	.max_words = -1,
	.failure_status = 255,
	.run = run,
};
