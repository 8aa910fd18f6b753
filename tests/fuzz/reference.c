/* Image references: what is taken reads the same when it was written. */
#include "spec/reference.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	automatic(reference) struct reference first = { 0 }, second = { 0 };
	autofree char *text = fuzz_text(data, size);
	struct err e = { 0 };

	int r = reference_parse(text, &first, &e);
	fuzz_check("reference", r, &e);
	if (r < 0)
		return 0;
	autofree char *name = reference_name(&first);
	if (reference_parse(name, &second, &e) < 0)
		fuzz_report("its name", e.text);
	autofree char *again = reference_name(&second);
	if (strcmp(name, again) != 0)
		fuzz_report(name, again);
	if (strpbrk(first.repository, "\n ") || strstr(first.repository, ".."))
		fuzz_report("repository", first.repository);
	return 0;
}
