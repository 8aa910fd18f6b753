/* cow fork: containers forked from a template. */
#include "cmd/cow/fork.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cow/background.h"
#include "cmd/cow/commands.h"
#include "cmd/cow/wait.h"
#include "runtime/launch.h"
#include "runtime/screen.h"
#include "runtime/template.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

enum { WORKERS_MAX = 63, WORTH_WORKERS = 16 };

struct fork_words {
	struct wish_words wishes;
	int count;
};

static const struct option_row options[] = {
	{ "count", 'n', OPTION_COUNT, offsetof(struct fork_words, count), "COUNT",
		"how many of them (1)" },
	WISH_CONTAINER_ROWS(struct fork_words, wishes),
	WISH_ROWS(struct fork_words, wishes),
	{ 0 },
};

/* The read ends go to the reaper, the write ends to the fork: ours are closed when it has them. */
struct streams {
	int out[2], err[2];
};

#define STREAMS_NONE                                                                               \
	{                                                                                          \
		{ -1, -1 },                                                                        \
		{                                                                                  \
			-1, -1                                                                     \
		}                                                                                  \
	}

static void streams_done(struct streams *s)
{
	for (int i = 0; i < 2; i++) {
		own_close(&s->out[i]);
		own_close(&s->err[i]);
	}
}
DEFINE_AUTO(streams, streams_done)

