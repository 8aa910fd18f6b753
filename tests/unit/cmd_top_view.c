/* What cow top draws: text in cells, graphs, and its pages in every size. */
#include <check.h>
#include <locale.h>

#include "cmd/top/graph.h"
#include "cmd/top/view.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"
#include "tests/unit/top.h"

static void use_utf8(void)
{
	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
}

/* A row as text, without the spaces at its end; the caller frees. */
static char *row_text(const struct canvas *c, int row)
{
	automatic(str) struct str s = { 0 };
	size_t end = 0;

	for (int column = 0; column < c->n_columns; column++) {
		const wchar_t *text = canvas_at(c, row, column)->text;
		char bytes[64];
		ck_assert_int_ge((int)wcstombs(bytes, text, sizeof(bytes)), 0);
		str_add(&s, bytes);
		end = strcmp(bytes, " ") != 0 ? s.len : end;
	}
	ck_assert(str_ok(&s) && s.data);
	s.data[end] = '\0';
	return take(s.data);
}

static void row_is(const struct canvas *c, int row, const char *expected)
{
	autofree char *text = row_text(c, row);

	ck_assert_str_eq(text, expected);
}

static bool canvas_shows(const struct canvas *c, const char *text)
{
	for (int row = 0; row < c->n_rows; row++) {
		autofree char *line = row_text(c, row);
		if (strstr(line, text))
			return true;
	}
	return false;
}

static void put_is(int width, const char *text, const char *expected)
{
	automatic(canvas) struct canvas c = { 0 };

	ck_assert_int_eq(canvas_resize(&c, 1, 20), 0);
	int took = canvas_put(&c, 0, 0, width, 0, text);
	ck_assert_int_le(took, width > 0 ? width : 0);
	row_is(&c, 0, expected);
	ck_assert_uint_eq(c.n_overlaps, 0);
}

START_TEST(text_is_cut_by_the_width_of_its_characters)
{
	put_is(10, "short", "short");
	put_is(10, "0123456789", "0123456789");
	put_is(10, "0123456789a", "012345678…");
	put_is(10, "åäöåäöåäöåäö", "åäöåäöåäö…");
	/* Two columns each; half of one is never shown. */
	put_is(10, "容器容器容", "容器容器容");
	put_is(10, "容器容器容器", "容器容器…");
	put_is(9, "容器容器容器", "容器容器…");
	put_is(2, "容器", "…");
	put_is(1, "ab", "…");
	put_is(0, "ab", "");
	put_is(-3, "ab", "");
	/* A mark is with its letter, a third one is nowhere; none begins a text. */
	put_is(4,
		"e\xcc\x81\xcc\x82\xcc\x83\xcc\x84"
		"bcd",
		"e\xcc\x81\xcc\x82"
		"bcd");
	put_is(4,
		"\xcc\x81"
		"a",
		"a");
}
END_TEST

START_TEST(text_cannot_command_the_terminal)
{
	put_is(20, "a\033[2Jb\nc\td\x7f", "a?[2Jb?c?d?");
	put_is(20,
		"\xc2\x9b"
		"31m",
		"?31m");
	/* What turns the direction, what hides, and bytes that are no text. */
	put_is(20,
		"a\xe2\x80\xae"
		"b\xe2\x80\x8b"
		"c",
		"a?b?c");
	put_is(20,
		"a\xff\xc3"
		"b\xed\xa0\x80",
		"a??b???");
	put_is(20, "a\xc3", "a?");
}
END_TEST

START_TEST(without_a_locale_it_is_ascii)
{
	automatic(canvas) struct canvas c = { 0 };
	const uint64_t samples[] = { 0, 5, 10 };
	struct bar_part parts[] = { bar_private, bar_shared };

	ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C"));
	put_is(10, "0123456789a", "012345678.");
	put_is(10, "ö", "??");
	ck_assert_int_eq(canvas_resize(&c, 2, 20), 0);
	parts[0].value = parts[1].value = 4;
	bar_put(&c, 0, 0, 10, 10, parts, 2);
	row_is(&c, 0, "####====..");
	spark_put(&c, 1, 0, 5, 0, samples, 3, 0, 10);
	row_is(&c, 1, "  _+#");
}
END_TEST

