/*
 * syscall [--i386|--x32] NUMBER [ARGUMENT ...]: makes one system call, with no library between, and
 * prints what it returned (-errno), or "killed SIGNAL" when it ended the process that made it.
 * syscall --caps: its sets of capabilities, by as few system calls as can be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long native(const long *a)
{
	long r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);

	return r < 0 ? -errno : r;
}

/* The table of 32-bit programs, by their gate; it is open to 64-bit ones as well. */
static long i386(const long *a)
{
#ifdef __x86_64__
	int r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"((int)a[0]), "b"((int)a[1]), "c"((int)a[2]), "d"((int)a[3]),
			 "S"((int)a[4]), "D"((int)a[5])
			 : "memory", "r8", "r9", "r10", "r11");
	return r;
#else
	(void)a;
	return -ENOSYS;
#endif
}

static int print_caps(void)
{
	static char status[16384];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);
	char *from = n < 0 ? NULL : strstr(status, "CapInh:"),
	     *to = from ? strstr(from, "NoNew") : NULL;

	return !to || write(1, from, (size_t)(to - from)) != to - from;
}

int main(int argc, char **argv)
{
	long (*call)(const long *) = native;
	long a[7] = { 0 }, result = 0, bits = 0;
	int first = 1, status, ends[2];

	if (argc > 1 && strcmp(argv[1], "--caps") == 0)
		return print_caps();
	if (argc > 1 && strcmp(argv[1], "--i386") == 0) {
		call = i386;
		first++;
	} else if (argc > 1 && strcmp(argv[1], "--x32") == 0) {
		bits = 0x40000000;
		first++;
	}
	if (first >= argc || argc - first > 7)
		return 2;
	for (int i = first; i < argc; i++)
		a[i - first] = (long)strtoul(argv[i], NULL, 0);
	a[0] |= bits;
	if (pipe(ends) < 0)
		return 3;
	pid_t pid = fork();
	if (pid < 0)
		return 3;
	if (pid == 0) {
		result = call(a);
		_exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
	}
	if (waitpid(pid, &status, 0) != pid)
		return 3;
	if (WIFSIGNALED(status))
		printf("killed %d\n", WTERMSIG(status));
	else if (read(ends[0], &result, sizeof(result)) == sizeof(result))
		printf("%ld\n", result);
	else
		return 3;
	return 0;
}
