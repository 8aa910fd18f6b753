/* The manifest.json of docker save. */
#include "spec/image.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	automatic(docker_archive) struct docker_archive doc = { 0 };
	autofree char *text = fuzz_text(data, size);
	struct err e = { 0 };

	fuzz_check("docker", docker_archive_parse("docker", text, size, &doc, &e), &e);
	return 0;
}
