/* The bare system calls. */
#include "cmd/density/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/sys.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)

/* What the middle process tells: the pid of the one that lives on, or what went wrong. */
struct floor_said {
	pid_t pid;
	int code;
};

static int become(const char *rootfs, const char *const *words)
{
	int null = open("/dev/null", O_RDWR);

	if (setsid() < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(rootfs, rootfs, NULL, MS_BIND, NULL) < 0 || chdir(rootfs) < 0 ||
		mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
		syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
		chdir("/") < 0)
		return errno;
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	execvp(words[0], (char *const *)words);
	return errno;
}

/* In the middle process, whose end leaves the container to whoever takes orphans. */
static struct floor_said start_orphan(const char *rootfs, const char *const *words)
{
	int gate[2];
	struct floor_said said = { 0 };
	struct clone_args args = { .flags = NAMESPACES, .exit_signal = SIGCHLD };

	/* Closed by the program's execution, or told why there was none. */
	if (pipe2(gate, O_CLOEXEC) < 0)
		return (struct floor_said){ .code = errno };
	said.pid = (pid_t)sys_clone3(&args);
	if (said.pid < 0)
		return (struct floor_said){ .code = errno };
	if (said.pid == 0) {
		int code = become(rootfs, words);
		_exit(fd_write_all(gate[1], &code, sizeof(code)) < 0 ? 126 : 127);
	}
	close(gate[1]);
	if (fd_read_full(gate[0], &said.code, sizeof(said.code)) != sizeof(said.code))
		said.code = 0;
	return said;
}

int floor_begin(
	const char *rootfs, const char *const *words, struct floor_birth *ret, struct err *e)
{
	int told[2];

	if (pipe2(told, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	pid_t middle = fork();
	if (middle == 0) {
		struct floor_said said = start_orphan(rootfs, words);
		_exit(fd_write_all(told[1], &said, sizeof(said)) < 0);
	}
	int code = errno;
	close(told[1]);
	if (middle < 0) {
		close(told[0]);
		return err_set(e, code, "start '%s' without a runtime", words[0]);
	}
	*ret = (struct floor_birth){ middle, told[0] };
	return 0;
}

int floor_hear(struct floor_birth *b, pid_t *ret_pid, struct err *e)
{
	struct floor_said said = { 0 };

	if (fd_read_full(b->told, &said, sizeof(said)) != sizeof(said))
		said.code = ECHILD;
	close(b->told);
	while (waitpid(b->middle, NULL, 0) < 0 && errno == EINTR)
		;
	*b = (struct floor_birth){ 0 };
	if (said.code)
		return err_set(e, said.code, "start it without a runtime");
	*ret_pid = said.pid;
	return 0;
}
