/*
 * The terminal, by ncurses.
 *
 * Signals are not ncurses' business: they are blocked by whoever reads them (live.c), so that its
 * handlers are never reached. Only one is let through, SIGTSTP, while we stop.
 */
#include "cmd/top/screen.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
	SCREEN *screen;
	struct termios before;
	char leave[128]; /* what ends all that ncurses has begun; for a signal handler */
	size_t n_leave;
} terminal;

static const int faults[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE };

/* Only what a signal handler may do; then the fault goes its way, with its core. */
static void give_back(int signal_number)
{
	ssize_t ignored = write(STDOUT_FILENO, terminal.leave, terminal.n_leave);

	(void)ignored;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void add_leave(const char *capability)
{
	const char *text = tigetstr(capability);

	if (!text || text == (const char *)-1)
		return;
	size_t n = strlen(text);
	if (terminal.n_leave + n <= sizeof(terminal.leave)) {
		memcpy(terminal.leave + terminal.n_leave, text, n);
		terminal.n_leave += n;
	}
}

static void catch_faults(void)
{
	struct sigaction action = { .sa_handler = give_back, .sa_flags = (int)SA_RESETHAND };

	terminal.n_leave = 0;
	add_leave("sgr0");
	add_leave("cnorm");
	add_leave("rmcup");
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &action, NULL);
}

/* NO_COLOR (no-color.org), or a terminal without: all is said by what stands there, too. */
static void choose_colours(void)
{
	static const short pairs[][2] = { { 1, COLOR_GREEN }, { 2, COLOR_YELLOW },
		{ 3, COLOR_BLUE }, { 4, COLOR_CYAN } };
	const char *none = getenv("NO_COLOR");

	if ((none && *none) || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		init_pair(pairs[i][0], pairs[i][1], -1);
}

static void never_called(int signal_number)
{
	(void)signal_number;
}

/*
 * A SIGTSTP whose action is the default is ncurses' to handle, and it ignores those that come while
 * it draws: they would be lost.
 */
static void keep_stops(void)
{
	signal(SIGTSTP, never_called);
}

int screen_open(struct err *e)
{
	const char *name = getenv("TERM");

	if (tcgetattr(STDIN_FILENO, &terminal.before) < 0 || !isatty(STDOUT_FILENO))
		return err_say(e, ENOTTY,
			"standard input and output are no terminal (hint: '-b' prints text)");
	keep_stops();
	use_tioctl(TRUE);
	terminal.screen = newterm(NULL, stdout, stdin);
	if (!terminal.screen)
		return err_say(e, EINVAL,
			"cannot draw on a terminal of type '%s' (hint: set TERM; '-b' prints text)",
			name ? name : "");
	set_escdelay(25);
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	choose_colours();
	catch_faults();
	return 0;
}

void screen_close(void)
{
	if (!terminal.screen)
		return;
	endwin();
	delscreen(terminal.screen);
	terminal.screen = NULL;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		signal(faults[i], SIG_DFL);
}

void screen_size(int *ret_rows, int *ret_columns)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col &&
		(size.ws_row != LINES || size.ws_col != COLS))
		resizeterm(size.ws_row, size.ws_col);
	*ret_rows = LINES;
	*ret_columns = COLS;
}

static attr_t attributes_of(unsigned look)
{
	attr_t a = A_NORMAL;

	a |= look & LOOK_BOLD ? A_BOLD : 0;
	a |= look & LOOK_DIM ? A_DIM : 0;
	a |= look & LOOK_REVERSE ? A_REVERSE : 0;
	return a;
}

/* On a reversed ground colours would be hard to read. */
static short pair_of(unsigned look)
{
	if (look & LOOK_REVERSE)
		return 0;
	return look & LOOK_GOOD	     ? 1
	       : look & LOOK_WARNING ? 2
	       : look & LOOK_PRIVATE ? 3
	       : look & LOOK_SHARED  ? 4
				     : 0;
}

static void show_row(const struct canvas *c, int row)
{
	for (int column = 0; column < c->n_columns; column++) {
		const struct canvas_cell *cell = canvas_at(c, row, column);
		cchar_t shown;
		if (!cell->text[0])
			continue;
		if (setcchar(&shown, cell->text, attributes_of(cell->look), pair_of(cell->look),
			    NULL) == OK)
			mvadd_wch(row, column, &shown);
	}
}

void screen_show(const struct canvas *c)
{
	erase();
	for (int row = 0; row < c->n_rows; row++)
		show_row(c, row);
	refresh();
}

int screen_key(void)
{
	static const struct {
		wint_t curses;
		int key;
	} keys[] = {
		{ KEY_UP, KEY_OF_UP },
		{ KEY_DOWN, KEY_OF_DOWN },
		{ KEY_LEFT, KEY_OF_LEFT },
		{ KEY_RIGHT, KEY_OF_RIGHT },
		{ KEY_PPAGE, KEY_OF_PAGE_UP },
		{ KEY_NPAGE, KEY_OF_PAGE_DOWN },
		{ KEY_HOME, KEY_OF_HOME },
		{ KEY_END, KEY_OF_END },
		{ KEY_ENTER, KEY_OF_ENTER },
		{ KEY_BACKSPACE, KEY_OF_BACKSPACE },
		{ KEY_RESIZE, KEY_OF_RESIZE },
	};
	wint_t got;
	int kind = get_wch(&got);

	if (kind == ERR)
		return KEY_OF_NONE;
	for (size_t i = 0; kind == KEY_CODE_YES && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].curses == got)
			return keys[i].key;
	if (kind == KEY_CODE_YES)
		return 0;
	return got == L'\r' || got == L'\n'  ? KEY_OF_ENTER
	       : got == 0x7f || got == L'\b' ? KEY_OF_BACKSPACE
	       : got == 0x1b		     ? KEY_OF_ESCAPE
					     : (int)got;
}

void screen_again(void)
{
	reset_prog_mode();
	curs_set(0);
	clearok(curscr, TRUE);
	refresh();
}

void screen_stop(void)
{
	sigset_t stop, before;

	endwin();
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	signal(SIGTSTP, SIG_DFL);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	keep_stops();
	screen_again();
}
