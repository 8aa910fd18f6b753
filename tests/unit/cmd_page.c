/* Pages: what strangers write stays data, and all of a page is there. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/page.h"
#include "tests/unit/run.h"

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static const struct page_part *const scripts[] = { &page_js, &page_memory_js, NULL };
static const struct page page = { "A title", scripts };

START_TEST(no_data_end_their_element)
{
	automatic(str) struct str data = { 0 }, text = { 0 }, none = { 0 };

	str_add(&none, "{}");
	page_add(&page, &none, &text);
	size_t opened = count(text.data, "<script"), closed = count(text.data, "</script");
	ck_assert_uint_eq(opened, closed);
	ck_assert_uint_eq(opened, 3); /* the data, and two scripts */
	str_done(&text);
	text = (struct str){ 0 };
	str_add(&data, "{\"name\":\"</script><!--<script><img src=x>\"}");
	page_add(&page, &data, &text);
	ck_assert_uint_eq(count(text.data, "<script"), opened);
	ck_assert_uint_eq(count(text.data, "</script"), closed);
	ck_assert_uint_eq(count(text.data, "<!--"), 0);
	ck_assert_ptr_nonnull(strstr(text.data,
		"{\"name\":\"\\u003c/script>\\u003c!--\\u003cscript>\\u003cimg src=x>\"}\n"));
}
END_TEST

START_TEST(a_page_has_its_parts_and_their_hashes)
{
	automatic(str) struct str data = { 0 }, text = { 0 };

	str_add(&data, "[]");
	page_add(&page, &data, &text);
	ck_assert_ptr_nonnull(strstr(text.data, "<title>A title</title>\n"));
	ck_assert_ptr_nonnull(strstr(text.data, "default-src 'none'; style-src 'sha256-"));
	ck_assert_uint_eq(count(text.data, "'sha256-"), 3);
	ck_assert_ptr_nonnull(strstr(text.data, page_css.hash));
	ck_assert_ptr_nonnull(strstr(text.data, page_memory_js.hash));
	ck_assert_ptr_nonnull(strstr(text.data, page_memory_js.text));
	ck_assert_ptr_null(strstr(text.data, page_heat_js.hash));
	ck_assert_ptr_null(strstr(text.data, "\n@data"));
	ck_assert_uint_eq(strlen(page_css.hash), 44);
}
END_TEST

START_TEST(lost_data_are_an_error)
{
	automatic(str) struct str data = { .failed = true }, text = { 0 };
	struct err e;

	page_add(&page, &data, &text);
	ck_assert_int_eq(page_save("-", &text, &e), -ENOMEM);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_page");
	TCase *tests = tcase_create("page");

	tcase_add_test(tests, no_data_end_their_element);
	tcase_add_test(tests, a_page_has_its_parts_and_their_hashes);
	tcase_add_test(tests, lost_data_are_an_error);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
