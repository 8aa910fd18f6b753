/* The terminal of a process, shown on our standard streams. */
#include "runtime/screen.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN, OUTPUT, INPUT, TYPED }; /* in the order of struct pollfd */

/* Whichever of our streams is a terminal; with all of them redirected, the one that we belong to. */
static bool look_at_size(struct winsize *ret)
{
	for (int fd = 0; fd < 3; fd++)
		if (ioctl(fd, TIOCGWINSZ, ret) == 0)
			return true;
	autofd int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	return tty >= 0 && ioctl(tty, TIOCGWINSZ, ret) == 0;
}

void screen_look(bool with_input, struct screen *ret)
{
	struct winsize size;

	*ret = (struct screen)SCREEN_NONE;
	ret->with_input = with_input;
	/* Else somebody adds the carriage returns, or nobody shall: a file or pipe has none. */
	ret->raw = with_input && isatty(0) && isatty(1);
	if (look_at_size(&size)) {
		ret->rows = size.ws_row;
		ret->columns = size.ws_col;
	}
}

/* Whether our terminal is ours to change: in the background it is the shell's. */
static bool is_foreground(void)
{
	pid_t group = tcgetpgrp(0);

	return group < 0 || group == getpgrp();
}

static void set_raw(struct screen *s)
{
	struct termios raw;

	if (!s->is_saved)
		return;
	raw = s->saved;
	cfmakeraw(&raw);
	/* Without the output it is not we who end its lines. */
	if (!s->raw)
		raw.c_oflag = s->saved.c_oflag;
	s->is_set = tcsetattr(0, TCSADRAIN, &raw) == 0;
}

static void set_back(struct screen *s, int when)
{
	if (s->is_set && is_foreground())
		tcsetattr(0, when, &s->saved);
	s->is_set = false;
}

/* What would end us at once, and is not passed on (foreground.c). */
static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };

/* For a handler, which is told of nothing but its signal. */
static struct screen *guarded;

static void restore_and_die(int signal)
{
	if (guarded)
		set_back(guarded, TCSANOW);
	raise(signal); /* the handler is gone (SA_RESETHAND): it is delivered when we return */
}

static void guard(struct screen *s)
{
	struct sigaction action = { .sa_handler = s ? restore_and_die : SIG_DFL,
		.sa_flags = (int)SA_RESETHAND };

	guarded = s;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
}

/*
 * An open of our own, so that it alone does not block: O_NONBLOCK is of the open file, which the
 * shell and others share. So is the place in a file, which must be: that one never blocks.
 */
