/*
 * What libFuzzer's targets have in common: one parser of foreign bytes each (clang's
 * -fsanitize=fuzzer,address,undefined). Bytes are taken, or refused with one line and the code that
 * is returned; whatever else happens is a crash. See tests/fuzz/run.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Before the first one. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

_Noreturn static inline void fuzz_report(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	abort();
}

static inline void fuzz_check(const char *what, int r, const struct err *e)
{
	if (r < 0 && r != -e->code)
		fuzz_report(what, "the status is not the error's");
	if (r < 0 && (!*e->text || strpbrk(e->text, "\n\033")))
		fuzz_report(what, "the error is not one line");
}

/* As parsers of documents want it: with a '\0' behind. The caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
