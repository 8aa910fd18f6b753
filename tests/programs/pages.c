/*
 * pages WHAT: maps 8 MiB in a way that is easily counted wrong, in steps as the lessons do.
 *
 *	twice	a memory file, mapped a second time by the same process
 *	shared	shared memory that a child maps too
 *	huge	pages of the pool of huge pages (hugetlb)
 */
#include "examples/copy-on-write/lesson.h"

#define SIZE (8 * MIB)

static char *map(int flags, int file)
{
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags, file, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static void twice(void)
{
	int file = memfd_create("twice", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, (off_t)SIZE) < 0)
		die("memfd");
	write_pages(map(MAP_SHARED, file), SIZE, 1);
	step("mapped once");
	read_pages(map(MAP_SHARED, file), SIZE);
	step("mapped twice");
}

static void shared(void)
{
	char *memory = map(MAP_SHARED | MAP_ANONYMOUS, -1);

	write_pages(memory, SIZE, 1);
	step("shared memory");
	pid_t child = fork();
	if (child == 0) {
		await_turn();
		read_pages(memory, SIZE);
		end_turn();
		for (;;)
			pause();
	}
	step("a child");
	give_turn(child);
	step("it has read all");
}

static void huge(void)
{
	write_pages(map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1), SIZE, 1);
	step("huge pages");
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	begin();
	step("nothing");
	if (strcmp(what, "twice") == 0)
		twice();
	else if (strcmp(what, "shared") == 0)
		shared();
	else if (strcmp(what, "huge") == 0)
		huge();
	return 0;
}
