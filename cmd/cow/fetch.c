/* An image that a command wants and the store has not. */
#include "cmd/cow/fetch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/libexec.h"

/* What is run may write to standard output; that this was pulled first is not part of it. */
static void become_pull(const struct context *c, const char *image)
{
	static const struct command pull = { .name = "pull", .program = "cow-registry" };
	char *words[] = { (char *)(isatty(STDERR_FILENO) ? "--quiet=false" : "--quiet"),
		(char *)"--", (char *)image, NULL };
	struct err e;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0)
		libexec_run(c, &pull, 3, words, &e);
	_exit(STATUS_RUN_FAILED);
}

int fetch_image(const struct context *c, const char *image, struct err *e)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		become_pull(c, image);
	if (pid < 0)
		return err_set(e, errno, "pull '%s'", image);
	/* It is told of Ctrl-C as we are, and clears up: we wait for that. */
	struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;
	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGQUIT, &ignore, &quit);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
