/*
 * Templates: processes that containers are forked from. The parent's side of runtime/template/.
 *
 * A template is a container with a record of its own, whose first process is in the host's pid namespace
 * and listens on the socket TEMPLATE_SOCKET beside the record. A fork of it is a container like any
 * other, made by container_create() with create_options.from.
 */
#ifndef RUNTIME_TEMPLATE_H
#define RUNTIME_TEMPLATE_H

#include "runtime/reaper.h"
#include "runtime/record.h"
#include "runtime/template/protocol.h"
#include "spec/spec.h"

#define TEMPLATE_ANNOTATION "org.cowrun.template"

/*
 * Between two words of a template, or of its fork until its program runs. It copies its page tables (some 20 ms
 * for each GiB), for others first where they asked before us, and on a machine that is busy. And who
 * waits for us, an engine, waits two minutes at most.
 */
enum { TEMPLATE_FORK_WAIT_S = 60 };

struct template
{
	struct record record;
	int connection; /* to its stub */
	int reaper;	/* and to its reaper */
	int stop;	/* borrowed: when it is readable nobody wants a fork any more; -1: none */
};

/* What a fork is made of, and with: all borrowed. */
struct fork_source {
	const struct template *template;
	int stdio[3];		 /* its standard streams */
	struct reaper_ward ward; /* what the reaper gets; id and pid are filled in */
	bool stands_in;		 /* for whoever waits for a child of ours (runtime/standin.h) */
};

#define TEMPLATE_NONE                                                                              \
	{                                                                                          \
		.connection = -1, .reaper = -1, .stop = -1                                         \
	}

/* Connects to the template of that name. -ERR_NO_CONTAINER, -ERR_NOT_RUNNING; -EINVAL: it is none. */
int template_open(const struct home *h, const char *name, struct template *ret, struct err *e);
void template_done(struct template *t);
DEFINE_AUTO(template, template_done)

/*
 * Whether a document wants its container forked: the annotation TEMPLATE_ANNOTATION, the name of a
 * template of this state root, or of the usual one, or "/ROOT/NAME". 1: `ret` is that one; 0: it has none.
 */
int template_wanted(
	const struct home *h, const struct spec *spec, struct template *ret, struct err *e);

/* Asks what it is, and waits until it is ready (timeout_ms -1: for ever). Of one that refuses or ends
 * before: why. */
int template_ask(
	const struct template *t, int timeout_ms, struct template_report *ret, struct err *e);

/* How long is waited for a word of it, or of a fork of it. */
int template_wait_ms(const struct template *t);

/* Waits until `fd` can be read, which a fork of it is to write to, or (`or_answers`) the connection to
 * it. -ETIMEDOUT when they cannot, -EINTR when nobody wants it any more, with an error that says so. */
int template_await(const struct template *t, int fd, bool or_answers, struct err *e);

/* It has let pass the time that it had. */
int template_silent(const struct template *t, struct err *e);

/* A fork is in its template's user namespace: that has the id maps which are asked for, or none are. */
int template_check_user(const struct template *t, const struct spec *spec, struct err *e);

/* For foreign_begin(): the stub gets the channel's end and the cgroup (-1: none). -errno. */
int template_ask_fork(int connection, uint64_t namespaces, int channel, int cgroup);

/* Waits until the fork asked for is an orphan: before that its reaper does not know it. */
int template_hear_fork(const struct template *t, struct err *e);

#endif
