/* cow attach: in front of the terminal of a container in the background. */
#include "cmd/cow/attach.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cmd/cow/commands.h"
#include "cmd/cow/monitor.h"
#include "runtime/container.h"
#include "runtime/handover.h"
#include "spec/base/str.h"

struct attach_words {
	const char *keys;
	bool no_input;
};

static const struct option_row options[] = {
	{ "detach-keys", 0, OPTION_TEXT, offsetof(struct attach_words, keys), "KEYS",
		"what leaves it again (" ATTACH_KEYS ")" },
	{ "no-stdin", 0, OPTION_FLAG, offsetof(struct attach_words, no_input), NULL, "only look" },
	{ 0 },
};

/* "a", "ctrl-a", "ctrl-@", "ctrl-\\": what a terminal sends for it; 0: there is no such key. */
static unsigned char key_named(const char *name, size_t n)
{
	bool control = n == 6 && strncmp(name, "ctrl-", 5) == 0;
	unsigned char c = (unsigned char)name[control ? 5 : 0];

	if (!control)
		return n == 1 && c > ' ' && c < 0x7f ? c : 0;
	if (c >= 'a' && c <= 'z')
		c = (unsigned char)(c - 'a' + 'A');
	return c > '@' && c <= '_' ? c & 0x1f : 0;
}

int attach_keys(const char *text, struct screen *s, struct err *e)
{
	s->n_keys = 0;
	if (!*text)
		return 0;
	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");
		unsigned char key = key_named(at, n);
		if (!key || s->n_keys == SCREEN_KEYS_MAX)
			return err_say(e, ERR_USAGE,
				"option --detach-keys: '%s' is not a list of at most %d keys like '" ATTACH_KEYS
				"'",
				text, SCREEN_KEYS_MAX);
		s->keys[s->n_keys++] = key;
		at += n;
		if (!*at)
			return 0;
	}
}

/* As closing the master would; but that is the monitor's as well. (SIGHUP is nothing to a process 1.)
 */
static void hang_up(int terminal)
{
	autofd int slave = ioctl(terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave >= 0)
		ioctl(slave, TIOCVHANGUP);
}

int attach_show(const struct home *h, struct wait *w, struct screen *s, int connection,
	int terminal, struct err *e)
{
	autofd int init = mark_open(&w->record.init);

	foreground_show(s, connection, terminal, init);
	shutdown(connection, SHUT_RDWR); /* we are not waited for any more */
	/* Whoever runs it in the foreground and cannot read it any more has hung up. */
	if (s->is_unseen && !s->leaves_on_hangup)
		hang_up(terminal);
	else if (s->is_unseen || s->is_detached) {
		fprintf(stderr, "cow: left '%s', which runs on (cow attach leads back)\n",
			w->record.id);
		return 0;
	}
	int r = wait_end(h, w, e);
	if (r == 0 && w->record.oom)
		fprintf(stderr, "cow: %s: killed: out of memory (%s)\n", w->record.id,
			w->record.oom);
	return r < 0 ? r : w->record.exit_status;
}

static int connect_to(const struct home *h, const char *id, int *ret_terminal, struct err *e)
{
	autofd int dir = openat(h->fd, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd int fd = dir < 0 ? -ENOENT : handover_reach(dir, MONITOR_SOCKET, SOCK_STREAM);

	if (fd == -ENOENT)
		return err_say(e, ENODATA,
			"container '%s' was not started in the background with a terminal (hint: run -d -t; cow logs)",
			id);
	int r = fd < 0 ? fd : handover_receive(fd, MONITOR_GREETING, ret_terminal);
	if (r == -EPROTO || r == -ECONNRESET)
		return err_say(e, EBUSY,
			"attach to '%s': it is about to end, or %d are attached already", id,
			MONITOR_VIEWERS);
	return r < 0 ? err_set(e, -r, "attach to '%s'", id) : take_fd(&fd);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(wait) struct wait w = WAIT_NONE;
	const struct attach_words *words = data;
	autofd int terminal = -1;
	struct screen s;

	(void)argc;
	screen_look(!words->no_input, &s);
	s.leaves_on_hangup = true;
	int r = attach_keys(words->keys ? words->keys : ATTACH_KEYS, &s, e);
	if (r == 0)
		r = command_open_home(c, false, e);
	if (r == 0)
		r = wait_begin(&c->home, argv[0], &w, e);
	if (r < 0)
		return r;
	enum state_status status = container_status(&c->home, &w.record);
	if (status == STATE_STOPPED || status == STATE_CREATING)
		return err_say(e, ERR_NOT_RUNNING, "container '%s' is not running", argv[0]);
	foreground_prepare();
	autofd int connection = connect_to(&c->home, argv[0], &terminal, e);
	if (connection < 0)
		return connection;
	s.input = terminal;
	screen_redraw(&s);
	return attach_show(&c->home, &w, &s, connection, terminal, e);
}

const struct command attach_command = {
	.name = "attach",
	.arguments = "[options] NAME",
	.summary = "Shows the terminal of a container in the background.",
	.options = options,
	.options_size = sizeof(struct attach_words),
	.min_words = 1,
	.max_words = 1,
	.mixed = true,
	.run = run,
};
