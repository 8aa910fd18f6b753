/* An image's manifest. */
#include "spec/image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	automatic(manifest_doc) struct manifest_doc doc = { 0 };
	autofree char *text = fuzz_text(data, size);
	struct err e = { 0 };

	int r = manifest_parse("manifest", text, size, &doc, &e);
	fuzz_check("manifest", r, &e);
	for (size_t i = 0; r == 0 && i < doc.n_layers; i++)
		if (!digest_check(doc.layers[i].digest))
			fuzz_report("manifest", "a digest was taken that is none");
	return 0;
}
