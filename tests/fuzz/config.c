/* An image's config. */
#include "spec/image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	automatic(image_config) struct image_config doc = { 0 };
	autofree char *text = fuzz_text(data, size);
	struct err e = { 0 };

	int r = image_config_parse("config", text, size, &doc, &e);
	fuzz_check("config", r, &e);
	for (size_t i = 0; r == 0 && i < doc.n_diff_ids; i++)
		if (!digest_check(doc.diff_ids[i]))
			fuzz_report("config", "a digest was taken that is none");
	return 0;
}
