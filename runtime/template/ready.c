/* cow_template_ready(): the stub in a program that has a libc. */
#include "runtime/template/cow_template.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/template/protocol.h"
#include "runtime/template/stub.h"

#define PUBLIC __attribute__((visibility("default")))

static struct cow_template_hooks hooks;
static bool is_fork, bears_freezing;

/* Of glibc from 2.35 on: where a thread's struct rseq lies. Of no other libc. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

enum {
	RSEQ_LEAST = 32, /* what it is registered with at least, however little of it is used */
#ifdef __x86_64__
	RSEQ_MARK = 0x53053053,
#else
	RSEQ_MARK = (int)0xd428bc00, /* an instruction, as on all that have fixed lengths */
#endif
};

static char *thread_pointer(void)
{
	char *ret;

#ifdef __x86_64__
	__asm__("mov %%fs:0, %0" : "=r"(ret));
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(ret));
#endif
	return ret;
}

/*
 * The helper, who shares the template's memory, is none whom the kernel tells its CPU by that, and a fork
 * inherits it from the helper: libc believed the template's CPU for ever.
 */
static void register_rseq(void)
{
	unsigned size = &__rseq_size ? __rseq_size : 0;

	if (size)
		syscall(SYS_rseq, thread_pointer() + __rseq_offset,
			size > RSEQ_LEAST ? size : RSEQ_LEAST, 0, RSEQ_MARK);
}

static long fork_by_libc(void)
{
	pid_t pid = fork();

	if (pid == 0)
		register_rseq();
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
