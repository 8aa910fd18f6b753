/* cow top apart from its screen: rows, order, filter, choice, history, columns, keys. */
#include <check.h>

#include "cmd/top/columns.h"
#include "cmd/top/keys.h"
#include "cmd/top/model.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"
#include "tests/unit/top.h"

static void feed(struct model *m, struct census c)
{
	ck_assert_int_eq(model_feed(m, &c), 0);
	ck_assert_ptr_null(c.usages);
}

/* web-1: 3 + 38, web-2: 5 + 38, db: 20 + 2, Web-3: 1 + 38; in this order. */
static struct census four(void)
{
	struct census c = top_census(4);

	top_usage(&c, 0, "web-1", 3, 38);
	top_usage(&c, 1, "web-2", 5, 38);
	top_usage(&c, 2, "db", 20, 2);
	top_usage(&c, 3, "Web-3", 1, 38);
	return c;
}

static void rows_are(const struct model *m, const char *expected)
{
	automatic(str) struct str seen = { 0 };

	str_add(&seen, "");
	for (size_t i = 0; i < m->n_rows; i++)
		str_addf(&seen, "%s%s", i ? " " : "", m->census.usages[m->rows[i]].name);
	ck_assert_str_eq(seen.data, expected);
}

START_TEST(the_most_stands_first_and_names_rise)
{
	automatic(model) struct model m = { .sorted = COLUMN_COST };

	feed(&m, four());
	rows_are(&m, "db web-2 web-1 Web-3");
	model_sort(&m, COLUMN_NAME);
	rows_are(&m, "Web-3 db web-1 web-2");
	model_reverse(&m);
	rows_are(&m, "web-2 web-1 db Web-3");
	model_sort(&m, COLUMN_UNIQUE);
	ck_assert(!m.reversed);
	rows_are(&m, "web-2 web-1 Web-3 db");
	/* Once more: the other way around. */
	model_sort(&m, COLUMN_UNIQUE);
	rows_are(&m, "db Web-3 web-1 web-2");
	model_sort(&m, COLUMN_PROCESSES);
	rows_are(&m, "Web-3 db web-2 web-1");
}
END_TEST

START_TEST(what_is_the_same_is_by_name_and_the_unknown_last)
{
	automatic(model) struct model m = { .sorted = COLUMN_SHARED };
	struct census c = four();

	c.usages[1].shared.set = false;
	c.usages[1].shared.value = 0;
	feed(&m, c);
	rows_are(&m, "Web-3 web-1 db web-2");
	model_reverse(&m);
	rows_are(&m, "db Web-3 web-1 web-2");
}
END_TEST

START_TEST(a_limit_that_no_machine_has_is_none)
{
	automatic(model) struct model m = { .sorted = COLUMN_LIMIT };
	struct census c = four();

	c.usages[0].limit = top_bytes(UINT64_MAX);
	c.usages[1].limit = top_bytes(64 * MIB);
	feed(&m, c);
	rows_are(&m, "web-2 Web-3 db web-1");
}
END_TEST

START_TEST(a_filter_is_a_part_of_the_name_in_any_case)
{
	automatic(model) struct model m = { .sorted = COLUMN_NAME };

	model_filter(&m, "wEB");
	feed(&m, four());
	rows_are(&m, "Web-3 web-1 web-2");
	model_filter(&m, "-2");
	rows_are(&m, "web-2");
	model_filter(&m, "nothing");
	rows_are(&m, "");
	ck_assert_ptr_null(model_chosen(&m));
	model_move(&m, 1);
	model_filter(&m, "");
	rows_are(&m, "Web-3 db web-1 web-2");
	ck_assert_str_eq(model_chosen(&m)->name, "Web-3");
}
END_TEST

START_TEST(the_choice_follows_its_container)
{
	automatic(model) struct model m = { .sorted = COLUMN_NAME };

	feed(&m, four());
	model_move(&m, 1);
	ck_assert_str_eq(model_chosen(&m)->name, "db");
	model_sort(&m, COLUMN_COST);
	ck_assert_uint_eq(m.at, 0);
	ck_assert_str_eq(model_chosen(&m)->name, "db");
	model_move(&m, -5);
	ck_assert_uint_eq(m.at, 0);
	model_move(&m, 100);
	ck_assert_str_eq(model_chosen(&m)->name, "Web-3");
	/* It grows to be the first, and the choice goes with it. */
	struct census c = four();
	c.usages[3].cost = top_bytes(100 * MIB);
	feed(&m, c);
	rows_are(&m, "Web-3 db web-2 web-1");
	ck_assert_str_eq(model_chosen(&m)->name, "Web-3");
	ck_assert_uint_eq(m.at, 0);
}
END_TEST

