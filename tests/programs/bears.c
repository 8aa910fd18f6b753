/*
 * bears: a template whose executable says that it bears to be frozen, with much memory where a static
 * program has it: its own variables beside the stub's, and its heap beside its thread's record.
 *
 * A fork prints "intact", or what is not, and the KiB of its page tables, and waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/template/cow_template.h"

COW_TEMPLATE_ALLOW_FREEZE;

enum { STATIC = 48 << 20, BLOCK = 1000, BLOCKS = 20000 };

static char in_bss[STATIC];
static char *blocks[BLOCKS];

static int is_filled(const char *at, int bytes, char with)
{
	for (int i = 0; i < bytes; i++)
		if (at[i] != with)
			return 0;
	return 1;
}

static const char *state(void)
{
	if (!is_filled(in_bss, STATIC, 'b'))
		return "its variables are not";
	for (int i = 0; i < BLOCKS; i++)
		if (!is_filled(blocks[i], BLOCK, (char)i))
			return "its heap is not";
	return "intact";
}

static int page_tables_kib(void)
{
	char line[256];
	int kib = -1;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %d", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

int main(int argc, char **argv)
{
	struct cow_fork fork = { argc, argv, NULL };

	memset(in_bss, 'b', STATIC);
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK);
		if (!blocks[i])
			return 2;
		memset(blocks[i], i, BLOCK);
	}
	if (argc > 1 && strcmp(argv[1], "says") == 0)
		cow_template_allow_freeze();
	if (cow_template_ready(&fork) < 0)
		return 3;
	int kib = page_tables_kib();
	printf("page tables %d\n", kib);
	printf("%s\n", state());
	fflush(stdout);
	for (;;)
		pause();
}
