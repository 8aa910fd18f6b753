/*
 * The least that a start can cost here: the system calls that tests/bench/config.json asks for,
 * with its values compiled in. No libc, no JSON, no plan, no checks, no messages, no copy of a
 * program.
 *
 *	floor STATE-ROOT ROOTFS [CGROUP-MOUNT]	runs ROOTFS/true
 *
 * Ends with 125 where something cannot be done (strace tells what).
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/stat.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/init/sys.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static _Noreturn void leave(int status)
{
	for (;;)
		sys(exit_group, status);
}

static long must(long r)
{
	if (r < 0)
		leave(125);
	return r;
}

static const struct {
	const char *type, *at, *data;
	unsigned long flags;
} mounts[] = {
	{ "proc", "proc", NULL, 0 },
	{ "tmpfs", "dev", "mode=755,size=65536k", MS_NOSUID | MS_STRICTATIME },
	{ "devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "dev/shm", "mode=1777,size=65536k", SAFE },
	{ "mqueue", "dev/mqueue", NULL, SAFE },
	{ "sysfs", "sys", NULL, SAFE | MS_RDONLY },
	{ "cgroup2", "sys/fs/cgroup", NULL, SAFE | MS_RELATIME | MS_RDONLY },
};

static const struct {
	const char *at;
	unsigned minor, major;
} nodes[] = {
	{ "dev/null", 3, 1 },
	{ "dev/zero", 5, 1 },
	{ "dev/full", 7, 1 },
	{ "dev/random", 8, 1 },
	{ "dev/urandom", 9, 1 },
	{ "dev/tty", 0, 5 },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "dev/fd" },
	{ "/proc/self/fd/0", "dev/stdin" },
	{ "/proc/self/fd/1", "dev/stdout" },
	{ "/proc/self/fd/2", "dev/stderr" },
	{ "/proc/kcore", "dev/core" },
	{ "pts/ptmx", "dev/ptmx" },
};

static const char *const read_only[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
	"proc/sysrq-trigger" };
static const char *const masked[] = { "proc/acpi", "proc/asound", "proc/kcore", "proc/keys",
	"proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
	"sys/firmware", "proc/scsi" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void set_up_files(const char *rootfs)
{
	struct statx st;

	must(sys(mount, 0, "/", 0, MS_PRIVATE | MS_REC, 0));
	must(sys(mount, rootfs, rootfs, 0, MS_BIND | MS_REC, 0));
	must(sys(chdir, rootfs));
	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (mounts[i].at[0] == 'd' && mounts[i].at[3])
			must(sys(mkdirat, AT_FDCWD, mounts[i].at, 0755));
		must(sys(mount, mounts[i].type, mounts[i].at, mounts[i].type, mounts[i].flags,
			mounts[i].data));
	}
	for (size_t i = 0; i < COUNT(nodes); i++)
		must(sys(mknodat, AT_FDCWD, nodes[i].at, S_IFCHR | 0666,
			nodes[i].major << 8 | nodes[i].minor));
	for (size_t i = 0; i < COUNT(links); i++)
		must(sys(symlinkat, links[i][0], AT_FDCWD, links[i][1]));
	for (size_t i = 0; i < COUNT(read_only); i++) {
		const char *at = read_only[i];
		if (sys(mount, at, at, 0, MS_BIND | MS_REC, 0) >= 0) /* else it is not there */
			must(sys(mount, 0, at, 0, MS_BIND | MS_REMOUNT | MS_RDONLY, 0));
	}
	for (size_t i = 0; i < COUNT(masked); i++) {
		if (sys(statx, AT_FDCWD, masked[i], 0, STATX_TYPE, &st) < 0)
			continue;
		if ((st.stx_mode & S_IFMT) == S_IFDIR)
			must(sys(mount, "tmpfs", masked[i], "tmpfs", SAFE | MS_RDONLY,
				"nr_blocks=1"));
		else
			must(sys(mount, "/dev/null", masked[i], 0, MS_BIND, 0));
	}
	must(sys(pivot_root, ".", "."));
	must(sys(umount2, ".", MNT_DETACH));
	must(sys(mount, 0, "/", 0, MS_BIND | MS_REMOUNT | MS_RDONLY, 0));
	must(sys(chdir, "/"));
}

static void set_up_identity(void)
{
	const uint32_t caps = 1u << CAP_AUDIT_WRITE | 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { .effective = caps, .permitted = caps } };
	uint64_t files[] = { 1024, 1024 };

	must(sys(prlimit64, 0, RLIMIT_NOFILE, files, 0));
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(cap < 32 && caps & 1u << cap))
			must(sys(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0));
	must(sys(setgroups, 0, 0));
	must(sys(setresgid, 0, 0, 0));
	must(sys(setresuid, 0, 0, 0));
	must(sys(capset, &header, data));
	must(sys(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static _Noreturn void child(const char *rootfs)
{
	static const char *const argv[] = { "/true", NULL };
	static const char *const envp[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
		NULL
	};
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	must(sys(unshare, CLONE_NEWCGROUP));
	must(sys(setsid));
	must(sys(keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0));
	long fd = must(sys(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	must(sys(ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &lo));
	sys(close, fd);
	must(sys(sethostname, "bench", 5));
	sys(umask, 0);
	set_up_files(rootfs);
	sys(umask, 022);
	set_up_identity();
	must(sys(execve, argv[0], argv, envp));
	leave(125);
}

static int start(const char *root, const char *rootfs, const char *groups_path)
{
	static const char name[] = "bench-floor";
	siginfo_t info = { 0 };
	int pidfd = -1;
	long groups = -1, cgroup = -1;

	sys(mkdirat, AT_FDCWD, root, 0700);
	long home = must(sys(openat, AT_FDCWD, root, O_PATH | O_CLOEXEC));
	must(sys(mkdirat, home, name, 0700));
	if (groups_path) {
		groups = must(sys(openat, AT_FDCWD, groups_path, O_PATH | O_CLOEXEC));
		must(sys(mkdirat, groups, name, 0755));
		cgroup = must(sys(openat, groups, name, O_PATH | O_CLOEXEC));
	}
	/* As by vfork(): the child has our memory and we wait until it executes. */
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNET |
			 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS |
			 (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};
	long pid = must(sys(clone3, &args, sizeof(args)));
	if (pid == 0)
		child(rootfs);
	must(sys(waitid, P_PIDFD, pidfd, &info, WEXITED, 0));
	if (groups >= 0)
		must(sys(unlinkat, groups, name, AT_REMOVEDIR));
	must(sys(unlinkat, home, name, AT_REMOVEDIR));
	return info.si_status;
}

_Noreturn void begin(const long *stack);

_Noreturn void begin(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);

	leave(*stack < 3 ? 125 : start(argv[1], argv[2], argv[3]));
}

#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tb begin\n");
#endif
