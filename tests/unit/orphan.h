/*
 * A reaper, cow-reaper of the build, with a process that stands for its template, and orphans that
 * stand for forks: they do what they are told.
 */
#ifndef TESTS_UNIT_ORPHAN_H
#define TESTS_UNIT_ORPHAN_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/reaper.h"
#include "runtime/record.h"
#include "spec/base/fd.h"
#include "tests/unit/run.h"

static char root[96], program[4096];
static struct home home = HOME_NONE;
static struct err e;

#define ORPHAN_OK(call) ck_assert_msg((call) >= 0, "%s", e.text)

/* The reaper, its template, and the socket over which that is asked for orphans. */
struct scene {
	pid_t reaper, template;
	int ask, dir;
};

/* One of them: what is written to `tell` it does; its output. */
struct orphan {
	char id[32];
	pid_t pid;
	int tell, out, err, status;
};

static inline int orphan_pair(int type, int ends[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends);
}

/* Lines: "o TEXT" and "e TEXT" are written, "n TEXT" without an end; "f" without end; "x N" exits, "k N" kills itself. */
_Noreturn static inline void orphan_obey(FILE *commands)
{
	char line[4096];

	while (fgets(line, sizeof(line), commands)) {
		char *text = line + 2;
		size_t n = strlen(text) - (*line == 'n' ? 1 : 0);
		if (strchr("on", *line))
			fd_write_all(1, text, n);
		else if (*line == 'e')
			fd_write_all(2, text, n);
		else if (*line == 'x')
			_exit(atoi(text));
		else if (*line == 'k')
			kill(getpid(), atoi(text));
		while (*line == 'f' && fd_write_all(1, "flood\n", 6) == 0)
			;
	}
	_exit(99);
}

/* The template: for each message with three fds an orphan, whose number it says. */
_Noreturn static inline void orphan_serve(int socket, pid_t reaper)
{
	char byte;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control;
	struct iovec io = { &byte, 1 };

	for (;;) {
		struct msghdr m = { .msg_iov = &io,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control) };
		int fds[3], ends[2];
		pid_t pid;
		if (recvmsg(socket, &m, MSG_CMSG_CLOEXEC) <= 0)
			_exit(42);
		memcpy(fds, CMSG_DATA(&control.align), sizeof(fds));
		if (pipe(ends) < 0)
			_exit(1);
		pid_t helper = fork();
		if (helper == 0) {
			pid = fork();
			if (pid == 0) {
				while (getppid() != reaper)
					usleep(100);
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				dup2(fds[0], 0);
				dup2(fds[1], 1);
				dup2(fds[2], 2);
				close_range(3, ~0U, 0);
				orphan_obey(stdin);
			}
			_exit(write(ends[1], &pid, sizeof(pid)) < 0);
		}
		waitpid(helper, NULL, 0);
		if (read(ends[0], &pid, sizeof(pid)) < 0 || write(socket, &pid, sizeof(pid)) < 0)
			_exit(1);
		for (int i = 0; i < 3; i++)
			close(fds[i]);
		close(ends[0]);
		close(ends[1]);
	}
}

/* A container's record, whose lock is given up unless somebody wants it. */
static inline void orphan_record(const char *id, pid_t pid, const char *line, int *ret_dir)
{
	int dir, journal;
	struct process_mark mark;

	ORPHAN_OK(record_make(&home, id, &dir, &journal, &e));
	ck_assert_int_eq(mark_take(pid, &mark), 0);
	ORPHAN_OK(record_add(
		journal, "init", "%d %llu", &e, (int)mark.pid, (unsigned long long)mark.start));
	if (line)
		ORPHAN_OK(record_add(journal, line, "%s", &e, ""));
	close(journal);
	if (ret_dir)
		*ret_dir = dir;
	else
		close(dir);
}

