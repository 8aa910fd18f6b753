/*
 * heir: a program that becomes a template, and tells what a fork of it is; plainly started it tells the same.
 *
 *   heir [before:WHAT...] COMMAND
 *
 * WHAT it does before it is ready: one of the rows below, each of them something that a fork must not
 * have, or that a template must not. COMMAND, in the fork:
 *
 *   state           all that the kernel says of it, but what differs from one process to the next
 *   fds             its file descriptors
 *   try FILE        opens FILE to write, and says why it cannot
 *   signal N        whether signal N is blocked, ignored, handled
 *   cpus            whether libc knows on which CPU it is, on each that it may run on
 *   woken           sleeps until a signal comes, and then the same
 *   wait            until it is ended
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/template/cow_template.h"

/* --- before it is ready --------------------------------------------------------------------------- */

static void *wait_for_ever(void *unused)
{
	while (pause())
		;
	return unused;
}

static void make_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_ever, NULL);
}

static void make_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		wait_for_ever(NULL);
}

/* Nobody's child: it falls to the reaper, and so does not make the template unfit by itself. */
static void leave_writer(void)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		exit(1);
	if (fork() == 0) {
		if (fork() > 0)
			_exit(0);
		if (open("/etc/passwd", O_WRONLY) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		wait_for_ever(NULL);
	}
	wait(NULL);
	if (read(ready[0], &byte, 1) != 1)
		exit(1);
	close(ready[0]);
	close(ready[1]);
}

static void make_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void make_epoll(void)
{
	epoll_create1(EPOLL_CLOEXEC);
}

static void open_file(void)
{
	open("/etc/passwd", O_RDONLY | O_CREAT, 0644);
}

static void share_memory(void)
{
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED)
		exit(1);
}

static void share_sysv(void)
{
	shmat(shmget(IPC_PRIVATE, 4096, 0600), NULL, 0);
}

static void load_filter(void)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, code };

	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void drop_user(void)
{
	if (setresuid(33, 33, 33) < 0)
		exit(1);
}

static void handle(int number)
{
	(void)number;
}

/* All that the kernel keeps of a process and hands on by fork(): none of it is for the forks. */
static void spoil(void)
{
	struct itimerval timer = { .it_value = { 1000, 0 } };
	cpu_set_t one;

	umask(0777);
	nice(5);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;
		getrlimit((enum __rlimit_resource)i, &limit);
		if (limit.rlim_cur > 64 && i != RLIMIT_AS && i != RLIMIT_DATA && i != RLIMIT_STACK)
			limit.rlim_cur = 64;
		if (i == RLIMIT_CORE)
			limit.rlim_cur = limit.rlim_max = 0;
		setrlimit((enum __rlimit_resource)i, &limit);
	}
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
	syscall(SYS_set_mempolicy, MPOL_LOCAL, NULL, 0);
	prctl(PR_SET_TIMERSLACK, 123456);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_SECUREBITS, 1 << 6 /* SECBIT_NO_CAP_AMBIENT_RAISE */);
	prctl(PR_SET_KEEPCAPS, 1);
	personality(ADDR_NO_RANDOMIZE);
	setitimer(ITIMER_REAL, &timer, NULL);
	mlockall(MCL_CURRENT);
	setenv("SECRET", "of the template", 1);
	syscall(SYS_add_key, "user", "secret", "of the template", 15, -3 /* the session's */);
	syscall(SYS_add_key, "user", "secret", "of the template", 15, -1 /* the thread's */);
	syscall(SYS_add_key, "user", "secret", "of the template", 15, -2 /* the process's */);
	setpgid(0, 0);
	FILE *file = fopen("/proc/self/oom_score_adj", "w");
	if (file) {
		fputs("500", file);
		fclose(file);
	}
	if (chdir("/tmp") < 0)
		exit(1);
}

