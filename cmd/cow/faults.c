/* cow faults: inherited pages that a container has broken, how fast, and what it could still cost. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/cgroup.h"
#include "cmd/cow/commands.h"
#include "cmd/faults.h"
#include "cmd/listing.h"
#include "cmd/times.h"
#include "runtime/residents.h"
#include "spec/base/str.h"

struct faults_words {
	const char *interval, *group;
	int count;
	bool processes, json;
};

static const struct option_row options[] = {
	{ "interval", 'i', OPTION_TEXT, offsetof(struct faults_words, interval), "SECONDS",
		"look again each time, and tell what has happened since" },
	{ "count", 'n', OPTION_COUNT, offsetof(struct faults_words, count), "N",
		"look so many times, and not until it ends" },
	{ "processes", 'p', OPTION_FLAG, offsetof(struct faults_words, processes), NULL,
		"a row for each process too" },
	{ "json", 0, OPTION_FLAG, offsetof(struct faults_words, json), NULL,
		"for programs; a line for each look" },
	{ "cgroup", 0, OPTION_TEXT, offsetof(struct faults_words, group), "DIR",
		"this cgroup v2 directory instead of a container" },
	{ 0 },
};

/* Who is looked at. */
struct subject {
	struct listing listing;
	const struct record *record; /* NULL: a group that was named */
	struct cgroup group;	     /* fd -1: it has none */
	const char *name;
	int init;	/* pidfd of the first process; -1 */
	pid_t template; /* what it was forked from; 0: it was not, or that has ended */
};

static void subject_done(struct subject *s)
{
	listing_done(&s->listing);
	cgroup_done(&s->group);
	own_close(&s->init);
}
DEFINE_AUTO(subject, subject_done)

/* Its pages are those of another container's process. */
static pid_t template_of(const struct home *h, const struct record *r)
{
	automatic(record) struct record template = { 0 };
	struct err ignored;

	if (!r->forked_from || record_read(h, r->forked_from, &template, &ignored) < 0)
		return 0;
	return mark_is_alive(&template.init) ? template.init.pid : 0;
}

static int open_container(struct subject *s, struct context *c, char *name, struct err *e)
{
	char *names[] = { name };
	int r = command_open_home(c, false, e);

	if (r == 0)
		r = listing_read(&c->home, names, 1, &s->listing, e);
	if (r < 0)
		return r;
	const struct listed *l = s->listing.v;
	bool lives = l && (l->status == STATE_RUNNING || l->status == STATE_PAUSED ||
				  l->status == STATE_CREATED);
	if (!lives || (l->record.cgroup && container_cgroup(&l->record, &s->group) < 0))
		return err_say(e, ERR_NOT_RUNNING, "container '%s' is not running", name);
	s->record = &l->record;
	s->name = l->record.id;
	s->init = mark_open(&l->record.init);
	s->template = template_of(&c->home, &l->record);
	return 0;
}

static int open_group(struct subject *s, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');

	s->group.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->group.fd < 0)
		return err_set(e, errno, "open the cgroup '%s'", path);
	if (faccessat(s->group.fd, "cgroup.events", R_OK, 0) < 0)
		return err_say(e, EINVAL, "'%s' is not a cgroup v2 directory below the root", path);
	s->name = slash && slash[1] ? slash + 1 : path;
	return 0;
}

/* Its processes; none, when it has ended. */
static int list(const struct subject *s, pid_t **ret, size_t *ret_n, struct err *e)
{
	int r = s->group.fd < 0 ? residents_list(s->record, ret, ret_n, e)
				: cgroup_processes(s->group.fd, true, ret, ret_n, e);

	if (r == -ENODEV || r == -ENOENT) {
		*ret = NULL;
		*ret_n = 0;
		return 0;
	}
	return r;
}

/* Everything that goes on from look to look. */
struct watch {
	const struct subject *subject;
	const struct faults_words *words;
	int interval_ms; /* 0: one look */
	struct breaker breaker;
	struct fault_counters counters;
	struct faults_look look;
	struct fault_counts counted; /* at the look before */
	struct timespec began, before;
};

static void watch_done(struct watch *w)
{
	breaker_done(&w->breaker);
	fault_counters_done(&w->counters);
	breaks_done(&w->look.breaks);
}
DEFINE_AUTO(watch, watch_done)

static uint64_t ms_between(const struct timespec *a, const struct timespec *b)
{
	return (uint64_t)((b->tv_sec - a->tv_sec) * 1000 + (b->tv_nsec - a->tv_nsec) / 1000000);
}