START_TEST(where_the_chosen_one_has_gone_the_line_stays)
{
	automatic(model) struct model m = { .sorted = COLUMN_NAME };

	feed(&m, four());
	model_move(&m, 2);
	ck_assert_str_eq(model_chosen(&m)->name, "web-1");
	struct census c = top_census(3);
	top_usage(&c, 0, "a", 1, 1);
	top_usage(&c, 1, "b", 1, 1);
	top_usage(&c, 2, "c", 1, 1);
	feed(&m, c);
	ck_assert_str_eq(model_chosen(&m)->name, "c");
	c = top_census(1);
	top_usage(&c, 0, "a", 1, 1);
	feed(&m, c);
	ck_assert_str_eq(model_chosen(&m)->name, "a");
	feed(&m, top_census(0));
	ck_assert_ptr_null(model_chosen(&m));
}
END_TEST

START_TEST(the_chosen_row_is_always_seen)
{
	ck_assert_uint_eq(model_first(0, 100, 10, 0), 0);
	ck_assert_uint_eq(model_first(9, 100, 10, 0), 0);
	ck_assert_uint_eq(model_first(10, 100, 10, 0), 1);
	ck_assert_uint_eq(model_first(5, 100, 10, 50), 5);
	ck_assert_uint_eq(model_first(99, 100, 10, 0), 90);
	/* More room than rows; none at all. */
	ck_assert_uint_eq(model_first(3, 4, 10, 2), 0);
	ck_assert_uint_eq(model_first(3, 4, 0, 0), 0);
	for (size_t at = 0; at < 20; at++)
		for (size_t shown = 1; shown < 25; shown++)
			for (size_t before = 0; before < 25; before++) {
				size_t first = model_first(at, 20, shown, before);
				ck_assert(first <= at && at < first + shown);
			}
}
END_TEST

START_TEST(history_keeps_the_last_and_forgets_the_gone)
{
	automatic(histories) struct histories h = { 0 };
	uint64_t low, high;

	for (uint64_t i = 0; i < HISTORY_ROOM + 10; i++) {
		automatic(census) struct census c = top_census(2);
		top_usage(&c, 0, "a", i, 1);
		top_usage(&c, 1, i % 2 ? "odd" : "even", 7, 1);
		if (i == 3)
			c.usages[0].private.set = false;
		ck_assert_int_eq(histories_feed(&h, &c), 0);
		ck_assert_uint_eq(h.n, 2);
	}
	const struct history *a = histories_find(&h, "a"), *odd = histories_find(&h, "odd");
	ck_assert_uint_eq(a->n, HISTORY_ROOM);
	ck_assert_uint_eq(a->private[HISTORY_ROOM - 1], (HISTORY_ROOM + 9) * MIB);
	ck_assert_uint_eq(a->private[0], 10 * MIB);
	ck_assert_uint_eq(a->unique[0], 11 * MIB);
	ck_assert_uint_eq(odd->n, 1);
	ck_assert_ptr_null(histories_find(&h, "even"));
	history_range(a->private, a->n, &low, &high);
	ck_assert_uint_eq(low, 10 * MIB);
	ck_assert_uint_eq(high, (HISTORY_ROOM + 9) * MIB);
	history_range(a->private, 0, &low, &high);
	ck_assert_uint_eq(low + high, 0);
}
END_TEST

START_TEST(what_is_not_known_leaves_no_sample)
{
	automatic(histories) struct histories h = { 0 };
	automatic(census) struct census c = top_census(1);

	top_usage(&c, 0, "a", 1, 1);
	c.usages[0].private.set = false;
	ck_assert_int_eq(histories_feed(&h, &c), 0);
	ck_assert_uint_eq(histories_find(&h, "a")->n, 0);
}
END_TEST

START_TEST(partners_are_most_first_and_the_host_is_one)
{
	automatic(census) struct census c = four();
	autofree struct partner *v = NULL;
	size_t n;

	/* Of pairs 0-1, 0-2, 1-2, 0-3, 1-3, 2-3 (frames.h). */
	c.shares[0] = 30 * MIB;
	c.shares[1] = 2 * MIB;
	c.shares[3] = 31 * MIB;
	c.usages[0].outside = top_bytes(5 * MIB);
	ck_assert_int_eq(model_partners(&c, 0, &v, &n), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(v[0].name, "Web-3");
	ck_assert_str_eq(v[1].name, "web-2");
	ck_assert_str_eq(v[2].name, "host");
	ck_assert_uint_eq(v[2].bytes, 5 * MIB);
	ck_assert_str_eq(v[3].name, "db");
}
END_TEST

static bool is_shown(const struct column_place *places, size_t n, enum column_id id)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].id == id)
			return true;
	return false;
}

