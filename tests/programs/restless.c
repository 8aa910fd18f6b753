/*
 * restless HOW: says "ready", and then is a nuisance to whoever measures it, for ever.
 *
 *	breed		is born and dies all the time
 *	churn		maps, touches and gives back memory
 *	maps N		so many mappings of a page each, every second one touched
 *	names		has a name, arguments and a mapped file (in the current directory) that want to
 *			command a terminal
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAGE 4096
#define EVIL                                                                                       \
	"x\n\033[2J\033]0;owned\a\"'\\\r\x9b"                                                      \
	"7mend"

static void ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

static void fail(const char *what)
{
	fprintf(stderr, "restless: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void breed(void)
{
	signal(SIGCHLD, SIG_IGN);
	ready();
	for (;;)
		if (fork() == 0)
			_exit(0);
}

static void churn(void)
{
	size_t size = 256 * PAGE;

	for (int told = 0;; told = 1) {
		char *memory = mmap(
			NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			fail("mmap");
		for (size_t i = 0; i < size; i += PAGE)
			memory[i] = 1;
		munmap(memory, size);
		if (!told)
			ready();
	}
}

/* Neighbours of other rights are mappings of their own. */
static void map(size_t n)
{
	char *memory =
		mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < n; i += 2) {
		memory[i * PAGE] = 1;
		if (mprotect(memory + i * PAGE, PAGE, PROT_READ) < 0)
			fail("mprotect");
	}
	ready();
}

static void be_evil(void)
{
	int fd = open(EVIL, O_RDWR | O_CREAT, 0600);
	char *memory = fd < 0 || ftruncate(fd, 16 * PAGE) < 0
			       ? MAP_FAILED
			       : mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		fail("map a file");
	memset(memory, 1, 16 * PAGE);
	prctl(PR_SET_NAME, EVIL);
	ready();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (strcmp(how, "breed") == 0)
		breed();
	else if (strcmp(how, "churn") == 0)
		churn();
	else if (strcmp(how, "maps") == 0 && argc > 2)
		map(strtoul(argv[2], NULL, 10));
	else if (strcmp(how, "names") == 0)
		execl("/proc/self/exe", EVIL, "evil", EVIL, NULL);
	else if (strcmp(how, "evil") == 0)
		be_evil();
	else
		return 2;
	for (;;)
		pause();
}
