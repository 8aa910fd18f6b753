/* Values that may be absent: OCI documents tell "not given" from zero. */
#ifndef SPEC_BASE_OPT_H
#define SPEC_BASE_OPT_H

#include <stdbool.h>
#include <stdint.h>

struct opt_bool {
	bool set, value;
};

struct opt_i64 {
	bool set;
	int64_t value;
};

struct opt_u64 {
	bool set;
	uint64_t value;
};

#endif
