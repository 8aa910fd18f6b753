/*
 * Code that runs inside a process which knows nothing of it: as the handler of a signal.
 *
 * What is here has no libc under it and is linked to a file of its own (runtime/graft.h). Its memory,
 * with a stack of its own, was mapped there by runtime/inject.c, which left a signal pending whose
 * handler is injected_main(). The kernel keeps all registers of the process, those of floating point
 * too, in the signal's frame on that stack, and all signals are blocked: to return is to go on.
 */
#ifndef RUNTIME_INJECTED_ENTRY_H
#define RUNTIME_INJECTED_ENTRY_H

#include <stddef.h>
#include <stdint.h>

/* The kernel's own struct sigaction. */
struct injected_action {
	uint64_t handler, flags, restorer, mask;
};

/* The kernel's stack_t. */
struct injected_stack {
	uint64_t base;
	int32_t flags, unused;
	uint64_t size;
};

/* What the kernel tells it its CPU by: as it was given to rseq(2). size 0: it was not. */
struct injected_rseq {
	uint64_t area;
	uint32_t size, mark;
};

/* What the process was like, told by the signal. */
struct injected {
	uint64_t base, size; /* all that was mapped */
	int32_t signal, unused;
	uint64_t mask;			    /* the signals that it blocked */
	struct injected_action action, own; /* the signal's, before and now */
	struct injected_stack stack, alternate;
	struct injected_rseq rseq;
};

/* At the entry is the way back, rt_sigreturn(2), and so far behind it the handler. */
#define INJECTED_HANDLER 16

/* The graft's main function, with its own stack and no signals. `context` is for injected_leave(). */
void injected_main(const struct injected *i, void *context);

/* In the process that is to go on: the signal's handler is what it was. */
void injected_restore(const struct injected *i);

/*
 * There, too: when injected_main() returns, so are the alternate stack and the mask. The memory stays:
 * it is what runs. No system call.
 */
void injected_leave(const struct injected *i, void *context);

#endif
