/* cowrun create: a container that waits to be started. */
#include "cmd/oci/create.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "cmd/oci/commands.h"
#include "runtime/rootless.h"
#include "runtime/service.h"
#include "runtime/template.h"
#include "spec/base/fd.h"
#include "spec/base/libexec.h"
#include "spec/id.h"

#define CONFIG_BYTES_MAX (4u << 20)

int bundle_load(const struct create_words *w, struct bundle *ret, struct err *e)
{
	automatic(bundle) struct bundle b = BUNDLE_NONE;
	const char *path = w->bundle ? w->bundle : ".";
	const char *config = w->config ? w->config : RECORD_CONFIG;
	autofd int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_set(e, errno, "open the bundle '%s'", path);
	int r = fd_read_file(
		w->config ? AT_FDCWD : dir, config, CONFIG_BYTES_MAX, &b.config, &b.len, e);
	if (r < 0)
		return err_while(e, "bundle '%s'", path);
	r = spec_parse(config, b.config, b.len, &b.spec, e);
	if (r == 0)
		r = spec_validate(&b.spec, e);
	if (r < 0)
		return r;
	*ret = b;
	b = (struct bundle)BUNDLE_NONE;
	return 0;
}

bool bundle_terminal(const struct bundle *b)
{
	return b->spec.process && b->spec.process->terminal;
}

void bundle_done(struct bundle *b)
{
	free(b->config);
	spec_done(&b->spec);
	own_close(&b->notify);
	*b = (struct bundle)BUNDLE_NONE;
}

/*
 * An ordinary user's container, and so all that is made for it, is in a user namespace of his.
 * LIMIT: one that is joined by path is in none that we could make around us.
 */
static int enter(struct spec *spec, struct err *e)
{
	const struct namespace_spec *user = spec_namespace(spec, CLONE_NEWUSER);
	automatic(rootless) struct rootless r = { 0 };

	if (!user)
		return err_say(e, EPERM,
			"linux.namespaces: uid %u is not root, and needs a user namespace (hint: cowrun spec --rootless)",
			geteuid());
	if (namespace_is_joined(user))
		return err_say(e, EPERM,
			"linux.namespaces: uid %u is not root, and may make a user namespace, not join '%s'",
			geteuid(), user->path);
	return rootless_enter_for(&spec->linux_, &r, e);
}

/* A terminal is shown here, or handed to somebody: else its first reader would wait for ever. */
int check_console(bool terminal, bool detached, const char *console_socket, struct err *e)
{
	if (terminal && detached && !console_socket)
		return err_say(e, EINVAL,
			"process.terminal is true, and a detached process needs --console-socket for it");
	if (console_socket && !terminal)
		return err_say(e, EINVAL,
			"option --console-socket: process.terminal is not true: there is nothing to send");
	if (console_socket && !detached)
		return err_say(e, EINVAL,
			"option --console-socket: the terminal of a process that is not detached is shown here");
	return 0;
}

static int check_manager(struct err *e)
{
	char program[4096];

	return libexec_find(MANAGER_PROGRAM, program, e);
}

int create_from_bundle(struct context *c, const struct create_words *w, const char *id,
	struct bundle *b, bool waits, const struct screen *screen, struct container *ret,
	struct err *e)
{
	struct create_options o = { .bundle = w->bundle ? w->bundle : ".",
		.pid_file = w->pid_file,
		.console_socket = w->console_socket,
		.pidfd_socket = w->pidfd_socket,
		.screen = screen,
		.rootfs = -1,
		.restore = b->restore,
		.n_preserve = w->n_preserve,
		.waits = waits,
		.attached = !waits && !w->detach,
		.no_keyring = w->no_new_keyring,
		.inside = rootless_is_needed(),
		.strict_cgroup = c->rootless == ROOTLESS_FALSE,
		.manager = c->cgroup_manager };

	if (c->systemd_cgroup && !c->cgroup_manager)
		o.manager = GROUP_SYSTEMD;
	int r = check_console(bundle_terminal(b), waits || w->detach, w->console_socket, e);
	if (r == 0 && o.manager == GROUP_SYSTEMD)
		r = check_manager(e);
	if (r == 0 && o.inside)
		r = enter(&b->spec, e);
	if (r == 0)
		r = command_open_home(c, true, e);
	if (r == 0)
		r = service_sockets(b->spec.process, e);
	o.n_preserve += r > 0 ? r : 0;
	if (r >= 0)
		r = container_reserve(&c->home, id, ret, e);
	if (r == 0 && !b->restore)
		r = service_prepare(&c->home, id, ret->dir, &b->spec, e);
	if (r == 0 && !waits && !b->restore && service_is_awaited())
		r = service_listen(ret->dir, &b->notify, e);
	automatic(template) struct template template = TEMPLATE_NONE;
	struct fork_source from = { .template = &template,
		.stdio = { 0, 1, 2 },
		.ward = REAPER_WARD_NONE,
		.stands_in = true };
	if (r == 0 && !b->restore)
		r = template_wanted(&c->home, &b->spec, &template, e);
	if (r > 0)
		o.from = &from;
	if (r >= 0)
		r = container_create(ret, &b->spec, b->config, b->len, &o, e);
	return r;
}

static const struct option_row options[] = { CREATE_ROWS(struct create_words), { 0 } };

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(container) struct container container = CONTAINER_NONE;
	automatic(bundle) struct bundle bundle = BUNDLE_NONE;
	struct create_words *w = data;

	(void)argc;
	int r = id_check(argv[0], e);
	if (r == 0)
		r = bundle_load(w, &bundle, e);
	return r < 0 ? r : create_from_bundle(c, w, argv[0], &bundle, true, NULL, &container, e);
}

const struct command create_command = {
	.name = "create",
	.arguments = "[options] ID",
	.summary = "Creates a container of a bundle; `start` starts its program.",
	.options = options,
	.options_size = sizeof(struct create_words),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
