/* Field tables: what json_read() takes and refuses, what json_write() makes of it, who frees. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/json.h"
#include "spec/base/opt.h"
#include "tests/unit/run.h"

struct inner {
	char *name;
	uint32_t n;
};

struct keyed {
	char *key, *word;
};

struct thing {
	char *text;
	bool flag, seen;
	int32_t i32;
	uint32_t u32;
	uint64_t u64;
	int color;
	struct opt_bool opt_bool;
	struct opt_i64 opt_i64;
	struct opt_u64 opt_u64;
	struct inner in, *pointer, *list;
	char **words, **keys;
	uint64_t *numbers;
	int *colors;
	struct string_pair *map;
	struct keyed *named;
	size_t n_named, n_list, n_words, n_keys, n_numbers, n_colors, n_map;
};

static const struct enum_name colors[] = { { "red", 1 }, { "green", 2 }, { 0 } };

static const struct field inner_fields[] = {
	FIELD(struct inner, "name", FIELD_STRING, name, .must = true),
	FIELD(struct inner, "n", FIELD_U32, n),
	{ 0 },
};

static const struct field keyed_fields[] = {
	FIELD(struct keyed, "words", FIELD_STRING, word),
	{ 0 },
};

static const struct field fields[] = {
	FIELD(struct thing, "text", FIELD_STRING, text),
	FIELD(struct thing, "flag", FIELD_BOOL, flag),
	FIELD(struct thing, "i32", FIELD_I32, i32),
	FIELD(struct thing, "u32", FIELD_U32, u32),
	FIELD(struct thing, "u64", FIELD_U64, u64),
	FIELD(struct thing, "color", FIELD_ENUM, color, .names = colors),
	FIELD(struct thing, "optBool", FIELD_OPT_BOOL, opt_bool),
	FIELD(struct thing, "optI64", FIELD_OPT_I64, opt_i64),
	FIELD(struct thing, "optU64", FIELD_OPT_U64, opt_u64),
	{ .name = "in",
		.kind = FIELD_OBJECT,
		.offset = offsetof(struct thing, in),
		.inside = inner_fields },
	FIELD(struct thing, "pointer", FIELD_OBJECT_PTR, pointer, .inside = inner_fields,
		.size = sizeof(struct inner)),
	FIELD_LIST(struct thing, "list", FIELD_OBJECT, list, n_list, .inside = inner_fields,
		.size = sizeof(struct inner)),
	FIELD_LIST(struct thing, "words", FIELD_STRING, words, n_words),
	FIELD_LIST(struct thing, "numbers", FIELD_U64, numbers, n_numbers),
	FIELD_LIST(struct thing, "colors", FIELD_ENUM, colors, n_colors, .names = colors),
	FIELD_LIST(struct thing, "map", FIELD_MAP, map, n_map),
	FIELD_LIST(struct thing, "keys", FIELD_KEYS, keys, n_keys),
	FIELD_LIST(struct thing, "named", FIELD_OBJECT_MAP, named, n_named, .inside = keyed_fields,
		.size = sizeof(struct keyed)),
	FIELD(struct thing, "seen", FIELD_PRESENT, seen),
	{ 0 },
};

static void thing_done(struct thing *t)
{
	json_free(fields, t);
}
DEFINE_AUTO(thing, thing_done)

static int read_text(const char *text, struct thing *ret, struct err *e)
{
	return json_read("doc", text, strlen(text), fields, ret, &json_usual_limits, e);
}

static void check_read(const char *text, struct thing *ret)
{
	struct err e = { 0 };

	ck_assert_msg(read_text(text, ret, &e) == 0, "%s: %s", text, e.text);
}

static void check_refused(const char *text, const char *expect)
{
	static const struct thing zero;
	struct thing t = { 0 };
	struct err e = { 0 };

	ck_assert_msg(read_text(text, &t, &e) < 0, "taken: %s", text);
	ck_assert_str_eq(e.text, expect);
	/* Freed and zeroed: nothing half read is left behind. */
	ck_assert_mem_eq(&t, &zero, sizeof(t));
}

static const char all[] =
	"{\"text\":\"a\",\"flag\":true,\"i32\":-2147483648,\"u32\":4294967295,"
	"\"u64\":18446744073709551615,\"color\":\"green\",\"optBool\":false,\"optI64\":-1,"
	"\"optU64\":0,\"in\":{\"name\":\"x\",\"n\":1},\"pointer\":{\"name\":\"y\"},"
	"\"list\":[{\"name\":\"b\"},{\"name\":\"c\",\"n\":2}],\"words\":[\"\",\"w\"],"
	"\"numbers\":[0,9223372036854775807,9223372036854775808],\"colors\":[\"red\",\"red\"],"
	"\"map\":{\"z\":\"1\",\"a\":\"2\"},\"keys\":{\"80/tcp\":{},\"a\":{}},"
	"\"named\":{\"b\":{\"words\":\"x\"},\"a\":{}}}";

