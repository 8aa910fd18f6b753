/* CRIU's command line, its process, and its reasons. */
#include "runtime/criu.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/search.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/str.h"
#include "spec/base/sys.h"
#include "spec/mounts.h"

#define LOG_BYTES_MAX (64u << 20)

enum option_kind { FLAG, TEXT };

static const struct criu_option {
	const char *name;
	enum option_kind kind;
	size_t offset;
	unsigned actions;
} criu_options[] = {
#define ROW(name, kind, member, actions)                                                           \
	{                                                                                          \
		name, kind, offsetof(struct checkpoint_options, member), actions                   \
	}
	ROW("--leave-running", FLAG, leave_running, CRIU_DUMP),
	ROW("--tcp-established", FLAG, tcp_established, CRIU_DUMP | CRIU_RESTORE),
	ROW("--tcp-close", FLAG, tcp_close, CRIU_RESTORE),
	ROW("--ext-unix-sk", FLAG, ext_unix_sk, CRIU_DUMP | CRIU_RESTORE),
	ROW("--shell-job", FLAG, shell_job, CRIU_DUMP | CRIU_RESTORE),
	ROW("--file-locks", FLAG, file_locks, CRIU_DUMP | CRIU_RESTORE),
	ROW("--link-remap", FLAG, link_remap, CRIU_DUMP | CRIU_RESTORE),
	ROW("--auto-dedup", FLAG, auto_dedup, CRIU_DUMP | CRIU_PRE_DUMP | CRIU_RESTORE),
	ROW("--lazy-pages", FLAG, lazy_pages, CRIU_DUMP | CRIU_RESTORE),
	ROW("--status-fd", TEXT, status_fd, CRIU_DUMP | CRIU_PRE_DUMP),
	ROW("--prev-images-dir", TEXT, parent, CRIU_DUMP | CRIU_PRE_DUMP),
	ROW("--lsm-profile", TEXT, lsm_profile, CRIU_RESTORE),
	ROW("--lsm-mount-context", TEXT, lsm_mount_context, CRIU_RESTORE),
#undef ROW
};

static const struct {
	enum criu_action action;
	const char *command, *log;
} actions[] = {
	{ CRIU_DUMP, "dump", "dump.log" },
	{ CRIU_PRE_DUMP, "pre-dump", "dump.log" },
	{ CRIU_RESTORE, "restore", "restore.log" },
};

void criu_add(struct criu_words *w, const char *format, ...)
{
	va_list args;

	if (w->n + 2 > w->room) {
		char **more = reallocarray(w->v, w->room + 32, sizeof(*more));
		w->failed |= !more;
		if (!more)
			return;
		w->v = more;
		w->room += 32;
	}
	va_start(args, format);
	w->failed |= vasprintf(&w->v[w->n], format, args) < 0;
	va_end(args);
	w->n += !w->failed;
	w->v[w->n] = NULL;
}

void criu_words_done(struct criu_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
}

static void add_page_server(struct criu_words *w, const char *at)
{
	const char *colon = strrchr(at, ':');

	criu_add(w, "--page-server");
	criu_add(w, "--address");
	criu_add(w, "%.*s", colon ? (int)(colon - at) : (int)strlen(at), at);
	if (!colon)
		return;
	criu_add(w, "--port");
	criu_add(w, "%s", colon + 1);
}

void criu_begin(struct criu_words *w, enum criu_action a, const struct checkpoint_options *o)
{
	criu_add(w, "criu");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (actions[i].action == a) {
			criu_add(w, "%s", actions[i].command);
			criu_add(w, "--log-file");
			criu_add(w, "%s", actions[i].log);
			w->log = actions[i].log;
		}
	criu_add(w, "-v4");
	criu_add(w, "--images-dir");
	criu_add(w, "%s", o->image);
	criu_add(w, "--work-dir");
	criu_add(w, "%s", o->work ? o->work : o->image);
	/* The group is ours to make: CRIU runs in it, and so is all that it restores. */
	criu_add(w, "--manage-cgroups=ignore");
	for (size_t i = 0; i < sizeof(criu_options) / sizeof(criu_options[0]); i++) {
		const struct criu_option *row = &criu_options[i];
		const void *at = (const char *)o + row->offset;
		if (!(row->actions & a) ||
			(row->kind == FLAG ? !*(const bool *)at : !*(const char *const *)at))
			continue;
		criu_add(w, "%s", row->name);
		if (row->kind == TEXT)
			criu_add(w, "%s", *(const char *const *)at);
	}
	if (a != CRIU_RESTORE && (o->pre_dump || o->parent))
		criu_add(w, "--track-mem");
	if (a != CRIU_RESTORE && o->page_server)
		add_page_server(w, o->page_server);
	for (size_t i = 0; i < o->n_empty_ns; i++) {
		criu_add(w, "--empty-ns");
		criu_add(w, "%s", strcmp(o->empty_ns[i], "network") == 0 ? "net" : o->empty_ns[i]);
	}
}