static inline int orphan_log(const char *id)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s/log", root, id);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* What the process that starts a template does at its end. */
_Noreturn static inline void orphan_become(
	const int *serving, const int *started, rlim_t files, bool dies)
{
	int out[2], err[2], born[2], fds[REAPER_FDS], dir;
	char number[16];
	struct rlimit limit = { files, files };
	pid_t self = getpid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || pipe2(born, O_CLOEXEC) < 0)
		_exit(1);
	pid_t pid = fork();
	if (pid == 0) {
		close(born[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		dup2(err[1], 2);
		signal(SIGTERM, SIG_DFL); /* the handler of Check */
		fd_write_all(1, "template\n", 9);
		close(serving[0]);
		char go;
		if (dies)
			_exit((int)read(born[0], &go, 1) + 2);
		orphan_serve(serving[1], self);
	}
	orphan_record("t", pid, NULL, &dir);
	fds[REAPER_OUT] = out[0];
	fds[REAPER_ERR] = err[0];
	fds[REAPER_LOG] = orphan_log("t");
	fds[REAPER_LISTENER] = reaper_listen(dir, &e);
	close(dir);
	for (int i = REAPER_OUT; i < REAPER_FDS; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 30);
	fd_write_all(started[1], &pid, sizeof(pid));
	close(born[1]);
	for (int i = REAPER_OUT; i < REAPER_FDS; i++)
		dup2(fds[i], i);
	close_range(REAPER_FDS, ~0U, CLOSE_RANGE_CLOEXEC);
	snprintf(number, sizeof(number), "%d", (int)pid);
	if (dies)
		waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	if (files)
		setrlimit(RLIMIT_NOFILE, &limit);
	execl(program, "cow-reaper", root, "t", number, NULL);
	_exit(1);
}

/* `files`: its limit of open files; 0: as ours. `dies`: the template does, before there is a reaper. */
static inline struct scene scene_begin_as(rlim_t files, bool dies)
{
	int serving[2], started[2];
	struct scene s;

	ck_assert_int_eq(orphan_pair(SOCK_SEQPACKET, serving), 0);
	ck_assert_int_eq(pipe2(started, O_CLOEXEC), 0);
	s.reaper = fork();
	ck_assert_int_ge(s.reaper, 0);
	if (s.reaper == 0)
		orphan_become(serving, started, files, dies);
	close(started[1]);
	close(serving[1]);
	ck_assert_int_eq(fd_read_full(started[0], &s.template, sizeof(pid_t)), sizeof(pid_t));
	close(started[0]);
	s.ask = serving[0];
	s.dir = openat(home.fd, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(s.dir, 0);
	return s;
}

static inline struct scene scene_begin(rlim_t files)
{
	return scene_begin_as(files, false);
}

static inline void scene_end(struct scene *s)
{
	int status;

	close(s->ask);
	ck_assert_int_eq(waitpid(s->reaper, &status, 0), s->reaper);
	ck_assert_int_eq(status, 0);
	close(s->dir);
}

/* How many files the reaper has open: it has met who came, and seen who left. */
static inline int orphan_reaper_fds(const struct scene *s)
{
	char path[32];
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", s->reaper);
	DIR *dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* A process of the template's, not yet anybody's container. */
static inline struct orphan orphan_make(const struct scene *s, const char *id)
{
	int tell[2], out[2], err[2];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	struct iovec io = { (void *)"f", 1 };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct orphan o = { .status = -1 };

	snprintf(o.id, sizeof(o.id), "%s", id);
	ck_assert_int_eq(orphan_pair(SOCK_STREAM, tell), 0);
	ck_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
	int fds[] = { tell[1], out[1], err[1] };
	control.align = (struct cmsghdr){ CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	ck_assert_int_eq(sendmsg(s->ask, &m, 0), 1);
	ck_assert_int_eq(read(s->ask, &o.pid, sizeof(o.pid)), sizeof(o.pid));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	o.tell = tell[0];
	o.out = out[0];
	o.err = err[0];
	return o;
}

static inline int orphan_hand(struct orphan *o, int connection, bool with_status)
{
	int status[2] = { -1, -1 };
	struct reaper_ward w = REAPER_WARD_NONE;

	if (with_status)
		ck_assert_int_eq(pipe2(status, O_CLOEXEC), 0);
	w.id = o->id;
	w.pid = o->pid;
	w.out = o->out;
	w.err = o->err;
	w.log = orphan_log(o->id);
	w.status = status[1];
	int r = reaper_hand(connection, &w, &e);
	close(w.log);
	own_close(&o->out);
	own_close(&o->err);
	own_close(&status[1]);
	o->status = status[0];
	return r;
}

static inline void orphan_tell(const struct orphan *o, const char *command)
{
	ck_assert_int_eq(fd_write_all(o->tell, command, strlen(command)), 0);
}

/* One more fork, handed over. */
static inline struct orphan orphan_start(
	const struct scene *s, int connection, const char *id, const char *line)
{
	struct orphan o = orphan_make(s, id);

	orphan_record(id, o.pid, line, NULL);
	ORPHAN_OK(orphan_hand(&o, connection, true));
	return o;
}

/* The wait status, and then that the record has it. */
static inline int orphan_wait(const struct orphan *o)
{
	int status;
	char more;

	ck_assert_int_eq(fd_read_full(o->status, &status, sizeof(status)), sizeof(status));
	ck_assert_int_eq(fd_read_full(o->status, &more, 1), 0);
	return status;
}

/* Of the record; -1: it has none. */
static inline int orphan_exit(const char *id)
{
	automatic(record) struct record record = { 0 };

	ORPHAN_OK(record_read(&home, id, &record, &e));
	return record.ended ? record.exit_status : -1;
}

/* --- what the reaper has -------------------------------------------------------------------------
 */

static inline unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* What its epoll instance waits for. */
static inline unsigned count_waited(pid_t pid)
{
	char path[300], line[256];
	unsigned n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *entry; (entry = readdir(d));) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)pid, entry->d_name);
		FILE *f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			n += strncmp(line, "tfd:", 4) == 0;
		if (f)
			fclose(f);
	}
	closedir(d);
	return n;
}

/* KiB of its own, by /proc/PID/smaps_rollup. */
static inline unsigned private_of(pid_t pid)
{
	char path[64], line[128];
	unsigned sum = 0, n;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %u", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

static inline void orphan_begin(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 32);

	ck_assert_int_gt(n, 0);
	program[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(program, '/') = '\0';
	strcat(program, "/cow-reaper");
	unit_scratch("/dev/shm", "reaper", root, sizeof(root));
	ORPHAN_OK(home_open(root, false, false, &home, &e));
}

static inline void orphan_end(void)
{
	int memory = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);

	home_done(&home);
	ORPHAN_OK(fd_remove_tree(memory, strrchr(root, '/') + 1, &e));
	close(memory);
}

#endif
