/* An index: index.json, and those inside. */
#include "spec/image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	automatic(index_doc) struct index_doc doc = { 0 };
	autofree char *text = fuzz_text(data, size);
	struct err e = { 0 };

	int r = index_parse("index", text, size, &doc, &e);
	fuzz_check("index", r, &e);
	const struct descriptor *d = r < 0 ? NULL : index_select(&doc, "linux", "amd64", "v2");
	if (d && !digest_check(d->digest))
		fuzz_report("index", "a digest was taken that is none");
	return 0;
}
