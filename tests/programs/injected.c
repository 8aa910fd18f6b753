/* What is injected into programs for tests: it forks them, and both go on. */
#include "runtime/injected/entry.h"
#include "runtime/init/sys.h"

/* What the process had in its floating point registers is there no more. */
#ifdef __x86_64__
#define SPOIL                                                                                      \
	"pxor %%xmm0, %%xmm0\n\tpxor %%xmm6, %%xmm6\n\tpxor %%xmm15, %%xmm15\n\tfninit\n\t"        \
	"push $0x9f80\n\tldmxcsr (%%rsp)\n\tpop %%rax"
#define SPOILED "rax"
#else
#define SPOIL "movi v0.16b, #0\n\tmovi v8.16b, #0"
#define SPOILED "cc"
#endif

static void fork_it(const struct injected *i, void *context)
{
	/* No child of the program's: shells reap what they did not fork. */
	struct clone_args args = { .flags = CLONE_PARENT };

	(void)i, (void)context;
	sys(clone3, &args, sizeof(args));
}

static void spoil(const struct injected *i, void *context)
{
	(void)i, (void)context;
	__asm__ volatile(SPOIL ::: "memory", SPOILED);
}

static void restore(const struct injected *i, void *context)
{
	(void)context;
	injected_restore(i);
}

/* Addresses, so that there is something to relocate. */
static void (*volatile const acts[])(const struct injected *, void *) = {
	fork_it,
	spoil,
	restore,
	injected_leave,
};

void injected_main(const struct injected *i, void *context)
{
	for (size_t n = 0; n < sizeof(acts) / sizeof(acts[0]); n++)
		acts[n](i, context);
}
