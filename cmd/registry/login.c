/* Where credentials are kept on this machine. */
#include "cmd/registry/login.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/str.h"
#include "spec/credentials.h"

#define HELPER_ANSWER_MAX (64u << 10)

extern char **environ;

/* A directory by a variable, else below another one's. The path, or false where neither is set. */
static const struct {
	const char *variable, *below, *fallback, *rest;
} places[] = {
	{ "XDG_RUNTIME_DIR", NULL, NULL, "containers/auth.json" },
	{ "XDG_CONFIG_HOME", "HOME", ".config", "containers/auth.json" },
	{ "DOCKER_CONFIG", "HOME", ".docker", "config.json" },
};

static bool path_of(size_t i, char out[PATH_MAX])
{
	const char *dir = getenv(places[i].variable);
	const char *below = places[i].below ? getenv(places[i].below) : NULL;

	if (dir && *dir)
		return snprintf(out, PATH_MAX, "%s/%s", dir, places[i].rest) < PATH_MAX;
	if (i == 0)
		return snprintf(out, PATH_MAX, "/run/containers/%u/%s", getuid(), "auth.json") <
		       PATH_MAX;
	return below && *below &&
	       snprintf(out, PATH_MAX, "%s/%s/%s", below, places[i].fallback, places[i].rest) <
		       PATH_MAX;
}

static int spawn_helper(const char *program, int in, int out, pid_t *ret)
{
	char *argv[] = { (char *)program, (char *)"get", NULL };
	posix_spawn_file_actions_t actions;

	int code = posix_spawn_file_actions_init(&actions);
	if (code)
		return -code;
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	code = posix_spawnp(ret, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -code;
}

/* Its answer; empty where it has none. The key is short: it fits into the pipe. */
static int talk(const char *program, const char *key, char **ret, size_t *ret_n, struct err *e)
{
	int to[2], from[2], status = 0;
	pid_t pid = -1;

	if (pipe2(to, O_CLOEXEC) < 0)
		return err_set(e, errno, "run '%s'", program);
	autofd int theirs_in = to[0], ours_out = to[1];
	if (pipe2(from, O_CLOEXEC) < 0)
		return err_set(e, errno, "run '%s'", program);
	autofd int ours_in = from[0], theirs_out = from[1];
	autofree char *answer = malloc(HELPER_ANSWER_MAX + 1);
	if (!answer)
		return err_set(e, ENOMEM, "run '%s'", program);
	int r = spawn_helper(program, theirs_in, theirs_out, &pid);
	if (r < 0)
		return err_set(e, -r, "run '%s'", program);
	(void)!write(ours_out, key, strnlen(key, PIPE_BUF));
	close(take_fd(&ours_out));
	close(take_fd(&theirs_out));
	ssize_t n = fd_read_full(ours_in, answer, HELPER_ANSWER_MAX);
	close(take_fd(&ours_in));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (n < 0)
		return err_set(e, (int)-n, "read what '%s' answers", program);
	/* It has none for this registry. */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		n = 0;
	answer[n] = '\0';
	*ret = take(answer);
	*ret_n = (size_t)n;
	return 0;
}

static int ask_helper(struct credentials *c, struct err *e)
{
	autofree char *program = str_format("docker-credential-%s", c->helper);
	autofree char *answer = NULL;
	size_t len = 0;

	if (!program)
		return err_set(e, ENOMEM, "read credentials");
	int r = talk(program, c->key, &answer, &len, e);
	return r < 0 || len == 0 ? r : credentials_parse_helper(program, answer, len, c, e);
}

/* -ENOENT when there is no such file. */
static int find_in(const char *file, const struct reference *ref, char **ret, struct err *e)
{
	automatic(credentials) struct credentials c = { 0 };
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(AT_FDCWD, file, CREDENTIALS_FILE_MAX, &text, &len, e);
	if (r < 0)
		return r;
	r = credentials_parse(file, text, len, ref->host, ref->repository, &c, e);
	if (r == 0 && c.helper)
		r = ask_helper(&c, e);
	memset(text, 0, len);
	if (r < 0)
		return err_while(e, "credentials");
	if (c.basic)
		log_debug("credentials of '%s' for '%s'", file, ref->host);
	*ret = take(c.basic);
	return 0;
}

int login_find(const char *file, const struct reference *ref, char **ret, struct err *e)
{
	const char *only = file ? file : getenv("REGISTRY_AUTH_FILE");
	char path[PATH_MAX];
	int r = 0;

	*ret = NULL;
	if (only && *only)
		return find_in(only, ref, ret, e);
	for (size_t i = 0; !*ret && i < sizeof(places) / sizeof(places[0]); i++) {
		r = path_of(i, path) ? find_in(path, ref, ret, e) : 0;
		if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -EACCES)
			return r;
	}
	return 0;
}