START_TEST(nothing_is_written_outside)
{
	automatic(canvas) struct canvas c = { 0 };

	ck_assert_int_eq(canvas_resize(&c, 2, 5), 0);
	canvas_put(&c, 2, 0, 5, 0, "below");
	canvas_put(&c, -1, 0, 5, 0, "above");
	canvas_put(&c, 0, -1, 5, 0, "left");
	canvas_put(&c, 0, 5, 5, 0, "right");
	row_is(&c, 0, "");
	canvas_put(&c, 1, 3, 100, 0, "容容");
	row_is(&c, 1, "   …");
	canvas_put_right(&c, 0, 0, 5, 0, "ab");
	row_is(&c, 0, "   ab");
	ck_assert_uint_eq(c.n_overlaps, 0);
	canvas_put(&c, 0, 4, 1, 0, "c");
	ck_assert_uint_eq(c.n_overlaps, 1);
	/* Within limits, whatever a terminal says of itself. */
	ck_assert_int_eq(canvas_resize(&c, 0, -5), 0);
	ck_assert_int_eq(c.n_rows * c.n_columns, 1);
	ck_assert_int_eq(canvas_resize(&c, 65535, 65535), 0);
	ck_assert_int_eq(c.n_columns, CANVAS_COLUMNS_MAX);
}
END_TEST

static void bar_is(uint64_t private, uint64_t shared, uint64_t full, const char *expected)
{
	automatic(canvas) struct canvas c = { 0 };
	struct bar_part parts[] = { bar_private, bar_shared };

	ck_assert_int_eq(canvas_resize(&c, 1, 10), 0);
	parts[0].value = private;
	parts[1].value = shared;
	bar_put(&c, 0, 0, 10, full, parts, 2);
	row_is(&c, 0, expected);
	ck_assert_uint_eq(c.n_overlaps, 0);
}

START_TEST(bars_are_to_scale)
{
	bar_is(2, 3, 10, "██▒▒▒░░░░░");
	bar_is(10, 0, 10, "██████████");
	bar_is(0, 0, 10, "░░░░░░░░░░");
	/* A little is more than nothing, and too much is not more than all. */
	bar_is(1, 1, 1000000, "█▒░░░░░░░░");
	bar_is(900, 900, 1000, "█████████▒");
	bar_is(0, 0, 0, "░░░░░░░░░░");
	bar_is(UINT64_MAX / 2, UINT64_MAX / 2, UINT64_MAX, "█████▒▒▒▒▒");
}
END_TEST

START_TEST(lines_end_at_the_right)
{
	automatic(canvas) struct canvas c = { 0 };
	const uint64_t samples[] = { 9, 0, 1, 2, 3, 4, 5, 6, 7 };

	ck_assert_int_eq(canvas_resize(&c, 4, 12), 0);
	spark_put(&c, 0, 0, 8, 0, samples, 9, 0, 7);
	row_is(&c, 0, "▁▂▃▄▅▆▇█");
	spark_put(&c, 1, 1, 5, 0, samples, 2, 0, 9);
	row_is(&c, 1, "    █▁");
	/* No range, and values beyond it. */
	spark_put(&c, 2, 0, 3, 0, samples, 3, 5, 5);
	row_is(&c, 2, "▁▁▁");
	spark_put(&c, 3, 0, 3, 0, samples, 1, 0, 3);
	row_is(&c, 3, "  █");
	spark_put(&c, 3, 0, 0, 0, samples, 3, 0, 3);
	ck_assert_uint_eq(c.n_overlaps, 0);
}
END_TEST

#define N_MANY 40

/* Names that are long, wide, hostile, and figures of every length; partners and processes, too. */
static struct census many(void)
{
	static const char *const names[] = { "web",
		"a-name-of-a-container-that-has-no-end-at-all-in-it", "容器容器容器容器容器容器",
		"bad\033[2J\nname", "\xff\xfe", "e\xcc\x81" };
	struct census c = top_census(N_MANY);
	char name[128];

