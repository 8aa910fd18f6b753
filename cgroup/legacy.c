/* Groups of cgroup v1's memory hierarchy. */
#include "cgroup/legacy.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup/knob.h"

/* PAGE_COUNTER_MAX of the kernel, in bytes, is a little below 2^63: no limit. */
#define LIMIT_NONE ((uint64_t)1 << 62)

bool legacy_is_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC &&
	       faccessat(fd, "memory.usage_in_bytes", F_OK, 0) == 0;
}

void legacy_charges(int fd, struct opt_u64 *ret_charged, struct opt_u64 *ret_limit)
{
	uint64_t value;

	if (knob_read_number(fd, "memory.usage_in_bytes", &value) == 0)
		*ret_charged = (struct opt_u64){ true, value };
	if (knob_read_number(fd, "memory.limit_in_bytes", &value) == 0 && value < LIMIT_NONE)
		*ret_limit = (struct opt_u64){ true, value };
}
