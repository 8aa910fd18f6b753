/* 64 MiB in huge pages: a fork is cheap, and a write copies 4 KiB, not 2 MiB. */
#include "lesson.h"

int main(void)
{
	begin();
	char *small = reserve(64 * MIB, MADV_NOHUGEPAGE);
	write_pages(small, 64 * MIB, 0);
	struct fork_cost in_small = fork_cost();
	munmap(small, 64 * MIB);

	char *memory = reserve(64 * MIB, MADV_HUGEPAGE);
	write_pages(memory, 64 * MIB, 0);
	struct fork_cost in_huge = fork_cost();
	printf("a fork takes %.0f %% of the time that it takes in small pages\n",
		100 * in_huge.ms / in_small.ms);
	printf("page tables of the child: %ld KiB in small pages, %ld KiB in huge ones\n",
		in_small.page_tables, in_huge.page_tables);
	step("64 MiB are written, in huge pages");

	pid_t child = fork();
	if (child == 0) {
		await_turn();
		memory[10 * MIB] = 1;
		end_turn();
		for (;;)
			pause();
	}
	step("forked");

	give_turn(child);
	step("the child has written one byte");
	return 0;
}