	for (size_t i = 0; i < N_MANY; i++) {
		snprintf(name, sizeof(name), "%s-%zu", names[i % 6], i);
		top_usage(&c, i, name, 1000 * i * i, 37 * i);
		c.usages[i].outside = top_bytes(MIB);
	}
	for (size_t i = 0; i < N_MANY * (N_MANY - 1) / 2; i++)
		c.shares[i] = (i + 1) * MIB;
	c.usages[1].unique.set = c.usages[1].shared.set = false;
	free(take(c.usages[2].kinds));
	c.processes = calloc(N_MANY, sizeof(*c.processes));
	c.n_processes = N_MANY;
	for (size_t i = 0; i < N_MANY; i++)
		c.processes[i] = (struct census_process){ .thing = i % 3,
			.pid = (pid_t)(4194304 - i),
			.command = strdup("a command with a long name and a \033 in it"),
			.unique = top_bytes(1023 * MIB),
			.private = top_bytes(i * MIB) };
	return c;
}

/* A page in a size: nothing overlaps, and whoever draws keeps within (canvas_put asserts it). */
static void draws(struct model *m, enum page page, int rows, int n_columns)
{
	automatic(canvas) struct canvas c = { 0 };
	struct view v = { .page = page, .interval_ms = 500, .took_ms = 12, .clock = "17:03:05" };

	ck_assert_int_eq(canvas_resize(&c, rows, n_columns), 0);
	for (int typing = 0; typing < 2; typing++) {
		v.is_typing = typing && page == PAGE_LIST;
		v.first = typing ? 1000 : 0;
		view_draw(&v, m, &c);
		ck_assert_msg(c.n_overlaps == 0, "page %d in %dx%d: %zu cells written twice", page,
			n_columns, rows, c.n_overlaps);
	}
}

START_TEST(pages_fit_any_size)
{
	static const enum page pages[] = { PAGE_LIST, PAGE_DETAIL, PAGE_HELP };
	automatic(model) struct model m = { .sorted = COLUMN_COST };
	struct census c = many();

	for (size_t p = 0; p < 3; p++)
		draws(&m, pages[p], 24, 80);
	ck_assert_int_eq(model_feed(&m, &c), 0);
	model_move(&m, 1000);
	for (int rows = 1; rows < 60; rows += rows < 10 ? 1 : 5)
		for (int n = 1; n < 200; n += n < 20 ? 1 : 7)
			for (size_t p = 0; p < 3; p++)
				draws(&m, pages[p], rows, n);
	model_filter(&m, "no such name");
	for (size_t p = 0; p < 3; p++)
		draws(&m, pages[p], 24, 80);
}
END_TEST

static void draw(struct canvas *c, struct model *m, enum page page, int rows, int n_columns)
{
	struct view v = { .page = page, .interval_ms = 3000, .took_ms = 12, .clock = "17:03:05" };

	ck_assert_int_eq(canvas_resize(c, rows, n_columns), 0);
	view_draw(&v, m, c);
}

START_TEST(the_list_in_eighty_columns)
{
	automatic(canvas) struct canvas c = { 0 };
	automatic(model) struct model m = { .sorted = COLUMN_COST };
	struct census census = top_census(2);

	top_usage(&census, 0, "web-1", 3, 38);
	top_usage(&census, 1, "database", 20, 2);
	ck_assert_int_eq(model_feed(&m, &census), 0);
	draw(&c, &m, PAGE_LIST, 24, 80);
	row_is(&c, 0,
		" cow top: 2 containers                                      every 3 s  17:03:05");
	row_is(&c, 1, " Exact. Read in 12 ms.");
	row_is(&c, 2, " 60.0 MiB in all, 135.0 MiB without sharing: 75.0 MiB saved (56 %)");
	row_is(&c, 5,
		" CONTAINER      PROCS    UNIQUE   PRIVATE    SHARED    KERNEL     COST▼ TREND");
	row_is(&c, 6,
		" database           2  22.0 MiB  20.0 MiB   2.0 MiB   1.0 MiB  21.0 MiB       █");
	row_is(&c, 7,
		" web-1              1  41.0 MiB   3.0 MiB  38.0 MiB   1.0 MiB   4.0 MiB       █");
	row_is(&c, 8, "");
	row_is(&c, 23,
		" Enter look into  / filter  < > order  Space pause  x exact  ? help  q quit");
}
END_TEST

