/*
 * The least that a start can cost here: the system calls that tests/bench/config.json asks for,
 * with its values compiled in. No JSON, no plan, no checks, no messages, no copy of a program.
 *
 *	floor STATE-ROOT ROOTFS [CGROUP-MOUNT]	runs ROOTFS/true
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/init/sys.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	perror(what);
	_exit(125);
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
	struct stat st;

	must(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), "private");
	must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "rootfs");
	must(chdir(rootfs), rootfs);
	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (mounts[i].at[0] == 'd' && mounts[i].at[3])
			mkdir(mounts[i].at, 0755);
		must(mount(mounts[i].type, mounts[i].at, mounts[i].type, mounts[i].flags,
			     mounts[i].data),
			mounts[i].at);
	}
	for (size_t i = 0; i < COUNT(nodes); i++)
		must(mknod(nodes[i].at, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)),
			nodes[i].at);
	for (size_t i = 0; i < COUNT(links); i++)
		must(symlink(links[i][0], links[i][1]), links[i][1]);
	for (size_t i = 0; i < COUNT(read_only); i++) {
		const char *at = read_only[i];
		if (mount(at, at, NULL, MS_BIND | MS_REC, NULL) < 0)
			continue; /* it is not there */
		must(mount(NULL, at, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), at);
	}
	for (size_t i = 0; i < COUNT(masked); i++) {
		if (stat(masked[i], &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			must(mount("tmpfs", masked[i], "tmpfs", SAFE | MS_RDONLY, "nr_blocks=1"),
				masked[i]);
		else
			must(mount("/dev/null", masked[i], NULL, MS_BIND, NULL), masked[i]);
	}
	must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), "read-only");
	must(chdir("/"), "/");
}

static void set_up_identity(void)
{
	const uint32_t caps = 1u << CAP_AUDIT_WRITE | 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { .effective = caps, .permitted = caps } };
	struct rlimit files = { 1024, 1024 };

	must(setrlimit(RLIMIT_NOFILE, &files), "rlimit");
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(cap < 32 && caps & 1u << cap))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	must((int)syscall(SYS_setgroups, 0, NULL), "setgroups");
	must((int)syscall(SYS_capset, &header, data), "capset");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

static void child(const char *rootfs)
{
	static char program[] = "/true", term[] = "TERM=xterm",
		    path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const argv[] = { program, NULL }, *const envp[] = { path, term, NULL };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
	setsid();
	must((int)syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, "_ses.floor"),
		"keyring");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(ioctl(fd, SIOCSIFFLAGS, &lo), "lo");
	close(fd);
	must(sethostname("bench", 5), "hostname");
	umask(0);
	set_up_files(rootfs);
	umask(022);
	set_up_identity();
	execve(program, argv, envp);
	must(-1, "/true");
}

int main(int argc, char **argv)
{
	char id[] = "floor";

	if (argc < 3)
		return 125;
	mkdir(argv[1], 0700);
	int home = open(argv[1], O_PATH | O_CLOEXEC), cgroup = -1, groups = -1, pidfd = -1;
	must(mkdirat(home, id, 0700), "state");
	if (argc > 3) {
		groups = open(argv[3], O_PATH | O_CLOEXEC);
		must(mkdirat(groups, "bench-floor", 0755), "cgroup");
		cgroup = openat(groups, "bench-floor", O_PATH | O_CLOEXEC);
		must(cgroup, "cgroup");
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
	long pid = sys(clone3, &args, sizeof(args)); /* inline: no return address to run over */
	must((int)pid, "clone");
	if (pid == 0)
		child(argv[2]);
	siginfo_t info = { 0 };
	must(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), "wait");
	if (groups >= 0)
		must(unlinkat(groups, "bench-floor", AT_REMOVEDIR), "cgroup");
	must(unlinkat(home, id, AT_REMOVEDIR), "state");
	return info.si_status;
}
