/*
 * The first instructions of the static programs: their pages, then glibc's own start without its
 * survey of the processor.
 *
 * A program's pages come one by one, when each is first touched, by an exception. Relocation writes
 * to all that hold pointers, some two dozen, and each is a copy: asked for together they cost less
 * (madvise MADV_POPULATE_WRITE, Linux 5.14; measured in a virtual machine: 24 pages 237 us, and 53
 * us at once). No others are asked for: the kernel brings those of a file sixteen at a time by
 * itself, and half of the rest is never touched (heap, stack, buffers; measured, 0.1 ms of 3.4).
 *
 * glibc asks CPUID some hundred times before main(), mostly for the sizes of caches, to choose and
 * tune its string functions. In a virtual machine each is an exit to the hypervisor, of 1 to 20 us:
 * measured 0.6 ms of the 2.7 ms that a whole `cowrun run` took. We move a few KiB: what glibc has
 * for every x86-64 processor (SSE2) serves as well. So this does what csu/libc-start.c does for a
 * static program, in its order, and leaves out that step; what prepares for dlopen() (it reads
 * /proc/self/exe and the kernel's vDSO); the loader's debugger hook, the cancellation of the main
 * thread and the destructors of fini_array, which nothing here has; and GLIBC_TUNABLES, so that no
 * caller's environment reaches into it (CVE-2023-4911).
 *
 * It is written against one version, and x86-64: with any other the program goes on at glibc's
 * _start, as ever. (LIMIT: to be looked through when the build system gets another glibc.)
 */
#include <elf.h>
#include <features.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/init/sys.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define PAGE 4096ul

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

void populate(void);

/*
 * Runs before anything is relocated and before there is a canary. A kernel that cannot leaves the
 * pages to come one by one.
 */
__attribute__((no_stack_protector)) void populate(void)
{
	const uintptr_t base = (uintptr_t)&__ehdr_start;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(base + __ehdr_start.e_phoff);

	for (unsigned n = __ehdr_start.e_phnum; n; n--, ph++)
		if (ph->p_type == PT_LOAD && ph->p_flags & PF_W) {
			uintptr_t from = (base + ph->p_vaddr) & -PAGE;
			sys(madvise, from, base + ph->p_vaddr + ph->p_filesz - from,
				MADV_POPULATE_WRITE);
		}
}

#if defined(__x86_64__) && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36

typedef void (*constructor)(int argc, char **argv, char **environment);

#pragma GCC visibility push(hidden) /* reached without a GOT, which is not relocated yet */
extern char **__environ;
extern void *__libc_stack_end;
extern const uintptr_t *_dl_random; /* 16 bytes of the kernel's (AT_RANDOM) */
extern long __x86_shared_non_temporal_threshold;
extern const Elf64_Rela __rela_iplt_start[] __attribute__((weak));
extern const Elf64_Rela __rela_iplt_end[] __attribute__((weak));
extern const constructor __preinit_array_start[], __preinit_array_end[];
extern const constructor __init_array_start[], __init_array_end[];

void _dl_aux_init(const Elf64_auxv_t *auxv);
void _dl_relocate_static_pie(void);
void __libc_setup_tls(void);
void __libc_early_init(_Bool single);
void __init_misc(int argc, char **argv, char **environment);
void _init(void);
int main(int argc, char **argv, char **environment);
#pragma GCC visibility pop

_Noreturn void start_quickly(uintptr_t *stack);

/* The bytes between two marks of the linker. */
static size_t span(const void *from, const void *to)
{
	return (uintptr_t)to - (uintptr_t)from;
}

/* Ones that the linker could not resolve: which string function to use. */
static void resolve_indirect(void)
{
	const Elf64_Rela *r = __rela_iplt_start;

	for (size_t n = span(r, __rela_iplt_end) / sizeof(*r); n; n--, r++) {
		uintptr_t (*choose)(void) = (uintptr_t(*)(void))r->r_addend;
		*(uintptr_t *)r->r_offset = choose();
	}
}

static void construct(const constructor *from, const constructor *to, int argc, char **argv)
{
	for (size_t i = 0; i < span(from, to) / sizeof(*from); i++)
		from[i](argc, argv, __environ);
}

/* Where compiled code looks for them: the stack protector's canary, and what jumps are mixed with.
 */
static void set_guards(void)
{
	__asm__ volatile("mov %0, %%fs:0x28" ::"r"(_dl_random[0] & ~(uintptr_t)0xff));
	__asm__ volatile("mov %0, %%fs:0x30" ::"r"(_dl_random[1]));
}

/* What is constant once it is relocated (RELRO). */
static void protect(void)
{
	const uintptr_t base = (uintptr_t)&__ehdr_start;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(base + __ehdr_start.e_phoff);

	for (unsigned n = __ehdr_start.e_phnum; n; n--, ph++)
		if (ph->p_type == PT_GNU_RELRO) {
			uintptr_t from = (base + ph->p_vaddr) & -PAGE;
			uintptr_t to = (base + ph->p_vaddr + ph->p_memsz) & -PAGE;
			if (sys(mprotect, from, to - from, PROT_READ) < 0)
				abort();
		}
}

__attribute__((no_stack_protector)) _Noreturn void start_quickly(uintptr_t *stack)
{
	int argc = (int)*stack;
	char **argv = (char **)(stack + 1), **environment = argv + argc + 1, **end = environment;

	populate();
	while (*end)
		end++;
	__environ = environment;
	__libc_stack_end = stack;
	_dl_aux_init((const Elf64_auxv_t *)(end + 1));
	/* The one figure without a default: 3/4 of the cache that the others assume. */
	__x86_shared_non_temporal_threshold = 0xc0000;
	_dl_relocate_static_pie();
	resolve_indirect();
	__libc_setup_tls();
	set_guards();
	__libc_early_init(1);
	__init_misc(argc, argv, environment);
	protect();
	construct(__preinit_array_start, __preinit_array_end, argc, argv);
	_init();
	construct(__init_array_start, __init_array_end, argc, argv);
	exit(main(argc, argv, environment));
}

__asm__(".globl program_start\nprogram_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n"
	"\tand $-16, %rsp\n\tcall start_quickly\n\thlt\n");

#elif defined(__x86_64__)
__asm__(".globl program_start\nprogram_start:\n\tmov %rsp, %rbx\n\tmov %rdx, %r12\n\tand $-16, %rsp\n"
	"\tcall populate\n\tmov %r12, %rdx\n\tmov %rbx, %rsp\n\tjmp _start\n");
#else
__asm__(".globl program_start\nprogram_start:\n\tmov x19, x0\n\tbl populate\n\tmov x0, x19\n\tb _start\n");
#endif
