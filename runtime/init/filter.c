/*
 * The seccomp filter: the last thing before a program.
 *
 * A filter is for the program, not for us, so nothing of ours comes after it but execve(): a
 * profile need not allow what a runtime does (with others it must have capset, setresuid, fchown,
 * ...: moby#22252). With no_new_privs that is easy. Without, the kernel asks for CAP_SYS_ADMIN; so
 * that one stays in the permitted and the effective set until then (identity.c) where it would have
 * been dropped, and execve() takes it away: what a program holds is made of its user, its file, the
 * inheritable, bounding and ambient sets, and not of what was permitted before (capabilities(7)).
 *
 * A startContainer hook is a program of the container and loads the filter itself, just before its
 * own execve(). LIMIT: no agent is told of it, so calls for an agent answer ENOSYS there.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "runtime/init/child.h"

static long load(struct child *c, uint32_t flags)
{
	struct sock_fprog program = { .len = (unsigned short)c->plan->n_filter,
		.filter = child_list(c, c->plan->filter) };

	return sys(seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/*
 * The agent's end of the filter is an fd of ours, which the parent takes (pidfd_getfd) when it hears
 * its number. These two calls are under the filter: one write() and one read(), as with runc.
 */
static void hand_over_listener(struct child *c, int fd)
{
	struct {
		struct channel_header header;
		int32_t fd;
	} word = { { .type = CHANNEL_LISTENER, .len = sizeof(word.fd) }, fd };

	channel_write(c, &word, sizeof(word));
	channel_wait_go(c);
	/* A third, where no execve() closes it. */
	if (c->plan->flags & PLAN_RETURNS)
		sys(close, fd);
}

void filter_load(struct child *c)
{
	if (!c->plan->n_filter)
		return;
	long r = load(c, c->plan->filter_flags);
	if (r < 0)
		child_fail(c, (int)r, "load the seccomp filter");
	if (c->plan->filter_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		hand_over_listener(c, (int)r);
}

long filter_load_for_hook(struct child *c)
{
	uint32_t flags = c->plan->filter_flags & ~(uint32_t)SECCOMP_FILTER_FLAG_NEW_LISTENER;

	/* WAIT_KILLABLE_RECV (5.19) goes with a listener only. */
	return c->plan->n_filter ? load(c, flags & ~(1u << 5)) : 0;
}
