/*
 * leaderless MIB: touches so many MiB of memory, starts a thread and says "ready"; on SIGUSR1 its
 * main thread ends, and the other stays for ever.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *stay(void *nothing)
{
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
	return nothing;
}

int main(int argc, char **argv)
{
	size_t size = argc == 2 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	char *memory =
		mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	sigset_t end;
	int got;

	if (memory == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < size; i += 4096)
		memcpy(memory + i, &i, sizeof(i));
	sigemptyset(&end);
	sigaddset(&end, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	if (pthread_create(&thread, NULL, stay, NULL) != 0)
		return 1;
	sigwait(&end, &got);
	/* Not pthread_exit(): nothing of its memory changes by this. */
	syscall(SYS_exit, 0);
	return 0;
}
