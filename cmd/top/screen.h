/*
 * The terminal: a canvas is shown on it, and keys are read from it. ncurses is known here only.
 *
 * While it is open, the terminal is in a mode of ours. It is given back by screen_close(), while we
 * are stopped by job control, and when this program dies of a fault of its own.
 */
#ifndef CMD_TOP_SCREEN_H
#define CMD_TOP_SCREEN_H

#include <stdbool.h>

#include "cmd/top/canvas.h"
#include "cmd/top/keys.h"
#include "spec/base/err.h"

/* Standard input and output must be a terminal. */
int screen_open(struct err *e);
void screen_close(void);

/* The size that it has now. */
void screen_size(int *ret_rows, int *ret_columns);
void screen_show(const struct canvas *c);

/* The next key that was pressed, a character of Unicode or an enum key; KEY_OF_NONE: none was. */
int screen_key(void);

/* Stops this process, as SIGTSTP does, with the terminal given back; returns when it goes on. */
void screen_stop(void);

/* Takes the terminal again and draws all: somebody else had it meanwhile. */
void screen_again(void);

#endif
