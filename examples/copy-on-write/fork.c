/* A child inherits 64 MiB and writes to 16 of them; then its parent does. */
#include "lesson.h"

int main(void)
{
	char *memory = reserve(64 * MIB, 0);

	begin();
	write_pages(memory, 64 * MIB, 0);
	step("64 MiB are written");

	pid_t child = fork();
	if (child == 0) {
		await_turn();
		write_pages(memory, 16 * MIB, 1000000);
		end_turn();
		for (;;)
			pause();
	}
	step("forked: two processes map the same 64 MiB");

	give_turn(child);
	step("the child has written to 16 MiB: they were copied, 4 KiB at a time");

	write_pages(memory, 16 * MIB, 2000000);
	step("the parent has written to the same 16 MiB: nobody else has them, nothing is copied");

	end(child);
	step("the child has ended");
	return 0;
}
