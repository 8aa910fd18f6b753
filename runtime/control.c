/* A container found by its id: started, signalled, frozen, deleted. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "overlay/stack.h"
#include "runtime/group.h"
#include "runtime/handover.h"
#include "runtime/hooks.h"
#include "runtime/notify.h"
#include "runtime/rdt.h"
#include "runtime/residents.h"
#include "runtime/rootless.h"
#include "runtime/status.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"

#define KILL_TIMEOUT_MS 10000
#define FREEZE_TIMEOUT_MS 10000

static const char *status_name(enum state_status s)
{
	return enum_name_of(state_status_names, s);
}

int container_spec(const struct home *h, const char *id, struct spec *ret, struct err *e)
{
	autofd int dir = record_open(h, id, O_PATH, e);

	if (dir < 0)
		return dir;
	int r = spec_load(dir, RECORD_CONFIG, ret, e);
	return r < 0 ? err_while(e, "container '%s'", id) : 0;
}

/*
 * Created or running? The socket knows: once its init has executed the program, nobody listens any
 * more, whether or not `start` lived to write it down.
 */
static bool still_waits(const struct home *h, const struct record *r)
{
	if (!r->waits || r->started)
		return false;
	autofd int dir = openat(h->fd, r->id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd int fd =
		dir < 0 ? -1 : handover_reach(dir, RECORD_SOCKET, SOCK_STREAM | SOCK_NONBLOCK);
	/* -EAGAIN: somebody listens, and has many connections to look at (frozen, he cannot). */
	return fd >= 0 || fd == -EAGAIN;
}

enum state_status container_status(const struct home *h, const struct record *r)
{
	struct cgroup group = CGROUP_NONE;

	if (!r->init.pid)
		return STATE_CREATING;
	if (!mark_is_alive(&r->init))
		return STATE_STOPPED;
	bool waits = still_waits(h, r);
	bool frozen = container_cgroup(r, &group) == 0 && cgroup_is_frozen(group.fd) > 0;
	cgroup_done(&group);
	if (frozen)
		return STATE_PAUSED;
	return waits ? STATE_CREATED : STATE_RUNNING;
}

/* The lock, and the record under it. */
static int lock_and_read(
	const struct home *h, const char *id, int *ret_dir, struct record *ret, struct err *e)
{
	int r = record_lock(h, id, ret_dir, e);

	return r < 0 ? r : record_read(h, id, ret, e);
}

static int run_poststart(const struct spec *spec, const struct record *record, struct err *e)
{
	automatic(str) struct str state = { 0 };
	const struct hooks *h = &spec->hooks;

	if (!h->n_poststart)
		return 0;
	state_text(spec, record->id, record->bundle, STATE_RUNNING, record->init.pid, &state);
	return hooks_run("poststart", h->poststart, h->n_poststart, state.data, record->bundle, e);
}

static void run_poststop(const struct spec *spec, const struct record *record)
{
	automatic(str) struct str state = { 0 };

	if (!spec->hooks.n_poststop)
		return;
	state_text(spec, record->id, record->bundle, STATE_STOPPED, 0, &state);
	if (str_ok(&state))
		hooks_run_last(&spec->hooks, state.data, record->bundle);
}

/* Its words until it executes its program; `dir` has the socket that it waits at. */
static int hear_start(int dir, const struct record *record, const struct spec *spec, struct err *e)
{
	automatic(birth) struct birth b = BIRTH_NONE;
	enum channel_type said = 0;

	int start = handover_reach(dir, RECORD_SOCKET, SOCK_STREAM);
	if (start < 0)
		return err_set(e, -start, "start container '%s'", record->id);
	b = birth_of_start(record->init.pid, mark_open(&record->init), start);
	int r = birth_go(&b, e);
	while (r == 0 && (r = birth_next(&b, &said, e)) == 0 && said == CHANNEL_LISTENER)
		r = notify_agent(
			&b, spec, record->id, record->bundle, STATE_CREATING, record->init.pid, e);
	return r;
}

int container_start(const struct home *h, const char *id, struct err *e)
{
	automatic(record) struct record record = { 0 };
	automatic(spec) struct spec spec = { 0 };
	autofd int dir = -1;
	char text[STATUS_WORDS_MAX];
	int r = lock_and_read(h, id, &dir, &record, e);

	if (r < 0)
		return r;
	if (container_status(h, &record) != STATE_CREATED)
		return err_say(e, ERR_NOT_RUNNING, "cannot start container '%s': %s", id,
			status_words(h, &record, true, text));
	r = container_spec(h, id, &spec, e);
	if (r == 0)
		r = hear_start(dir, &record, &spec, e);
	if (r < 0)
		return err_while(e, "start container '%s'", id);
	autofd int journal = record_open_journal(dir, e);
	r = journal < 0 ? journal : record_add(journal, "started", "%s", e, "");
	unlinkat(dir, RECORD_SOCKET, 0);
	if (r == 0)
		r = run_poststart(&spec, &record, e);
	/* runtime.md#lifecycle: a poststart hook that fails fails the start, and stops the
	 * container. */
	struct err ignored;
	if (r < 0)
		container_kill(h, id, SIGKILL, record.cgroup, &ignored);
	return r;
}

static int refuse_kill(const struct home *h, const struct record *record, struct err *e)
{
	char text[STATUS_WORDS_MAX];

	return err_say(e, ERR_NOT_RUNNING, "container not running: '%s': %s", record->id,
		status_words(h, record, false, text));
}

static int kill_init(const struct home *h, const struct record *record, int signal, struct err *e)
{
	autofd int pidfd = mark_open(&record->init);

	if (pidfd < 0)
		return pidfd == -ESRCH
			       ? refuse_kill(h, record, e)
			       : err_set(e, -pidfd, "look at process %d", (int)record->init.pid);
	log_debug("signal %d goes to process %d", signal, (int)record->init.pid);
	if (pidfd_send_signal(pidfd, signal, NULL, 0) < 0)
		return err_set(e, errno, "send signal %d to container '%s'", signal, record->id);
	return 0;
}

/* With the first process of a pid namespace the kernel kills all the others. */
static int kill_all_without_group(
	const struct home *h, const struct record *record, int signal, struct err *e)
{
	if (!mark_is_alive(&record->init))
		return 0;
	if (signal == SIGKILL && !record->shares_pids)
		return kill_init(h, record, signal, e);
	return err_say(e, ERR_NOT_RUNNING, "cannot signal all of container '%s': it has no cgroup",
		record->id);
}

/* Who is the first of them the record does not tell any more: then the signal is for all. */
static int kill_found(const struct home *h, const struct record *record, const char *id, int signal,
	struct err *e)
{
	automatic(cgroup) struct cgroup group = CGROUP_NONE;

	if (group_find(h, record, id, &group) < 0 || cgroup_is_populated(group.fd) <= 0)
		return -ERR_DAMAGED;
	log_warn(
		"the record of container '%s' is damaged: its cgroup is found by name, and all in it are signalled",
		id);
	return group_signal(group.fd, signal, e);
}

/*
 * Without a pid namespace of its own a container is not over when its first process is killed, and
 * nobody could get at the others afterwards: so SIGKILL is for all of them, unasked.
 */
int container_kill(const struct home *h, const char *id, int signal, bool all, struct err *e)
{
	automatic(record) struct record record = { 0 };
	automatic(cgroup) struct cgroup group = CGROUP_NONE;
	int r = record_read(h, id, &record, e);

	if (r == -ERR_DAMAGED)
		return kill_found(h, &record, id, signal, e);
	if (r < 0)
		return r;
	bool together = all || (signal == SIGKILL && record.shares_pids);
	if (!together)
		return kill_init(h, &record, signal, e);
	if (container_cgroup(&record, &group) < 0)
		return all ? kill_all_without_group(h, &record, signal, e)
			   : kill_init(h, &record, signal, e);
	if (!all && !mark_is_alive(&record.init) && cgroup_is_populated(group.fd) <= 0)
		return refuse_kill(h, &record, e);
	return group_signal(group.fd, signal, e);
}

/* By pidfd, for containers without a group. */
static int kill_and_wait(const struct record *record, struct err *e)
{
	autofd int pidfd = mark_open(&record->init);

	if (pidfd < 0)
		return pidfd == -ESRCH
			       ? 0
			       : err_set(e, -pidfd, "look at process %d", (int)record->init.pid);
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	if (poll(&p, 1, KILL_TIMEOUT_MS) == 0)
		return err_say(e, EBUSY, "kill container '%s': process %d does not end", record->id,
			(int)record->init.pid);
	return 0;
}

static int remove_here(const char *path, const char *id, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	int r = store_open(path, STORE_READ, &store, e);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : stack_remove(&store, id, e);
}

/*
 * An ordinary user's files have owners whom he is root of in a user namespace only, and out of one
 * there is no way back to where he may kill what lives in another: so by a process of its own.
 */
static int remove_inside(const char *path, const char *id, struct err *e)
{
	automatic(rootless) struct rootless own = { 0 };
	struct err said = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "remove the files of '%s'", id);
	autofd int ours = ends[0], theirs = ends[1];
	pid_t pid = fork();
	if (pid == 0) {
		int r = rootless_enter(ROOTLESS_MOST, &own, &said);
		said.code = r < 0 ? -r : -remove_here(path, id, &said);
		fd_write_all(theirs, &said, sizeof(said));
		_exit(0);
	}
	own_close(&theirs);
	theirs = -1;
	bool heard = pid > 0 && fd_read_full(ours, &said, sizeof(said)) == sizeof(said);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (!heard)
		return err_say(e, ECHILD, "remove the files of '%s': no process for it", id);
	if (said.code)
		*e = said;
	return -said.code;
}

