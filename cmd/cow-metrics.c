/*
 * cow metrics: what containers cost, for Prometheus.
 *
 * A program of its own because of libmicrohttpd. The server (metrics/server.h) holds connections and
 * asks a process (metrics/reader.h) for a census as text (metrics/text.h).
 */
#include <stdio.h>
#include <string.h>

#include "cmd/libexec.h"
#include "cmd/metrics/server.h"

#define USUAL_ADDRESS "127.0.0.1:9477"

struct metrics_words {
	const char *listen;
	bool once, pairs, freeze;
	struct measured_words measured;
};

static const struct option_row options[] = {
	{ "listen", 'l', OPTION_TEXT, offsetof(struct metrics_words, listen), "ADDRESS",
		"unix:PATH, or a loopback address and port (" USUAL_ADDRESS ")" },
	{ "once", 0, OPTION_FLAG, offsetof(struct metrics_words, once), NULL,
		"print the text, and end" },
	{ "pairs", 0, OPTION_FLAG, offsetof(struct metrics_words, pairs), NULL,
		"tell who shares how much with whom, too" },
	{ "freeze", 0, OPTION_FLAG, offsetof(struct metrics_words, freeze), NULL,
		"freeze containers while they are read" },
	MEASURED_LIVE_ROWS(struct metrics_words, measured),
	MEASURED_ALL_ROW(struct metrics_words, measured),
	{ 0 },
};

static int print_once(const struct subject *s, struct err *e)
{
	automatic(str) struct str text = { 0 };
	int r = subject_read(s, 1, &text, e);

	if (r == 0)
		fwrite(text.data, 1, text.len, stdout);
	return r;
}

static int open_listener(const char *where, struct listener *ret, struct err *e)
{
	struct address address;
	int r = listener_of_systemd(ret, e);

	if (r == 0 && where) {
		listener_done(ret);
		return err_say(
			e, ERR_USAGE, "--listen '%s' and LISTEN_FDS: one or the other", where);
	}
	if (r != -ENOENT)
		return r;
	r = address_parse(where ? where : USUAL_ADDRESS, &address, e);
	return r < 0 ? r : listener_open(&address, ret, e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct metrics_words *w = data;
	automatic(listener) struct listener listener = LISTENER_NONE;
	struct subject s = { c, w->measured, argv, (size_t)argc, w->pairs };

	s.words.never_freeze = !w->freeze;
	if (w->once)
		return print_once(&s, e);
	int r = open_listener(w->listen, &listener, e);
	return r < 0 ? r : server_run(&listener, &s, e);
}

static const struct command metrics_command = {
	.name = "metrics",
	.arguments = "[options] [NAME ...]",
	.summary = "Tells Prometheus what containers cost in memory.",
	.options = options,
	.options_size = sizeof(struct metrics_words),
	.max_words = -1,
	.mixed = true,
	.run = run,
};

static const struct command *const commands[] = { &metrics_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main("Tells Prometheus what containers cost.", commands, argc, argv);
}
