/* subreaper [--leave] PIDFILE COMMAND...: runs COMMAND as a process that orphans fall to, as conmon
 * and containerd's shim are. Ends with the status of the process whose pid is in PIDFILE
 * afterwards; with --leave, which waits for nobody but COMMAND, with COMMAND's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid) {
		perror("subreaper: waitpid");
		return 125;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t read_pid(const char *path)
{
	FILE *f = fopen(path, "r");
	long pid = -1;

	if (!f || fscanf(f, "%ld", &pid) != 1)
		pid = -1;
	if (f)
		fclose(f);
	return (pid_t)pid;
}

int main(int argc, char **argv)
{
	int leave = argc > 1 && strcmp(argv[1], "--leave") == 0;
	char **words = argv + 1 + leave;

	if (argc < 3 + leave) {
		fprintf(stderr, "usage: subreaper [--leave] PIDFILE COMMAND...\n");
		return 2;
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
		perror("subreaper: prctl");
		return 125;
	}
	pid_t command = fork();
	if (command == 0) {
		execvp(words[1], words + 1);
		_exit(127);
	}
	int status = wait_for(command);
	if (leave || status != 0)
		return status;
	return wait_for(read_pid(words[0]));
}