int criu_add_binds(struct criu_words *w, const struct spec *spec, bool sources, struct err *e)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct mount_spec *m = &spec->mounts[i];
		struct mount_flags flags = { 0 };
		int r = mount_flags_parse(m, &flags, e);
		bool is_bind = r == 0 && mount_flags_is_bind(&flags);
		mount_flags_done(&flags);
		if (r < 0)
			return r;
		if (!is_bind)
			continue;
		criu_add(w, "--external");
		criu_add(w, "mnt[%s]:%s", m->destination, sources ? m->source : m->destination);
	}
	return 0;
}

/* --- its process -------------------------------------------------------------------------------- */

/* In the process that becomes it. Mounts are its own: nothing is mounted on the host. */
static int enter_place(const struct criu_process *p)
{
	if (p->own_cgroups && unshare(CLONE_NEWCGROUP) < 0)
		return -errno;
	if (!p->rootfs)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
		mount(p->rootfs, p->mount_point, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	return 0;
}

static void become(const char *path, char **argv, const struct criu_process *p)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int r = enter_place(p);
	for (int i = 0; r == 0 && i < p->n_fds; i++)
		if (dup2(p->fds[i], CRIU_FDS + i) < 0)
			r = -errno;
	for (int fd = 0; r == 0 && fd < 3; fd++)
		if (dup2(null, fd) < 0)
			r = -errno;
	if (r == 0 && p->status_fd)
		fcntl((int)strtol(p->status_fd, NULL, 10), F_SETFD, 0);
	if (r == 0)
		execv(path, argv);
	_exit(127);
}

/* What it says last is that it failed; what it said before, why. */
static bool sums_up(const char *text)
{
	static const char *const sums[] = { "Dumping FAILED", "Restoring FAILED", "cg: cgroupd",
		"Could not initialize kernel features", "kerndat_vdso_fill_symtable failed" };

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (str_starts(text, sums[i]))
			return true;
	return false;
}

const char *criu_reason(char *log)
{
	char *last = strrchr(log, '\0'), *why = NULL;

	while (last > log && last[-1] == '\n')
		*--last = '\0';
	for (char *at = log; (at = strstr(at, "Error (")); at++) {
		const char *text = strstr(at, "): ");
		if (text && !sums_up(text + 3))
			why = at;
	}
	if (!why) {
		char *line = strrchr(log, '\n');
		why = line ? line + 1 : log;
	}
	why[strcspn(why, "\n")] = '\0';
	return why;
}

static int say_why(const char *path, int status, struct err *e)
{
	autofree char *log = NULL;
	struct err ignored;
	size_t len;

	if (fd_read_file(AT_FDCWD, path, LOG_BYTES_MAX, &log, &len, &ignored) < 0 || !len)
		return err_say(
			e, EIO, "criu: status %d, and nothing in its log '%s'", status, path);
	return err_say(e, EIO, "criu: %.600s (log: %s)", criu_reason(log), path);
}

/* To its end, as long as its log grows. */
static int await_end(pid_t pid, int pidfd, const char *log, int silence_ms, int *ret, struct err *e)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	off_t size = -1;

	for (int n; (n = poll(&end, 1, silence_ms)) != 1;) {
		struct stat st = { 0 };
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 && stat(log, &st) == 0 && st.st_size != size) {
			size = st.st_size;
			continue;
		}
		kill(pid, SIGKILL);
		waitpid(pid, ret, 0);
		return err_say(e, ETIMEDOUT,
			"criu: nothing new in its log for %d s: killed (log: %s)",
			silence_ms / 1000, log);
	}
	if (waitpid(pid, ret, 0) < 0)
		return err_set(e, errno, "wait for criu");
	return 0;
}

int criu_run(struct criu_words *w, const struct checkpoint_options *o, const struct criu_process *p,
	struct err *e)
{
	autofree char *log = str_format("%s/%s", o->work ? o->work : o->image, w->log);
	autofd int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD
	};
	char path[4096];
	int status = 0, silence_ms = p->silence_ms ? p->silence_ms : CRIU_SILENCE_MS;

	if (w->failed || !log)
		return err_set(e, ENOMEM, "write CRIU's command line");
	if (!search_program("criu", path))
		return err_say(e, ENOENT, "checkpoints need the program 'criu' (package criu)");
	if (p->cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)p->cgroup;
	}
	for (size_t i = 0; i < w->n; i++)
		log_debug("criu: %s", w->v[i]);
	fflush(NULL);
	pid_t pid = sys_clone3(&args);
	if (pid == 0)
		become(path, w->v, p);
	if (pid < 0)
		return err_set(e, errno, "start '%s'", path);
	int r = await_end(
		pid, pidfd, log, o->lazy_pages || o->page_server ? -1 : silence_ms, &status, e);
	if (r < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return r;
	return say_why(log, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), e);
}
