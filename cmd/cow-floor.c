/*
 * cow-floor: a container without a runtime: the namespaces, the root and the program, by the bare system
 * calls. The ways of `cow density` are measured against it: it confines nothing, and has no libc, so that
 * what it takes is what the kernel takes.
 *
 *	cow-floor ROOTFS PIDFILE PROGRAM [ARGUMENT ...]
 *
 * ROOTFS has a directory proc. Ends with 0 when the program runs, as nobody's child; PIDFILE has its line of
 * /proc/PID/stat then, whose start time tells it from who gets its number later. Else with 1 and a line.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>

#include "runtime/init/sys.h"
#include "runtime/init/text.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)

/* What went wrong first. The child has our memory. */
static struct {
	const char *what;
	long code;
} failure;

static bool failed(const char *what, long r)
{
	if (r < 0 && !failure.what) {
		failure.what = what;
		failure.code = -r;
	}
	return r < 0;
}

static long set_up_streams(void)
{
	long null = sys(openat, AT_FDCWD, "/dev/null", O_RDWR);
	long r = null < 0 ? null : sys(setsid);

	for (int fd = 0; r >= 0 && fd < 3; fd++)
		r = sys(dup3, null, fd, 0);
	return r < 0 ? r : sys(close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
}

static bool set_up_files(const char *rootfs)
{
	return !failed("make mounts private", sys(mount, 0, "/", 0, MS_REC | MS_PRIVATE, 0)) &&
	       !failed("bind the root", sys(mount, rootfs, rootfs, 0, MS_BIND, 0)) &&
	       !failed("enter the root", sys(chdir, rootfs)) &&
	       !failed("mount /proc",
		       sys(mount, "proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0)) &&
	       !failed("change the root", sys(pivot_root, ".", ".")) &&
	       !failed("leave the host's root", sys(umount2, ".", MNT_DETACH)) &&
	       !failed("enter the new root", sys(chdir, "/"));
}

/* By PATH, where its name has no slash. */
static void execute(char *const *argv, char *const *envp)
{
	const char *at = text_find(argv[0], '/') ? "" : "/usr/bin:/bin";
	long r = -ENOENT;

	for (size_t i = 0; *at && envp[i]; i++)
		if (text_starts(envp[i], "PATH="))
			at = envp[i] + 5;
	if (!*at)
		r = sys(execve, argv[0], argv, envp);
	while (*at) {
		char path[4096];
		struct text t = TEXT_IN(path);
		const char *end = text_find(at, ':');
		size_t n = end ? (size_t)(end - at) : strlen(at);

		text_add_bytes(&t, at, n);
		text_add(&t, "/");
		text_add(&t, argv[0]);
		r = sys(execve, path, argv, envp);
		at += n + (end != 0);
	}
	failed("execute the program", r);
}

static _Noreturn void leave(int status)
{
	for (;;)
		sys(exit_group, status);
}

static _Noreturn void child(const char *rootfs, char *const *argv, char *const *envp)
{
	if (!failed("make its streams", set_up_streams()) && set_up_files(rootfs))
		execute(argv, envp);
	leave(1);
}

static void write_pid(long pid, const char *file)
{
	char path[32], line[1024];
	struct text t = TEXT_IN(path);

	text_add(&t, "/proc/");
	text_add_number(&t, pid);
	text_add(&t, "/stat");
	long from = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long n = from < 0 ? from : sys(read, from, line, sizeof(line));
	long to = sys(openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (failed("read its line of /proc", n) || failed("make the pid file", to))
		return;
	failed("write the pid file", sys(write, to, line, n));
}

static void start(const char *rootfs, const char *pidfile, char *const *argv, char *const *envp)
{
	/* As by vfork(): we wait until it executes, or ends. */
	struct clone_args args = { .flags = NAMESPACES | CLONE_VM | CLONE_VFORK,
		.exit_signal = SIGCHLD };
	long pid = sys(clone3, &args, sizeof(args));

	if (pid == 0)
		child(rootfs, argv, envp);
	if (failed("make the namespaces", pid) || failure.what)
		return;
	write_pid(pid, pidfile);
}

_Noreturn void floor_main(long *stack);

_Noreturn void floor_main(long *stack)
{
	char *const *argv = (char *const *)(stack + 1);
	char said[256];
	struct text t = TEXT_IN(said);

	if (*stack < 4)
		failed("find ROOTFS, PIDFILE and PROGRAM", -EINVAL);
	else
		start(argv[1], argv[2], argv + 3, argv + *stack + 1);
	if (!failure.what)
		leave(0);
	text_add(&t, "cow-floor: ");
	text_add(&t, failure.what);
	text_add(&t, ": error ");
	text_add_number(&t, failure.code);
	text_add(&t, "\n");
	sys(write, 2, said, t.len);
	leave(1);
}

/* The kernel jumps here; a C function wants an aligned stack and a call. */
#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall floor_main\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tmov x29, #0\n\tmov x30, #0\n\tb floor_main\n");
#endif
