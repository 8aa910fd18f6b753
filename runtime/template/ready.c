/* cow_template_ready(): the stub in a program that has a libc. */
#include "runtime/template/cow_template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/template/protocol.h"
#include "runtime/template/stub.h"

#define PUBLIC __attribute__((visibility("default")))

static struct cow_template_hooks hooks;
static bool is_fork, bears_freezing;

static long fork_by_libc(void)
{
	pid_t pid = fork();

	return pid < 0 ? -errno : pid;
}

PUBLIC void cow_template_hooks(const struct cow_template_hooks *wanted)
{
	hooks = *wanted;
}

PUBLIC void cow_template_allow_freeze(void)
{
	bears_freezing = true;
}

/* The plan lies in memory that stays, in the terms of execve(): strings and lists of pointers to them. */
static void take_words(const struct child *c, struct cow_fork *ret)
{
	char **argv = child_list(c, c->plan->argv);
	int argc = 0;

	while (argv[argc])
		argc++;
	*ret = (struct cow_fork){ argc, argv, child_list(c, c->plan->envp) };
	environ = ret->envp;
}

PUBLIC int cow_template_ready(struct cow_fork *ret)
{
	static struct stub stub;
	const char *number = getenv(TEMPLATE_VARIABLE);

	if (is_fork)
		return -EALREADY;
	if (!number || strcmp(number, "3") != 0)
		return -ENOTCONN;
	stub = (struct stub){ .listener = TEMPLATE_FD,
		.fork = fork_by_libc,
		.bears_freezing = bears_freezing,
		.before = hooks.before,
		.after_parent = hooks.after_parent };
	const struct child *c = stub_serve(&stub);
	is_fork = true;
	take_words(c, ret);
	if (hooks.after_child)
		hooks.after_child();
	return 0;
}
