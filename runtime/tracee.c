#include "runtime/tracee.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80) /* PTRACE_O_TRACESYSGOOD */

/* What an interrupted system call says to the kernel's own restart: include/linux/errno.h. */
enum {
	ERESTARTSYS = 512,
	ERESTARTNOINTR = 513,
	ERESTARTNOHAND = 514,
	ERESTART_RESTARTBLOCK = 516,
};

static bool is_interrupted(long result)
{
	return result == -EINTR || result == -ERESTARTSYS || result == -ERESTARTNOINTR ||
	       result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK;
}

#ifdef __x86_64__
#define INSTRUCTION "\x0f\x05" /* syscall */
#define INSTRUCTION_BYTES 2

/* Sleeping it has the system call's number beside the result, and stands behind the instruction. */
static bool registers_sleep(struct tracee *t, uint64_t *ret_instruction)
{
	*ret_instruction = t->registers.rip - INSTRUCTION_BYTES;
	return (long)t->registers.orig_rax >= 0 && is_interrupted((long)t->registers.rax);
}

static void registers_call(struct user_regs_struct *r, uint64_t instruction, const long call[7])
{
	r->orig_rax = (unsigned long)-1; /* nothing to be begun again */
	r->rip = instruction;
	r->rax = (unsigned long)call[0];
	r->rdi = (unsigned long)call[1];
	r->rsi = (unsigned long)call[2];
	r->rdx = (unsigned long)call[3];
	r->r10 = (unsigned long)call[4];
	r->r8 = (unsigned long)call[5];
	r->r9 = (unsigned long)call[6];
}

static long registers_result(const struct user_regs_struct *r)
{
	return (long)r->rax;
}

/* What the kernel would do on its way back, which it does not once another call has been made. */
static void registers_begin_again(struct user_regs_struct *r)
{
	long result = (long)r->rax;

	if (result == -EINTR)
		return;
	r->rip -= INSTRUCTION_BYTES;
	r->rax = result == -ERESTART_RESTARTBLOCK ? SYS_restart_syscall : r->orig_rax;
	r->orig_rax = (unsigned long)-1;
}
/* The kernel sees to it on its way back, where a signal is pending. */
static void registers_interrupt(struct user_regs_struct *r, uint64_t instruction)
{
	(void)r, (void)instruction;
}

static int enter(const struct tracee *t, const struct user_regs_struct *r, long number)
{
	(void)t, (void)r, (void)number;
	return 0;
}
#else
#define INSTRUCTION "\x01\x00\x00\xd4" /* svc #0 */
#define INSTRUCTION_BYTES 4

/* These are never begun again once a handler has run: signal(7). */
static bool is_never_restarted(long number)
{
	switch (number) {
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_ppoll:
	case SYS_pselect6:
	case SYS_rt_sigsuspend:
	case SYS_rt_sigtimedwait:
	case SYS_futex:
		return true;
	default:
		return false;
	}
}

static bool is_instruction(const struct tracee *t, uint64_t address)
{
	char bytes[INSTRUCTION_BYTES];

	return pread(t->memory, bytes, sizeof(bytes), (off_t)address) == sizeof(bytes) &&
	       memcmp(bytes, INSTRUCTION, sizeof(bytes)) == 0;
}

/* The kernel has put it back on the instruction already, with its arguments, as if no signal came. */
static bool registers_sleep(struct tracee *t, uint64_t *ret_instruction)
{
	const struct user_regs_struct *r = &t->registers;

	if (is_instruction(t, r->pc)) {
		*ret_instruction = r->pc;
		return true;
	}
	*ret_instruction = r->pc - INSTRUCTION_BYTES;
	return is_interrupted((long)r->regs[0]);
}

/* What it would not have done where one comes. */
static void registers_interrupt(struct user_regs_struct *r, uint64_t instruction)
{
	if (r->pc != instruction || !is_never_restarted((long)r->regs[8]))
		return;
	r->regs[0] = (unsigned long)-EINTR;
	r->pc += INSTRUCTION_BYTES;
}

static void registers_call(struct user_regs_struct *r, uint64_t instruction, const long call[7])
{
	r->pc = instruction;
	r->regs[8] = (unsigned long)call[0];
	for (int i = 0; i < 6; i++)
		r->regs[i] = (unsigned long)call[1 + i];
}

static long registers_result(const struct user_regs_struct *r)
{
	return (long)r->regs[0];
}

static void registers_begin_again(struct user_regs_struct *r)
{
	(void)r;
}

