/* What registries answer besides images: challenges, tokens, reasons, ranges. */
#include "spec/registry.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *what, const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text == 0x7f)
			fuzz_report(what, "a control character was taken");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	automatic(challenge) struct challenge challenge = { 0 };
	autofree char *text = fuzz_text(data, size), *token = NULL;
	struct err e = { 0 };
	uint64_t start;
	char reason[201];

	int r = challenge_parse(text, &challenge, &e);
	fuzz_check("challenge", r, &e);
	check_text("realm", challenge.realm);
	check_text("scope", challenge.scope);
	fuzz_check("token", token_parse(text, size, &token, &e), &e);
	check_text("token", token);
	registry_reason(text, size, reason);
	check_text("reason", reason);
	content_range_parse(text, &start);
	return 0;
}
