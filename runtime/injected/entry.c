#include "runtime/injected/entry.h"

#include <signal.h>
#include <ucontext.h>

#include "runtime/init/sys.h"

void injected_begin(int signal, const siginfo_t *info, void *context);

/* The handler begins with the way back as its caller: it is a C function that returns there. */
#ifdef __x86_64__
__asm__(".balign 16\n"
	".globl _start\n"
	"_start:\n"
	"\tmov $15, %eax\n" /* rt_sigreturn */
	"\tsyscall\n"
	"\t.balign 16\n"
	"\tjmp injected_begin\n");
#else
__asm__(".balign 16\n"
	".globl _start\n"
	"_start:\n"
	"\tmov x8, #139\n" /* rt_sigreturn */
	"\tsvc #0\n"
	"\t.balign 16\n"
	"\tb injected_begin\n");
#endif

void injected_begin(int signal, const siginfo_t *info, void *context)
{
	(void)signal;
	injected_main(info->si_value.sival_ptr, context);
}

void injected_restore(const struct injected *i)
{
	sys(rt_sigaction, i->signal, &i->action, NULL, sizeof(i->action.mask));
}

void injected_leave(const struct injected *i, void *context)
{
	ucontext_t *c = context;

	/* rt_sigreturn(2) takes these from here. */
	c->uc_stack.ss_sp = (void *)i->stack.base; /* NOLINT(performance-no-int-to-ptr) */
	c->uc_stack.ss_flags = i->stack.flags;
	c->uc_stack.ss_size = i->stack.size;
	*(uint64_t *)&c->uc_sigmask = i->mask;
}
