/* A configuration for many: each gets it with its own name, in the text as in what was read. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/pattern.h"
#include "tests/unit/run.h"

static struct pattern pattern;
static struct err e;

/* As it would be derived for that name; NULL: without one. */
static void derived(const char *name, struct spec *ret)
{
	autofree char *text = str_format(
		"{\"ociVersion\": \"1.3.0\", \"root\": {\"path\": \"rootfs\"}, %s%s%s"
		"\"process\": {\"args\": [\"/a\"], \"cwd\": \"/\", \"env\": [\"A=b\", \"HOSTNAME=%s\", \"C=\"]}}",
		name ? "\"hostname\": \"" : "", name ? name : "", name ? "\", " : "",
		name ? name : "");

	ck_assert_int_eq(spec_parse("it", text, strlen(text), ret, &e), 0);
}

static void check_fills(const char *name, bool has_name)
{
	automatic(spec) struct spec alone = { 0 };
	automatic(str) struct str by_itself = { 0 }, by_spec = { 0 };
	struct patterned *c = pattern_fill(&pattern, name);

	ck_assert_ptr_nonnull(c);
	derived(has_name ? name : NULL, &alone);
	json_write(spec_fields, &alone, JSON_INDENTED, &by_itself);
	json_write(spec_fields, &c->spec, JSON_INDENTED, &by_spec);
	ck_assert_str_eq(c->config.data, by_itself.data);
	ck_assert_str_eq(by_spec.data, by_itself.data);
	patterned_free(c);
}

START_TEST(each_has_its_own_name_wherever_it_stands)
{
	ck_assert_int_eq(pattern_begin(&pattern, &e), 0);
	derived(pattern.name, &pattern.spec);
	ck_assert_int_eq(pattern_write(&pattern, &e), 0);
	check_fills("a", true);
	check_fills("123456789012345678901234567890123456789012345678901234567890123", true);
	check_fills("b-2", true);
	pattern_done(&pattern);
}
END_TEST

START_TEST(one_without_a_name_is_the_same_for_all)
{
	ck_assert_int_eq(pattern_begin(&pattern, &e), 0);
	derived(NULL, &pattern.spec);
	ck_assert_int_eq(pattern_write(&pattern, &e), 0);
	check_fills("a", false);
	pattern_done(&pattern);
}
END_TEST

START_TEST(more_places_than_are_filled_in_are_told)
{
	ck_assert_int_eq(pattern_begin(&pattern, &e), 0);
	derived(pattern.name, &pattern.spec);
	free(pattern.spec.process->cwd);
	pattern.spec.process->cwd = strdup(pattern.name);
	ck_assert_int_eq(pattern_write(&pattern, &e), -E2BIG);
	pattern_done(&pattern);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pattern");
	TCase *tests = tcase_create("pattern");

	tcase_add_test(tests, each_has_its_own_name_wherever_it_stands);
	tcase_add_test(tests, one_without_a_name_is_the_same_for_all);
	tcase_add_test(tests, more_places_than_are_filled_in_are_told);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
