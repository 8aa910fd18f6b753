/*
 * The first instructions of the static programs: glibc's own start without its survey of the
 * processor.
 *
 * glibc asks CPUID some hundred times before main(), mostly for the sizes of caches, to choose and
 * tune its string functions. In a virtual machine each is an exit to the hypervisor, of 1 to 20 us:
 * measured 0.6 ms of the 2.7 ms that a whole `cowrun run` took. We move a few KiB: what glibc has
 * for every x86-64 processor (SSE2) serves as well. So this does what csu/libc-start.c does for a
 * static program, in its order, and leaves that one step out; and the loader's debugger hook, the
 * cancellation of the main thread and the destructors of fini_array, which nothing here has; and
 * GLIBC_TUNABLES, so that no caller's environment reaches into it (CVE-2023-4911).
 *
 * It is written against one version, and x86-64: with any other the program begins at glibc's
 * _start, as ever. (LIMIT: to be looked through when the build system gets another glibc.)
 */
#include <elf.h>
#include <features.h>
#include <stdint.h>
#include <stdlib.h>

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
void __libc_init_first(int argc, char **argv, char **environment);
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

__attribute__((no_stack_protector)) _Noreturn void start_quickly(uintptr_t *stack)
{
	int argc = (int)*stack;
	char **argv = (char **)(stack + 1), **environment = argv + argc + 1, **end = environment;

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
	__libc_init_first(argc, argv, environment);
	construct(__preinit_array_start, __preinit_array_end, argc, argv);
	_init();
	construct(__init_array_start, __init_array_end, argc, argv);
	exit(main(argc, argv, environment));
}

__asm__(".globl program_start\nprogram_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n"
	"\tand $-16, %rsp\n\tcall start_quickly\n\thlt\n");

#elif defined(__x86_64__)
__asm__(".globl program_start\nprogram_start:\n\tjmp _start\n");
#else
__asm__(".globl program_start\nprogram_start:\n\tb _start\n");
#endif
