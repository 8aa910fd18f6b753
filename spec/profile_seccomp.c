/*
 * The default profile's system calls.
 *
 * What is not named answers ENOSYS, so that programs fall back as on an older kernel; what is known
 * and refused answers EPERM. Calls that work on what belongs to a capability go with it. Where an
 * argument decides, only as many bits of it are compared as the kernel looks at: it takes the lower
 * 32 of an int, and a comparison of all 64 would let 0x100000026 pass for a family that is not 38.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <stdlib.h>
#include <string.h>

#include "spec/profile.h"
#include "spec/seccomp.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct calls {
	const char *const *names;
	const char *caps[2]; /* one of them is enough; none named: for everybody */
};

/* clang-format off */
static const struct calls allowed[] = {
	/* files */
	{ WORDS("access", "chdir", "chmod", "chown", "chown32", "close", "close_range", "copy_file_range", "creat",
		"dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fchdir",
		"fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync",
		"flock", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate",
		"ftruncate64", "futimesat", "getcwd", "getdents", "getdents64", "lchown", "lchown32", "link",
		"linkat", "_llseek", "lseek", "lstat", "lstat64", "mkdir", "mkdirat", "mknod", "mknodat",
		"name_to_handle_at", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2",
		"pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "rename",
		"renameat", "renameat2", "rmdir", "sendfile", "sendfile64", "splice", "stat", "stat64", "statfs",
		"statfs64", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "sync_file_range2",
		"arm_sync_file_range", "arm_fadvise64_64", "syncfs", "tee", "truncate", "truncate64", "umask",
		"unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes", "write", "writev",
		"listmount", "statmount"), { 0 } },
	{ WORDS("fgetxattr", "flistxattr", "fremovexattr", "fsetxattr", "getxattr", "getxattrat", "lgetxattr",
		"listxattr", "listxattrat", "llistxattr", "lremovexattr", "lsetxattr", "removexattr",
		"removexattrat", "setxattr", "setxattrat"), { 0 } },
	/* waiting, and files to wait with */
	{ WORDS("epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
		"epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "inotify_add_watch", "inotify_init",
		"inotify_init1", "inotify_rm_watch", "_newselect", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64",
		"pselect6", "pselect6_time64", "select", "signalfd", "signalfd4", "timerfd_create",
		"timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64"), { 0 } },
	{ WORDS("io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup",
		"io_submit"), { 0 } },
	/* memory */
	{ WORDS("brk", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore",
		"mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal", "msync", "munlock",
		"munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "process_mrelease",
		"remap_file_pages"), { 0 } },
	/* processes and threads */
	{ WORDS("arch_prctl", "breakpoint", "cacheflush", "capget", "capset", "execve", "execveat", "exit",
		"exit_group", "fork", "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv",
		"futex_wake", "getcpu", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom",
		"getrlimit", "get_robust_list", "getrusage", "getsid", "get_thread_area", "gettid", "ioprio_get",
		"ioprio_set", "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",
		"nice", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "process_vm_readv",
		"process_vm_writev", "ptrace", "restart_syscall", "rseq", "sched_getaffinity", "sched_getattr",
		"sched_getparam", "sched_get_priority_max", "sched_get_priority_min", "sched_getscheduler",
		"sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr",
		"sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "setpgid", "setpriority",
		"setrlimit", "set_robust_list", "setsid", "set_thread_area", "set_tid_address", "set_tls",
		"sysinfo", "tgkill", "tkill", "ugetrlimit", "uname", "uretprobe", "vfork", "wait4", "waitid",
		"waitpid"), { 0 } },
	/* signals */
	{ WORDS("pause", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
		"rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaction",
		"sigaltstack", "signal", "sigpending", "sigprocmask", "sigreturn", "sigsuspend"), { 0 } },
	/* time */
	{ WORDS("adjtimex", "alarm", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64",
		"clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer",
		"gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete",
		"timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
		"times"), { 0 } },
	/* users and groups */
	{ WORDS("getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
		"getresgid", "getresgid32", "getresuid", "getresuid32", "getuid", "getuid32", "setfsgid",
		"setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32",
		"setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid",
		"setreuid32", "setuid", "setuid32"), { 0 } },
	/* sockets; which families: below */
	{ WORDS("accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
		"recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg",
		"sendto", "setsockopt", "shutdown", "socketpair"), { 0 } },
	/* what System V and POSIX share */
	{ WORDS("ipc", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64",
		"mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd",
		"semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "shmat", "shmctl", "shmdt",
		"shmget"), { 0 } },
	/* what goes with a capability, and is refused without */
	{ WORDS("acct"), { "CAP_SYS_PACCT" } },
	{ WORDS("bpf"), { "CAP_SYS_ADMIN", "CAP_BPF" } },
	{ WORDS("chroot"), { "CAP_SYS_CHROOT" } },
	{ WORDS("clock_settime", "clock_settime64", "settimeofday", "stime"), { "CAP_SYS_TIME" } },
	{ WORDS("delete_module", "finit_module", "init_module"), { "CAP_SYS_MODULE" } },
	{ WORDS("fanotify_init", "fanotify_mark", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
		"lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount", "mount_setattr",
		"move_mount", "open_tree", "pivot_root", "quotactl", "quotactl_fd", "setdomainname", "sethostname",
		"setns", "umount", "umount2", "unshare"), { "CAP_SYS_ADMIN" } },
	{ WORDS("get_mempolicy", "mbind", "migrate_pages", "move_pages", "set_mempolicy",
		"set_mempolicy_home_node"), { "CAP_SYS_NICE" } },
	{ WORDS("ioperm", "iopl"), { "CAP_SYS_RAWIO" } },
	{ WORDS("kcmp", "pidfd_getfd", "process_madvise"), { "CAP_SYS_PTRACE" } },
	{ WORDS("open_by_handle_at"), { "CAP_DAC_READ_SEARCH" } },
	{ WORDS("perf_event_open"), { "CAP_SYS_ADMIN", "CAP_PERFMON" } },
	{ WORDS("reboot"), { "CAP_SYS_BOOT" } },
	{ WORDS("syslog"), { "CAP_SYS_ADMIN", "CAP_SYSLOG" } },
	{ WORDS("vhangup"), { "CAP_SYS_TTY_CONFIG" } },
};

