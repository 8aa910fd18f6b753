/*
 * The terminal of a process, shown on our standard streams, whatever these are.
 *
 * Before the process is made, screen_look() says what its terminal should be like; afterwards
 * screen_begin() takes the master, and the caller polls for us:
 *
 *	n = screen_poll(&s, fds);  poll(fds, n, -1);  screen_move(&s, fds);
 *
 * Our own terminal, if standard input is one and is handed on, is in raw mode between
 * screen_begin() and screen_end(). Both buffers are bounded: who does not read is waited for.
 */
#ifndef RUNTIME_SCREEN_H
#define RUNTIME_SCREEN_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "spec/base/own.h"

#define SCREEN_FDS 4
#define SCREEN_KEYS_MAX 16

struct screen_buffer {
	size_t from, to; /* what is in it, and not yet written */
	char bytes[4096];
};

struct screen {
	bool with_input;	/* what we read is for it */
	bool raw;		/* our terminal passes on as it is what is read and written */
	uint16_t rows, columns; /* of our terminal; 0: there is none */
	/* From screen_begin() on. */
	int output, input; /* where its output comes from, and its input goes: the master */
	int peer;	   /* the slave, held open */
	int shown;	   /* where output is written */
	struct screen_buffer shows, types;
	bool input_ended, is_dry, is_gone; /* is_dry: nothing more to read for now */
	bool is_unseen;			   /* it is gone, since nobody can read what we write */
	bool is_saved, is_set; /* our terminal is as in `saved`; and we have put it into raw mode */
	struct termios saved;
	/* What ends the conversation (`cow attach`); none: n_keys is 0. */
	unsigned char keys[SCREEN_KEYS_MAX];
	size_t n_keys, n_pressed;
	bool leaves_on_hangup; /* so does SIGHUP, which is not passed on then */
	bool is_detached;
};

#define SCREEN_NONE                                                                                \
	{                                                                                          \
		.output = -1, .input = -1, .peer = -1, .shown = -1                                 \
	}

void screen_look(bool with_input, struct screen *ret);

/* Both are borrowed, and the same where there is nobody between us and the master. */
void screen_begin(struct screen *s, int output, int input);
void screen_end(struct screen *s);
DEFINE_AUTO(screen, screen_end)

/* What to wait for; how many of the SCREEN_FDS it is. */
nfds_t screen_poll(const struct screen *s, struct pollfd *fds);
/* Moves what can be moved; `fds` of screen_poll(), after poll(). */
void screen_move(struct screen *s, const struct pollfd *fds);
/* All that was written by its end has been shown, or nobody looks any more. */
bool screen_is_drained(const struct screen *s);

/* Sets our size, and makes its programs draw anew, also where it had that size before. */
void screen_redraw(const struct screen *s);

/* SIGWINCH; SIGTSTP: stops us, and returns when we go on; SIGCONT. */
void screen_resize(const struct screen *s);
void screen_suspend(struct screen *s);
void screen_resume(struct screen *s);

#endif
