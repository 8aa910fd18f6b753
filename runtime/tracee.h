/*
 * A process that stands still under ptrace(2), and makes system calls for us.
 *
 * It is stopped where it sleeps: inside a system call that a signal would interrupt. What it calls for
 * us, it calls by the very instruction that it slept in; no signal reaches it meanwhile. If we end, so
 * does it (PTRACE_O_EXITKILL): never does it go on with the registers of a call that was not its own.
 */
#ifndef RUNTIME_TRACEE_H
#define RUNTIME_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "spec/base/err.h"
#include "spec/base/own.h"

struct tracee {
	pid_t pid;			   /* 0: none */
	int memory;			   /* its /proc/PID/mem */
	uint64_t instruction;		   /* the one that enters the kernel */
	uint64_t mask;			   /* the signals that it blocks */
	struct user_regs_struct registers; /* as it slept */
	bool has_called, was_stopped;
};

#define TRACEE_NONE ((struct tracee){ .memory = -1 })

/*
 * Stops it; `dir` is its directory in /proc. -EAGAIN: it does not sleep, and goes on as if nothing
 * had been; -ESRCH: it has ended; -EOPNOTSUPP: it is of another architecture than we are.
 */
int tracee_stop(pid_t pid, int dir, struct tracee *ret, struct err *e);

/* The system call's own result, be it an error of its; -errno and `e` when it could not be made. */
int tracee_call(struct tracee *t, const long call[7], long *ret, struct err *e);

/* What rseq(2) was told for it, with size 0 where it was not. 5.13 */
struct tracee_rseq {
	uint64_t area;
	uint32_t size, mark;
};
struct tracee_rseq tracee_rseq(const struct tracee *t);

/* Whatever may be written there or not. */
int tracee_write(
	const struct tracee *t, uint64_t address, const void *data, size_t n, struct err *e);

/*
 * Lets it go on where it slept. With `signal`, that one is pending then, tells `value`, and is not
 * blocked: its handler is the first that runs. `process` is its pidfd.
 */
int tracee_signal(struct tracee *t, int process, int signal, uint64_t value, struct err *e);

/* The same with none: its system call begins again. What still stands is let go by the scope, too. */
void tracee_done(struct tracee *t);
DEFINE_AUTO(tracee, tracee_done)

#endif
