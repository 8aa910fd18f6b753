/* The one judge of names: container ids, and users as people write them. */
#ifndef SPEC_ID_H
#define SPEC_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/err.h"

/*
 * [A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,126}. Every id passes here, also one that was read from a
 * directory: ids become directory and cgroup names, and ".." as an id has wiped whole trees.
 */
int id_check(const char *id, struct err *e);

/*
 * A uid or gid: digits only, up to 4294967294, and never anything else. False when `text` begins
 * with a digit and is not that: such a text must not be looked up as a name (CVE-2024-40635).
 */
bool id_number(const char *text, uint32_t *ret);

#endif
