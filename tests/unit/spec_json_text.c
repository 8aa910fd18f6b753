/* An object that is kept as text (FIELD_TEXT): found by its path alone, whole, and read later. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "spec/base/json.h"
#include "tests/unit/run.h"

struct inner {
	char *name;
	uint64_t n;
};

struct middle {
	struct json_text kept;
	uint64_t big;
};

struct thing {
	struct middle middle;
	char *text;
};

static const struct field inner_fields[] = {
	FIELD(struct inner, "name", FIELD_STRING, name),
	FIELD(struct inner, "n", FIELD_U64, n),
	{ 0 },
};

static const struct field middle_fields[] = {
	FIELD(struct middle, "kept", FIELD_TEXT, kept),
	FIELD(struct middle, "big", FIELD_U64, big),
	{ 0 },
};

static const struct field fields[] = {
	FIELD(struct thing, "middle", FIELD_OBJECT, middle, .inside = middle_fields),
	FIELD(struct thing, "text", FIELD_STRING, text),
	{ 0 },
};

static int read_thing(const char *text, struct thing *t, struct err *e)
{
	return json_read("doc", text, strlen(text), fields, t, &json_usual_limits, e);
}

/* What is kept of each document; NULL: nothing. */
static const struct {
	const char *text, *kept;
} rows[] = {
	{ "{\"middle\": {\"kept\": {\"a\": [1, {\"b\": \"}\"}]}}}",
		"{\"a\": [1, {\"b\": \"}\"}]}" },
	{ "{\"text\": \"x\", \"middle\" :\n{ \"kept\"\t:  {\"n\":1}\n, \"big\": 2}}", "{\"n\":1}" },
	{ "{\"middle\": {\"big\": 18446744073709551615, \"kept\": {\"n\": 18446744073709551614}}}",
		"{\"n\": 18446744073709551614}" },
	/* Elsewhere, or in a list, or as a text, it is another key. */
	{ "{\"kept\": {\"n\": 1}, \"middle\": {}}", NULL },
	{ "{\"other\": {\"middle\": {\"kept\": {\"n\": 1}}}}", NULL },
	{ "{\"other\": [\"middle\", {\"kept\": {\"n\": 1}}]}", NULL },
	{ "{\"other\": [{\"middle\": {\"kept\": {\"n\": 1}}}]}", NULL },
	{ "{\"middle\": {\"other\": {\"kept\": {\"n\": 1}}}}", NULL },
	{ "{\"text\": \"middle\", \"middle\": {\"other\": \"kept\", \"z\": {\"n\": 1}}}", NULL },
	{ "{\"text\": \"\\\"middle\\\": {\\\"kept\\\": {1}}\"}", NULL },
	/* Nothing asked for. */
	{ "{\"middle\": {\"kept\": null}}", NULL },
	{ "{\"middle\": {\"kept\": {}}}", NULL },
	{ "{\"middle\": {\"kept\": { \n }}}", NULL },
	{ "{\"middle\": {}}", NULL },
	{ "{}", NULL },
};

START_TEST(keeps)
{
	struct thing t = { 0 };
	struct err e = { 0 };

	ck_assert_msg(read_thing(rows[_i].text, &t, &e) == 0, "%s", e.text);
	if (rows[_i].kept) {
		ck_assert_str_eq(t.middle.kept.text, rows[_i].kept);
		ck_assert_uint_eq(t.middle.kept.len, strlen(rows[_i].kept));
	} else {
		ck_assert_ptr_null(t.middle.kept.text);
	}
	json_free(fields, &t);
	ck_assert_ptr_null(t.middle.kept.text);
}
END_TEST

START_TEST(values_around_it_are_read)
{
	automatic(str) struct str out = { 0 };
	struct thing t = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(read_thing("{\"middle\": {\"kept\": {\"n\": 7}, \"big\": "
				    "18446744073709551615}, \"text\": \"behind\"}",
				 &t, &e),
		0);
	ck_assert_uint_eq(t.middle.big, UINT64_MAX);
	ck_assert_str_eq(t.text, "behind");
	json_write(fields, &t, JSON_COMPACT, &out);
	ck_assert_str_eq(out.data,
		"{\"middle\":{\"kept\":{\"n\": 7},\"big\":18446744073709551615},\"text\":"
		"\"behind\"}");
	json_free(fields, &t);
}
END_TEST

