/*
 * CSV by the field tables of json.h: one row a struct, and above them the keys as JSON has them.
 *
 * What lies inside an object has its key in front ("kinds.anon.private_bytes"), but for an object
 * whose key is "". Lists and maps have no place in a row, and no column. What is not known, or
 * absent, is empty. Quoted as RFC 4180 has it; lines end with a newline alone. Control characters
 * but tabs and ends of lines are '?', and so is what shown.h has: a name must not move the cursor of
 * who looks at the file. What is not UTF-8 is U+FFFD. Strings that a spreadsheet would compute (they
 * begin with = + - @, a tab or a carriage return) have a ' in front; numbers have not.
 */
#ifndef SPEC_BASE_CSV_H
#define SPEC_BASE_CSV_H

#include "spec/base/json.h"

/* Header and rows of the list that `list`, a FIELD_LIST of objects, describes. */
void csv_write_list(const struct field *list, const void *from, struct str *out);

#endif
