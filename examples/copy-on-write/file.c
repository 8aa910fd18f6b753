/* file NAME: the file is mapped privately and read; then 4 MiB of the mapping are written to. */
#include <sys/stat.h>

#include "lesson.h"

int main(int argc, char **argv)
{
	int file = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	size_t of_file = 0;

	if (file < 0 || fstat(file, &st) < 0 || (size_t)st.st_size < 4 * MIB)
		die("open");
	size_t size = (size_t)st.st_size;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	begin();
	step("the file is mapped, and nothing of it is read: no page yet");

	read_pages(memory, size);
	step("it has been read: the pages are those of the file");

	write_pages(memory, 4 * MIB, 1000000);
	if (pread(file, &of_file, sizeof(of_file), 0) < 0)
		die("read");
	printf("the mapping says %zu, the file itself %s\n", *(size_t *)memory,
		of_file == 1000000 ? "too" : "does not");
	step("4 MiB have been written to: they are anonymous memory now");

	madvise(memory, 4 * MIB, MADV_DONTNEED);
	read_pages(memory, 4 * MIB);
	step("what was written is thrown away: the pages are the file's again");
	return 0;
}
