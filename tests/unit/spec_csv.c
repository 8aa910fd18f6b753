/* CSV by field tables: quoting, what is not known, what has no column. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/csv.h"
#include "spec/base/opt.h"
#include "tests/unit/run.h"

struct kind {
	struct opt_u64 n;
};

struct thing {
	char *name;
	bool flag;
	struct opt_u64 bytes;
	int32_t below;
	int color;
	struct kind in, *pointer;
	char **words;
	size_t n_words;
};

struct things {
	struct thing *v;
	size_t n;
};

static const struct enum_name colors[] = { { "red", 1 }, { 0 } };

static const struct field kind_fields[] = {
	FIELD(struct kind, "n", FIELD_OPT_U64, n, .always = true),
	{ 0 },
};

static const struct field thing_fields[] = {
	FIELD(struct thing, "name", FIELD_STRING, name),
	FIELD(struct thing, "flag", FIELD_BOOL, flag),
	FIELD(struct thing, "bytes", FIELD_OPT_U64, bytes),
	FIELD_LIST(struct thing, "words", FIELD_STRING, words, n_words),
	FIELD(struct thing, "below", FIELD_I32, below),
	FIELD(struct thing, "color", FIELD_ENUM, color, .names = colors),
	FIELD(struct thing, "", FIELD_OBJECT, in, .inside = kind_fields),
	FIELD(struct thing, "pointer", FIELD_OBJECT_PTR, pointer, .inside = kind_fields,
		.size = sizeof(struct kind)),
	{ 0 },
};

static const struct field list = FIELD_LIST(struct things, "things", FIELD_OBJECT, v, n,
	.inside = thing_fields, .size = sizeof(struct thing));

#define HEADER "name,flag,bytes,below,color,n,pointer.n\n"

static void writes(struct thing *v, size_t n, const char *expected)
{
	automatic(str) struct str out = { 0 };
	struct things things = { v, n };

	csv_write_list(&list, &things, &out);
	ck_assert(str_ok(&out));
	ck_assert_str_eq(out.data, expected);
}

START_TEST(one_row_a_struct_and_the_keys_above)
{
	struct kind kind = { { true, UINT64_MAX } };
	char *word = NULL;
	struct thing things[] = {
		{ .name = (char *)"web-1",
			.flag = true,
			.bytes = { true, 4096 },
			.below = -1,
			.color = 1,
			.in = { { true, 0 } },
			.pointer = &kind,
			.words = &word,
			.n_words = 1 },
		{ 0 },
	};

	writes(NULL, 0, HEADER);
	writes(things, 2,
		HEADER "web-1,true,4096,-1,red,0,18446744073709551615\n"
		       ",false,,0,,,\n");
}
END_TEST

START_TEST(what_would_end_a_field_is_quoted)
{
	static const struct {
		const char *name, *field;
	} rows[] = {
		{ "plain words", "plain words" },
		{ "a,b", "\"a,b\"" },
		{ "say \"so\"", "\"say \"\"so\"\"\"" },
		{ "two\nlines", "\"two\nlines\"" },
		{ "a\r", "\"a\r\"" },
		{ "h\xc3\xa9", "h\xc3\xa9" },
		{ "\033[2J\177\xc2\x9b", "?[2J??" },
		{ "a\xe2\x80\xae\xe2\x81\xa6z", "a??z" }, /* directions of writing */
		/* No UTF-8. */
		{ "\xff\xc2", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct thing thing = { .name = (char *)rows[i].name };
		autofree char *expected = str_format(HEADER "%s,false,,0,,,\n", rows[i].field);
		writes(&thing, 1, expected);
	}
}
END_TEST

/* Spreadsheets compute what begins so, and could be told to run programs. */
START_TEST(no_name_is_a_formula)
{
	static const struct {
		const char *name, *field;
	} rows[] = {
		{ "=1+2", "'=1+2" },
		{ "+1", "'+1" },
		{ "-1", "'-1" },
		{ "@SUM(A1)", "'@SUM(A1)" },
		{ "=HYPERLINK(\"a\",\"b\")", "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\"" },
		{ "\t=1", "'\t=1" },
		{ "\r=1", "\"'\r=1\"" },
		{ "a=1", "a=1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* Numbers stay what they are. */
		struct thing thing = { .name = (char *)rows[i].name, .below = -1 };
		autofree char *expected = str_format(HEADER "%s,false,,-1,,,\n", rows[i].field);
		writes(&thing, 1, expected);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_csv");
	TCase *tests = tcase_create("csv");

	tcase_add_test(tests, one_row_a_struct_and_the_keys_above);
	tcase_add_test(tests, what_would_end_a_field_is_quoted);
	tcase_add_test(tests, no_name_is_a_formula);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