START_TEST(one_container_in_eighty_columns)
{
	automatic(canvas) struct canvas c = { 0 };
	automatic(model) struct model m = { .sorted = COLUMN_NAME };
	struct census census = many();

	ck_assert_int_eq(model_feed(&m, &census), 0);
	while (strcmp(model_chosen(&m)->name, "web-0") != 0)
		model_move(&m, 1);
	draw(&c, &m, PAGE_DETAIL, 24, 80);
	row_is(&c, 0,
		" web-0: 1 process                                           every 3 s  17:03:05");
	ck_assert(canvas_shows(&c, "KIND         PRIVATE    SHARED    SHARES WITH"));
	ck_assert(canvas_shows(&c, "and "));
	ck_assert(canvas_shows(&c, "     PID    UNIQUE   PRIVATE    SHARED"));
	/* Of its processes that with the most of its own stands first. */
	ck_assert(canvas_shows(&c, " 4194265  1023 MiB  39.0 MiB"));
	draw(&c, &m, PAGE_DETAIL, 15, 60);
	ck_assert(canvas_shows(&c, "SHARES WITH"));
}
END_TEST

START_TEST(what_the_figures_are_worth_is_told)
{
	automatic(canvas) struct canvas c = { 0 };
	automatic(model) struct model m = { 0 };
	struct census census = top_census(1);

	draw(&c, &m, PAGE_LIST, 24, 80);
	ck_assert(canvas_shows(&c, "Reading ..."));
	ck_assert(!canvas_shows(&c, "No container runs."));
	top_usage(&census, 0, "a", 3, 38);
	census.exact = false;
	census.why = strdup("2 processes changed while being read");
	ck_assert_int_eq(model_feed(&m, &census), 0);
	draw(&c, &m, PAGE_LIST, 24, 80);
	row_is(&c, 1, " Not exact: 2 processes changed while being read. Read in 12 ms.");
	m.census.estimated = true;
	draw(&c, &m, PAGE_LIST, 24, 80);
	row_is(&c, 1, " Estimates: 2 processes changed while being read. Read in 12 ms.");
	ck_assert(canvas_shows(&c, "~41.0 MiB"));
	m.census.exact = true;
	m.census.n_frozen = 1;
	m.census.frozen_ns = 2340000;
	draw(&c, &m, PAGE_LIST, 24, 80);
	row_is(&c, 1, " Exact. Read in 12 ms, frozen for 2.3 ms.");
	ck_assert(canvas_shows(&c, "cow top: 1 container "));
	/* The host is a row and no container. */
	m.census.usages[0].is_host = true;
	draw(&c, &m, PAGE_LIST, 24, 80);
	ck_assert(canvas_shows(&c, "cow top: 0 containers "));
	struct view v = { .page = PAGE_LIST, .failure = "no container 'a'" };
	view_draw(&v, &m, &c);
	row_is(&c, 1, " no container 'a'");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_top_view");
	TCase *tests = tcase_create("view");

	tcase_add_checked_fixture(tests, use_utf8, NULL);
	tcase_add_test(tests, text_is_cut_by_the_width_of_its_characters);
	tcase_add_test(tests, text_cannot_command_the_terminal);
	tcase_add_test(tests, without_a_locale_it_is_ascii);
	tcase_add_test(tests, nothing_is_written_outside);
	tcase_add_test(tests, bars_are_to_scale);
	tcase_add_test(tests, lines_end_at_the_right);
	tcase_add_test(tests, pages_fit_any_size);
	tcase_add_test(tests, the_list_in_eighty_columns);
	tcase_add_test(tests, one_container_in_eighty_columns);
	tcase_add_test(tests, what_the_figures_are_worth_is_told);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