static const struct {
	const char *text, *error;
} refusals[] = {
	{ "{\"middle\": {\"kept\": []}}", "middle.kept: expected an object, found a list" },
	{ "{\"middle\": {\"kept\": \"x\"}}", "middle.kept: expected an object, found 'x'" },
	{ "{\"middle\": {\"ke\\u0070t\": {\"n\": 1}}}",
		"middle.kept: its key must be written without escapes" },
	{ "{\"middle\": {\"kept\": {\"n\": 1}, \"kept\": {\"n\": 2}}}",
		"doc:1:31: duplicate object key near '\"kept\"'" },
	{ "{\"middle\": {\"kept\": {\"n\": 1}, \"ke\\u0070t\": {\"n\": 2}}}", NULL },
	/* Places behind it are those of the text. */
	{ "{\"middle\": {\"kept\": {\"n\": 1}},\n \"text\": oops}",
		"doc:2:10: invalid token near 'oops'" },
	{ "{\"middle\": {\"kept\": {\"n\": 1}", NULL },
	{ "{\"middle\": {\"kept\": {\"n\": 1", NULL },
	{ "{\"middle\": {\"kept\": {\"n\": 1]}", NULL },
};

START_TEST(refuses)
{
	struct thing t = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(read_thing(refusals[_i].text, &t, &e), -EINVAL);
	if (refusals[_i].error)
		ck_assert_str_eq(e.text, refusals[_i].error);
	ck_assert_ptr_null(t.middle.kept.text);
}
END_TEST

START_TEST(limits_hold_inside)
{
	struct json_limits few = json_usual_limits;
	struct thing t = { 0 };
	struct err e = { 0 };
	const char *text = "{\"middle\": {\"kept\": {\"a\": [[[[1]]]], \"b\": [1, 2, 3, 4, 5]}}}";

	few.depth = 6;
	ck_assert_int_eq(json_read("doc", text, strlen(text), fields, &t, &few, &e), -EFBIG);
	ck_assert_str_eq(e.text, "doc:1:30: nested deeper than 6");
	few = json_usual_limits;
	few.values = 12;
	ck_assert_int_eq(json_read("doc", text, strlen(text), fields, &t, &few, &e), -EFBIG);
}
END_TEST

static const struct {
	const char *text, *error;
} later[] = {
	{ "{\"name\": \"x\", \"n\": 18446744073709551615}", NULL },
	{ "{\"n\": -1}", "a.b.n: -1 is out of range (0 to 18446744073709551615)" },
	{ "{\"n\": 1,\n\"name\" \"x\"}", "a.b:2:8: ':' expected near '\"x\"'" },
	{ "{\"n\": 1]", "a.b:1:8: '}' expected near ']'" },
	{ "{\"n\": 1, \"n\": 2}", "a.b:1:10: duplicate object key near '\"n\"'" },
};

START_TEST(is_read_later)
{
	struct json_text text = { (char *)later[_i].text, strlen(later[_i].text) };
	struct inner in = { 0 };
	struct err e = { 0 };
	int r = json_read_text("a.b", &text, inner_fields, &in, &json_usual_limits, &e);

	ck_assert_str_eq(r < 0 ? e.text : "", later[_i].error ? later[_i].error : "");
	if (r == 0) {
		ck_assert_str_eq(in.name, "x");
		ck_assert_uint_eq(in.n, UINT64_MAX);
	}
	json_free(inner_fields, &in);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_json_text");
	TCase *cases = tcase_create("texts");

	tcase_add_loop_test(cases, keeps, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(cases, values_around_it_are_read);
	tcase_add_loop_test(cases, refuses, 0, (int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_test(cases, limits_hold_inside);
	tcase_add_loop_test(cases, is_read_later, 0, (int)(sizeof(later) / sizeof(later[0])));
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
