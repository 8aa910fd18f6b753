/*
 * Commands against each other: run in turns, each by fork and exec alone, medians and ratios.
 *
 *	time [ROUNDS [REST_MS]] < table		default: 100 rounds, 5 ms
 *
 * The table has a line for each command and each row, words parted by blanks:
 *
 *	before KEY PROGRAM ARGUMENT...		not measured, in front of what follows of this KEY
 *	command KEY PROGRAM ARGUMENT...		several of one KEY are run in this order, and measured as one
 *	row OURS PEER LIMIT NAME...		LIMIT "-": none
 *
 * In each round every command runs once, in a new order, with a rest in front of it in which the
 * kernel ends what the last one left behind (namespaces and cgroups go asynchronously). Each row
 * comes out as a line of JSON: {"name", "unit", "ours", "peer", "ratio", "ratio_pairs",
 * "ratio_cpu", "limit"}. `ratio` is that of the medians, `ratio_pairs` the median of each round's
 * ratio, `ratio_cpu` that of the medians of processor time (the command's and of those it waited
 * for). What commands print goes nowhere, their errors to stderr; one that fails ends it all.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 32
#define STEPS_MAX 6
#define ROWS_MAX 32
#define WORDS_MAX 32
#define ROUNDS_MAX 10000
#define WARM_ROUNDS 3

struct step {
	char *words[WORDS_MAX];
	bool measured;
};

struct command {
	const char *key;
	struct step steps[STEPS_MAX];
	size_t n_steps;
	double wall[ROUNDS_MAX], cpu[ROUNDS_MAX]; /* milliseconds */
};

struct row {
	const struct command *ours, *peer;
	const char *limit;
	char name[120];
};

static struct command commands[COMMANDS_MAX];
static struct row rows[ROWS_MAX];
static size_t n_commands, n_rows, rounds = 100, rest_ms = 5;
static posix_spawn_file_actions_t quiet; /* their standard output goes nowhere */

static void fail(const char *what, const char *whom)
{
	fprintf(stderr, "time: %s '%s'\n", what, whom);
	exit(1);
}

static struct command *find(const char *key)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i].key, key) == 0)
			return &commands[i];
	return NULL;
}

static const struct command *must_find(const char *key)
{
	const struct command *c = find(key);

	if (!c)
		fail("no command", key);
	return c;
}

static void add_step(char **words, bool measured)
{
	struct command *c = find(words[0]);

	if (!c && n_commands < COMMANDS_MAX) {
		c = &commands[n_commands++];
		c->key = words[0];
	}
	if (!c || c->n_steps == STEPS_MAX)
		fail("too many commands or steps:", words[0]);
	struct step *s = &c->steps[c->n_steps++];
	s->measured = measured;
	memcpy(s->words, words + 1, (WORDS_MAX - 2) * sizeof(*words));
}

static void read_row(char **words, size_t n)
{
	struct row *r = &rows[n_rows++];

	if (n < 4 || n_rows == ROWS_MAX)
		fail("half or too many", "row");
	*r = (struct row){
		.ours = must_find(words[0]), .peer = must_find(words[1]), .limit = words[2]
	};
	for (size_t i = 3; i < n; i++)
		snprintf(r->name + strlen(r->name), sizeof(r->name) - strlen(r->name), "%s%s",
			i > 3 ? " " : "", words[i]);
}

/* Its words live as long as the program. */
static void read_line(char *line)
{
	char *words[WORDS_MAX] = { NULL }, *rest = strdup(line);
	size_t n = 0;

	for (char *word; rest && n < WORDS_MAX - 1 && (word = strsep(&rest, " \t\n"));)
		if (*word)
			words[n++] = word;
	if (n == 0 || *words[0] == '#')
		return;
	if (strcmp(words[0], "row") == 0)
		read_row(words + 1, n - 1);
	else if (n > 2 && (strcmp(words[0], "command") == 0 || strcmp(words[0], "before") == 0))
		add_step(words + 1, *words[0] == 'c');
	else
		fail("cannot use the line", line);
}

static double ms(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) * 1e3 +
	       (double)(to->tv_nsec - from->tv_nsec) / 1e6;
}

static double cpu_ms(const struct rusage *u)
{
	return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e3 +
	       (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e3;
}

static void run_step(const struct step *s, const char *key, double *wall, double *cpu)
{
	struct timespec from, to;
	struct rusage used;
	int status;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &from);
	int r = posix_spawn(&pid, s->words[0], &quiet, NULL, s->words, environ);
	if (r || wait4(pid, &status, 0, &used) < 0)
		fail(strerror(r ? r : errno), key);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (status)
		fail("it failed:", key);
	if (s->measured) {
		*wall += ms(&from, &to);
		*cpu += cpu_ms(&used);
	}
}

static void run_once(const struct command *c, double *ret_wall, double *ret_cpu)
{
	struct timespec rest = { .tv_nsec = (long)rest_ms * 1000000 };

	*ret_wall = *ret_cpu = 0;
	for (size_t i = 0; i < c->n_steps; i++) {
		if (i == 0 || !c->steps[i - 1].measured)
			nanosleep(&rest, NULL);
		run_step(&c->steps[i], c->key, ret_wall, ret_cpu);
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values)
{
	static double sorted[ROUNDS_MAX];

	memcpy(sorted, values, rounds * sizeof(*values));
	qsort(sorted, rounds, sizeof(*sorted), by_size);
	return rounds % 2 ? sorted[rounds / 2] : (sorted[rounds / 2 - 1] + sorted[rounds / 2]) / 2;
}

static void print_row(const struct row *r)
{
	static double ratios[ROUNDS_MAX];
	double ours = median(r->ours->wall), peer = median(r->peer->wall);

	for (size_t i = 0; i < rounds; i++)
		ratios[i] = r->ours->wall[i] / r->peer->wall[i];
	printf("{\"name\": \"%s\", \"unit\": \"ms\", \"ours\": %.3f, \"peer\": %.3f, \"ratio\": %.3f, "
	       "\"ratio_pairs\": %.3f, \"ratio_cpu\": %.3f, \"limit\": %s}\n",
		r->name, ours, peer, ours / peer, median(ratios),
		median(r->ours->cpu) / median(r->peer->cpu),
		strcmp(r->limit, "-") == 0 ? "null" : r->limit);
}

int main(int argc, char **argv)
{
	char line[4096];
	double ignored;

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		rest_ms = strtoul(argv[2], NULL, 10);
	if (rounds < 1 || rounds > ROUNDS_MAX || rest_ms > 900)
		fail("cannot use", "ROUNDS or REST_MS");
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	while (fgets(line, sizeof(line), stdin))
		read_line(line);
	for (size_t i = 0; i < WARM_ROUNDS * n_commands; i++)
		run_once(&commands[i % n_commands], &ignored, &ignored);
	for (size_t i = 0; i < rounds; i++)
		for (size_t k = 0; k < n_commands; k++) {
			/* Forwards and backwards in turns, and another first one each time. */
			size_t at = (i + (i % 2 ? n_commands - k : k)) % n_commands;
			run_once(&commands[at], &commands[at].wall[i], &commands[at].cpu[i]);
		}
	for (size_t i = 0; i < n_rows; i++)
		print_row(&rows[i]);
	return 0;
}
