/* Whether this process may be a template. */
#include "runtime/template/fitness.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/prctl.h>
#include <linux/stat.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "runtime/init/sys.h"
#include "runtime/template/lines.h"

/* What the first bytes of a name tell: of a link in /proc/self/fd, or of a mapping. */
struct kind {
	const char *prefix, *noun;
};

static const struct kind fd_kinds[] = {
	{ "anon_inode:[eventpoll]", "an epoll instance" },
	{ "anon_inode:[eventfd", "an eventfd" },
	{ "anon_inode:[timerfd]", "a timer" },
	{ "anon_inode:[signalfd]", "a signalfd" },
	{ "anon_inode:[io_uring]", "an io_uring" },
	{ "anon_inode:[userfaultfd]", "a userfaultfd" },
	{ "anon_inode:[pidfd]", "a pidfd" },
	{ "anon_inode:inotify", "an inotify instance" },
	{ "socket:", "a socket" },
	{ "pipe:", "a pipe" },
	{ "/memfd:", "a memfd" },
	{ "/dev/", "a device or a file in /dev" },
	{ "/", "a file" },
	{ "", "of a kind of its own" },
};

static const struct kind memory_kinds[] = {
	{ "anon_inode:[io_uring]", "an io_uring" },
	{ "/[aio]", "asynchronous I/O (io_setup())" },
	{ "/SYSV", "System V shared memory" },
	{ "/memfd:", "a memfd, mapped shared" },
	{ "/dev/zero (deleted)", "anonymous shared memory" },
	{ "/dev/shm/", "POSIX shared memory" },
	{ "", "a file, mapped shared and open for writing" },
};

/* Without these a fork could not become a container. */
static const struct {
	int cap;
	const char *name;
} needed_caps[] = {
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_SETUID, "CAP_SETUID" },
	{ CAP_SETGID, "CAP_SETGID" },
	{ CAP_SETPCAP, "CAP_SETPCAP" },
};

static const char *kind_of(const struct kind *kinds, const char *name)
{
	while (!text_starts(name, kinds->prefix))
		kinds++;
	return kinds->noun;
}

static void say(struct text *t, const char *format, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, format);
	text_format(t, format, args);
	__builtin_va_end(args);
}

static int cannot_look(struct text *why, const char *what, long r)
{
	say(why, "its %s cannot be read (errno %d)", what, (int)-r);
	return (int)r;
}

/* "(and 2 more)" behind what was said of the first. */
static int refuse(struct text *why, unsigned n)
{
	if (n > 1)
		say(why, " (and %d more)", (int)n - 1);
	return n ? -EBUSY : 0;
}

/* --- directories of /proc/self ------------------------------------------------------------------- */

struct listing {
	_Alignas(8) char bytes[2048]; /* struct linux_dirent64, as struct dirent64 is */
	long fd, have, at;
};

static const char *next_name(struct listing *l)
{
	for (;;) {
		if (l->at >= l->have) {
			l->have = sys(getdents64, l->fd, l->bytes, sizeof(l->bytes));
			l->at = 0;
		}
		if (l->have <= 0)
			return NULL;
		const struct dirent64 *d = (const void *)(l->bytes + l->at);
		l->at += d->d_reclen;
		if (d->d_name[0] != '.')
			return d->d_name;
	}
}