static int open_shown(void)
{
	struct stat st;
	int fd = -1;

	if (fstat(1, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 ? fd : fcntl(1, F_DUPFD_CLOEXEC, 3);
}

void screen_begin(struct screen *s, int output, int input)
{
	s->output = output;
	s->input = input;
	s->shown = open_shown();
	/* A master whose slave nobody has open says so without end, and not when somebody opens it
	 * again: a process may, by /dev/console. Its end is known by other means. */
	s->peer = ioctl(input, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	fcntl(input, F_SETFL, O_RDWR | O_NONBLOCK);
	fcntl(output, F_SETFL, O_RDWR | O_NONBLOCK);
	s->input_ended = !s->with_input;
	s->is_saved = s->with_input && tcgetattr(0, &s->saved) == 0;
	if (s->is_saved)
		guard(s);
	set_raw(s);
}

void screen_end(struct screen *s)
{
	set_back(s, TCSADRAIN);
	if (guarded == s)
		guard(NULL);
	own_close(&s->peer);
	own_close(&s->shown);
	s->peer = s->shown = -1;
}

void screen_resize(const struct screen *s)
{
	struct winsize size;

	if (look_at_size(&size))
		ioctl(s->input, TIOCSWINSZ, &size); /* tells its processes, if it differs */
}

void screen_redraw(const struct screen *s)
{
	struct winsize size;

	if (!look_at_size(&size))
		return;
	/* They are told of a change alone. */
	size.ws_row++;
	ioctl(s->input, TIOCSWINSZ, &size);
	size.ws_row--;
	ioctl(s->input, TIOCSWINSZ, &size);
}

/* As our terminal's owner expects it while we stand still: as it was. */
void screen_suspend(struct screen *s)
{
	set_back(s, TCSADRAIN);
	raise(SIGSTOP);
	screen_resume(s);
}

void screen_resume(struct screen *s)
{
	set_raw(s); /* a shell that continues us has set it as it likes it */
	screen_resize(s);
}

nfds_t screen_poll(const struct screen *s, struct pollfd *fds)
{
	bool shows = s->shows.to > s->shows.from, types = s->types.to > s->types.from;

	fds[SHOWN] =
		(struct pollfd){ .fd = shows && !s->is_gone ? s->shown : -1, .events = POLLOUT };
	fds[OUTPUT] =
		(struct pollfd){ .fd = shows || s->is_gone ? -1 : s->output, .events = POLLIN };
	fds[INPUT] =
		(struct pollfd){ .fd = types && !s->is_gone ? s->input : -1, .events = POLLOUT };
	fds[TYPED] = (struct pollfd){ .fd = types || s->input_ended ? -1 : 0, .events = POLLIN };
	return SCREEN_FDS;
}

/* Nobody looks any more: the terminal hangs up, as any does whose user has gone. */
static void hang_up(struct screen *s)
{
	s->is_gone = s->is_unseen = true;
	s->input_ended = true;
	s->shows.from = s->shows.to = 0;
	s->types.from = s->types.to = 0;
}

/* False when it cannot be written to any more. */
static bool empty(struct screen_buffer *b, int fd)
{
	while (b->from < b->to) {
		ssize_t n = write(fd, b->bytes + b->from, b->to - b->from);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		b->from += (size_t)n;
	}
	b->from = b->to = 0;
	return true;
}

static void take_output(struct screen *s)
{
	struct screen_buffer *b = &s->shows;
	ssize_t n = read(s->output, b->bytes, sizeof(b->bytes));

	s->is_dry = n == 0 || (n < 0 && errno != EINTR);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		s->is_gone = true;
	b->from = 0;
	b->to = n > 0 ? (size_t)n : 0;
}

/* The end of our input is the end of its own, where it reads lines: as if somebody pressed Ctrl-D.
 */
static void end_input(struct screen *s)
{
	struct termios t;

	s->input_ended = true;
	if (tcgetattr(s->input, &t) < 0 || !(t.c_lflag & ICANON))
		return;
	/* Behind an unfinished line the first one only ends that. */
	s->types.bytes[0] = s->types.bytes[1] = (char)t.c_cc[VEOF];
	s->types.to = 2;
}

/* Takes out the keys that end the conversation; some of them alone are a part of the input. */
static void watch_keys(struct screen *s, const char *read, size_t n)
{
	struct screen_buffer *b = &s->types;

	for (size_t i = 0; i < n && !s->is_detached; i++) {
		if (s->n_keys && (unsigned char)read[i] == s->keys[s->n_pressed]) {
			s->is_detached = ++s->n_pressed == s->n_keys;
			continue;
		}
		memcpy(b->bytes + b->to, s->keys, s->n_pressed);
		b->to += s->n_pressed;
		s->n_pressed = s->n_keys && (unsigned char)read[i] == s->keys[0];
		if (!s->n_pressed)
			b->bytes[b->to++] = read[i];
	}
}

static void take_input(struct screen *s)
{
	char bytes[sizeof(s->types.bytes) - SCREEN_KEYS_MAX];
	ssize_t n = read(0, bytes, sizeof(bytes));

	if (n > 0)
		watch_keys(s, bytes, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		end_input(s);
}

void screen_move(struct screen *s, const struct pollfd *fds)
{
	if (fds[TYPED].fd >= 0 && fds[TYPED].revents)
		take_input(s);
	if (s->types.to && !s->is_gone && !empty(&s->types, s->input))
		hang_up(s);
	if (fds[OUTPUT].fd >= 0)
		take_output(s);
	if (s->shows.to && !empty(&s->shows, s->shown))
		hang_up(s);
}

bool screen_is_drained(const struct screen *s)
{
	return s->is_gone || (s->is_dry && !s->shows.to);
}
