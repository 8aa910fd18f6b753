/* What was replaced. */
#include "overlay/replaced.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
	char *path;
	uint64_t after, number; /* its number in kept/ */
};

static int compare(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (x->after > y->after) - (x->after < y->after);
}

int replaced_add(struct replaced *r, const char *path, uint64_t after)
{
	struct kept *more = reallocarray(r->v, r->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->v = more;
	more[r->n] = (struct kept){ .path = strdup(path), .after = after, .number = r->n };
	return more[r->n].path ? (r->n++, 0) : -ENOMEM;
}

void replaced_sort(struct replaced *r)
{
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), compare);
}

/* The first replacement of that very path after content `now`; NULL: there is none. */
static const struct kept *find(const struct replaced *r, char *path, uint64_t now)
{
	struct kept key = { .path = path, .after = now };
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (compare(&r->v[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < r->n && strcmp(r->v[low].path, path) == 0 ? &r->v[low] : NULL;
}

/* Of the file and all directories above it, the one that was replaced first took it along. */
void replaced_place(
	const struct replaced *r, const char *path, uint64_t now, char ret[REPLACED_PLACE_MAX])
{
	const struct kept *first = NULL;
	char part[RECIPE_PATH_MAX + 1];
	size_t taken = 0, len = strlen(path);

	for (size_t end = 1; r->n && end <= len; end++) {
		if (path[end] != '/' && path[end] != '\0')
			continue;
		memcpy(part, path, end);
		part[end] = '\0';
		const struct kept *k = find(r, part, now);
		if (!k || (first && first->number < k->number))
			continue;
		first = k;
		taken = end;
	}
	if (first)
		snprintf(ret, REPLACED_PLACE_MAX, RECIPE_KEPT "/%ju%s", (uintmax_t)first->number,
			path + taken);
	else
		snprintf(ret, REPLACED_PLACE_MAX, "fs/%s", path);
}

void replaced_done(struct replaced *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].path);
	free(r->v);
	*r = (struct replaced){ 0 };
}
