/*
 * forker WORKERS PAGES small|large|memfd|file FIFO: memory of so many pages, all of them there, and
 * workers that are forked from it, which then do what lines in the FIFO (made here) say:
 *
 *	WHO N	the worker of this number (0: the parent) writes the next N pages
 *	WHO end	it ends
 *
 * "done" is written when that has been done, and "ready" before all. What the parent and the
 * workers need for it they have written before "ready", so that each such page is one fault.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_WORKERS = 64, END = -1 };

struct worker {
	pid_t pid;
	int to, from;
};

static volatile char *memory;
static size_t n_pages;
static volatile size_t written;

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(1);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int backing(const char *kind)
{
	int fd = -1;

	if (strcmp(kind, "memfd") == 0)
		fd = memfd_create("forker", MFD_CLOEXEC);
	if (strcmp(kind, "file") == 0)
		fd = open("/tmp/forker", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (size_t i = 0; fd >= 0 && i < n_pages; i++) {
		char page[4096];
		memset(page, (int)i + 1, sizeof(page));
		if (write(fd, page, sizeof(page)) != sizeof(page))
			fail("write");
	}
	return fd;
}

static void make_memory(const char *kind)
{
	int fd = backing(kind);
	size_t size = n_pages * 4096, large = 2 << 20;
	char *at = mmap(NULL, size + large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	at = (char *)(((uintptr_t)at + large - 1) & ~(large - 1));
	memory = mmap(at, size, PROT_READ | PROT_WRITE,
		MAP_FIXED | MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	if (memory == MAP_FAILED)
		fail("mmap");
	madvise(at, size, strcmp(kind, "large") == 0 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	for (size_t i = 0; i < n_pages; i++)
		if (fd < 0)
			memory[i * 4096] = (char)(i + 1);
		else
			(void)memory[i * 4096];
}

static void do_it(long n)
{
	if (n == END)
		_exit(0);
	written += 0; /* its own page, before anybody counts */
	for (long i = 0; i < n && written < n_pages; i++)
		memory[written++ * 4096] = 77;
}

static void work(int commands, int answers)
{
	long n;

	while (read(commands, &n, sizeof(n)) == sizeof(n)) {
		do_it(n);
		if (write(answers, "d", 1) != 1)
			break;
	}
	_exit(0);
}

static void start(struct worker *w)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		fail("pipe");
	w->pid = fork();
	if (w->pid < 0)
		fail("fork");
	if (w->pid == 0) {
		close(to[1]);
		close(from[0]);
		work(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	w->to = to[1];
	w->from = from[0];
}

static void tell(const struct worker *w, long n)
{
	char answer;

	if (!w)
		do_it(n);
	else if (write(w->to, &n, sizeof(n)) != sizeof(n))
		fail("write");
	else if (read(w->from, &answer, 1) != 1)
		waitpid(w->pid, NULL, 0);
}

/* A line of the FIFO, without its end. */
static void read_line(int fifo, char *line, size_t room)
{
	size_t n = 0;

	while (n + 1 < room && read(fifo, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
}

static void obey(int fifo, const struct worker *workers, long n_workers)
{
	char line[64], *at;

	read_line(fifo, line, sizeof(line));
	long who = strtol(line, &at, 10);
	if (who < 0 || who > n_workers)
		return;
	tell(who ? &workers[who - 1] : NULL, strcmp(at, " end") == 0 ? END : strtol(at, NULL, 10));
	say("done\n");
}

int main(int argc, char **argv)
{
	static struct worker workers[N_WORKERS];

	if (argc != 5)
		return 2;
	long n_workers = strtol(argv[1], NULL, 10);
	n_pages = strtoul(argv[2], NULL, 10);
	if (n_workers > N_WORKERS)
		return 2;
	make_memory(argv[3]);
	if (mkfifo(argv[4], 0600) < 0)
		fail(argv[4]);
	int fifo = open(argv[4], O_RDWR | O_CLOEXEC);
	if (fifo < 0)
		fail(argv[4]);
	for (long i = 0; i < n_workers; i++)
		start(&workers[i]);
	/* All that this needs is written once, and so is what a fork makes read-only. */
	for (long i = 0; i <= n_workers; i++) {
		char line[16];
		int length = snprintf(line, sizeof(line), "%ld 0\n", i);
		if (write(fifo, line, (size_t)length) != length)
			fail("write");
		obey(fifo, workers, n_workers);
	}
	say("ready\n");
	for (;;)
		obey(fifo, workers, n_workers);
}
