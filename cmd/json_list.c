/* A JSON array of objects. */
#include "cmd/json_list.h"

#include <errno.h>
#include <stdio.h>

struct items {
	const void *v;
	size_t n;
};

int json_list_print(
	const struct field *table, const void *items, size_t n, size_t size, struct err *e)
{
	const struct field list[] = {
		FIELD_LIST(
			struct items, "items", FIELD_OBJECT, v, n, .inside = table, .size = size),
		{ 0 },
	};
	automatic(str) struct str text = { 0 };
	struct items all = { items, n };

	json_write_list(list, &all, JSON_COMPACT, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write JSON");
	return puts(text.data) < 0 ? err_set(e, EIO, "print") : 0;
}
