/* Texts in a row, which are the list's own. */
#ifndef OVERLAY_TEXT_LIST_H
#define OVERLAY_TEXT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/base/own.h"

struct text_list {
	char **v;
	size_t n, room;
};

/* A copy of it; 0 or -ENOMEM. */
int text_list_add(struct text_list *list, const char *text);
bool text_list_has(const struct text_list *list, const char *text);

/* Each once, in order. */
void text_list_sort(struct text_list *list);

void text_list_done(struct text_list *list);
DEFINE_AUTO(text_list, text_list_done)

#endif