/*
 * At its entry: where a sleep is to be begun again, the kernel has put the number of restart_syscall(2)
 * in place of ours, as we stand on the instruction that it came from.
 */
static int enter(const struct tracee *t, const struct user_regs_struct *r, long number)
{
	struct user_regs_struct copy = *r;
	int word = (int)number;
	struct iovec all = { &copy, sizeof(copy) }, one = { &word, sizeof(word) };

	copy.pc += INSTRUCTION_BYTES;
	return ptrace(PTRACE_SETREGSET, t->pid, NT_PRSTATUS, &all) < 0 ||
			       ptrace(PTRACE_SETREGSET, t->pid, NT_ARM_SYSTEM_CALL, &one) < 0
		       ? -errno
		       : 0;
}
#endif

static int read_registers(struct tracee *t, struct user_regs_struct *ret, struct err *e)
{
	struct iovec io = { ret, sizeof(*ret) };

	if (ptrace(PTRACE_GETREGSET, t->pid, NT_PRSTATUS, &io) < 0)
		return err_set(e, errno, "read the registers of process %d", (int)t->pid);
	if (io.iov_len != sizeof(*ret))
		return err_say(e, EOPNOTSUPP,
			"process %d is a 32-bit program: only those of this host's own architecture "
			"can be forked so",
			(int)t->pid);
	return 0;
}

static int write_registers(struct tracee *t, const struct user_regs_struct *r, struct err *e)
{
	struct user_regs_struct copy = *r;
	struct iovec io = { &copy, sizeof(copy) };

	return ptrace(PTRACE_SETREGSET, t->pid, NT_PRSTATUS, &io) < 0
		       ? err_set(e, errno, "write the registers of process %d", (int)t->pid)
		       : 0;
}

static int write_mask(struct tracee *t, uint64_t mask, struct err *e)
{
	return ptrace(PTRACE_SETSIGMASK, t->pid, sizeof(mask), &mask) < 0
		       ? err_set(e, errno, "set the signal mask of process %d", (int)t->pid)
		       : 0;
}

/* Its next stop: a signal, SYSCALL_STOP for one of tracee_call(); -ESRCH when it has ended. */
static int wait_stop(struct tracee *t, int *ret_event, struct err *e)
{
	int status;
	pid_t got;

	while ((got = waitpid(t->pid, &status, __WALL)) < 0 && errno == EINTR)
		;
	if (got < 0 || !WIFSTOPPED(status)) {
		int pid = (int)t->pid;
		t->pid = 0;
		return err_say(e, ESRCH, "process %d has ended", pid);
	}
	*ret_event = status >> 16; /* 0: a signal that it is to get, or a system call */
	return WSTOPSIG(status);
}

static int resume(struct tracee *t, int how, int signal, struct err *e)
{
	if (ptrace(how, t->pid, 0, (long)signal) == 0)
		return 0;
	return err_set(e, errno, "let process %d go on", (int)t->pid);
}

/* Signals that come first are delivered; where the process is then, is seen later. */
static int wait_interrupted(struct tracee *t, struct err *e)
{
	int event, signal;

	while ((signal = wait_stop(t, &event, e)) >= 0) {
		if (event == PTRACE_EVENT_STOP && signal == SIGTRAP)
			return 0;
		if (event == PTRACE_EVENT_STOP)
			return err_say(e, EAGAIN, "process %d is stopped", (int)t->pid);
		int r = resume(t, PTRACE_CONT, signal, e);
		if (r < 0)
			return r;
	}
	return signal;
}

static int find_sleeping(struct tracee *t, struct err *e)
{
	char bytes[INSTRUCTION_BYTES];

	int r = read_registers(t, &t->registers, e);
	if (r < 0)
		return r;
	if (!registers_sleep(t, &t->instruction) ||
		pread(t->memory, bytes, sizeof(bytes), (off_t)t->instruction) != sizeof(bytes) ||
		memcmp(bytes, INSTRUCTION, sizeof(bytes)) != 0)
		return err_say(
			e, EAGAIN, "process %d does not sleep in a system call", (int)t->pid);
	if (ptrace(PTRACE_GETSIGMASK, t->pid, sizeof(t->mask), &t->mask) < 0)
		return err_set(e, errno, "read the signal mask of process %d", (int)t->pid);
	return 0;
}

