/*
 * A page for a browser: one file that needs no other, and asks nobody for anything.
 *
 * It is page.html with page.css, scripts, and data for them, which are JSON. Scripts and style are allowed by
 * their hashes, and nothing else is (Content-Security-Policy): no other script, no connection, no image. Names
 * of strangers are in the data alone, where no "<" is left that could end them.
 */
#ifndef CMD_PAGE_H
#define CMD_PAGE_H

#include "spec/base/err.h"
#include "spec/base/str.h"

/* A file of cmd/page/, and the SHA-256 of it in base64; carried inside the program. */
struct page_part {
	const char *text, *hash;
};
extern const struct page_part page_html, page_css;
/* Elements, formats, colours; then what is made of them. */
extern const struct page_part page_js, page_table_js, page_bars_js, page_heat_js, page_memory_js;
extern const struct page_part page_lines_js, page_density_js;

struct page {
	const char *title;			/* until the script knows better; no markup */
	const struct page_part *const *scripts; /* ends with NULL */
};

void page_add(const struct page *p, const struct str *data, struct str *out);

/* Writes it to `file`, which is as it was or whole; "-" is the standard output. */
int page_save(const char *file, const struct str *page, struct err *e);

#endif