static int begin(struct watch *w, const pid_t *pids, size_t n, struct err *e)
{
	struct rlimit files;

	clock_gettime(CLOCK_MONOTONIC, &w->began);
	w->before = w->began;
	w->look.is_first = true;
	if (!w->interval_ms)
		return 0;
	/* A counter is an fd, and there are four for each processor or thread. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	int r = fault_counters_open(&w->counters, w->subject->group.fd, pids, n, e);
	if (r < 0)
		return r;
	const struct err *why = w->counters.why;
	w->look.why = why[FAULT_WRITE_PROTECT].code ? why[FAULT_WRITE_PROTECT].text : NULL;
	w->look.source = why[FAULT_MINOR].code	? "processes"
			 : w->counters.by_group ? "group"
						: "threads";
	w->counted = fault_counters_read(&w->counters);
	return 0;
}

/* What was counted since the look before. */
static void take_counts(struct watch *w, const struct breaks *now)
{
	struct fault_counts counted = fault_counters_read(&w->counters);
	struct faults_look *l = &w->look;

	for (int kind = 0; kind < FAULT_KINDS; kind++)
		l->interval.of[kind] = (struct opt_u64){ counted.of[kind].set,
			counted.of[kind].value - w->counted.of[kind].value };
	if (!counted.of[FAULT_MINOR].set)
		faults_estimate(&l->breaks, now, &l->interval);
	for (int kind = 0; kind < FAULT_KINDS; kind++) {
		l->total.of[kind].set = l->interval.of[kind].set;
		l->total.of[kind].value += l->interval.of[kind].value;
	}
	w->counted = counted;
}

/* Who was forked meanwhile is in no list, and shares pages with those who are. */
static int take_breaks(
	struct watch *w, const pid_t *pids, size_t n, struct breaks *ret, struct err *e)
{
	automatic(breaks) struct breaks breaks = { 0 };
	autofree pid_t *now = NULL;
	size_t n_now = 0;
	int r = breaks_take(
		&w->breaker, pids, n, w->subject->template, w->interval_ms > 0, &breaks, e);

	if (r == 0)
		r = list(w->subject, &now, &n_now, e);
	if (r < 0)
		return r;
	breaks_note_born(&breaks, pids, n, now, n_now);
	*ret = breaks;
	breaks = (struct breaks){ 0 };
	return 0;
}

static int look(struct watch *w, const pid_t *pids, size_t n, struct err *e)
{
	struct faults_look *l = &w->look;
	struct timespec now;
	struct breaks breaks;
	int r = take_breaks(w, pids, n, &breaks, e);

	if (r < 0)
		return r;
	if (!l->is_first)
		take_counts(w, &breaks);
	clock_gettime(CLOCK_MONOTONIC, &now);
	l->interval_ms = l->is_first ? 0 : ms_between(&w->before, &now);
	l->elapsed_ms = l->is_first ? 0 : ms_between(&w->began, &now);
	w->before = now;
	breaks_done(&l->breaks);
	l->breaks = breaks;
	headroom_read(w->subject->group.fd, &l->headroom);
	return 0;
}

static int print(struct watch *w, struct err *e)
{
	const struct faults_look *l = &w->look;
	int r = 0;

	if (w->words->json)
		r = faults_print_json(stdout, l, e);
	else if (l->is_first)
		r = faults_print_table(stdout, l, w->words->processes, e);
	else
		faults_print_line(stdout, l);
	if (r == 0 && l->is_first && w->interval_ms && !w->words->json) {
		if (l->why)
			printf("Write-protect faults are not told: %s.\n", l->why);
		faults_print_header(stdout);
	}
	if (r == 0 && fflush(stdout) != 0)
		r = err_set(e, errno, "print page faults");
	return r;
}

/* Until the next look is due, or the first process ends. */
static void wait_for_next(const struct watch *w)
{
	struct pollfd p = { .fd = w->subject->init, .events = POLLIN };

	while (poll(&p, 1, w->interval_ms) < 0 && errno == EINTR)
		;
}

static int watch(
	const struct subject *s, const struct faults_words *words, int interval_ms, struct err *e)
{
	automatic(watch) struct watch w = { .subject = s,
		.words = words,
		.interval_ms = interval_ms,
		.look.name = s->name,
		.breaker = BREAKER_NONE };
	int r = breaker_init(&w.breaker, e);

	for (int done = 0; r == 0 && (words->count == 0 || done < words->count); done++) {
		autofree pid_t *pids = NULL;
		size_t n = 0;
		if (done)
			wait_for_next(&w);
		r = list(s, &pids, &n, e);
		if (r == 0 && done && !n)
			break;
		if (r == 0 && !done)
			r = begin(&w, pids, n, e);
		if (r == 0)
			r = look(&w, pids, n, e);
		if (r == 0)
			r = print(&w, e);
		w.look.is_first = false;
		if (!interval_ms)
			break;
	}
	return r;
}

/* "2", "0.5", "500ms"; false: none of these, or none at all. */
static bool read_interval(const char *text, int *ret)
{
	autofree char *seconds = str_format("%ss", text);

	return seconds && (time_to_ms(seconds, ret) || time_to_ms(text, ret)) && *ret > 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct faults_words *w = data;
	automatic(subject) struct subject s = { .group = CGROUP_NONE, .init = -1 };
	int interval_ms = 0;

	if ((argc == 1) == (w->group != NULL))
		return err_say(e, ERR_USAGE, "name a container, or a group by --cgroup");
	if (w->interval && !read_interval(w->interval, &interval_ms))
		return err_say(
			e, ERR_USAGE, "--interval: '%s' is no number of seconds", w->interval);
	if (w->count > 1 && !interval_ms)
		return err_say(e, ERR_USAGE, "--count needs --interval");
	int r = w->group ? open_group(&s, w->group, e) : open_container(&s, c, argv[0], e);
	return r < 0 ? r : watch(&s, w, interval_ms, e);
}

const struct command faults_command = {
	.name = "faults",
	.arguments = "[options] NAME",
	.summary = "Tells which inherited pages a container has broken, and how fast it does.",
	.options = options,
	.options_size = sizeof(struct faults_words),
	.max_words = 1,
	.mixed = true,
	.run = run,
};
