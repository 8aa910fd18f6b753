/* The connections of a reaper. */
#include "cmd/reaper/visitor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "cmd/reaper/ward.h"

struct visitor {
	struct source source;
	struct visitor *next;
	char *watched; /* whose end he waits for; NULL: he hands over */
	pid_t pid;
};

bool visitors_hand(const struct reaper *r)
{
	const struct visitor *v = r->visitors;

	while (v && v->watched)
		v = v->next;
	return v;
}

static void leave(struct reaper *r, struct visitor *v)
{
	struct visitor **at = &r->visitors;

	while (*at && *at != v)
		at = &(*at)->next;
	if (*at)
		*at = v->next;
	reaper_leave(r, &v->source);
	free(v->watched);
	free(v);
	/* Who ended before it was handed over was to be handed over by one who was there then. */
	if (!visitors_hand(r))
		reaper_forget();
}

/* By the mark: a fork of that name that is not there any more is another one. */
static bool is_known(const struct reaper *r, const char *id, pid_t pid)
{
	const struct ward *w = r->wards;

	while (w && (w->pid != pid || strcmp(w->id, id) != 0))
		w = w->next;
	return w;
}

static int watch(struct reaper *r, struct visitor *v, const struct reaper_message *m)
{
	if (!is_known(r, m->id, m->pid)) {
		reaper_answer(v->source.fd, 0);
		return -ECONNRESET;
	}
	free(v->watched);
	v->watched = strdup(m->id);
	v->pid = m->pid;
	return v->watched ? 0 : -ENOMEM;
}

/* One message. A negative result ends the connection. */
static int hear(struct reaper *r, struct visitor *v)
{
	struct reaper_message message = { 0 };
	struct reaper_ward ward = REAPER_WARD_NONE;
	int n = reaper_receive(v->source.fd, &message, &ward);

	if (n == -EMFILE)
		return reaper_answer(v->source.fd, n);
	if (n <= 0)
		return n == -EAGAIN || n == -EINTR ? 0 : -ECONNRESET;
	if (message.verb == REAPER_WATCH)
		return watch(r, v, &message);
	ward.id = message.id;
	return reaper_answer(v->source.fd, ward_take(r, &ward, false));
}

static void ready(struct reaper *r, struct source *source)
{
	struct visitor *v = (struct visitor *)source;

	if (hear(r, v) < 0)
		leave(r, v);
}

static void welcome(struct reaper *r, int fd)
{
	struct visitor *v = calloc(1, sizeof(*v));

	if (!v) {
		close(fd);
		return;
	}
	v->source = (struct source){ ready, fd };
	v->next = r->visitors;
	r->visitors = v;
	if (reaper_wait_for(r, &v->source) < 0)
		leave(r, v);
}

/* Without an fd for him he would stand at the door, and we wake for him, for ever. False: nobody is
 * there. (accept4() looks for a free number first.) */
static bool turn_away(struct reaper *r)
{
	own_close(&r->spare);
	int fd = accept4(r->listener.fd, NULL, NULL, SOCK_CLOEXEC);

	own_close(&fd);
	r->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

void visitors_greet(struct reaper *r)
{
	for (;;) {
		int fd = accept4(r->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			welcome(r, fd);
		else if (errno != EMFILE || r->spare < 0 || !turn_away(r))
			return;
	}
}

void visitors_tell(struct reaper *r, const char *id, pid_t pid)
{
	for (struct visitor *v = r->visitors, *next; v; v = next) {
		next = v->next;
		if (!v->watched || v->pid != pid || strcmp(v->watched, id) != 0)
			continue;
		reaper_answer(v->source.fd, 0);
		leave(r, v);
	}
}
