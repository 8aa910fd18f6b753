/*
 * warm [MIB] [FILE]: a template of so much memory, whose forks do what their arguments say:
 *
 *	status N    end with that status
 *	echo WORD   print it, and the process as it sees itself, and wait
 *	wait        for ever
 *	ask N       what its terminal is; a line of it is answered, and N the status
 *
 * As a template it writes "warm" into FILE first, and a fork without arguments waits. After a SIGUSR1 no
 * fork of it gets done, until the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/template/cow_template.h"

static volatile sig_atomic_t blocked;

static void turn(int signal)
{
	(void)signal;
	blocked = !blocked;
}

static void block(void)
{
	while (blocked)
		usleep(10000);
}

static void leave_word(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, "warm\n", 5) != 5)
		exit(2);
	close(fd);
}

static int ask(int status)
{
	struct winsize size = { 0 };
	char line[64] = "";

	ioctl(0, TIOCGWINSZ, &size);
	printf("%s %dx%d %s\nready\n", ttyname(0) ? ttyname(0) : "none", size.ws_row, size.ws_col,
		getenv("TERM") ? getenv("TERM") : "");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin))
		printf("got %s", line);
	return status;
}

int main(int argc, char **argv)
{
	size_t size = (size_t)(argc > 1 ? atoi(argv[1]) : 1) << 20;
	char *memory = malloc(size);
	struct cow_fork fork = { argc, argv, NULL };

	if (!memory)
		return 2;
	signal(SIGUSR1, turn);
	pthread_atfork(block, NULL, NULL);
	memset(memory, 'w', size);
	if (argc > 2)
		leave_word(argv[2]);
	puts("warming");
	fflush(stdout);
	int r = cow_template_ready(&fork);
	if (r < 0) {
		printf("no template: %s\n", strerror(-r));
		return 3;
	}
	const char *verb = fork.argc > 1 ? fork.argv[1] : "wait";
	if (strcmp(verb, "status") == 0)
		return atoi(fork.argv[2]);
	if (strcmp(verb, "ask") == 0)
		return ask(atoi(fork.argv[2]));
	if (strcmp(verb, "echo") == 0) {
		printf("%s %s: pid %d, %s, memory %c\n", fork.argv[0], fork.argv[2], (int)getpid(),
			getenv("WORD") ? getenv("WORD") : "no word", memory[size - 1]);
		fprintf(stderr, "to standard error\n");
		fflush(stdout);
	}
	for (;;)
		pause();
}
