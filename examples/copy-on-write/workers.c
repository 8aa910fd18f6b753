/* A parent and four workers share 64 MiB: no process has them alone, and the five together do. */
#include "lesson.h"

int main(void)
{
	enum { N = 4 };
	pid_t workers[N];
	char *memory = reserve(64 * MIB, 0);

	begin();
	write_pages(memory, 64 * MIB, 0);
	step("64 MiB are written");

	for (int i = 0; i < N; i++) {
		workers[i] = fork();
		if (workers[i] == 0) {
			await_turn();
			munmap(memory, 64 * MIB);
			end_turn();
			for (;;)
				pause();
		}
	}
	step("four workers have been forked");

	for (int i = 0; i < N; i++)
		give_turn(workers[i]);
	step("the workers have given it back: nothing is free yet");

	munmap(memory, 64 * MIB);
	step("the parent has given it back too");
	return 0;
}
