/* The process that writes down ends. */
#include "cmd/reaper/scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/reaper/teller.h"
#include "spec/base/fd.h"

enum {
	ASIDE_MAX = 32,
	AGAIN_MS = 1,
	TRIES = 8,
};

/* One end, on its way there, and back. */
struct end {
	struct ward *ward; /* the reaper's: nothing of it is looked at elsewhere */
	pid_t pid;
	int status;
	bool left; /* it was not told: its record is locked */
	char id[REAPER_ID_MAX];
};

static void hear(struct reaper *r, struct source *s);

static struct source ours = { hear, -1 };
static pid_t scribe, dismissed; /* 0: none */
static unsigned n_out;		/* ends that it has */

/* Those whose records are locked: mostly by who has just made them, and is done with it in a moment. To fork a
 * process that waits for each costs more. */
static struct {
	struct end end;
	int tries;
} aside[ASIDE_MAX];
static size_t n_aside;

/* False: whoever sent it is gone. */
static bool answer(const struct reaper *r, int ends, struct end *end)
{
	if (!end->left)
		teller_tell(r, end->id, end->pid, end->status);
	return send(ends, end, sizeof(*end), MSG_NOSIGNAL) == sizeof(*end);
}

static bool look_again(const struct reaper *r, int ends)
{
	size_t kept = 0;
	bool heard = true;

	for (size_t i = 0; i < n_aside; i++) {
		struct end *end = &aside[i].end;
		end->left = record_is_locked(&r->home, end->id);
		if (end->left && --aside[i].tries > 0)
			aside[kept++] = aside[i];
		else
			heard = answer(r, ends, end) && heard;
	}
	n_aside = kept;
	return heard;
}

/* The next one. False: there is none any more. */
static bool take_one(const struct reaper *r, int ends)
{
	struct end end;

	if (recv(ends, &end, sizeof(end), 0) != sizeof(end))
		return false;
	end.left = record_is_locked(&r->home, end.id);
	if (!end.left || n_aside == ASIDE_MAX)
		return answer(r, ends, &end);
	aside[n_aside].end = end;
	aside[n_aside++].tries = TRIES;
	return true;
}

_Noreturn static void write_down(struct reaper *r, int ends)
{
	bool heard = true;

	/* Each end needs the same again: the lists of directories, 32 KiB a level. */
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
	ends = teller_become(r, ends);
	while (heard) {
		struct pollfd p = { .fd = ends, .events = POLLIN };
		if (n_aside && poll(&p, 1, AGAIN_MS) == 0)
			heard = look_again(r, ends);
		else
			heard = take_one(r, ends);
	}
	_exit(0);
}

/* False at the end. */
static bool hear_one(struct reaper *r, int fd)
{
	struct end end;
	ssize_t n = recv(fd, &end, sizeof(end), MSG_DONTWAIT);

	if (n != sizeof(end))
		return n < 0 && errno == EINTR;
	n_out--;
	end.ward->teller = 0;
	if (end.left) {
		end.ward->alone = true;
		r->due = true;
	} else
		ward_told(r, end.ward);
	return true;
}

static void hear(struct reaper *r, struct source *s)
{
	/* Its end is heard of as that of a child. */
	while (hear_one(r, s->fd))
		;
}

static bool begin(struct reaper *r)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	ours.fd = ends[0];
	scribe = fork();
	if (scribe == 0)
		write_down(r, ends[1]);
	own_close(&ends[1]);
	if (scribe > 0 && reaper_wait_for(r, &ours) == 0)
		return true;
	/* Without a socket it leaves. */
	dismissed = scribe > 0 ? scribe : 0;
	scribe = 0;
	own_close(&ours.fd);
	ours.fd = -1;
	return false;
}

bool scribe_take(struct reaper *r, struct ward *w)
{
	struct end end = { .ward = w, .pid = w->pid, .status = w->status };

	if (!scribe && (dismissed || !begin(r)))
		return false;
	strncpy(end.id, w->id, sizeof(end.id) - 1);
	if (send(ours.fd, &end, sizeof(end), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(end))
		return false;
	w->teller = scribe;
	n_out++;
	return true;
}

bool scribe_is_idle(void)
{
	return scribe && !n_out;
}

void scribe_dismiss(struct reaper *r)
{
	if (!scribe_is_idle())
		return;
	reaper_leave(r, &ours);
	dismissed = scribe;
	scribe = 0;
}

bool scribe_ended(struct reaper *r, pid_t pid)
{
	if (pid == dismissed) {
		dismissed = 0;
		return true;
	}
	if (pid != scribe)
		return false;
	/* What it has told last may still be on its way to us. */
	hear(r, &ours);
	reaper_leave(r, &ours);
	scribe = 0;
	n_out = 0;
	return true;
}