int container_remove_files(const char *path, const char *id, struct err *e)
{
	return rootless_is_needed() ? remove_inside(path, id, e) : remove_here(path, id, e);
}

static int remove_resources(const struct home *h, const struct record *record, const char *id,
	const char *store, bool damaged, struct err *e)
{
	int r = kill_and_wait(record, e);

	if (r == 0)
		r = network_end(&record->network_keeper, e);
	if (r == 0)
		r = group_remove(h, record, id, damaged, e);
	if (r == 0 && record->resctrl)
		r = rdt_remove(record->resctrl, e);
	if (record->store || !damaged)
		store = record->store;
	if (r == 0 && store)
		r = container_remove_files(store, id, e);
	return r;
}

static int refuse_delete(const struct home *h, const struct record *record, struct err *e)
{
	enum state_status status = container_status(h, record);

	if (status == STATE_STOPPED || status == STATE_CREATED || status == STATE_CREATING)
		return 0;
	return err_say(e, ERR_NOT_RUNNING, "cannot delete container '%s' that is not stopped: %s",
		record->id, status_name(status));
}

/* Before its process is killed: of its files they need, nothing else would be told. */
static int refuse_forked(const struct record *record, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;

	if (!record->is_template || !record->store)
		return 0;
	int r = store_open(record->store, STORE_READ, &store, e);
	if (r == 0)
		r = stack_refuse_forked(&store, record->id, e);
	return r == -ENOENT ? 0 : r;
}

