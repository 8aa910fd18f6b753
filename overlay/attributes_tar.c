/* The extended attributes of a tar's member: apart, since this alone needs what reads tars. */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>

#include "overlay/attributes.h"

#define XATTRS_MAX (64u << 10) /* of one file; also the kernel's limit for one value */

int attributes_pack(struct tar *t, struct str *ret, struct err *e)
{
	const char *name;
	const void *value;
	size_t n;

	while (tar_next_xattr(t, &name, &value, &n)) {
		if (!attributes_takes(name))
			continue;
		if (strlen(name) > XATTR_NAME_MAX || n > XATTRS_MAX || ret->len + n > XATTRS_MAX)
			return err_say(e, E2BIG, "extended attributes of more than %u KiB",
				XATTRS_MAX >> 10);
		attributes_pack_one(ret, name, value, n);
	}
	return ret->failed ? err_set(e, ENOMEM, "read extended attributes") : 0;
}