/*
 * For nobody: calls that have been ways out (keyrings, io_uring, userfaultfd, vmsplice, LDTs), that
 * tell about others (cachestat: who has touched a shared layer), that are the host's (kexec, swap),
 * that hide others from a filter (socketcall holds its family in memory), and relics.
 */
static const char *const refused[] = { "add_key", "afs_syscall", "bdflush", "cachestat", "create_module",
	"get_kernel_syms", "io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load", "kexec_load",
	"keyctl", "modify_ldt", "nfsservctl", "query_module", "request_key", "socketcall", "swapoff", "swapon",
	"_sysctl", "sysfs", "userfaultfd", "uselib", "ustat", "vm86", "vm86old", "vmsplice", NULL };
/* clang-format on */

/* Where an argument decides: any of the values, in the bits of the mask, is enough. */
struct condition {
	const char *const *names;
	int action;
	uint32_t index;
	struct masked {
		uint64_t mask, value;
	} any[9];
};

#define INT 0xffffffffu /* the bits of an int */
#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET)
#define AF_ALG_NUMBER 38
#define AF_VSOCK_NUMBER 40

/* clang-format off */
static const struct condition conditions[] = {
	/* Families up to 47 but these two, in blocks. */
	{ WORDS("socket"), SECCOMP_ERRNO, 0, { { INT, AF_ALG_NUMBER }, { INT, AF_VSOCK_NUMBER } } },
	{ WORDS("socket"), SECCOMP_ALLOW, 0, { { INT & ~31u, 0 }, { INT & ~3u, 32 }, { INT & ~1u, 36 }, { INT, 39 },
		{ INT, 41 }, { INT & ~1u, 42 }, { INT & ~3u, 44 } } },
	/* Linux, with and without the layout of 32-bit programs; and the question which it is. */
	{ WORDS("personality"), SECCOMP_ALLOW, 0, { { INT, 0 }, { INT, 0x0008 }, { INT, 0x20000 }, { INT, 0x20008 },
		{ INT, 0xffffffff } } },
	/* Typing for others; all other numbers are allowed by add_ioctl(). */
	{ WORDS("ioctl"), SECCOMP_ERRNO, 1, { { INT, TIOCSTI }, { INT, TIOCLINUX } } },
};

/* The flags of clone3 lie in memory, where no filter sees them: ENOSYS, and libc takes clone. */
static const struct condition clone_conditions[] = {
	{ WORDS("clone"), SECCOMP_ALLOW, 0, { { NAMESPACES, 0 } } },
	{ WORDS("clone"), SECCOMP_ERRNO, 0, { { CLONE_NEWNS, CLONE_NEWNS }, { CLONE_NEWCGROUP, CLONE_NEWCGROUP },
		{ CLONE_NEWUTS, CLONE_NEWUTS }, { CLONE_NEWIPC, CLONE_NEWIPC }, { CLONE_NEWUSER, CLONE_NEWUSER },
		{ CLONE_NEWPID, CLONE_NEWPID }, { CLONE_NEWNET, CLONE_NEWNET } } },
};
/* clang-format on */

static const char *const clone_names[] = { "clone", "clone3", NULL };
static const char *const ioctl_names[] = { "ioctl", NULL };

#define LENGTH(of) (sizeof(of) / sizeof((of)[0]))

enum {
	INT_BITS = 32,
	IOCTL_DIFFERENCE = 14, /* bits 1 to 3, in which TIOCSTI and TIOCLINUX differ */
	RULES_MAX = LENGTH(allowed) + LENGTH(conditions) + LENGTH(clone_conditions) + 3,
	ARGS_MAX = 128,
};

/* The profile while it is made: rules borrow names from the tables and arguments from here. */
struct making {
	struct seccomp_rule rules[RULES_MAX];
	struct seccomp_arg args[ARGS_MAX];
	size_t n, n_args;
};