/* `read`: what reading its record came to; its lock is held. */
static int delete_locked(const struct home *h, const char *id, bool force, const char *store,
	const struct record *record, int read, struct err *e)
{
	automatic(spec) struct spec spec = { 0 };
	struct err ignored;

	if (read < 0 && !(force && read == -ERR_DAMAGED))
		return read;
	int r = force ? 0 : refuse_delete(h, record, e);
	if (r == 0)
		r = refuse_forked(record, e);
	if (r == 0)
		r = remove_resources(h, record, id, store, read < 0 || record->cut, e);
	if (r < 0)
		return r;
	if (record->bundle && !record->no_poststop && container_spec(h, id, &spec, &ignored) == 0)
		run_poststop(&spec, record);
	return record_remove(h, id, e);
}

int container_delete(
	const struct home *h, const char *id, bool force, const char *store, struct err *e)
{
	automatic(record) struct record record = { 0 };
	autofd int dir = -1;
	int r = lock_and_read(h, id, &dir, &record, e);

	if (r == -ERR_NO_CONTAINER && force) {
		group_tell_stray(id);
		return 0;
	}
	return delete_locked(h, id, force, store, &record, r, e);
}

int container_delete_locked(const struct home *h, const struct record *record, struct err *e)
{
	return delete_locked(h, record->id, true, NULL, record, 0, e);
}

int container_freeze(const struct home *h, const char *id, bool frozen, struct err *e)
{
	automatic(record) struct record record = { 0 };
	struct cgroup group = CGROUP_NONE;
	autofd int dir = -1;
	int r = lock_and_read(h, id, &dir, &record, e);

	if (r < 0)
		return r;
	enum state_status status = container_status(h, &record);
	if (frozen && status != STATE_RUNNING && status != STATE_CREATED)
		return err_say(e, ERR_NOT_RUNNING,
			"cannot pause container '%s': container not running: %s", id,
			status_name(status));
	if (!frozen && status != STATE_PAUSED)
		return err_say(e, ERR_NOT_RUNNING,
			"cannot resume container '%s': container not paused: %s", id,
			status_name(status));
	if (container_cgroup(&record, &group) < 0)
		return err_say(
			e, ERR_NOT_RUNNING, "cannot pause container '%s': it has no cgroup", id);
	r = cgroup_freeze(group.fd, frozen, FREEZE_TIMEOUT_MS, e);
	cgroup_done(&group);
	return r;
}

int container_processes(
	const struct home *h, const char *id, pid_t **ret, size_t *ret_n, struct err *e)
{
	automatic(record) struct record record = { 0 };
	struct cgroup group = CGROUP_NONE;
	int r = record_read(h, id, &record, e);

	if (r < 0)
		return r;
	if (container_cgroup(&record, &group) == 0) {
		r = cgroup_processes(group.fd, true, ret, ret_n, e);
		cgroup_done(&group);
		return r;
	}
	return residents_list(&record, ret, ret_n, e);
}
