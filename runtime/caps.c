/* Capabilities: names of the document as bits. */
#include "runtime/caps.h"

#include <ctype.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spec/base/log.h"
#include "spec/base/str.h"

uint64_t caps_held(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

const char *caps_name(unsigned cap)
{
	static char names[64][32];

	if (cap >= sizeof(names) / sizeof(names[0]))
		return NULL;
	/* "cap_chown"; of what it does not know, the number. */
	char *name = cap_to_name((cap_value_t)cap);
	bool known = name && islower((unsigned char)*name);
	for (size_t i = 0; known && name[i] && i + 1 < sizeof(names[cap]); i++)
		names[cap][i] = (char)toupper((unsigned char)name[i]);
	cap_free(name);
	return known ? names[cap] : NULL;
}

/* libcap takes numbers and any case as well, and what it takes would be granted. */
static bool is_name(const char *name)
{
	return str_starts(name, "CAP_") &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

/* What is no capability here is left out and told (config.md, "process.capabilities"). */
static uint64_t to_bits(char *const *names, size_t n, uint64_t held, struct str *left_out)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		cap_value_t cap;
		if (is_name(names[i]) && cap_from_name(names[i], &cap) == 0 && cap >= 0 &&
			cap < 64 && held & (1ull << cap)) {
			bits |= 1ull << cap;
			continue;
		}
		str_addf(left_out, "%s%s", left_out->len ? " " : "", names[i]);
	}
	return bits;
}

/* The kernel raises only what is permitted and inheritable as well (capabilities(7)). */
static void warn_of_ambient(uint64_t refused)
{
	automatic(str) struct str names = { 0 };
	bool one = !(refused & (refused - 1));

	for (unsigned cap = 0; refused >> cap && cap < 64; cap++)
		if (refused >> cap & 1 && caps_name(cap))
			str_addf(&names, "%s%s", names.len ? " " : "", caps_name(cap));
	if (names.len)
		log_warn(
			one ? "can't raise ambient capability %s: it is not permitted and inheritable as well"
			    : "can't raise ambient capabilities [%s]: they are not permitted and inheritable as well",
			names.data);
}

struct cap_words caps_from_spec(const struct capability_spec *spec, uint64_t held)
{
	automatic(str) struct str left_out = { 0 }, again = { 0 };

	if (!spec)
		return (struct cap_words){ 0 };
	/* A name is nearly always in several sets: it is told once, of the first. */
	struct cap_words words = {
		.bounding = to_bits(spec->bounding, spec->n_bounding, held, &left_out),
		.effective = to_bits(spec->effective, spec->n_effective, held, &again),
		.permitted = to_bits(spec->permitted, spec->n_permitted, held, &again),
		.inheritable = to_bits(spec->inheritable, spec->n_inheritable, held, &again),
		.ambient = to_bits(spec->ambient, spec->n_ambient, held, &again),
	};
	warn_of_ambient(words.ambient & ~(words.permitted & words.inheritable));
	words.ambient &= words.permitted & words.inheritable;
	if (left_out.len || again.len)
		log_warn("ignoring unknown or unavailable capabilities: [%s]",
			left_out.len ? left_out.data : again.data);
	return words;
}
