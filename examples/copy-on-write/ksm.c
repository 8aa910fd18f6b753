/*
 * 16 MiB that another process has as well, though it is no relative: KSM finds out, and lets both
 * map the same pages. KSM has to run: echo 1 >/sys/kernel/mm/ksm/run.
 */
#include "lesson.h"

static size_t merged(void)
{
	FILE *file = fopen("/proc/self/ksm_merging_pages", "r");
	size_t n = 0;

	if (!file || fscanf(file, "%zu", &n) != 1)
		die("ksm_merging_pages");
	fclose(file);
	return n;
}

int main(void)
{
	char *memory = reserve(16 * MIB, MADV_MERGEABLE);

	begin();
	write_pages(memory, 16 * MIB, 0); /* the same numbers wherever this runs */
	step("16 MiB are written");

	while (merged() < 16 * MIB / PAGE)
		usleep(50000);
	step("all of it has been merged");

	write_pages(memory, 4 * MIB, 1000000);
	step("4 MiB have been written to: they were copied");
	return 0;
}
