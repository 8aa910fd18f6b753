/*
 * The terminal of a process: made, given its owner and size, and taken as its standard streams.
 *
 * It comes from the container's own devpts, and the image may hold anything under the names that
 * lead there, or change it while we look (CVE-2025-52565). So each step begins with an fd of the
 * one before: the directory must be devpts itself, which nobody but the kernel makes files in; the
 * master is opened in it without crossing a mount; the slave is had of the master and not by its
 * name. /dev/console is a mount of that slave on a file that is made or found without following
 * anything (CVE-2026-88264), and the owner is set by the slave's fd (CVE-2026-88265).
 */
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <linux/tty.h>
#include <sys/statfs.h>

#include "runtime/init/child.h"

#include <asm/ioctls.h>

#define PTMX_MAJOR 5
#define PTMX_MINOR 2

struct window {
	uint16_t rows, columns, x_pixels, y_pixels; /* the kernel's struct winsize */
};

/* The container's devpts. */
static int open_devpts(struct child *c)
{
	int root = c->root;
	struct statfs fs;

	if (root < 0)
		root = (int)sys(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = sys_openat2_path(root, "/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC,
		RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (root != c->root)
		sys(close, root);
	if (fd == -ELOOP)
		child_refuse(c, ELOOP,
			"process.terminal: '/dev/pts' in the container is, or lies behind, a symlink");
	if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
		child_fail(c, fd, "process.terminal: open '/dev/pts'");
	if (fd < 0 || sys(fstatfs, fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		child_refuse(c, ENODEV,
			"process.terminal: the container has no devpts on '/dev/pts' (hint: mounts)");
	return fd;
}

static int open_master(struct child *c)
{
	int devpts = open_devpts(c), unlocked = 0;
	struct statx st;
	int fd = sys_openat2_path(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC,
		RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);

	sys(close, devpts);
	if (fd < 0)
		child_fail(c, fd, "process.terminal: open '/dev/pts/ptmx'");
	long r = sys(statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);
	if (r < 0 || (st.stx_mode & S_IFMT) != S_IFCHR || st.stx_rdev_major != PTMX_MAJOR ||
		st.stx_rdev_minor != PTMX_MINOR)
		child_refuse(c, ENODEV, "process.terminal: '/dev/pts/ptmx' is not the device 5:2");
	if ((r = sys(ioctl, fd, TIOCSPTLCK, &unlocked)) < 0)
		child_fail(c, (int)r, "process.terminal: unlock a new terminal");
	return fd;
}

/* Lines that end as the program ends them: of output that goes to a file or a pipe. */
static long leave_lines(int fd)
{
	struct termios t = { 0 };
	long r = sys(ioctl, fd, TCGETS, &t);

	t.c_oflag &= ~(tcflag_t)ONLCR;
	return r < 0 ? r : sys(ioctl, fd, TCSETS, &t);
}

/* Before anybody can see it, it is as it was asked for. */
static int open_slave(struct child *c, int master)
{
	const struct init_plan *plan = c->plan;
	struct window window = { .rows = plan->rows, .columns = plan->columns };
	long fd = sys(ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), r = 0;

	if (fd < 0)
		child_fail(c, (int)fd, "process.terminal: open a new terminal");
	if (window.rows || window.columns)
		r = sys(ioctl, fd, TIOCSWINSZ, &window);
	if (r >= 0 && plan->flags & PLAN_PLAIN_LINES)
		r = leave_lines((int)fd);
	if (r < 0)
		child_fail(c, (int)r, "process.terminal: set the size of a new terminal");
	/* The group stays: it is the one that devpts gives (gid=5, tty). */
	if (plan->uid && (r = sys(fchown, fd, plan->uid, -1)) < 0)
		child_fail(
			c, (int)r, "process.terminal: give the terminal to uid %d", (int)plan->uid);
	return (int)fd;
}

static void bind_console(struct child *c, int slave)
{
	int dev = target_open(c, "process.terminal", "/dev", TARGET_ORDINARY, NULL);
	struct statx st;
	long r = sys(
		openat, dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);

	if (r < 0 && r != -EEXIST)
		child_fail(c, (int)r, "process.terminal: make '/dev/console'");
	if (r >= 0)
		sys(close, r);
	long at = sys(openat, dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 || (r = sys(statx, at, "", AT_EMPTY_PATH, STATX_TYPE, &st)) < 0)
		child_fail(c, (int)(at < 0 ? at : r), "process.terminal: open '/dev/console'");
	unsigned type = st.stx_mode & S_IFMT;
	if (type != S_IFREG && type != S_IFCHR)
		child_refuse(c, EEXIST,
			"process.terminal: '/dev/console' in the container is neither a file nor a character device");
	long tree = sys(open_tree, slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		child_fail(c, (int)tree, "process.terminal: clone the mount of a new terminal");
	target_attach(c, "process.terminal", (int)tree, (int)at, "/dev/console");
	sys(close, tree);
	sys(close, at);
	sys(close, dev);
}

void terminal_make(struct child *c)
{
	long r;

	if (!(c->plan->flags & PLAN_TERMINAL))
		return;
	int master = open_master(c), slave = open_slave(c, master);
	if (c->plan->flags & PLAN_CONSOLE)
		bind_console(c, slave);
	if ((r = sys(ioctl, slave, TIOCSCTTY, 0)) < 0)
		child_fail(c, (int)r, "process.terminal: make it the controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		if ((r = sys(dup3, slave, fd, 0)) < 0)
			child_fail(c, (int)r, "process.terminal: make it file descriptor %d", fd);
	sys(close, slave);
	channel_send_fd(c, CHANNEL_TERMINAL, master);
	sys(close, master);
}