int tracee_stop(pid_t pid, int dir, struct tracee *ret, struct err *e)
{
	automatic(tracee) struct tracee t = { .memory = openat(dir, "mem", O_RDWR | O_CLOEXEC) };

	if (t.memory < 0)
		return err_set(e, errno, "open the memory of process %d", (int)pid);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
		return err_set(e, errno, "trace process %d", (int)pid);
	t.pid = pid;
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
		return err_set(e, errno, "stop process %d", (int)pid);
	int r = wait_interrupted(&t, e);
	if (r == 0)
		r = find_sleeping(&t, e);
	if (r < 0)
		return r;
	*ret = t;
	t = TRACEE_NONE;
	return 0;
}

/* The first call holds all signals but the two that nobody can: one of those stops it once it is let go. */
static int begin_calls(struct tracee *t, struct err *e)
{
	int r = t->has_called ? 0 : write_mask(t, UINT64_MAX, e);

	t->has_called = true;
	return r;
}

/* It stops at its entry, and behind it. */
static int pass_through(
	struct tracee *t, const struct user_regs_struct *wanted, long number, struct err *e)
{
	int event = 0;

	for (int n_stops = 0; n_stops < 2;) {
		int r = resume(t, PTRACE_SYSCALL, 0, e);
		int signal = r < 0 ? r : wait_stop(t, &event, e);
		if (signal < 0)
			return signal;
		t->was_stopped = t->was_stopped || (event == 0 && signal == SIGSTOP);
		n_stops += signal == SYSCALL_STOP;
		r = n_stops == 1 ? enter(t, wanted, number) : 0;
		if (r < 0)
			return err_set(e, -r, "change the system call of process %d", (int)t->pid);
	}
	return 0;
}

int tracee_call(struct tracee *t, const long call[7], long *ret, struct err *e)
{
	struct user_regs_struct r = t->registers;

	int error = begin_calls(t, e);
	registers_call(&r, t->instruction, call);
	if (error == 0)
		error = write_registers(t, &r, e);
	if (error == 0)
		error = pass_through(t, &r, call[0], e);
	if (error == 0)
		error = read_registers(t, &r, e);
	if (error == 0)
		*ret = registers_result(&r);
	return error;
}

struct tracee_rseq tracee_rseq(const struct tracee *t)
{
	struct __ptrace_rseq_configuration c = { 0 };

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, t->pid, sizeof(c), &c) != sizeof(c))
		return (struct tracee_rseq){ 0 };
	return (struct tracee_rseq){ c.rseq_abi_pointer, c.rseq_abi_size, c.signature };
}

int tracee_write(
	const struct tracee *t, uint64_t address, const void *data, size_t n, struct err *e)
{
	ssize_t done = pwrite(t->memory, data, n, (off_t)address);

	if (done == (ssize_t)n)
		return 0;
	return err_set(e, done < 0 ? errno : EIO, "write to the memory of process %d", (int)t->pid);
}

/* What stopped it meanwhile stops it now. */
static int detach(struct tracee *t, struct err *e)
{
	pid_t pid = t->pid;

	if (ptrace(PTRACE_DETACH, pid, 0, 0L) < 0)
		return err_set(e, errno, "let process %d go", (int)pid);
	if (t->was_stopped)
		kill(pid, SIGSTOP);
	t->pid = 0;
	return 0;
}

int tracee_signal(struct tracee *t, int process, int signal, uint64_t value, struct err *e)
{
	struct user_regs_struct registers = t->registers;
	siginfo_t info = { .si_signo = signal, .si_code = SI_QUEUE, .si_pid = getpid() };

	info.si_value.sival_ptr = (void *)(uintptr_t)value;
	registers_interrupt(&registers, t->instruction);
	int r = write_registers(t, &registers, e);
	if (r == 0)
		r = write_mask(t, t->mask & ~(UINT64_C(1) << (signal - 1)), e);
	if (r < 0)
		return r;
	/* Pending before it goes on: so it is delivered on its way out of the system call, as any is. */
	if (syscall(SYS_pidfd_send_signal, process, signal, &info, 0) < 0)
		return err_set(e, errno, "signal process %d", (int)t->pid);
	return detach(t, e);
}

void tracee_done(struct tracee *t)
{
	struct user_regs_struct r = t->registers;
	struct err ignored;

	if (t->pid > 0 && t->has_called) {
		registers_begin_again(&r);
		write_registers(t, &r, &ignored);
		write_mask(t, t->mask, &ignored);
	}
	if (t->pid > 0)
		detach(t, &ignored);
	if (t->memory >= 0)
		close(t->memory);
	*t = TRACEE_NONE;
}
