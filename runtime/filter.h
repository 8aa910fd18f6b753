/*
 * A seccomp filter: the kernel's instructions, compiled once and kept.
 *
 * To compile and shorten a profile of 400 rules takes milliseconds, and engines give every container
 * the same one. So filters are kept in the state root, ROOT/.seccomp/KEY (ids do not begin with a
 * dot): the whole text of the section and what else it depends on (our version, libseccomp's, the
 * machine) stand in the file before the instructions, and all of that is compared, byte by byte. KEY
 * is only its name: two texts of one KEY replace each other, and no container gets another's filter.
 * A file that is not ours alone to write, or not what its sum says, is passed over and made anew.
 * A filter is kept only after its text was read and judged, so one that is found needs neither.
 */
#ifndef RUNTIME_FILTER_H
#define RUNTIME_FILTER_H

#include <stdint.h>

#include "runtime/record.h"
#include "spec/base/json.h"

struct sock_filter;

struct filter {
	void *memory;			/* that holds the code */
	const struct sock_filter *code; /* n of them */
	uint32_t n;			/* 0: no filter */
	uint32_t flags;			/* SECCOMP_FILTER_FLAG_*, for seccomp(2) */
};

enum { FILTER_MAX = 4096 }; /* instructions: the kernel's BPF_MAXINSNS */

/*
 * The filter of a linux.seccomp section; none for a section that asks for none. -EINVAL with the
 * place in the section, as seccomp_read() has it.
 */
int filter_take(
	const struct home *h, const struct json_text *section, struct filter *ret, struct err *e);
void filter_done(struct filter *f);
DEFINE_AUTO(filter, filter_done)

#endif
