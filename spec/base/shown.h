/*
 * Which characters may be shown as they are: to a terminal, in a table, in a file that people look at.
 *
 * Not so control characters (C0, DEL, C1), those that turn the direction of writing, and those that
 * cannot be seen: with them a name can rewrite the screen, or look like another.
 */
#ifndef SPEC_BASE_SHOWN_H
#define SPEC_BASE_SHOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a character of Unicode. */
bool shown_is_harmless(uint32_t code);

/*
 * The bytes of the first character of a text in UTF-8 that is not empty, and whether it is harmless;
 * a byte that is of none is one by itself, and is not.
 */
size_t shown_next(const char *text, bool *ret_harmless);

#endif
