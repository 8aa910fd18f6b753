/* A page of its parts. */
#include "cmd/page.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "spec/base/fd.h"

static void add_policy(const struct page *p, const struct str *data, struct str *out)
{
	(void)data;
	str_add(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
	str_addf(out, "style-src 'sha256-%s'; script-src", page_css.hash);
	for (const struct page_part *const *s = p->scripts; *s; s++)
		str_addf(out, " 'sha256-%s'", (*s)->hash);
	str_add(out, "; base-uri 'none'; form-action 'none'\">\n");
}

static void add_title(const struct page *p, const struct str *data, struct str *out)
{
	(void)data;
	str_addf(out, "<title>%s</title>\n", p->title);
}

static void add_style(const struct page *p, const struct str *data, struct str *out)
{
	(void)p, (void)data;
	str_add(out, "<style>");
	str_add(out, page_css.text);
	str_add(out, "</style>\n");
}

/* In JSON a "<" is only ever in a string, where it can be written otherwise. */
static void add_data(const struct page *p, const struct str *data, struct str *out)
{
	const char *at = data->data;

	(void)p;
	str_add(out, "<script type=\"application/json\" id=\"data\">\n");
	while (at && *at) {
		size_t n = strcspn(at, "<");
		str_add_bytes(out, at, n);
		at += n;
		if (*at) {
			str_add(out, "\\u003c");
			at++;
		}
	}
	str_add(out, "\n</script>\n");
}

static void add_scripts(const struct page *p, const struct str *data, struct str *out)
{
	(void)data;
	for (const struct page_part *const *s = p->scripts; *s; s++) {
		str_add(out, "<script>");
		str_add(out, (*s)->text);
		str_add(out, "</script>\n");
	}
}

/* Lines of page.html that stand for something. */
static const struct {
	const char *line;
	void (*add)(const struct page *p, const struct str *data, struct str *out);
} places[] = {
	{ "@policy\n", add_policy },
	{ "@title\n", add_title },
	{ "@style\n", add_style },
	{ "@data\n", add_data },
	{ "@scripts\n", add_scripts },
};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

void page_add(const struct page *p, const struct str *data, struct str *out)
{
	for (const char *line = page_html.text; *line;) {
		size_t n = strcspn(line, "\n") + 1, i = 0;
		while (i < N_PLACES && strncmp(line, places[i].line, n) != 0)
			i++;
		if (i < N_PLACES)
			places[i].add(p, data, out);
		else
			str_add_bytes(out, line, n);
		line += n;
	}
	out->failed |= data->failed;
}

int page_save(const char *file, const struct str *page, struct err *e)
{
	struct stat st;

	if (!str_ok(page))
		return err_set(e, ENOMEM, "write '%s'", file);
	if (strcmp(file, "-") == 0) {
		int r = fd_write_all(STDOUT_FILENO, page->data, page->len);
		return r < 0 ? err_set(e, -r, "write the page") : 0;
	}
	/* A device or a FIFO would be replaced by a file. */
	if (lstat(file, &st) == 0 && !S_ISREG(st.st_mode))
		return err_say(e, EINVAL,
			"write '%s': not a regular file ('-' is the standard output)", file);
	return fd_replace_file(AT_FDCWD, file, page->data, page->len, 0644, e);
}