START_TEST(reads_every_kind)
{
	automatic(thing) struct thing t = { 0 };

	check_read(all, &t);
	ck_assert_str_eq(t.text, "a");
	ck_assert(t.flag);
	ck_assert_int_eq(t.i32, INT32_MIN);
	ck_assert_uint_eq(t.u32, UINT32_MAX);
	ck_assert_uint_eq(t.u64, UINT64_MAX);
	ck_assert_int_eq(t.color, 2);
	ck_assert(t.opt_bool.set && !t.opt_bool.value);
	ck_assert(t.opt_i64.set && t.opt_i64.value == -1);
	ck_assert(t.opt_u64.set && t.opt_u64.value == 0);
	ck_assert_str_eq(t.in.name, "x");
	ck_assert_str_eq(t.pointer->name, "y");
	ck_assert_uint_eq(t.n_list, 2);
	ck_assert_uint_eq(t.list[1].n, 2);
	ck_assert_uint_eq(t.n_words, 2);
	ck_assert_ptr_null(t.words[2]);
	ck_assert_uint_eq(t.numbers[1], INT64_MAX);
	ck_assert_uint_eq(t.numbers[2], (uint64_t)INT64_MAX + 1);
	ck_assert_uint_eq(t.n_colors, 2);
	/* In document order, not in that of a hash. */
	ck_assert_str_eq(t.map[0].key, "z");
	ck_assert_str_eq(t.map[1].value, "2");
	ck_assert_str_eq(t.keys[0], "80/tcp");
	ck_assert_ptr_null(t.keys[2]);
	ck_assert_uint_eq(t.n_named, 2);
	ck_assert_str_eq(t.named[0].key, "b");
	ck_assert_str_eq(t.named[0].word, "x");
	ck_assert_str_eq(t.named[1].key, "a");
	ck_assert_ptr_null(t.named[1].word);
}
END_TEST

START_TEST(writes_what_it_reads)
{
	automatic(thing) struct thing t = { 0 };
	automatic(str) struct str out = { 0 };

	check_read(all, &t);
	json_write(fields, &t, JSON_COMPACT, &out);
	ck_assert_str_eq(out.data, all);
}
END_TEST

START_TEST(leaves_absent_values_out)
{
	static const struct thing zero;
	automatic(str) struct str out = { 0 };

	json_write(fields, &zero, JSON_INDENTED, &out);
	ck_assert_str_eq(out.data, "{}");
}
END_TEST

START_TEST(indents)
{
	automatic(thing) struct thing t = { 0 };
	automatic(str) struct str out = { 0 };

	check_read("{\"words\": [\"a\"], \"in\": {\"name\": \"b\"}}", &t);
	json_write(fields, &t, JSON_INDENTED, &out);
	ck_assert_str_eq(out.data,
		"{\n\t\"in\": {\n\t\t\"name\": \"b\"\n\t},\n\t\"words\": [\n\t\t\"a\"\n\t]\n}");
}
END_TEST

START_TEST(absent_and_null_are_one)
{
	automatic(thing) struct thing t = { .u32 = 7, .flag = true };

	check_read("{\"text\": null, \"list\": null, \"map\": null, \"seen\": null, \"u32\": null}",
		&t);
	ck_assert_ptr_null(t.text);
	ck_assert_ptr_null(t.list);
	ck_assert(!t.seen);
	/* Defaults stay. */
	ck_assert_uint_eq(t.u32, 7);
	ck_assert(t.flag);
}
END_TEST

START_TEST(reading_again_replaces)
{
	automatic(thing) struct thing t = { 0 };

	check_read(all, &t);
	check_read("{\"text\": \"new\", \"words\": [], \"map\": {\"k\": \"v\"}, \"list\": []}", &t);
	ck_assert_str_eq(t.text, "new");
	ck_assert_uint_eq(t.n_words, 0);
	ck_assert_ptr_nonnull(t.words);
	ck_assert_uint_eq(t.n_map, 1);
	ck_assert_uint_eq(t.n_list, 0);
	ck_assert_uint_eq(t.n_colors, 2);
}
END_TEST

START_TEST(present_means_asked_for)
{
	static const struct {
		const char *text;
		bool seen;
	} rows[] = {
		{ "{}", false },
		{ "{\"seen\": {}}", false },
		{ "{\"seen\": []}", false },
		{ "{\"seen\": {\"a\": 1}}", true },
		{ "{\"seen\": [0]}", true },
		{ "{\"seen\": false}", true },
		{ "{\"seen\": \"\"}", true },
	};
	automatic(thing) struct thing t = { 0 };

	check_read(rows[_i].text, &t);
	ck_assert_int_eq(t.seen, rows[_i].seen);
}
END_TEST

