/* A census as a page for a browser: data for cmd/page/memory.js. */
#include <errno.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "cmd/mem.h"
#include "cmd/page.h"
#include "spec/base/date.h"
#include "spec/base/json.h"

static const struct page_part *const scripts[] = { &page_js, &page_table_js, &page_bars_js,
	&page_heat_js, &page_memory_js, NULL };
static const struct page page = { "Memory of containers", scripts };

static void add_text(struct str *out, const char *key, const char *text)
{
	json_write_string(key, out);
	str_add(out, ":");
	json_write_string(text, out);
}

/* Where and when it was measured. */
static void add_host(struct str *out)
{
	struct timespec now;
	struct utsname name;
	struct sysinfo info;
	char time[DATE_TEXT_MAX], kernel[sizeof(name.release) + sizeof(name.machine) + 16];

	clock_gettime(CLOCK_REALTIME, &now);
	uname(&name);
	snprintf(kernel, sizeof(kernel), "Linux %s, %s", name.release, name.machine);
	str_add(out, "{");
	add_text(out, "name", name.nodename);
	str_add(out, ",");
	add_text(out, "kernel", kernel);
	str_add(out, ",");
	add_text(out, "time", date_text(&now, false, time));
	str_add(out, ",");
	add_text(out, "version", "cow " COWRUN_VERSION);
	if (sysinfo(&info) == 0)
		str_addf(out, ",\"memory_bytes\":%llu",
			(unsigned long long)info.totalram * info.mem_unit);
	str_add(out, "}");
}

static void add_words(struct str *out)
{
	str_add(out, "[");
	for (size_t i = 0; mem_legend[i].word; i++) {
		str_add(out, i ? ",{" : "{");
		add_text(out, "word", mem_legend[i].word);
		str_add(out, ",");
		add_text(out, "meaning", mem_legend[i].meaning);
		str_add(out, "}");
	}
	str_add(out, "]");
}

/*
 * The lower triangle of the matrix, with its diagonal: a tenth of what "shared_with" takes of many, and
 * no question whose name it is where two have the same.
 */
static void add_shares(struct str *out, const struct census *c)
{
	if (!c->shares) {
		str_add(out, "null");
		return;
	}
	str_add(out, "[");
	for (size_t i = 0; i < c->n_usages; i++) {
		for (size_t j = 0; j <= i; j++)
			str_addf(out, "%s%llu",
				j   ? ","
				: i ? ",\n["
				    : "[",
				(unsigned long long)census_shared(c, i, j).value);
		str_add(out, "]");
	}
	str_add(out, "]");
}

int mem_save_page(const char *file, const struct census *c, struct err *e)
{
	automatic(str) struct str data = { 0 }, text = { 0 };

	str_add(&data, "{\"host\":");
	add_host(&data);
	str_add(&data, ",\n\"words\":");
	add_words(&data);
	str_add(&data, ",\n\"memory\":");
	int r = mem_add_json(&data, c, JSON_COMPACT, e);
	if (r < 0)
		return r;
	str_add(&data, ",\n\"shares\":");
	add_shares(&data, c);
	str_add(&data, "}");
	page_add(&page, &data, &text);
	return page_save(file, &text, e);
}
