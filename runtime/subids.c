/* Subordinate ids. */
#include "runtime/subids.h"

#include <errno.h>
#include <string.h>

#include "spec/base/str.h"

void subids_done(struct subids *s)
{
	free(s->v);
	*s = (struct subids){ 0 };
}

static bool overlaps(const struct subids *s, uint64_t from, uint64_t size)
{
	for (size_t i = 0; i < s->n; i++)
		if (from < (uint64_t)s->v[i].outside + s->v[i].size &&
			s->v[i].outside < from + size)
			return true;
	return false;
}

static int add(struct subids *s, uint64_t from, uint64_t size)
{
	struct id_map *last = s->n ? &s->v[s->n - 1] : NULL;
	uint64_t inside = last ? (uint64_t)last->inside + last->size : 0;

	if (!size || from + size > UINT32_MAX || inside + size > UINT32_MAX ||
		overlaps(s, from, size))
		return 0;
	struct id_map *v = reallocarray(s->v, s->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->v = v;
	v[s->n++] = (struct id_map){
		.inside = (uint32_t)inside, .outside = (uint32_t)from, .size = (uint32_t)size
	};
	return 0;
}

/* "name:100000:65536"; the line is cut apart. */
static bool read_line(char *line, const char *name, uid_t user, uint64_t *from, uint64_t *size)
{
	char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	uint64_t number;

	if (!second)
		return false;
	*first = *second = '\0';
	bool ours = (name && strcmp(line, name) == 0) ||
		    (str_to_u64(line, UINT32_MAX, &number) && number == user);
	return ours && str_to_u64(first + 1, UINT32_MAX, from) &&
	       str_to_u64(second + 1, UINT32_MAX, size);
}

int subids_read(const char *text, const char *name, uid_t user, uint32_t self, struct subids *ret)
{
	automatic(subids) struct subids s = { 0 };
	autofree char *copy = strdup(text);
	int r = copy ? add(&s, self, 1) : -ENOMEM;
	uint64_t from, size;

	for (char *save, *line = r < 0 ? NULL : strtok_r(copy, "\n", &save); r == 0 && line;
		line = strtok_r(NULL, "\n", &save))
		if (read_line(line, name, user, &from, &size))
			r = add(&s, from, size);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct subids){ 0 };
	return 0;
}

bool subids_translate(const struct subids *s, struct id_map *rows, size_t n, size_t *ret_bad)
{
	for (size_t i = 0; i < n; i++) {
		const struct id_map *have = s->v, *end = s->v + s->n;
		while (have < end &&
			(rows[i].outside < have->outside ||
				rows[i].outside - have->outside >= have->size ||
				rows[i].size > have->size - (rows[i].outside - have->outside)))
			have++;
		*ret_bad = i;
		if (have == end)
			return false;
		rows[i].outside = have->inside + (rows[i].outside - have->outside);
	}
	return true;
}

char *subids_text(const struct subids *s)
{
	automatic(str) struct str text = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		const struct id_map *m = &s->v[i];
		str_addf(&text, "%s%u", i == 0 ? "" : i + 1 == s->n ? " and " : ", ", m->outside);
		if (m->size > 1)
			str_addf(&text, " to %u", m->outside + m->size - 1);
	}
	return str_ok(&text) ? take(text.data) : NULL;
}
