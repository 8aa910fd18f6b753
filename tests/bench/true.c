/*
 * `true` without a libc: what is measured is the way to it. (The start of glibc asks the processor
 * for its caches some hundred times, by an instruction that is a trap in a virtual machine: 0.1 to
 * 1 ms, more than many a runtime's whole difference to another.)
 *
 *	true [WORD]	with a word it waits to be killed: a container to exec into
 */
#include "runtime/init/sys.h"

void begin(const long *stack);

void begin(const long *stack)
{
	while (*stack > 1)
		sys(ppoll, 0, 0, 0, 0, 0);
	for (;;)
		sys(exit_group, 0);
}

#ifdef __x86_64__
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tb begin\n");
#endif
