/* The birth of a fork: asked for, waited for, given up. */
#include "runtime/foreign.h"

#include <sys/socket.h>

#include "runtime/message.h"
#include "runtime/template.h"

/* Whoever says half a word, or does not listen, is waited for no longer than who says nothing. */
static int limit_waits(int channel, int wait_ms)
{
	const struct timeval wait = { .tv_sec = wait_ms / 1000 };

	return setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
			       setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0
		       ? -errno
		       : 0;
}

int foreign_tell(struct birth *b, uint64_t by_child, struct err *e)
{
	int r = by_child ? message_send(
				   b->channel, CHANNEL_BEGIN, &by_child, sizeof(by_child), NULL, 0)
			 : 0;

	if (r == -EAGAIN && b->from)
		return template_silent(b->from, e);
	return r < 0 && r != -EPIPE ? err_set(e, -r, "use the channel") : 0;
}

int foreign_begin(const struct template *t, uint64_t by_clone, uint64_t by_child, int cgroup,
	struct birth *ret, struct err *e)
{
	automatic(birth) struct birth b = BIRTH_NONE;
	const int yes = 1;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(e, errno, "make the channel");
	b.channel = ends[0];
	b.theirs = ends[1];
	/* Who it is out here the kernel tells us: neither its number in its namespace nor what the
	 * template says of it is to be gone by. */
	if (setsockopt(b.channel, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ||
		limit_waits(b.channel, template_wait_ms(t)) < 0)
		return err_set(e, errno, "make the channel");
	int r = foreign_tell(&b, by_child, e);
	if (r < 0)
		return r;
	b.foreign = b.forks = true;
	b.from = t;
	r = template_ask_fork(t->connection, by_clone, b.theirs, cgroup);
	b.helped = r == 0;
	if (r == -EAGAIN)
		return template_silent(t, e);
	if (r < 0)
		return err_set(e, -r, "ask the template for a fork");
	*ret = b;
	b = (struct birth)BIRTH_NONE;
	return 0;
}

/* As long as we hold their end we see no end: it is given up as soon as there is a sign of life, or of
 * death, from either. */
int foreign_await(struct birth *b, struct err *e)
{
	int r = 0;

	if (b->theirs >= 0)
		r = template_await(b->from, b->channel, true, e);
	if (r == 0 && b->theirs >= 0) {
		close(b->theirs);
		b->theirs = -1;
	}
	return r < 0 ? r : template_await(b->from, b->channel, false, e);
}

void foreign_release(struct birth *b)
{
	if (b->from)
		limit_waits(b->channel, 0);
	b->from = NULL;
}

void foreign_take_back(struct birth *b)
{
	char bytes[4096];

	while (recv(b->theirs, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	own_close(&b->theirs);
	b->theirs = -1;
}
