/*
 * The live screen: keys, signals and readings, one after the other.
 *
 * Signals are read from an fd, so that nothing is ever half drawn or half measured when one comes.
 */
#include "cmd/top/live.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "cmd/top/screen.h"
#include "cmd/top/view.h"
#include "spec/base/clock.h"

/* What a reading costs is at most this part of the time: a screen must not be what is busy. */
#define REST_TIMES 4

static const int intervals_ms[] = { 200, 500, 1000, 2000, 3000, 5000, 10000, 15000, 30000, 60000,
	120000, 300000, 600000, 1800000, 3600000 };
#define N_INTERVALS (sizeof(intervals_ms) / sizeof(intervals_ms[0]))

static const int fatal[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define N_FATAL (sizeof(fatal) / sizeof(fatal[0]))

struct live {
	const struct top *top;
	struct model *model;
	struct view view;
	struct canvas canvas;
	int signals;	 /* signalfd */
	int64_t next_ms; /* when the next reading is */
	uint64_t n_readings;
	bool wants_exact; /* of the next reading */
	bool ends;
	int ended_by; /* a signal; 0: none */
	char clock[16];
	struct err failure;
};

static void draw(struct live *l)
{
	int n_rows, n_columns;

	screen_size(&n_rows, &n_columns);
	if ((n_rows != l->canvas.n_rows || n_columns != l->canvas.n_columns) &&
		canvas_resize(&l->canvas, n_rows, n_columns) < 0)
		return;
	view_draw(&l->view, l->model, &l->canvas);
	screen_show(&l->canvas);
}

static void set_clock(struct live *l)
{
	time_t now = time(NULL);
	struct tm tm;

	strftime(l->clock, sizeof(l->clock), "%T", localtime_r(&now, &tm));
	l->view.clock = l->clock;
}

/* The first that fails ends it all; a later one is told, and the next may succeed. */
static int read_now(struct live *l, struct err *e)
{
	unsigned details = l->view.page == PAGE_DETAIL ? CENSUS_PROCESSES : 0;
	int took = 0;
	int r = top_read(l->top, details, l->wants_exact, l->model, &took, &l->failure);

	l->view.failure = r < 0 ? l->failure.text : NULL;
	l->wants_exact = false;
	if (r < 0 && !l->n_readings) {
		*e = l->failure;
		return r;
	}
	l->n_readings++;
	if (r == 0) {
		l->view.took_ms = took;
		set_clock(l);
	}
	int rest =
		took > l->view.interval_ms / REST_TIMES ? took * REST_TIMES : l->view.interval_ms;
	l->next_ms = clock_ms() + rest;
	l->ends |= l->top->n_readings && l->n_readings >= l->top->n_readings;
	return 0;
}

/* --- keys ---------------------------------------------------------------------------------------- */
static void go_to(struct live *l, enum page page)
{
	l->view.page = page;
	l->view.first = 0;
	if (page == PAGE_DETAIL)
		l->next_ms = 0;
}

static void move(struct live *l, long by)
{
	size_t far = (size_t)(by < 0 ? -by : by);

	if (l->view.page == PAGE_LIST)
		model_move(l->model, by);
	else if (by > 0)
		l->view.first += far;
	else
		l->view.first -= far < l->view.first ? far : l->view.first;
}

static void sort_beside(struct live *l, int by)
{
	int id = (int)l->model->sorted;

	do
		id = (id + by + N_COLUMNS) % N_COLUMNS;
	while (!columns[id].word);
	model_sort(l->model, (enum column_id)id);
}

static void change_interval(struct live *l, int by)
{
	size_t i = 0;

	while (i + 1 < N_INTERVALS && intervals_ms[i] < l->view.interval_ms)
		i++;
	if (by > 0 && i + 1 < N_INTERVALS && intervals_ms[i] == l->view.interval_ms)
		i++;
	else if (by < 0 && i > 0)
		i--;
	l->view.interval_ms = intervals_ms[i];
	l->next_ms = clock_ms() + l->view.interval_ms;
}

static void act(struct live *l, enum action action)
{
	long page = l->view.n_shown > 1 ? (long)l->view.n_shown - 1 : 1, all = 1L << 30;

	switch (action) {
	case ACTION_UP:
		return move(l, -1);
	case ACTION_DOWN:
		return move(l, 1);
	case ACTION_PAGE_UP:
		return move(l, -page);
	case ACTION_PAGE_DOWN:
		return move(l, page);
	case ACTION_FIRST:
		return move(l, -all);
	case ACTION_LAST:
		return move(l, all);
	case ACTION_LOOK:
		return model_chosen(l->model) ? go_to(l, PAGE_DETAIL) : (void)0;
	case ACTION_BACK:
		return go_to(l, PAGE_LIST);
	case ACTION_HELP:
		return go_to(l, PAGE_HELP);
	case ACTION_FILTER:
		l->view.is_typing = true;
		return;
	case ACTION_SORT_LEFT:
		return sort_beside(l, -1);
	case ACTION_SORT_RIGHT:
		return sort_beside(l, 1);
	case ACTION_REVERSE:
		return model_reverse(l->model);
	case ACTION_PAUSE:
		l->view.is_paused = !l->view.is_paused;
		return;
	case ACTION_FASTER:
		return change_interval(l, -1);
	case ACTION_SLOWER:
		return change_interval(l, 1);
	case ACTION_EXACT:
		l->wants_exact = true;
		l->next_ms = 0;
		return;
	case ACTION_NOW:
		l->next_ms = 0;
		return;
	case ACTION_QUIT:
		l->ends = true;
		return;
	case ACTION_NONE:
	case N_ACTIONS:
		return;
	}
}

/* What is typed of a filter holds at once. */
static void type(struct live *l, int key)
{
	char text[MODEL_FILTER_MAX], bytes[MB_LEN_MAX];
	mbstate_t state = { 0 };
	size_t n = strlen(l->model->filter);

	memcpy(text, l->model->filter, n + 1);
	if (key == KEY_OF_ESCAPE)
		n = 0;
	while (key == KEY_OF_BACKSPACE && n && ((unsigned char)text[--n] & 0xc0) == 0x80)
		;
	if (key >= ' ' && key < KEY_OF_UP) {
		size_t more = wcrtomb(bytes, (wchar_t)key, &state);
		if (more != (size_t)-1 && n + more < sizeof(text)) {
			memcpy(text + n, bytes, more);
			n += more;
		}
	}
	text[n] = '\0';
	l->view.is_typing = key != KEY_OF_ENTER && key != KEY_OF_ESCAPE;
	model_filter(l->model, text);
}

static void read_keys(struct live *l)
{
	for (int key; !l->ends && (key = screen_key()) != KEY_OF_NONE;) {
		int column = l->view.page == PAGE_LIST ? column_of_key(key) : -1;
		if (l->view.is_typing)
			type(l, key);
		else if (column >= 0)
			model_sort(l->model, (enum column_id)column);
		else
			act(l, key_action(key, l->view.page));
	}
}

/* --- signals ------------------------------------------------------------------------------------- */
static int open_signals(struct live *l, sigset_t *ret_before, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_FATAL; i++)
		sigaddset(&set, fatal[i]);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_BLOCK, &set, ret_before);
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->signals < 0 ? err_set(e, errno, "watch signals") : 0;
}

