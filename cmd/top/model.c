/* Rows: their order, what of them is shown, and which one is chosen. */
#include "cmd/top/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void model_done(struct model *m)
{
	census_done(&m->census);
	histories_done(&m->histories);
	free(m->rows);
	free(m->chosen);
	*m = (struct model){ 0 };
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct model *m = context;
	const size_t *x = a, *y = b;
	const struct memory_usage *of = m->census.usages;
	int order = column_compare(m->sorted, m->reversed, &of[*x], &of[*y]);

	/* What is the same stays where it is, reading by reading. */
	if (order == 0)
		order = strcmp(of[*x].name, of[*y].name);
	return order ? order : *x < *y ? -1 : *x > *y;
}

/* The line of the chosen one; where it is not shown any more, another becomes it. */
static void choose_again(struct model *m)
{
	for (size_t i = 0; m->chosen && i < m->n_rows; i++) {
		if (strcmp(m->census.usages[m->rows[i]].id, m->chosen) == 0) {
			m->at = i;
			return;
		}
	}
	free(take(m->chosen));
	m->at = m->at < m->n_rows ? m->at : m->n_rows ? m->n_rows - 1 : 0;
	if (m->n_rows)
		m->chosen = strdup(m->census.usages[m->rows[m->at]].id);
}

static void arrange(struct model *m)
{
	m->n_rows = 0;
	for (size_t i = 0; i < m->census.n_usages; i++)
		if (!m->filter[0] || strcasestr(m->census.usages[i].name, m->filter))
			m->rows[m->n_rows++] = i;
	if (m->n_rows > 1)
		qsort_r(m->rows, m->n_rows, sizeof(*m->rows), compare_rows, m);
	choose_again(m);
}

int model_feed(struct model *m, struct census *census)
{
	size_t *rows = calloc(census->n_usages + 1, sizeof(*rows));

	if (!rows || histories_feed(&m->histories, census) < 0) {
		free(rows);
		return -ENOMEM;
	}
	census_done(&m->census);
	m->census = *census;
	*census = (struct census){ 0 };
	m->has_census = true;
	free(m->rows);
	m->rows = rows;
	arrange(m);
	return 0;
}

void model_sort(struct model *m, enum column_id column)
{
	m->reversed = m->sorted == column && !m->reversed;
	m->sorted = column;
	arrange(m);
}

void model_reverse(struct model *m)
{
	m->reversed = !m->reversed;
	arrange(m);
}

void model_filter(struct model *m, const char *text)
{
	strncpy(m->filter, text, sizeof(m->filter) - 1);
	arrange(m);
}

void model_move(struct model *m, long by)
{
	long at = (long)m->at + by, last = (long)m->n_rows - 1;

	if (!m->n_rows)
		return;
	m->at = (size_t)(at < 0 ? 0 : at > last ? last : at);
	free(take(m->chosen));
	m->chosen = strdup(m->census.usages[m->rows[m->at]].id);
}

const struct memory_usage *model_chosen(const struct model *m)
{
	return m->n_rows ? &m->census.usages[m->rows[m->at]] : NULL;
}

size_t model_first(size_t at, size_t n_rows, size_t n_shown, size_t first_before)
{
	size_t first = first_before;

	if (at < first)
		first = at;
	if (n_shown && at >= first + n_shown)
		first = at - n_shown + 1;
	if (first + n_shown > n_rows)
		first = n_rows > n_shown ? n_rows - n_shown : 0;
	return first;
}

static int most_first(const void *a, const void *b)
{
	const struct partner *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return strcmp(x->name, y->name);
}

int model_partners(const struct census *c, size_t usage, struct partner **ret, size_t *ret_n)
{
	struct partner *v = calloc(c->n_usages + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_usages; i++) {
		uint64_t bytes = i == usage ? 0 : census_shared(c, usage, i).value;
		if (bytes)
			v[n++] = (struct partner){ c->usages[i].name, bytes };
	}
	if (c->usages[usage].outside.value)
		v[n++] = (struct partner){ "host", c->usages[usage].outside.value };
	if (n > 1)
		qsort(v, n, sizeof(*v), most_first);
	*ret = v;
	*ret_n = n;
	return 0;
}
