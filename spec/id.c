/* The one judge of names. */
#include "spec/id.h"

#include <errno.h>
#include <string.h>

#include "spec/base/str.h"

enum { ID_MAX = 127 };

static bool is_id_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_+.-", c));
}

int id_check(const char *id, struct err *e)
{
	size_t n = strnlen(id, ID_MAX + 1);

	if (n == 0)
		return err_say(e, EINVAL, "container id '': empty");
	if (n > ID_MAX)
		return err_say(
			e, EINVAL, "container id '%.32s...': longer than %d bytes", id, ID_MAX);
	if (id[0] == '.')
		return err_say(e, EINVAL, "container id '%s': begins with a dot", id);
	for (const char *c = id; *c; c++)
		if (!is_id_byte(*c))
			return err_say(e, EINVAL,
				"container id '%s': only letters, digits and _ + . - are allowed",
				id);
	return 0;
}

bool id_number(const char *text, uint32_t *ret)
{
	uint64_t n;

	/* 4294967295 is (uid_t)-1: "leave it as it is" to the kernel. */
	if (!str_to_u64(text, UINT32_MAX - 1, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}
