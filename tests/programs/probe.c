/*
 * probe: what a process can find out, or try, from where it is.
 *
 *   probe ids             its real and effective uid
 *   probe keyring         number and name of its session keyring
 *   probe echo PORT       sends every datagram back that comes to that port of UDP
 *   probe watch SECONDS   looks at every other process of its /proc, over and over, as one that
 * wants to get hold of a runtime that passes by: prints each thing that it can read or open, once;
 * and which programs it could open for writing, also after their end probe swap DIR A B exchanges
 * two names in DIR, over and over, until it is killed
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEPT_MAX 64

static int print_ids(void)
{
	printf("%d %d\n", (int)getuid(), (int)geteuid());
	return 0;
}

static int print_keyring(void)
{
	char text[256] = "";
	long id = syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3 /* session */, 0);

	if (id < 0 ||
		syscall(SYS_keyctl, 6 /* KEYCTL_DESCRIBE */, id, text, sizeof(text) - 1) < 0) {
		printf("%s\n", errno == ENOSYS ? "ENOSYS" : strerror(errno));
		return 0;
	}
	printf("%ld %s\n", id, strrchr(text, ';') + 1);
	return 0;
}

/* What was said already is not said again. */
static void say(const char *what, const char *detail)
{
	static char said[256][300];
	static int n;
	char line[300];

	snprintf(line, sizeof(line), "%s %s", what, detail);
	for (int i = 0; i < n; i++)
		if (strcmp(said[i], line) == 0)
			return;
	if (n < 256)
		memcpy(said[n++], line, sizeof(line));
	printf("%s\n", line);
	fflush(stdout);
}

static void look_at_link(const char *pid, const char *name)
{
	char path[300], target[200];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		say(strncmp(name, "fd/", 3) == 0 ? "fd" : name, target);
	}
}

static void look_at_fds(const char *pid)
{
	char path[300], name[280];

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		snprintf(name, sizeof(name), "fd/%s", d->d_name);
		if (d->d_name[0] != '.')
			look_at_link(pid, name);
	}
	if (dir)
		closedir(dir);
}

static void look_at_file(const char *pid, const char *name)
{
	char path[300], text[4096];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		say(name, text);
	}
	if (fd >= 0)
		close(fd);
}

static int kept[KEPT_MAX], n_kept;

/* A handle of its program, which outlives it. */
static void keep_program(const char *pid)
{
	char path[300];
	struct stat st, other;

	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	int fd = open(path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	for (int i = 0; i < n_kept; i++)
		if (fstat(kept[i], &other) == 0 && st.st_ino == other.st_ino &&
			st.st_dev == other.st_dev) {
			close(fd);
			return;
		}
	if (n_kept < KEPT_MAX)
		kept[n_kept++] = fd;
	else
		close(fd);
}

/* Opens only, and writes nothing: whether it could is told by the open, or by a memfd's seals. */
static void try_programs(void)
{
	char path[64], target[200];

	for (int i = 0; i < n_kept; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", kept[i]);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		int fd = open(path, O_WRONLY);
		if (fd >= 0 &&
			!(fcntl(fd, F_GET_SEALS) > 0 && fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE)) {
			target[n > 0 ? n : 0] = '\0';
			say("writable", target);
		}
		if (fd >= 0)
			close(fd);
	}
}

static void try_trace(pid_t pid)
{
	char target[200], path[64];
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		return;
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		return; /* it ended */
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	say("traced", target);
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

static int watch(const char *seconds)
{
	time_t end = time(NULL) + atoi(seconds);
	char self[16];

	snprintf(self, sizeof(self), "%d", (int)getpid());
	say("watching", "");
	while (time(NULL) < end) {
		DIR *proc = opendir("/proc");
		for (struct dirent *d; proc && (d = readdir(proc));) {
			if (d->d_name[0] < '1' || d->d_name[0] > '9' || !strcmp(d->d_name, self))
				continue;
			look_at_link(d->d_name, "exe");
			look_at_link(d->d_name, "cwd");
			look_at_link(d->d_name, "root");
			look_at_fds(d->d_name);
			look_at_file(d->d_name, "environ");
			keep_program(d->d_name);
			try_trace((pid_t)atoi(d->d_name));
		}
		if (proc)
			closedir(proc);
		try_programs();
	}
	return 0;
}

static int swap(const char *dir, const char *a, const char *b)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	if (fd < 0) {
		perror(dir);
		return 1;
	}
	printf("swapping\n");
	fflush(stdout);
	for (;;)
		if (syscall(SYS_renameat2, fd, a, fd, b, 2 /* RENAME_EXCHANGE */) < 0) {
			perror("probe: renameat2");
			return 1;
		}
}

static int echo(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char data[1500];

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("probe: bind");
		return 1;
	}
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);
		if (n >= 0)
			sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "ids"))
		return print_ids();
	if (!strcmp(what, "keyring"))
		return print_keyring();
	if (!strcmp(what, "echo") && argc == 3)
		return echo(argv[2]);
	if (!strcmp(what, "watch") && argc == 3)
		return watch(argv[2]);
	if (!strcmp(what, "swap") && argc == 5)
		return swap(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: probe ids | keyring | echo PORT | watch SECONDS | swap DIR A B\n");
	return 2;
}
