/* copyup NAME: a file of the image is mapped and read; then one byte of the file is written. */
#include <sys/stat.h>

#include "lesson.h"

static char *map(const char *name, size_t *ret_size)
{
	int file = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (file < 0 || fstat(file, &st) < 0)
		die(name);
	*ret_size = (size_t)st.st_size;
	char *memory = mmap(NULL, *ret_size, PROT_READ, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	read_pages(memory, *ret_size);
	close(file);
	return memory;
}

int main(int argc, char **argv)
{
	size_t size;

	if (argc != 2)
		return 2;
	begin();
	char *memory = map(argv[1], &size);
	step("the file is mapped and read");

	int file = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (file < 0 || pwrite(file, "x", 1, 0) != 1)
		die("write");
	close(file);
	step("one byte of the file has been written; the mapping still shows the old file");

	munmap(memory, size);
	map(argv[1], &size);
	step("the file is mapped and read anew: it is another file, and shared with nobody");
	return 0;
}