START_TEST(columns_stand_beside_each_other_in_any_width)
{
	automatic(census) struct census c = four();
	struct column_place places[N_COLUMNS];

	for (int width = 1; width < 300; width++)
		for (int sorted = 0; sorted < N_COLUMNS; sorted++) {
			size_t n = columns_place(&c, (enum column_id)sorted, width, places);
			ck_assert_uint_ge(n, 1);
			ck_assert_int_eq(places[0].id, COLUMN_NAME);
			for (size_t i = 1; i < n; i++)
				ck_assert_int_gt(
					places[i].at, places[i - 1].at + places[i - 1].width);
			ck_assert_int_le(places[n - 1].at + places[n - 1].width, width);
			/* The one that it is sorted by goes last. */
			ck_assert(width < 32 || !columns[sorted].word ||
				  is_shown(places, n, (enum column_id)sorted));
		}
}
END_TEST

START_TEST(eighty_columns_show_what_matters)
{
	automatic(census) struct census c = four();
	struct column_place places[N_COLUMNS];
	size_t n = columns_place(&c, COLUMN_COST, 78, places);

	ck_assert_uint_eq(n, 8);
	for (int id = COLUMN_NAME; id <= COLUMN_COST; id++)
		ck_assert(is_shown(places, n, (enum column_id)id));
	ck_assert(is_shown(places, n, COLUMN_TREND));
	/* A figure that is known comes before those that are not. */
	n = columns_place(&c, COLUMN_COST, 90, places);
	ck_assert(!is_shown(places, n, COLUMN_CHARGED));
	c.usages[0].charged = top_bytes(MIB);
	n = columns_place(&c, COLUMN_COST, 90, places);
	ck_assert(is_shown(places, n, COLUMN_CHARGED));
}
END_TEST

START_TEST(columns_are_found_by_word_and_key)
{
	char words[160];

	ck_assert_int_eq(column_find("cost"), COLUMN_COST);
	ck_assert_int_eq(column_find("COST"), COLUMN_COST);
	ck_assert_int_eq(column_find("trend"), -1);
	ck_assert_int_eq(column_find(""), -1);
	ck_assert_int_eq(column_of_key('P'), COLUMN_PRIVATE);
	ck_assert_int_eq(column_of_key(0), -1);
	ck_assert_str_eq(column_words(words), "name, processes, unique, private, shared, kernel, "
					      "cost, charged, limit, swap");
}
END_TEST

START_TEST(a_key_does_one_thing_on_a_page)
{
	static const enum page pages[] = { PAGE_LIST, PAGE_DETAIL, PAGE_HELP };

	ck_assert_int_eq(key_action('q', PAGE_HELP), ACTION_QUIT);
	ck_assert_int_eq(key_action(KEY_OF_ENTER, PAGE_LIST), ACTION_LOOK);
	ck_assert_int_eq(key_action(KEY_OF_ENTER, PAGE_DETAIL), ACTION_BACK);
	ck_assert_int_eq(key_action(0, PAGE_LIST), ACTION_NONE);
	for (size_t p = 0; p < 3; p++)
		for (size_t a = 0; a < n_key_rows; a++)
			for (size_t k = 0; k < 4 && key_rows[a].keys[k]; k++) {
				if (!(key_rows[a].pages & pages[p]))
					continue;
				int key = key_rows[a].keys[k];
				ck_assert_int_eq(key_action(key, pages[p]), key_rows[a].action);
				ck_assert(pages[p] != PAGE_LIST || column_of_key(key) < 0);
			}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_top_model");
	TCase *tests = tcase_create("model");

	tcase_add_test(tests, the_most_stands_first_and_names_rise);
	tcase_add_test(tests, what_is_the_same_is_by_name_and_the_unknown_last);
	tcase_add_test(tests, a_limit_that_no_machine_has_is_none);
	tcase_add_test(tests, a_filter_is_a_part_of_the_name_in_any_case);
	tcase_add_test(tests, the_choice_follows_its_container);
	tcase_add_test(tests, where_the_chosen_one_has_gone_the_line_stays);
	tcase_add_test(tests, the_chosen_row_is_always_seen);
	tcase_add_test(tests, history_keeps_the_last_and_forgets_the_gone);
	tcase_add_test(tests, what_is_not_known_leaves_no_sample);
	tcase_add_test(tests, partners_are_most_first_and_the_host_is_one);
	tcase_add_test(tests, columns_stand_beside_each_other_in_any_width);
	tcase_add_test(tests, eighty_columns_show_what_matters);
	tcase_add_test(tests, columns_are_found_by_word_and_key);
	tcase_add_test(tests, a_key_does_one_thing_on_a_page);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
