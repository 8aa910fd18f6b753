/* cowrun events: what a container uses, and when it runs out of memory. */
#include <stdio.h>

#include "cgroup/report.h"
#include "cmd/oci/commands.h"
#include "cmd/times.h"
#include "runtime/events.h"
#include "spec/base/clock.h"

struct events_words {
	const char *interval;
	bool stats;
};

static const struct option_row options[] = {
	{ "stats", 0, OPTION_FLAG, offsetof(struct events_words, stats), NULL,
		"tell once what it uses, and end" },
	{ "interval", 0, OPTION_TEXT, offsetof(struct events_words, interval), "TIME",
		"between two tellings (5s; 100ms)" },
	{ 0 },
};

/* False when nobody reads any more. */
static bool print_line(const struct str *line)
{
	return printf("%s\n", line->data) >= 0 && fflush(stdout) == 0;
}

/* 1: nobody reads any more. */
static int print_stats(const struct events *ev, const char *id, struct err *e)
{
	automatic(stats) struct stats stats = { 0 };
	automatic(str) struct str line = { 0 };
	int r = cgroup_report(ev->group.fd, &stats, e);

	if (r < 0)
		return r;
	stats_write(id, &stats, &line);
	if (!str_ok(&line))
		return err_set(e, ENOMEM, "write the figures");
	return !print_line(&line);
}

static int print_oom(const char *id, struct err *e)
{
	automatic(str) struct str line = { 0 };

	stats_write_oom(id, &line);
	if (!str_ok(&line))
		return err_set(e, ENOMEM, "write the event");
	return !print_line(&line);
}

/* Until the container ends; its last figures are those of before. */
static int follow(struct events *ev, const char *id, int interval_ms, struct err *e)
{
	int64_t next = clock_ms() + interval_ms;
	enum event event = EVENT_NONE;
	int r = 0;

	while (r == 0 && event != EVENT_END) {
		int64_t left = next - clock_ms();
		r = events_wait(ev, left > 0 ? (int)left : 0, &event, e);
		if (r == 0 && event == EVENT_OOM)
			r = print_oom(id, e);
		if (r == 0 && event != EVENT_END && clock_ms() >= next) {
			r = print_stats(ev, id, e);
			next = clock_ms() + interval_ms;
		}
	}
	/* It ended while it was looked at. */
	return r == -ENODEV || r == -ENOENT ? 0 : r;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(events) struct events ev = EVENTS_NONE;
	const struct events_words *w = data;
	int interval_ms = 5000;

	(void)argc;
	if (w->interval && !time_to_ms(w->interval, &interval_ms))
		return err_say(e, ERR_USAGE,
			"option --interval: '%s' is not a time like 5s, 100ms or 1m30s",
			w->interval);
	if (!interval_ms)
		return err_say(e, ERR_USAGE,
			"option --interval: duration interval must be greater than 0");
	int r = command_open_home(c, false, e);
	if (r == 0)
		r = events_open(&c->home, argv[0], &ev, e);
	if (r == 0)
		r = w->stats ? print_stats(&ev, argv[0], e) : follow(&ev, argv[0], interval_ms, e);
	return r > 0 ? 0 : r; /* output that did not arrive is told by our caller */
}

const struct command events_command = {
	.name = "events",
	.arguments = "[options] ID",
	.summary = "Tells as JSON lines what a container uses, and when it runs out of memory.",
	.options = options,
	.options_size = sizeof(struct events_words),
	.min_words = 1,
	.max_words = 1,
	.mixed = true,
	.run = run,
};
