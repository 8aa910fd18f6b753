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
/* The names in a directory but "." and "..", behind what is there. -errno. */
int text_list_add_names(struct text_list *list, int dirfd);
bool text_list_has(const struct text_list *list, const char *text);

/* Each once, in order. */
void text_list_sort(struct text_list *list);

void text_list_done(struct text_list *list);
DEFINE_AUTO(text_list, text_list_done)

#endif
