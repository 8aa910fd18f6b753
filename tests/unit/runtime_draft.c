/* A plan as it is drawn up: what is put in is where the place says, aligned, and too much is told at the end. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/draft.h"
#include "tests/unit/run.h"

static struct draft draft;
static struct err e;

static void begin(void)
{
	draft_begin(&draft);
}

static void end(void)
{
	draft_done(&draft);
}

static const char *text_at(place at)
{
	return draft.block.data + at;
}

START_TEST(an_empty_plan_is_one)
{
	ck_assert_int_eq(draft_finish(&draft, &e), 0);
	const struct init_plan *plan = (const struct init_plan *)(const void *)draft.block.data;
	ck_assert_uint_eq(plan->magic, PLAN_MAGIC);
	ck_assert_uint_eq(plan->size, sizeof(*plan));
	ck_assert_int_eq(plan->n_slots, 0);
	ck_assert_int_eq(plan->rootfs, -1);
	ck_assert_int_eq(plan->null_tree, -1);
	ck_assert_int_eq(plan->proc, -1);
	ck_assert_int_eq(plan->start_socket, -1);
	ck_assert_uint_eq(plan->flags, 0);
}
END_TEST

START_TEST(texts_and_lists_are_where_they_are_said_to_be)
{
	uint64_t numbers[] = { 1, 2, UINT64_MAX };
	place a = draft_text(&draft, "a"), empty = draft_text(&draft, ""),
	      b = draft_text(&draft, "bcd");
	place list = draft_list(&draft, numbers, sizeof(numbers));

	ck_assert_uint_eq(draft_text(&draft, NULL), 0);
	draft.plan.hostname = b;
	draft.plan.uid = 1000;
	ck_assert_int_eq(draft_finish(&draft, &e), 0);
	ck_assert_uint_ge(a, sizeof(struct init_plan));
	ck_assert_str_eq(text_at(a), "a");
	ck_assert_str_eq(text_at(empty), "");
	ck_assert_str_eq(text_at(b), "bcd");
	ck_assert_uint_eq(list % 8, 0);
	ck_assert_int_eq(memcmp(text_at(list), numbers, sizeof(numbers)), 0);
	const struct init_plan *plan = (const struct init_plan *)(const void *)draft.block.data;
	ck_assert_uint_eq(plan->hostname, b);
	ck_assert_uint_eq(plan->uid, 1000);
	ck_assert_uint_eq(plan->size, draft.block.len);
}
END_TEST

START_TEST(lists_of_strings_end_with_zero)
{
	char one[] = "one", none[] = "", three[] = "three words here";
	char *strings[] = { one, none, three };
	place at = draft_strings(&draft, strings, 3), nothing = draft_strings(&draft, NULL, 0);

	ck_assert_int_eq(draft_finish(&draft, &e), 0);
	ck_assert_uint_eq(at % 8, 0);
	const uint64_t *list = (const uint64_t *)(const void *)text_at(at);
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(text_at((place)list[i]), strings[i]);
	ck_assert_uint_eq(list[3], 0);
	ck_assert_uint_eq(*(const uint64_t *)(const void *)text_at(nothing), 0);
}
END_TEST

START_TEST(files_are_taken_in_order_and_closed)
{
	int ends[2], kept[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	kept[0] = ends[0];
	kept[1] = ends[1];
	ck_assert_int_eq(draft_fd(&draft, -1), -1);
	ck_assert_int_eq(draft_fd(&draft, ends[0]), 0);
	ck_assert_int_eq(draft_fd(&draft, ends[1]), 1);
	ck_assert_int_eq(draft_finish(&draft, &e), 0);
	const struct init_plan *plan = (const struct init_plan *)(const void *)draft.block.data;
	ck_assert_int_eq(plan->n_slots, 2);
	draft_done(&draft);
	ck_assert_int_eq(fcntl(kept[0], F_GETFD), -1);
	ck_assert_int_eq(fcntl(kept[1], F_GETFD), -1);
	draft_begin(&draft);
}
END_TEST

/* Numbers that are no open files: the draft only counts, and may close what it is given. */
START_TEST(too_many_files_are_told_at_the_end)
{
	for (int i = 0; i < PLAN_FDS_MAX; i++)
		ck_assert_int_eq(draft_fd(&draft, 100000 + i), i);
	ck_assert_int_eq(draft_fd(&draft, 300000), -1);
	ck_assert_int_eq(draft_finish(&draft, &e), -E2BIG);
	ck_assert_str_eq(e.text, "draw up the plan: more than 1024 host objects in one container");
}
END_TEST

START_TEST(too_many_bytes_are_told_at_the_end)
{
	char *mebibyte = malloc(1 << 20);

	ck_assert_ptr_nonnull(mebibyte);
	memset(mebibyte, 'x', (1 << 20) - 1);
	mebibyte[(1 << 20) - 1] = '\0';
	for (int i = 0; i < 7; i++)
		draft_text(&draft, mebibyte);
	ck_assert_int_eq(draft_finish(&draft, &e), 0);
	draft_text(&draft, mebibyte);
	ck_assert_int_eq(draft_finish(&draft, &e), -E2BIG);
	ck_assert_msg(strstr(e.text, "arguments and environment take"), "%s", e.text);
	free(mebibyte);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("draft");
	TCase *tests = tcase_create("draft");

	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, an_empty_plan_is_one);
	tcase_add_test(tests, texts_and_lists_are_where_they_are_said_to_be);
	tcase_add_test(tests, lists_of_strings_end_with_zero);
	tcase_add_test(tests, files_are_taken_in_order_and_closed);
	tcase_add_test(tests, too_many_files_are_told_at_the_end);
	tcase_add_test(tests, too_many_bytes_are_told_at_the_end);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
