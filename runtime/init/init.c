/*
 * The child's side of a birth.
 *
 * Theory of operation. The parent clones with CLONE_VM | CLONE_VFORK into the container's cgroup
 * and a new pid namespace, and executes this program from a sealed memfd: so the process that becomes
 * the container never had the parent's memory, its /proc/PID/exe is no file of the host
 * (CVE-2019-5736), and the parent's page tables are never copied. It is undumpable before it joins
 * or makes anything that others can see (CVE-2016-9962). Then it makes its other namespaces, while
 * the parent draws up the plan, takes that from the channel and performs init_steps[] in order (steps.c). It has no
 * libc: no allocation, no name service, nothing that could be loaded from inside a container.
 */
#include "runtime/init/child.h"
#include "runtime/init/text.h"

#include <linux/prctl.h>

static struct child self;

_Noreturn void init_main(void);

_Noreturn void init_main(void)
{
	static const uint64_t no_signals;

	sys(prctl, PR_SET_NAME, INIT_NAME, 0, 0, 0);
	sys(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* The parent blocks signals to read them as a file; the program shall not inherit that. */
	sys(rt_sigprocmask, 2 /* SIG_SETMASK */, &no_signals, 0, sizeof(no_signals));
	self.channel = CHANNEL_FD;
	self.root = self.hollow = -1;
	sys(fcntl, CHANNEL_FD, 2 /* F_SETFD */, 1 /* FD_CLOEXEC */);
	self.step = "namespaces";
	channel_receive_plan(&self);
	steps_perform(&self);
	program_run(&self);
}

/* The kernel jumps here with argc at the stack pointer; a C function wants it aligned and called.
 */
#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall init_main\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tb init_main\n");
#endif