static bool holds(const struct capability_spec *caps, const char *name)
{
	for (size_t i = 0; name && caps && i < caps->n_bounding; i++)
		if (strcmp(caps->bounding[i], name) == 0)
			return true;
	return false;
}

static struct seccomp_rule *add(struct making *m, int action, const char *const *names)
{
	struct seccomp_rule *rule = &m->rules[m->n++];

	rule->names = (char **)names;
	while (names[rule->n_names])
		rule->n_names++;
	rule->action = action;
	if (action == SECCOMP_ERRNO)
		rule->errno_ret = (struct opt_u64){ true, EPERM };
	rule->args = m->args + m->n_args;
	return rule;
}

/* One more value of an argument that is enough for the rule, which is the last one. */
static void add_value(
	struct making *m, struct seccomp_rule *rule, uint32_t index, uint64_t mask, uint64_t value)
{
	m->args[m->n_args++] = (struct seccomp_arg){ index, SECCOMP_MASKED_EQ, mask, value };
	rule->n_args++;
}

static void add_condition(struct making *m, const struct condition *c)
{
	struct seccomp_rule *rule = add(m, c->action, c->names);

	for (const struct masked *v = c->any; v->mask; v++)
		add_value(m, rule, c->index, v->mask, v->value);
}

/*
 * All numbers but two. There is no "not equal in these bits", so: whatever differs from both in one
 * of the bits in which they are the same, and of what is left, whatever is neither.
 */
static void add_ioctl(struct making *m)
{
	struct seccomp_rule *rule = add(m, SECCOMP_ALLOW, ioctl_names);

	for (int bit = 0; bit < INT_BITS; bit++) {
		uint64_t mask = 1u << bit;
		if (!(mask & IOCTL_DIFFERENCE))
			add_value(m, rule, 1, mask, ~(uint64_t)TIOCSTI & mask);
	}
	for (uint64_t rest = 0; rest <= IOCTL_DIFFERENCE; rest += 2)
		if (rest != (TIOCSTI & IOCTL_DIFFERENCE) && rest != (TIOCLINUX & IOCTL_DIFFERENCE))
			add_value(m, rule, 1, IOCTL_DIFFERENCE, rest);
}
_Static_assert((TIOCSTI ^ TIOCLINUX) == IOCTL_DIFFERENCE, "add_ioctl() goes by it");

/* All that the profile depends on: bit 0 is CAP_SYS_ADMIN, the others are the rows of `allowed`. */
static uint64_t judge(const struct capability_spec *caps)
{
	uint64_t may = holds(caps, "CAP_SYS_ADMIN");

	for (size_t i = 0; i < LENGTH(allowed); i++) {
		const struct calls *c = &allowed[i];
		if (!c->caps[0] || holds(caps, c->caps[0]) || holds(caps, c->caps[1]))
			may |= (uint64_t)2 << i;
	}
	return may;
}
_Static_assert(LENGTH(allowed) < 63, "judge() has a bit for each");

static void add_all(struct making *m, uint64_t may)
{
	for (size_t i = 0; i < LENGTH(allowed); i++)
		add(m, may & (uint64_t)2 << i ? SECCOMP_ALLOW : SECCOMP_ERRNO, allowed[i].names);
	add(m, SECCOMP_ERRNO, refused);
	for (size_t i = 0; i < LENGTH(conditions); i++)
		add_condition(m, &conditions[i]);
	add_ioctl(m);
	if (may & 1) {
		add(m, SECCOMP_ALLOW, clone_names);
		return;
	}
	for (size_t i = 0; i < LENGTH(clone_conditions); i++)
		add_condition(m, &clone_conditions[i]);
}

/* x32 is not among them: it has no users, and its calls kill. */
#ifdef __x86_64__
static int archs[] = { SECCOMP_X86_64, SECCOMP_X86 };
#else
static int archs[] = { SECCOMP_AARCH64, SECCOMP_ARM };
#endif

static int make(uint64_t may, struct json_text *ret)
{
	autofree struct making *m = calloc(1, sizeof(*m));
	automatic(str) struct str text = { 0 };

	if (!m)
		return -ENOMEM;
	add_all(m, may);
	const struct seccomp_spec s = { .default_action = SECCOMP_ERRNO,
		.default_errno = { true, ENOSYS },
		.archs = archs,
		.n_archs = LENGTH(archs),
		.rules = m->rules,
		.n_rules = m->n };
	json_write(seccomp_fields, &s, JSON_COMPACT, &text);
	if (!str_ok(&text))
		return -ENOMEM;
	ret->len = text.len;
	ret->text = take(text.data);
	return 0;
}

/* Who makes many containers makes them alike: the last one is kept. */
int profile_seccomp(const struct capability_spec *caps, struct json_text *ret)
{
	static struct json_text last;
	static uint64_t last_may;
	const uint64_t may = judge(caps);

	if (!last.text || last_may != may) {
		struct json_text made;
		int r = make(may, &made);
		if (r < 0)
			return r;
		free(last.text);
		last = made;
		last_may = may;
	}
	ret->text = malloc(last.len + 1);
	if (!ret->text)
		return -ENOMEM;
	memcpy(ret->text, last.text, last.len + 1);
	ret->len = last.len;
	return 0;
}