/* What is the program's own. */
static void set_signals(void)
{
	sigset_t mask;

	signal(SIGUSR1, handle);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	prctl(PR_SET_NAME, "renamed");
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pid_t template_pid;

static void lock_held(void)
{
	pthread_mutex_lock(&held);
	/* Who forks the template is a helper of its own number, which shares this memory. */
	pid_t pid = (pid_t)syscall(SYS_getpid);
	if (pid != template_pid)
		kill(pid, SIGKILL);
}

static void unlock_held(void)
{
	pthread_mutex_unlock(&held);
}

/* Handlers of a fork, as malloc's: the helper is killed between them. */
static void kill_helper(void)
{
	template_pid = getpid();
	pthread_atfork(lock_held, unlock_held, unlock_held);
}

static const struct {
	const char *name;
	void (*perform)(void);
} preparations[] = {
	{ "thread", make_thread },
	{ "child", make_child },
	{ "writer", leave_writer },
	{ "socket", make_socket },
	{ "epoll", make_epoll },
	{ "file", open_file },
	{ "memory", share_memory },
	{ "sysv", share_sysv },
	{ "filter", load_filter },
	{ "user", drop_user },
	{ "spoil", spoil },
	{ "signals", set_signals },
	{ "killer", kill_helper },
};

static void prepare(const char *name)
{
	for (size_t i = 0; i < sizeof(preparations) / sizeof(preparations[0]); i++)
		if (strcmp(preparations[i].name, name) == 0) {
			preparations[i].perform();
			return;
		}
	fprintf(stderr, "heir: nothing called '%s'\n", name);
	exit(2);
}

/* --- afterwards ------------------------------------------------------------------------------------ */

/* As it is, with NULs as newlines; lines that begin with one of `without` left out. */
static void print_file(const char *path, const char *const *without)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *file = fopen(path, "r");

	if (!file) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	while ((n = getline(&line, &room, file)) > 0) {
		bool left_out = false;
		for (const char *const *w = without; w && *w; w++)
			left_out |= strncmp(line, *w, strlen(*w)) == 0;
		for (ssize_t i = 0; i < n; i++)
			if (!line[i])
				line[i] = '\n';
		if (!left_out)
			printf("%s: %.*s", path + strlen("/proc/self/"), (int)n, line);
	}
	free(line);
	fclose(file);
}

/* What differs from one process to the next, and the size of its memory. */
static const char *const of_one_process[] = { "Pid:", "PPid:", "Tgid:", "Ngid:", "NStgid:",
	"NSpid:", "NSpgid:", "NSsid:", "FDSize:", "Vm", "Rss",
	"Threads:", "State:", "SigQ:", "voluntary", "nonvoluntary", NULL };

static void print_status(void)
{
	print_file("/proc/self/status", of_one_process);
	print_file("/proc/self/limits", NULL);
	print_file("/proc/self/cgroup", NULL);
	print_file("/proc/self/environ", NULL);
	print_file("/proc/self/cmdline", NULL);
	print_file("/proc/self/comm", NULL);
	print_file("/proc/self/oom_score_adj", NULL);
	print_file("/proc/self/coredump_filter", NULL);
	print_file("/proc/self/personality", NULL);
	print_file("/proc/self/timerslack_ns", NULL);
	print_file("/proc/self/loginuid", NULL);
	print_file("/proc/self/sessionid", NULL);
	print_file("/proc/self/uid_map", NULL);
	print_file("/proc/self/gid_map", NULL);
	print_file("/proc/self/setgroups", NULL);
	print_file("/proc/self/timers", NULL);
	print_file("/proc/self/attr/current", NULL);
	print_file("/proc/self/attr/exec", NULL);
	print_file("/proc/self/net/dev", NULL);
}

/* Mounts without what is a number of this one: "36 35 98:0 / /mnt rw - ext4 source options". */
static void print_mounts(void)
{
	char line[8192], root[512], target[512], rest[7000];
	FILE *file = fopen("/proc/self/mountinfo", "r");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %*s %*s %511s %511s %6999[^\n]", root, target, rest) != 3)
			continue;
		char *lowers = strstr(rest, "lowerdir");
		if (lowers)
			*lowers = '\0';
		printf("mount: %s %s %s\n", root, target, rest);
	}
	if (file)
		fclose(file);
}

static void print_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char target[256];
		int fd = atoi(d->d_name);
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);
		if (n < 0 || fd == dirfd(dir))
			continue;
		target[n] = '\0';
		target[strcspn(target, ":")] = '\0'; /* "pipe:[4711]" */
		/* Of a file of the host's no more than its name: its mount may be nobody's by now. */
		const char *name = strrchr(target, '/');
		printf("fd: %d %s flags %o\n", fd, name ? name : target,
			(unsigned)fcntl(fd, F_GETFL));
	}
	if (dir)
		closedir(dir);
}

