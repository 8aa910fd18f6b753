/* Commands, begun. */
#include "cmd/density/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "spec/base/own.h"

#define SAID_MAX 4096

extern char **environ;

static int spawn(char *const *words, const char *dir, int out, int said, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	int r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, out < 0 ? said : out, 1);
	r = r ? r : posix_spawn_file_actions_adddup2(&files, said, 2);
	if (dir)
		r = r ? r : posix_spawn_file_actions_addchdir_np(&files, dir);
	r = r ? r : posix_spawnattr_setsigmask(&how, &none);
	r = r ? r : posix_spawnattr_setpgroup(&how, 0);
	r = r ? r : posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	r = r ? r : posix_spawnp(ret, words[0], &files, &how, words, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

int spawn_begin(
	char *const *words, const char *dir, int out, pid_t *ret_pid, int *ret_said, struct err *e)
{
	autofd int said = memfd_create("said", MFD_CLOEXEC);

	if (said < 0)
		return err_set(e, errno, "make a file in memory");
	int code = spawn(words, dir, out, said, ret_pid);
	if (code)
		return err_set(e, code, "start '%s'", words[0]);
	*ret_said = take_fd(&said);
	return 0;
}

int spawn_complain(const char *name, int said, int status, struct err *e)
{
	char text[SAID_MAX] = "";
	off_t size = lseek(said, 0, SEEK_END);
	off_t from = size >= (off_t)sizeof(text) ? size - (off_t)sizeof(text) + 1 : 0;
	ssize_t n = pread(said, text, sizeof(text) - 1, from);

	text[n > 0 ? n : 0] = '\0';
	for (char *end = text + strlen(text); end > text && end[-1] == '\n';)
		*--end = '\0';
	const char *line = strrchr(text, '\n');
	if (*text)
		return err_say(e, ECHILD, "%s: %s", name, line ? line + 1 : text);
	if (WIFSIGNALED(status))
		return err_say(e, ECHILD, "%s: killed by signal %d", name, WTERMSIG(status));
	return err_say(e, ECHILD, "%s: ended with status %d", name, WEXITSTATUS(status));
}
