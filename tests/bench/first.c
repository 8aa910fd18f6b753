/*
 * How long two commands take to say something: from the call to the first byte on their standard output,
 * in turns.
 *
 *	first ROUNDS LIMIT NAME OURS... -- PEER...	LIMIT "-": none
 *
 * Comes out as a row of time.c's: the medians in milliseconds, their ratio, and the median of each round's
 * ratio. A command is run to its end before the next begins, and that is not measured; one that
 * fails, or says nothing, ends it all.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX 10000
#define WARM_ROUNDS 3

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

static double run(char **words)
{
	struct timespec rest = { .tv_nsec = 5000000 };
	posix_spawn_file_actions_t actions;
	int ends[2], status;
	char byte[4096];
	pid_t pid;

	nanosleep(&rest, NULL);
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail(strerror(errno), "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	double begin = now_ms();
	int r = posix_spawn(&pid, words[0], &actions, NULL, words, environ);
	if (r)
		fail(strerror(r), words[0]);
	close(ends[1]);
	ssize_t n = read(ends[0], byte, 1);
	double took = now_ms() - begin;
	if (n != 1)
		fail("says nothing:", words[0]);
	while (read(ends[0], byte, sizeof(byte)) > 0)
		;
	close(ends[0]);
	posix_spawn_file_actions_destroy(&actions);
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
	char **commands[2] = { argc > 4 ? argv + 4 : NULL, NULL };
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	for (int i = 5; i < argc - 1; i++)
		if (!commands[1] && strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			commands[1] = argv + i + 1;
		}
	if (!commands[1] || rounds < 1 || rounds > ROUNDS_MAX)
		fail("usage: first ROUNDS LIMIT NAME OURS... -- PEER...", "");
	for (size_t i = 0; i < WARM_ROUNDS; i++)
		for (size_t k = 0; k < 2; k++)
			run(commands[k]);
	for (size_t i = 0; i < rounds; i++) {
		size_t first = i % 2;

		times[first][i] = run(commands[first]);
		times[!first][i] = run(commands[!first]);
		ratios[i] = times[0][i] / times[1][i];
	}
	double ours = median(times[0], rounds), peer = median(times[1], rounds);
	printf("{\"name\": \"%s\", \"unit\": \"ms\", \"ours\": %.3f, \"peer\": %.3f, \"ratio\": %.4f, "
	       "\"ratio_pairs\": %.4f, \"limit\": %s}\n",
		argv[3], ours, peer, ours / peer, median(ratios, rounds),
		strcmp(argv[2], "-") == 0 ? "null" : argv[2]);
	return 0;
}
