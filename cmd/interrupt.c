/* Signals as a note. */
#include "cmd/interrupt.h"

#include <stddef.h>

volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static struct sigaction before[N_SIGNALS];
static int is_watched;

/* No SA_RESTART: who waits for a pipe to be read is to notice. */
void interrupt_watch(void)
{
	struct sigaction action = { .sa_handler = note_interrupt };

	for (size_t i = 0; i < N_SIGNALS; i++)
		sigaction(signals[i], &action, is_watched ? NULL : &before[i]);
	is_watched = 1;
}

void interrupt_forget(void)
{
	for (size_t i = 0; is_watched && i < N_SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
}
