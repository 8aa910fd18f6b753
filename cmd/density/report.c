/* Results as a page: data for cmd/page/density.js. */
#include "cmd/density/report.h"

#include <errno.h>

#include "cmd/page.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

static const struct page_part *const scripts[] = { &page_js, &page_table_js, &page_bars_js,
	&page_lines_js, &page_density_js, NULL };
static const struct page page = { "Density", scripts };

static void add_list(
	struct str *out, const struct field *table, const void *v, size_t n, size_t size)
{
	str_add(out, "[");
	for (size_t i = 0; i < n; i++) {
		str_add(out, i ? ",\n" : "\n");
		json_write(table, (const char *)v + i * size, JSON_COMPACT, out);
	}
	str_add(out, "]");
}

int report_make(const struct results *r, const struct summary *s, struct err *e)
{
	automatic(str) struct str data = { 0 }, text = { 0 };

	str_add(&data, "{\"experiment\":");
	json_write(experiment_fields, &r->experiment, JSON_COMPACT, &data);
	str_add(&data, ",\n\"host\":");
	json_write(host_fields, &r->host, JSON_COMPACT, &data);
	str_add(&data, ",\n\"cells\":");
	add_list(&data, cell_fields, s->v, s->n, sizeof(*s->v));
	str_add(&data, ",\n\"trials\":");
	add_list(&data, result_fields, r->v, r->n, sizeof(*r->v));
	str_add(&data, "}");
	page_add(&page, &data, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write '%s/report.html'", r->path);
	return fd_replace_file(r->dir, "report.html", text.data, text.len, 0644, e);
}