static int streams_make(struct streams *s, struct err *e)
{
	if (pipe2(s->out, O_CLOEXEC) < 0 || pipe2(s->err, O_CLOEXEC) < 0)
		return err_set(e, errno, "make the pipes of its output");
	fcntl(s->out[0], F_SETFL, O_NONBLOCK);
	fcntl(s->err[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static int fork_apart(struct context *c, const struct template *t, const struct launch_options *o,
	int null, struct err *e)
{
	automatic(launched) struct launched l = LAUNCHED_NONE;
	automatic(streams) struct streams s = STREAMS_NONE;
	int r = streams_make(&s, e);

	if (r < 0)
		return r;
	struct fork_source from = {
		.template = t, .stdio = { null, s.out[1], s.err[1] }, .ward = REAPER_WARD_NONE
	};
	from.ward.out = s.out[0];
	from.ward.err = s.err[0];
	background_give(&o->derive, s.out[1]);
	background_give(&o->derive, s.err[1]);
	struct launch_options one = *o;
	one.from = &from;
	r = launch(&c->home, &one, &l, e);
	if (r < 0)
		return r;
	/* At once: a name that is not told when we are killed among many is looked for. */
	return puts(l.container.id) >= 0 && fflush(stdout) == 0 ? 0
								: err_set(e, EIO, "print the name");
}

/* One of many of a name has a number behind it. */
static int fork_number(struct context *c, const struct template *t, const struct launch_options *o,
	int number, int count, int null, struct err *e)
{
	autofree char *name = o->name ? str_format("%s-%d", o->name, number) : NULL;
	struct launch_options one = *o;

	if (count > 1)
		one.name = name;
	int r = o->name && !name ? err_set(e, ENOMEM, "name a fork")
				 : fork_apart(c, t, &one, null, e);
	if (r < 0 && count > 1)
		err_while(e, "%d of %d", number, count);
	return r;
}

/* What workers have in common, in memory that they share. */
struct work {
	_Atomic int next, failed;
	struct err e; /* of the first that failed */
};

/* What was made before one fails goes on. */
static int work_through(struct work *w, struct context *c, const struct template *t,
	const struct launch_options *o, int count, int null, struct err *e)
{
	int number, r = 0;

	while (r == 0 && !w->failed && (number = ++w->next) <= count)
		r = fork_number(c, t, o, number, count, null, e);
	if (r < 0 && !atomic_exchange(&w->failed, 1))
		w->e = *e;
	return r;
}

/* With connections of its own: answers are not for others. Ends with us. */
static _Noreturn void be_worker(struct work *w, struct context *c, const struct template *ours,
	const struct launch_options *o, int count, int null)
{
	automatic(template) struct template t = TEMPLATE_NONE;
	struct err e;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int r = template_open(&c->home, ours->record.id, &t, &e);
	t.stop = ours->stop;
	_exit(r < 0 || work_through(w, c, &t, o, count, null, &e) < 0);
}

/* A fork waits for the template, the reaper and its own process in turn: several are on their way. */
static int fork_many(struct context *c, const struct template *t, const struct launch_options *o,
	int count, int null, struct err *e)
{
	automatic(launch_ground) struct launch_ground ground = LAUNCH_GROUND_NONE;
	const struct fork_source source = { .template = t };
	struct launch_options one = *o;
	pid_t workers[WORKERS_MAX] = { 0 };
	long n = count < WORTH_WORKERS ? 0 : 2 * sysconf(_SC_NPROCESSORS_ONLN) - 1;
	struct work *w =
		mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (w == MAP_FAILED)
		return err_set(e, errno, "share the work");
	one.from = &source;
	int r = launch_ground_open(&one, &ground, e);
	one.ground = &ground;
	fflush(NULL);
	/* Without one of them the others have more to do. */
	for (long i = 0; r == 0 && i < n && i < WORKERS_MAX; i++) {
		workers[i] = fork();
		if (workers[i] == 0)
			be_worker(w, c, t, &one, count, null);
	}
	if (r == 0)
		r = work_through(w, c, t, &one, count, null, e);
	bool killed = false;
	for (long i = 0; i < WORKERS_MAX; i++) {
		int status = 0;
		if (workers[i] > 0 && r == -EINTR)
			kill(workers[i], SIGTERM);
		if (workers[i] > 0 && waitpid(workers[i], &status, 0) > 0)
			killed |= WIFSIGNALED(status);
	}
	if (r == 0 && !w->failed && killed)
		r = err_say(e, ECHILD, "a process that forks for us was killed");
	if (r == 0 && w->failed) {
		*e = w->e;
		r = -e->code;
	}
	munmap(w, sizeof(*w));
	return r;
}

/* It is the reaper's child, and not ours: its status is found where that one writes it down. */
static int fork_shown(struct context *c, const struct template *t, const struct launch_options *o,
	int input, struct screen *screen, struct err *e)
{
	automatic(launched) struct launched l = LAUNCHED_NONE;
	automatic(wait) struct wait wait = WAIT_NONE;
	struct fork_source from = {
		.template = t, .stdio = { input, 1, 2 }, .ward = REAPER_WARD_NONE
	};
	struct launch_options one = *o;
	automatic(birth) struct birth birth = BIRTH_NONE;
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	autofd int hear = ends[0], tell = ends[1];
	from.ward.status = tell;
	one.from = &from;
	one.screen = screen;
	foreground_prepare();
	int r = launch(&c->home, &one, &l, e);
	if (r < 0)
		return r;
	/* With --rm it may be gone by now, and so may its record. */
	bool is_kept = wait_begin(&c->home, l.container.id, &wait, e) == 0;
	birth = l.container.birth;
	l.container.birth = (struct birth)BIRTH_NONE;
	launched_done(&l);
	own_close(&tell);
	tell = -1;
	if (screen)
		foreground_attend_shown(&birth, screen);
	else
		foreground_attend(birth.pidfd);
	if (!is_kept && fd_read_full(hear, &status, sizeof(status)) == sizeof(status))
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	r = wait_end(&c->home, &wait, e);
	if (r == 0 && wait.record.oom)
		fprintf(stderr, "cow: %s: killed: out of memory (%s)\n", wait.record.id,
			wait.record.oom);
	return r < 0 ? r : wait.record.exit_status;
}

/* Its words are the template's own where none are given; and they are all of its words. */
static void take_words(
	const struct process_spec *p, int argc, char **argv, struct launch_options *o)
{
	o->derive.entrypoint = "";
	o->derive.args = (const char *const *)argv;
	o->derive.n_args = (size_t)argc;
	if (!p)
		return;
	if (!argc) {
		o->derive.args = (const char *const *)p->args;
		o->derive.n_args = p->n_args;
	}
	if (!o->derive.workdir)
		o->derive.workdir = p->cwd;
}

/*
 * What would end us is looked at where a template is waited for, and what was begun is taken back.
 * Readable when there was such a signal; what is ignored is not heard of.
 */
static int hold_signals(struct err *e)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "wait for signals") : fd;
}

/* It is in its template's user namespace: root's have one where they were made with one. */
static void take_ids(const struct spec *template, struct launch_options *o)
{
	const struct linux_spec *l = &template->linux_;

	if (o->inside || !spec_namespace(template, CLONE_NEWUSER))
		return;
	o->derive.uids = l->uid_maps;
	o->derive.n_uids = l->n_uid_maps;
	o->derive.gids = l->gid_maps;
	o->derive.n_gids = l->n_gid_maps;
	o->derive.ids_of_host = true;
}

int fork_run(struct context *c, const struct wish_words *words, const struct fork_wish *wish,
	struct err *e)
{
	automatic(wishes) struct wishes wishes = { 0 };
	automatic(template) struct template t = TEMPLATE_NONE;
	automatic(spec) struct spec spec = { 0 };
	struct launch_options o = { .store = c->store };

	wishes_own(&o, &c->own);
	int r = wishes_read(words, &wishes, &o, e);
	if (r == 0)
		r = command_open_home(c, true, e);
	if (r == 0)
		r = template_open(&c->home, wish->template, &t, e);
	if (r == 0)
		r = container_spec(&c->home, wish->template, &spec, e);
	if (r < 0)
		return r;
	o.image = t.record.image;
	take_words(spec.process, wish->argc, wish->argv, &o);
	take_ids(&spec, &o);
	autofd int stop = hold_signals(e);
	if (stop < 0)
		return stop;
	t.stop = stop;
	autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_set(e, errno, "open '/dev/null'");
	struct screen screen;
	o.derive.terminal = wish->tty;
	if (wish->tty)
		screen_look(wish->interactive, &screen);
	if (wish->shown)
		return fork_shown(
			c, &t, &o, wish->interactive ? 0 : null, wish->tty ? &screen : NULL, e);
	return fork_many(c, &t, &o, wish->count, null, e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct fork_words *w = data;
	const struct fork_wish wish = { .template = argv[0],
		.argc = argc - 1,
		.argv = argv + 1,
		.count = w->count ? w->count : 1 };

	return fork_run(c, &w->wishes, &wish, e);
}

const struct command fork_command = {
	.name = "fork",
	.arguments = "[options] TEMPLATE [ARGUMENT ...]",
	.summary = "Makes containers of a template, in the background.",
	.options = options,
	.options_size = sizeof(struct fork_words),
	.min_words = 1,
	.max_words = -1,
	.failure_status = STATUS_RUN_FAILED,
	.owns = true,
	.run = run,
};
