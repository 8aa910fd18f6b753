/*
 * The stub of templates in a process that knows nothing of it: it serves from within the signal's handler,
 * and in a fork that returns. There is no libc to fork: what one would have noted in the child is given
 * to the kernel to note, so that locks which know their owner by its number know the fork's.
 */
#include "runtime/template/stub.h"

#include <linux/prctl.h>

#include "runtime/injected/entry.h"
#include "runtime/template/protocol.h"

enum { TERM = 15 /* SIGTERM */, CHLD = 17 /* SIGCHLD */, MASK_BYTES = sizeof(uint64_t) };

static const struct injected *program;
static struct injected_action on_term; /* the program's */
static struct {
	uint64_t number; /* where it keeps its own; 0: nowhere */
	uint64_t robust; /* the list of its locks that outlive nobody */
	uint64_t n_robust;
} libc;

static void note_libc(void)
{
	if (sys(prctl, PR_GET_TID_ADDRESS, &libc.number, 0, 0, 0) < 0)
		libc.number = 0; /* a kernel without CONFIG_CHECKPOINT_RESTORE */
	if (sys(get_robust_list, 0, &libc.robust, &libc.n_robust) < 0)
		libc.robust = 0;
}

static long fork_by_call(void)
{
	struct clone_args args = { .exit_signal = CHLD };

	if (libc.number) {
		args.flags = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
		args.child_tid = libc.number;
	}
	long pid = sys(clone3, &args, sizeof(args));
	if (pid != 0)
		return pid;
	/* The helper, who shares the template's memory, has it no more, and a fork is the helper's. */
	if (program->rseq.size)
		sys(rseq, program->rseq.area, program->rseq.size, 0, program->rseq.mark);
	if (libc.robust)
		sys(set_robust_list, libc.robust, libc.n_robust);
	sys(rt_sigaction, TERM, &on_term, NULL, MASK_BYTES);
	injected_restore(program);
	return 0;
}

/* No handler of the program's shall run here, which might not return; but it can be told to end. */
static void take_signals(void)
{
	static const struct injected_action end;
	static const uint64_t term = 1 << (TERM - 1);

	sys(rt_sigaction, TERM, &end, &on_term, MASK_BYTES);
	sys(rt_sigprocmask, 1 /* SIG_UNBLOCK */, &term, NULL, MASK_BYTES);
}

void injected_main(const struct injected *i, void *context)
{
	static const struct stub stub = { .listener = TEMPLATE_FD, .fork = fork_by_call };

	program = i;
	note_libc();
	take_signals();
	stub_serve(&stub);
	injected_leave(i, context);
}