static void read_signals(struct live *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTSTP)
			screen_stop();
		else if (info.ssi_signo == SIGCONT)
			screen_again();
		else if (info.ssi_signo != SIGWINCH)
			l->ended_by = (int)info.ssi_signo;
	}
	l->ends |= l->ended_by != 0;
}

/* What came of a terminal that is no more is no key. */
static void wait_for_something(struct live *l)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = l->signals, .events = POLLIN } };
	int64_t left = l->next_ms - clock_ms();
	bool waits = l->view.is_paused && l->next_ms != 0;

	left = left < 0 ? 0 : left > 3600000 ? 3600000 : left;
	if (poll(fds, 2, waits ? -1 : (int)left) <= 0)
		return;
	if (fds[1].revents)
		read_signals(l);
	if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		l->ends = true;
	else if (fds[0].revents)
		read_keys(l);
}

static int run(struct live *l, struct err *e)
{
	int r = 0;

	while (r == 0 && !l->ends) {
		bool due = l->view.is_paused ? l->next_ms == 0 : clock_ms() >= l->next_ms;
		draw(l);
		if (due)
			r = read_now(l, e);
		else
			wait_for_something(l);
	}
	return r;
}

int top_live(const struct top *t, struct model *m, struct err *e)
{
	struct live l = { .top = t,
		.model = m,
		.signals = -1,
		.view = { .page = PAGE_LIST, .interval_ms = t->interval_ms, .took_ms = -1 } };
	sigset_t before;
	int r = open_signals(&l, &before, e);

	if (r == 0)
		r = screen_open(e);
	if (r == 0)
		r = run(&l, e);
	screen_close();
	own_close(&l.signals);
	canvas_done(&l.canvas);
	/* Ended by a signal, to whoever waits for us, and not by a status. */
	if (l.ended_by) {
		signal(l.ended_by, SIG_DFL);
		raise(l.ended_by);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
