/* A JSON array of objects on standard output, by a field table. */
#ifndef CMD_JSON_LIST_H
#define CMD_JSON_LIST_H

#include "spec/base/json.h"

int json_list_print(
	const struct field *table, const void *items, size_t n, size_t size, struct err *e);

#endif
