/* The state document: what hooks and engines read. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "spec/state.h"
#include "tests/unit/run.h"

static struct string_pair annotations[] = { { (char *)"k/x", (char *)"v" } };

static const struct state_doc running = { .version = (char *)"1.3.0",
	.id = (char *)"web",
	.status = STATE_RUNNING,
	.pid = 4219,
	.bundle = (char *)"/b",
	.annotations = annotations,
	.n_annotations = 1 };

/* Slashes bare and no line breaks: hook scripts take it apart with simple tools. */
START_TEST(writes_for_hooks)
{
	automatic(str) struct str out = { 0 };

	state_write(&running, JSON_COMPACT, &out);
	ck_assert_str_eq(out.data,
		"{\"ociVersion\":\"1.3.0\",\"id\":\"web\",\"pid\":4219,\"status\":\"running\","
		"\"bundle\":\"/b\",\"annotations\":{\"k/x\":\"v\"}}");
}
END_TEST

/* The child knows its pid and has no JSON writer: it adds the number and the brace. */
START_TEST(writes_head_for_the_child)
{
	automatic(str) struct str out = { 0 };
	automatic(state_doc) struct state_doc s = { 0 };
	struct err e = { 0 };

	state_write_head(&running, &out);
	str_add(&out, "17}");
	ck_assert_msg(state_parse("state", out.data, out.len, &s, &e) == 0, "%s", e.text);
	ck_assert_int_eq(s.pid, 17);
	ck_assert_str_eq(s.annotations[0].value, "v");
}
END_TEST

START_TEST(writes_for_engines)
{
	struct state_doc s = running;
	automatic(str) struct str out = { 0 };

	s.status = STATE_STOPPED;
	s.pid = 0;
	s.n_annotations = 0;
	s.rootfs = (char *)"/b/rootfs";
	s.created = (char *)"2026-01-02T03:04:05.000000006Z";
	s.owner = (char *)"root";
	state_write(&s, JSON_INDENTED, &out);
	ck_assert_str_eq(out.data,
		"{\n\t\"ociVersion\": \"1.3.0\",\n\t\"id\": \"web\",\n\t\"pid\": 0,\n"
		"\t\"status\": \"stopped\",\n\t\"bundle\": \"/b\",\n\t\"rootfs\": \"/b/rootfs\",\n"
		"\t\"created\": \"2026-01-02T03:04:05.000000006Z\",\n\t\"owner\": \"root\"\n}");
}
END_TEST

START_TEST(writes_lists)
{
	const struct state_doc two[] = { running, running };
	automatic(str) struct str one = { 0 }, all = { 0 }, none = { 0 }, expect = { 0 };

	state_write(&running, JSON_COMPACT, &one);
	str_addf(&expect, "[%s,%s]", one.data, one.data);
	state_list_write(two, 2, JSON_COMPACT, &all);
	ck_assert_str_eq(all.data, expect.data);
	state_list_write(NULL, 0, JSON_COMPACT, &none);
	ck_assert_str_eq(none.data, "[]");
}
END_TEST

START_TEST(reads_what_it_writes)
{
	automatic(str) struct str out = { 0 }, again = { 0 };
	automatic(state_doc) struct state_doc s = { 0 };
	struct err e = { 0 };

	state_write(&running, JSON_INDENTED, &out);
	ck_assert_msg(state_parse("state", out.data, out.len, &s, &e) == 0, "%s", e.text);
	state_write(&s, JSON_INDENTED, &again);
	ck_assert_str_eq(again.data, out.data);
}
END_TEST

START_TEST(refuses_damage)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "", "state: empty document" },
		{ "{\"ociVersion\":\"1.0\",\"id\":\"a\"",
			"state:1:29: '}' expected near end of file" },
		{ "{\"ociVersion\":\"1.0\",\"id\":\"a\"}", "status: missing" },
		{ "{\"ociVersion\":\"1.0\",\"id\":\"a\",\"status\":\"dead\"}",
			"status: 'dead' is unknown (known: creating, created, running, paused, "
			"stopped)" },
	};
	struct state_doc s = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(
		state_parse("state", rows[_i].text, strlen(rows[_i].text), &s, &e), -EINVAL);
	ck_assert_str_eq(e.text, rows[_i].error);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_state");
	TCase *cases = tcase_create("state");

	tcase_add_test(cases, writes_for_hooks);
	tcase_add_test(cases, writes_head_for_the_child);
	tcase_add_test(cases, writes_for_engines);
	tcase_add_test(cases, writes_lists);
	tcase_add_test(cases, reads_what_it_writes);
	tcase_add_loop_test(cases, refuses_damage, 0, 4);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
