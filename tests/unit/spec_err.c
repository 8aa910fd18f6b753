/* The error value: one line, whatever happens. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/err.h"
#include "spec/base/log.h"
#include "tests/unit/run.h"

START_TEST(says_the_reason)
{
	struct err e = { 0 };

	ck_assert_int_eq(err_set(&e, ENOENT, "open '%s'", "x"), -ENOENT);
	ck_assert_int_eq(e.code, ENOENT);
	ck_assert_str_eq(e.text, "open 'x': no such file or directory");
	ck_assert_int_eq(err_set(&e, EIO, "read"), -EIO);
	ck_assert_str_eq(e.text, "read: input/output error");
	ck_assert_int_eq(err_set(&e, 4000, "read"), -4000);
	ck_assert_str_eq(e.text, "read: unknown error");
	ck_assert_int_eq(err_set(&e, ERR_NO_IMAGE, "no image"), -ERR_NO_IMAGE);
	ck_assert_str_eq(e.text, "no image");
}
END_TEST

START_TEST(says_it_itself)
{
	struct err e = { 0 };

	ck_assert_int_eq(err_say(&e, EINVAL, "id '%s': empty", ""), -EINVAL);
	ck_assert_str_eq(e.text, "id '': empty");
}
END_TEST

START_TEST(gathers_context)
{
	struct err e = { 0 };

	err_set(&e, ENOENT, "set lower layer 'x'");
	ck_assert_int_eq(err_while(&e, "layer %d of '%s'", 2, "debian"), -ENOENT);
	ck_assert_str_eq(
		e.text, "layer 2 of 'debian': set lower layer 'x': no such file or directory");
	ck_assert_int_eq(e.code, ENOENT);
}
END_TEST

START_TEST(stays_one_line)
{
	struct err e = { 0 };

	err_say(&e, EINVAL, "a\nb\tc\033[31m\x7f");
	ck_assert_str_eq(e.text, "a?b?c?[31m?");
	err_while(&e, "x\r");
	ck_assert_str_eq(e.text, "x?: a?b?c?[31m?");
	/* CSI as U+009B; letters stay, those that share its bytes too */
	err_say(&e, EINVAL,
		"\xc2\x9b"
		"31m \xc3\x9b \xc2\xa0 \xc2");
	ck_assert_str_eq(e.text, "?"
				 "?31m \xc3\x9b \xc2\xa0 \xc2");
}
END_TEST

/* What a warning says is an archive's as often as ours. */
START_TEST(warnings_stay_one_line)
{
	char text[100];
	int ends[2], kept = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_warn("image '%s'", "\033[31m\n\xc2\x9b");
	dup2(kept, STDERR_FILENO);
	ssize_t n = read(ends[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, "cowrun: warning: image '?[31m?"
			       "?"
			       "?'\n");
}
END_TEST

START_TEST(keeps_its_bounds)
{
	char text[3 * ERR_TEXT_MAX];
	struct err e = { 0 };

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ENOENT, "%s", text);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	/* A context that leaves no room for the cause is dropped, since the cause matters more. */
	err_say(&e, EINVAL, "cause");
	err_while(&e, "%s", text);
	ck_assert_str_eq(e.text, "cause");
	text[ERR_TEXT_MAX - 10] = '\0';
	err_while(&e, "%s", text);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 10 + 2 + 5);
	err_while(&e, "again");
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	ck_assert_int_eq(strncmp(e.text, "again: xxx", 10), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_err");
	TCase *cases = tcase_create("errors");

	tcase_add_test(cases, says_the_reason);
	tcase_add_test(cases, says_it_itself);
	tcase_add_test(cases, gathers_context);
	tcase_add_test(cases, stays_one_line);
	tcase_add_test(cases, warnings_stay_one_line);
	tcase_add_test(cases, keeps_its_bounds);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