/* The name of one of our threads, as `top` shows it. */
static void add_thread_name(struct text *t, long task, const char *tid)
{
	char path[48], name[32];
	struct text p = TEXT_IN(path);

	say(&p, "%s/comm", tid);
	long fd = sys(openat, task, path, O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? 0 : sys(read, fd, name, sizeof(name));
	if (fd >= 0)
		sys(close, fd);
	if (n > 1)
		text_add_bytes(t, name, (size_t)n - 1);
}

static int check_threads(long proc, struct text *why)
{
	struct listing l = { .fd = sys(openat, proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	long ours = sys(gettid);
	unsigned others = 0;

	if (l.fd < 0)
		return cannot_look(why, "/proc/self/task", l.fd);
	for (const char *tid; (tid = next_name(&l));) {
		char self[16];
		struct text t = TEXT_IN(self);
		text_add_number(&t, ours);
		if (text_equal(tid, self) || others++)
			continue;
		say(why, "it has another thread (%s '", tid);
		add_thread_name(why, l.fd, tid);
		text_add(why,
			"'), which a fork would not have, and what it holds would stay locked");
	}
	sys(close, l.fd);
	return l.have < 0 ? cannot_look(why, "/proc/self/task", l.have) : refuse(why, others);
}

static int to_number(const char *digits)
{
	int n = 0;

	while (*digits >= '0' && *digits <= '9')
		n = n * 10 + (*digits++ - '0');
	return n;
}

static void say_fd(struct text *why, long dir, const char *number)
{
	char target[256];
	long n = sys(readlinkat, dir, number, target, sizeof(target) - 1);

	target[n > 0 ? n : 0] = '\0';
	say(why,
		"its file descriptor %s is %s ('%s'), which a fork would not have: it must be closed first",
		number, kind_of(fd_kinds, target), target);
}

static int check_fds(long proc, int listener, struct text *why)
{
	struct listing l = { .fd = sys(openat, proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	unsigned found = 0;

	if (l.fd < 0)
		return cannot_look(why, "/proc/self/fd", l.fd);
	for (const char *name; (name = next_name(&l));) {
		int fd = to_number(name);
		if (fd > 2 && fd != listener && fd != proc && fd != l.fd && !found++)
			say_fd(why, l.fd, name);
	}
	sys(close, l.fd);
	return l.have < 0 ? cannot_look(why, "/proc/self/fd", l.have) : refuse(why, found);
}

/* --- memory -------------------------------------------------------------------------------------- */

/* "7f00-7f01 rw-s 00000000 00:01 1026    /dev/zero (deleted)" */
struct place_of_memory {
	uint64_t start, end;
	const char *mode, *name;
};

static const char *skip_field(const char *s)
{
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	return s;
}

static struct place_of_memory read_place(const char *line)
{
	struct place_of_memory m = { .start = lines_number(&line, 16) };

	line += *line == '-';
	m.end = lines_number(&line, 16);
	m.mode = m.name = line;
	for (int field = 0; field < 4; field++)
		m.name = skip_field(m.name);
	return m;
}

/* Of what is mapped for reading: whether its file was opened for more (EACCES: it was not). */
static bool may_become_writable(const struct place_of_memory *m)
{
	int now = (m->mode[0] == 'r' ? PROT_READ : 0) | (m->mode[2] == 'x' ? PROT_EXEC : 0);
	long r = sys(mprotect, m->start, m->end - m->start, now | PROT_WRITE);

	if (r == 0)
		sys(mprotect, m->start, m->end - m->start, now);
	return r != -EACCES;
}

/* System V's may be attached for reading while others write. */
static bool is_shared_memory(const struct place_of_memory *m)
{
	return m->mode[3] == 's' &&
	       (m->mode[1] == 'w' || text_starts(m->name, "/SYSV") || may_become_writable(m));
}

static int check_memory(struct text *why)
{
	static struct lines l;
	unsigned found = 0;
	int r = lines_open(&l, "/proc/self/maps", '\n');

	if (r < 0)
		return cannot_look(why, "/proc/self/maps", r);
	for (const char *line; (line = lines_next(&l));) {
		struct place_of_memory m = read_place(line);
		if (is_shared_memory(&m) && !found++)
			say(why,
				"some of its memory is %s ('%s'): its forks would all write to the same",
				kind_of(memory_kinds, m.name), m.name);
	}
	lines_close(&l);
	return refuse(why, found);
}

/* --- the process ----------------------------------------------------------------------------------- */

static int check_children(struct text *why)
{
	siginfo_t ended = { .si_pid = 0 };
	long r = sys(waitid, P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);

	if (r == -ECHILD)
		return 0;
	if (ended.si_pid)
		say(why, "it has not waited for its child process %d, which has ended",
			(int)ended.si_pid);
	else
		text_add(why, "it has child processes, which a fork would not have");
	return -EBUSY;
}

static int check_privilege(struct text *why)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (sys(prctl, PR_GET_SECCOMP, 0, 0, 0, 0) != 0) {
		text_add(why,
			"it has loaded a seccomp filter, which would bind what confines its forks");
		return -EPERM;
	}
	sys(capget, &header, data);
	for (size_t i = 0; i < sizeof(needed_caps) / sizeof(needed_caps[0]); i++)
		if (!(data[0].effective & 1u << needed_caps[i].cap)) {
			say(why,
				"it has given up %s, which making a container of a fork needs: forks get the user that is theirs",
				needed_caps[i].name);
			return -EPERM;
		}
	return 0;
}

/* The directory of this very process, and no file of the image's in its place. */
static long open_proc(void)
{
	struct statfs fs = { 0 };
	long fd = sys(openat, AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	long r = fd < 0 ? fd : sys(fstatfs, fd, &fs);

	if (r == 0 && fs.f_type != PROC_SUPER_MAGIC)
		r = -ENOTDIR;
	if (r < 0 && fd >= 0)
		sys(close, fd);
	return r < 0 ? r : fd;
}

/* Control characters would split or hide what is told: names are others' choice. */
static void clean(struct text *t)
{
	for (size_t i = 0; i < t->len; i++)
		if ((unsigned char)t->at[i] < ' ' || t->at[i] == 127)
			t->at[i] = '?';
}

int fitness_check(int listener, struct text *ret_why)
{
	long proc = open_proc();
	int r = proc < 0 ? cannot_look(ret_why, "/proc/self", proc) : check_threads(proc, ret_why);

	if (r == 0)
		r = check_children(ret_why);
	if (r == 0)
		r = check_privilege(ret_why);
	if (r == 0)
		r = check_fds(proc, listener, ret_why);
	if (r == 0)
		r = check_memory(ret_why);
	if (proc >= 0)
		sys(close, proc);
	clean(ret_why);
	return r;
}
