/*
 * How long it takes until what two commands start has said something: from the call to the first byte in a
 * fifo, in turns.
 *
 *	first FIFO ROUNDS LIMIT NAME OURS... -- PEER...	LIMIT "-": none
 *
 * Comes out as a row of time.c's: the medians in milliseconds, their ratio, and the median of each round's
 * ratio. What is said is a line; the next command begins when the last one has ended, which is not
 * measured. One that fails, or says nothing for ten seconds, ends it all.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 10000
#define WARM_ROUNDS 3
#define REST_MS 20

static posix_spawn_file_actions_t quiet; /* their standard output goes nowhere */

static void fail(const char *what, const char *whom)
{
	fprintf(stderr, "first: %s '%s'\n", what, whom);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The rest of the line. */
static void read_line(int fifo)
{
	char byte;

	while (read(fifo, &byte, 1) == 1 && byte != '\n')
		;
}

static double run(int fifo, char **words)
{
	struct timespec rest = { .tv_nsec = REST_MS * 1000000 };
	struct pollfd said = { .fd = fifo, .events = POLLIN };
	int status;
	pid_t pid;

	nanosleep(&rest, NULL);
	double begin = now_ms();
	int r = posix_spawn(&pid, words[0], &quiet, NULL, words, environ);
	if (r)
		fail(strerror(r), words[0]);
	if (poll(&said, 1, 10000) != 1)
		fail("says nothing:", words[0]);
	double took = now_ms() - begin;
	read_line(fifo);
	if (waitpid(pid, &status, 0) < 0 || status)
		fail("it failed:", words[0]);
	return took;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_size);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	static double times[2][ROUNDS_MAX], ratios[ROUNDS_MAX];
	char **commands[2] = { argc > 5 ? argv + 5 : NULL, NULL };
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	for (int i = 6; i < argc - 1; i++)
		if (!commands[1] && strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			commands[1] = argv + i + 1;
		}
	if (!commands[1] || rounds < 1 || rounds > ROUNDS_MAX)
		fail("usage: first FIFO ROUNDS LIMIT NAME OURS... -- PEER...", "");
	int fifo = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fifo < 0)
		fail(strerror(errno), argv[1]);
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (size_t i = 0; i < WARM_ROUNDS; i++)
		for (size_t k = 0; k < 2; k++)
			run(fifo, commands[k]);
	for (size_t i = 0; i < rounds; i++) {
		size_t first = i % 2;

		times[first][i] = run(fifo, commands[first]);
		times[!first][i] = run(fifo, commands[!first]);
		ratios[i] = times[0][i] / times[1][i];
	}
	double ours = median(times[0], rounds), peer = median(times[1], rounds);
	printf("{\"name\": \"%s\", \"unit\": \"ms\", \"ours\": %.3f, \"peer\": %.3f, \"ratio\": %.4f, "
	       "\"ratio_pairs\": %.4f, \"limit\": %s}\n",
		argv[4], ours, peer, ours / peer, median(ratios, rounds),
		strcmp(argv[3], "-") == 0 ? "null" : argv[3]);
	return 0;
}