static const struct {
	const char *text, *error;
} refusals[] = {
	{ "{\"text\": 1}", "text: expected a string, found 1" },
	{ "{\"text\": \"a?\\u001b\", \"u32\": \"\\u001b[31m\"}",
		"u32: expected an integer, found '?[31m'" },
	{ "{\"flag\": 0}", "flag: expected true or false, found 0" },
	{ "{\"i32\": 2147483648}", "i32: 2147483648 is out of range (-2147483648 to 2147483647)" },
	{ "{\"i32\": 1.0}", "i32: must be an integer" },
	{ "{\"u32\": 1e2}", "u32: must be an integer" },
	{ "{\"u32\": 0.0, \"u64\": 18446744073709551615}", "u32: must be an integer" },
	{ "{\"u32\": 0.5, \"u64\": 18446744073709551615}", "u32: must be an integer" },
	{ "{\"u32\": 4294967296}", "u32: 4294967296 is out of range (0 to 4294967295)" },
	{ "{\"u64\": -1}", "u64: -1 is out of range (0 to 18446744073709551615)" },
	{ "{\"text\": 18446744073709551615}",
		"text: expected a string, found 18446744073709551615" },
	{ "{\"optI64\": 9223372036854775808}",
		"optI64: 9223372036854775808 is out of range (-9223372036854775808 to "
		"9223372036854775807)" },
	{ "{\"color\": \"blue\"}", "color: 'blue' is unknown (known: red, green)" },
	{ "{\"color\": 1}", "color: expected a string, found 1" },
	{ "{\"in\": []}", "in: expected an object, found a list" },
	{ "{\"in\": {}}", "in.name: missing" },
	{ "{\"pointer\": {\"n\": 1}}", "pointer.name: missing" },
	{ "{\"list\": [{\"name\": \"a\"}, {\"name\": null}]}", "list[1].name: missing" },
	{ "{\"list\": [{\"name\": \"a\"}, null]}", "list[1]: expected an object, found null" },
	{ "{\"list\": {}}", "list: expected a list, found an object" },
	{ "{\"numbers\": [1, 2, -3]}",
		"numbers[2]: -3 is out of range (0 to 18446744073709551615)" },
	{ "{\"map\": {\"a\": \"b\", \"c.d\": []}}", "map['c.d']: expected a string, found a list" },
	{ "{\"keys\": [\"a\"]}", "keys: expected an object, found a list" },
	{ "{\"named\": [\"a\"]}", "named: expected an object, found a list" },
	{ "{\"named\": {\"a\": 1}}", "named['a']: expected an object, found 1" },
	{ "{\"named\": {\"a\": {\"words\": 1}}}", "named['a'].words: expected a string, found 1" },
	{ "{\"text\": \"a\", \"words\": [\"b\", \"c\", true]}",
		"words[2]: expected a string, found true" },
	{ "{\"text\": [1, 2}", "doc:1:15: ']' expected near '}'" },
	{ "{\n\t\"text\":\n\t\t\"\xc3\xa4\xc3\xb6\" x}", "doc:3:8: '}' expected near 'x'" },
};

START_TEST(refuses)
{
	check_refused(refusals[_i].text, refusals[_i].error);
}
END_TEST

START_TEST(strict_limits_refuse_keys_that_nobody_knows)
{
	const struct json_limits strict = {
		.bytes = 1000, .depth = 9, .values = 99, .strict = true
	};
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "{\"text\": \"a\", \"texts\": 1}", "texts: unknown key" },
		{ "{\"list\": [{\"name\": \"a\"}, {\"name\": \"b\", \"m\": 1}]}",
			"list[1].m: unknown key" },
		{ "{\"map\": {\"any\": \"x\"}, \"keys\": {\"any\": {}}}", NULL },
	};
	automatic(thing) struct thing t = { 0 };
	struct err e = { 0 };
	int r = json_read("doc", rows[_i].text, strlen(rows[_i].text), fields, &t, &strict, &e);

	ck_assert_int_eq(r, rows[_i].error ? -EINVAL : 0);
	if (rows[_i].error)
		ck_assert_str_eq(e.text, rows[_i].error);
}
END_TEST

START_TEST(bounds_size_depth_and_count)
{
	const struct json_limits limits = { .bytes = 20, .depth = 2, .values = 4 };
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "{\"x\":[[1]]}", "doc:1:7: nested deeper than 2" },
		{ "{\"x\":[1,2,3,4,5,6]}", "doc:1:10: the number of values exceeds 4" },
		{ "{\"x\":                }", "doc: 22 bytes, more than the 20 allowed" },
	};
	struct thing t = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(
		json_read("doc", rows[_i].text, strlen(rows[_i].text), fields, &t, &limits, &e),
		-EFBIG);
	ck_assert_str_eq(e.text, rows[_i].error);
}
END_TEST