static void print_keys(void)
{
	static const char *const names[] = { "thread", "process", "session" };
	char text[256];

	for (int i = 0; i < 3; i++) {
		long id = syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -1 - i, 0);
		long n = id < 0 ? -1 : syscall(SYS_keyctl, 6 /* DESCRIBE */, id, text, 255);
		const char *end = n > 0 ? strrchr(text, ';') : NULL;
		printf("keyring: %s %s\n", names[i], end ? end + 1 : strerror(errno));
		n = id < 0 ? -1 : syscall(SYS_keyctl, 11 /* READ */, id, NULL, 0);
		printf("keyring: %s has %ld keys\n", names[i], n / 4);
	}
	long found = syscall(SYS_request_key, "user", "secret", NULL, 0);
	printf("key 'secret': %s\n", found < 0 ? "none" : "found");
}

static void print_rest(void)
{
	unsigned long nodes[16] = { 0 };
	struct itimerval timer = { 0 };
	int mode = -1, signal_number = -1, subreaper = -1;
	char cwd[256] = "";
	stack_t stack = { 0 };
	struct utsname u;

	uname(&u);
	getitimer(ITIMER_REAL, &timer);
	syscall(SYS_get_mempolicy, &mode, nodes, 1024, NULL, 0);
	prctl(PR_GET_PDEATHSIG, &signal_number);
	prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
	sigaltstack(NULL, &stack);
	printf("names: %s %s %s\n", u.nodename, u.domainname, u.machine);
	printf("cwd: %s\n", getcwd(cwd, sizeof(cwd)));
	printf("numbers: pid %d parent %d group %d session %d\n", getpid(), getppid(), getpgrp(),
		getsid(0));
	printf("schedule: policy %d nice %d io %ld\n", sched_getscheduler(0),
		getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
	printf("memory policy: %d\n", mode);
	printf("prctl: dumpable %d, death signal %d, subreaper %d, slack %d, securebits %d, keepcaps %d, thp %d\n",
		prctl(PR_GET_DUMPABLE), signal_number, subreaper, prctl(PR_GET_TIMERSLACK),
		prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS),
		prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	printf("timer: %ld\n", (long)timer.it_value.tv_sec);
	printf("signal stack: %s\n", stack.ss_flags & SS_DISABLE ? "none" : "one");
	printf("terminal: %s\n", open("/dev/tty", O_RDWR | O_CLOEXEC) < 0 ? "none" : "one");
	printf("getenv: %s\n", getenv("SECRET") ? "SECRET" : "none");
}

static int print_state(void)
{
	print_status();
	print_mounts();
	print_fds();
	print_keys();
	print_rest();
	return 0;
}

static int try(const char *path)
{
	int fd = open(path, O_WRONLY);

	printf("%s: %s\n", path, fd < 0 ? strerror(errno) : "opened");
	return fd >= 0;
}

static int print_signal(int number)
{
	struct sigaction action;
	sigset_t mask;

	sigaction(number, NULL, &action);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	printf("signal %d: %s, %s\n", number,
		sigismember(&mask, number) ? "blocked" : "not blocked",
		action.sa_handler == handle    ? "handled"
		: action.sa_handler == SIG_IGN ? "ignored"
					       : "default");
	return 0;
}

static int print_cpus(void)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return 1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0)
			return 1;
		int told = sched_getcpu();
		if (told == cpu)
			printf("knows a CPU\n");
		else
			printf("on CPU %d, and told %d\n", cpu, told);
	}
	return 0;
}

static int act(int argc, char **argv)
{
	while (argc > 1 && strncmp(argv[1], "before:", 7) == 0)
		argc--, argv++;
	const char *command = argc > 1 ? argv[1] : "wait";

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (strcmp(command, "state") == 0)
		return print_state();
	if (strcmp(command, "fds") == 0)
		return print_fds(), 0;
	if (strcmp(command, "try") == 0 && argc > 2)
		return try(argv[2]);
	if (strcmp(command, "signal") == 0 && argc > 2)
		return print_signal(atoi(argv[2]));
	if (strcmp(command, "woken") == 0)
		pause();
	if (strcmp(command, "cpus") == 0 || strcmp(command, "woken") == 0)
		return print_cpus();
	puts("waits");
	fflush(stdout);
	wait_for_ever(NULL);
	return 0;
}

int main(int argc, char **argv)
{
	struct cow_fork fork = { argc, argv, NULL };

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "before:", 7) == 0)
			prepare(argv[i] + 7);
	int r = cow_template_ready(&fork);
	if (r < 0 && r != -ENOTCONN) {
		fprintf(stderr, "heir: cannot be a template: %s\n", strerror(-r));
		return 1;
	}
	return act(fork.argc, fork.argv);
}
