/* hog MIB [SECONDS]: touches so many MiB of memory, says "ready", and ends, or sleeps first.
 * SECONDS may be "forever". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *end;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: hog MIB [SECONDS|forever]\n");
		return 2;
	}
	size_t size = strtoul(argv[1], &end, 10) << 20;
	if (*end || end == argv[1]) {
		fprintf(stderr, "hog: '%s' is not a number of MiB\n", argv[1]);
		return 2;
	}
	/* Every page differs, so that nothing can merge them. */
	char *memory = mmap(
		NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("hog: mmap");
		return 1;
	}
	for (size_t i = 0; i < size; i += 4096)
		memcpy(memory + i, &i, sizeof(i));
	printf("ready\n");
	fflush(stdout);
	if (argc == 3 && strcmp(argv[2], "forever") == 0)
		for (;;)
			pause();
	if (argc == 3)
		sleep(strtoul(argv[2], NULL, 10));
	return 0;
}