START_TEST(allows_what_is_just_within)
{
	const struct json_limits limits = { .bytes = 19, .depth = 3, .values = 8 };
	struct thing t = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(json_read("doc", "{\"x\":[[1,2,3],\"[[[\"]}", 19, fields, &t, &limits, &e),
		-EINVAL);
	ck_assert_int_eq(
		json_read("doc", "{\"x\":[[1,2,\"[[[\"]]}", 19, fields, &t, &limits, &e), 0);
}
END_TEST

START_TEST(stops_at_too_many_values)
{
	automatic(str) struct str text = { 0 };
	struct thing t = { 0 };
	struct err e = { 0 };

	str_add(&text, "{\"numbers\":[0");
	for (size_t i = 0; i < json_usual_limits.values; i++)
		str_add(&text, ",1");
	str_add(&text, "]}");
	ck_assert_int_eq(read_text(text.data, &t, &e), -EFBIG);
}
END_TEST

START_TEST(needs_no_terminator)
{
	static const char text[] = { '{', '"', 'u', '3', '2', '"', ':', '7', '}' };
	automatic(thing) struct thing t = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(
		json_read("doc", text, sizeof(text), fields, &t, &json_usual_limits, &e), 0);
	ck_assert_uint_eq(t.u32, 7);
	ck_assert_int_eq(json_read("doc", text, 0, fields, &t, &json_usual_limits, &e), -EINVAL);
	ck_assert_str_eq(e.text, "doc: empty document");
}
END_TEST

START_TEST(lists_at_the_top)
{
	static const struct field list[] = {
		FIELD_LIST(struct thing, "list", FIELD_OBJECT, list, n_list, .inside = inner_fields,
			.size = sizeof(struct inner)),
		{ 0 },
	};
	static const char text[] = "[{\"name\":\"a\"},{\"name\":\"b\",\"n\":3}]";
	automatic(thing) struct thing t = { 0 };
	automatic(str) struct str out = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(
		json_read_list("doc", text, strlen(text), list, &t, &json_usual_limits, &e), 0);
	json_write_list(list, &t, JSON_COMPACT, &out);
	ck_assert_str_eq(out.data, text);
	ck_assert_int_eq(
		json_read_list("doc", "[{}]", 4, list, &t, &json_usual_limits, &e), -EINVAL);
	ck_assert_str_eq(e.text, "[0].name: missing");
	ck_assert_int_eq(json_read_list("doc", "{}", 2, list, &t, &json_usual_limits, &e), -EINVAL);
	ck_assert_str_eq(e.text, "doc: expected a list, found an object");
	out.len = 0;
	json_write_list(list, &t, JSON_INDENTED, &out);
	ck_assert_str_eq(out.data, "[]");
}
END_TEST

START_TEST(writes_strings_that_can_be_read)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ "plain", "\"plain\"" }, { "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\n\t\r\x01", "\"\\n\\t\\u000d\\u0001\"" }, { "a/b\x7f", "\"a/b\\u007f\"" },
		{ "a\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", /* C1, and what follows it */
			"\"a\\u0080\\u009b\\u009f\xc2\xa0\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
			"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xff\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* no UTF-8 */
		{ "\xc3", "\"\xef\xbf\xbd\"" },					/* cut off */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
	};
	automatic(str) struct str out = { 0 };
	automatic(thing) struct thing t = { 0 };
	automatic(str) struct str document = { 0 };

	json_write_string(rows[_i].text, &out);
	ck_assert_str_eq(out.data, rows[_i].json);
	str_addf(&document, "{\"text\": %s}", out.data);
	check_read(document.data, &t);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_json");
	TCase *cases = tcase_create("fields");

	tcase_add_test(cases, reads_every_kind);
	tcase_add_test(cases, writes_what_it_reads);
	tcase_add_test(cases, leaves_absent_values_out);
	tcase_add_test(cases, indents);
	tcase_add_test(cases, absent_and_null_are_one);
	tcase_add_test(cases, reading_again_replaces);
	tcase_add_loop_test(cases, present_means_asked_for, 0, 7);
	tcase_add_loop_test(cases, refuses, 0, (int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_loop_test(cases, strict_limits_refuse_keys_that_nobody_knows, 0, 3);
	tcase_add_loop_test(cases, bounds_size_depth_and_count, 0, 3);
	tcase_add_test(cases, allows_what_is_just_within);
	tcase_add_test(cases, stops_at_too_many_values);
	tcase_add_test(cases, needs_no_terminator);
	tcase_add_test(cases, lists_at_the_top);
	tcase_add_loop_test(cases, writes_strings_that_can_be_read, 0, 8);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
