/*
 * 64 MiB are moved from anonymous memory into a memory file that is mapped privately: a fork copies
 * no page tables, a child still copies only what it writes to, and one thing is no longer the same.
 */
#include "lesson.h"

static void move(char *memory, size_t size)
{
	int file = memfd_create("lesson", MFD_CLOEXEC);

	if (file < 0 || write(file, memory, size) != (ssize_t)size)
		die("memfd");
	if (mmap(memory, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) ==
		MAP_FAILED)
		die("mmap");
	close(file);
}

int main(void)
{
	char *memory = reserve(64 * MIB, MADV_NOHUGEPAGE);

	begin();
	write_pages(memory, 64 * MIB, 7);
	struct fork_cost before = fork_cost();
	step("64 MiB are written");

	move(memory, 64 * MIB);
	struct fork_cost after = fork_cost();
	printf("a fork takes %.0f %% of the time that it took before\n",
		100 * after.ms / before.ms);
	printf("page tables of the child: %ld KiB before, %ld KiB now\n", before.page_tables,
		after.page_tables);
	read_pages(memory, 64 * MIB);
	step("they are in a memory file now, mapped privately, and the parent has read them");

	pid_t child = fork();
	if (child == 0) {
		await_turn();
		write_pages(memory, 8 * MIB, 1000000);
		end_turn();
		await_turn();
		madvise(memory, 8 * MIB, MADV_DONTNEED);
		printf("the child has thrown away what it wrote, and reads %zu: no zeros, but the "
		       "file\n",
			*(size_t *)memory);
		fflush(stdout);
		end_turn();
		for (;;)
			pause();
	}
	step("forked");

	give_turn(child);
	step("the child has written to 8 MiB");
	give_turn(child);
	step("it has none of its own any more");
	return 0;
}
