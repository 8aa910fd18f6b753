/*
 * sleepy SECONDS [KIND]: sleeps, and tells what it is when it wakes; then it waits. It knows nothing of
 * templates. Of KIND it has what a template may not have:
 *
 *	thread child listens file shared	another thread, a child, a listening socket, ...
 *	busy closed				it never sleeps; it has closed what it does not know
 *
 * and of "memory" it has 64 MiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char *volatile memory;

static int wait_for_ever(void *unused)
{
	while (!unused)
		pause();
	return 0;
}

static int begin_thread(void)
{
	static char stack[65536];

	return clone(wait_for_ever, stack + sizeof(stack),
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
		NULL);
}

static int have(const char *kind)
{
	int fd = 0;

	if (strcmp(kind, "thread") == 0)
		return begin_thread();
	if (strcmp(kind, "child") == 0)
		return fork() == 0 ? wait_for_ever(NULL) : 0;
	if (strcmp(kind, "listens") == 0)
		return (fd = socket(AF_INET, SOCK_STREAM, 0)) < 0 ? fd : listen(fd, 1);
	if (strcmp(kind, "file") == 0)
		return open("/tmp/file", O_RDWR | O_CREAT, 0600);
	if (strcmp(kind, "shared") == 0)
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			       0) == MAP_FAILED
			       ? -1
			       : 0;
	if (strcmp(kind, "memory") == 0)
		return (memory = malloc(64 << 20)) ? (memset(memory, 'w', 64 << 20), 0) : -1;
	if (strcmp(kind, "closed") == 0)
		return close(3);
	for (volatile unsigned i = 0; strcmp(kind, "busy") == 0; i++)
		;
	return -1;
}

/* Who owns a lock is its number, as the C library has it: which a fork has to have anew. */
static const char *locks(void)
{
	pthread_mutex_t mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

	pthread_mutex_lock(&mutex);
	return mutex.__data.__owner == syscall(SYS_gettid) ? "its own" : "another's";
}

int main(int argc, char **argv)
{
	struct timespec t = { .tv_sec = argc > 1 ? atoi(argv[1]) : 1 };
	volatile double three = 3;
	double third = 1 / three;

	if (argc > 2 && have(argv[2]) < 0) {
		perror(argv[2]);
		return 2;
	}
	int r = nanosleep(&t, &t);
	printf("woken: pid %d, %s, third %f, locks are %s\n", (int)getpid(),
		r < 0 && errno == EINTR ? "interrupted" : "rested", third, locks());
	fflush(stdout);
	wait_for_ever(NULL);
}
