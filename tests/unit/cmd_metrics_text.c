/* OpenMetrics text of a census that never was, and addresses. */
#include <check.h>

#include "cmd/metrics/address.h"
#include "cmd/metrics/text.h"
#include "tests/unit/run.h"
#include "tests/unit/top.h"

static char *text_of(const struct census *c, bool pairs)
{
	automatic(str) struct str s = { 0 };
	struct metrics m = { .census = c, .seconds = 0.25, .n_censuses = 7, .pairs = pairs };

	ck_assert_int_eq(metrics_text(&m, &s), 0);
	return take(s.data);
}

static void has(const char *text, const char *expected)
{
	ck_assert_msg(strstr(text, expected) != NULL, "'%s' is not in %s", expected, text);
}

static void lacks(const char *text, const char *unexpected)
{
	ck_assert_msg(strstr(text, unexpected) == NULL, "'%s' is in %s", unexpected, text);
}

START_TEST(every_figure_has_its_line)
{
	automatic(census) struct census c = top_census(2);

	top_usage(&c, 0, "web", 3, 38);
	top_usage(&c, 1, "python", 2, 38);
	c.usages[1].is_template = true;
	c.usages[0].limit = top_bytes(64 * MIB);
	c.usages[1].limit = top_bytes(UINT64_MAX);
	autofree char *text = text_of(&c, false);
	has(text,
		"# TYPE cow_container_unique_bytes gauge\n# UNIT cow_container_unique_bytes bytes\n"
		"# HELP cow_container_unique_bytes page frames that its processes map, each once\n"
		"cow_container_unique_bytes{name=\"web\"} 42991616\n"
		"cow_container_unique_bytes{name=\"python\"} 41943040\n# TYPE ");
	has(text, "\ncow_container_info{name=\"web\",role=\"container\"} 1\n");
	has(text, "\ncow_container_info{name=\"python\",role=\"template\"} 1\n");
	has(text, "\ncow_container_kind_private_bytes{name=\"web\",kind=\"anon\"} 3145728\n");
	has(text, "\ncow_container_kind_shared_bytes{name=\"web\",kind=\"file\"} 39845888\n");
	has(text, "\ncow_container_processes{name=\"python\"} 2\n");
	has(text, "\ncow_union_bytes 62914560\n");
	has(text, "\ncow_census_exact 1\n");
	has(text, "\ncow_census_duration_seconds 0.250000\n");
	has(text, "# TYPE cow_censuses counter\n");
	has(text, "\ncow_censuses_total 7\n# EOF\n");
	/* What is not known is absent; no limit is none. */
	has(text, "# TYPE cow_container_charged_bytes gauge\n");
	lacks(text, "\ncow_container_charged_bytes{");
	has(text, "\ncow_container_limit_bytes{name=\"web\"} 67108864\n");
	lacks(text, "cow_container_limit_bytes{name=\"python\"}");
	lacks(text, "shared_with_bytes");
}
END_TEST

START_TEST(labels_are_escaped)
{
	automatic(census) struct census c = top_census(2);

	top_usage(&c, 0, "a\"b\\c\nd,id=\"x\"", 3, 38);
	top_usage(&c, 1, "\xff-\xe5\xae\xb9", 2, 38);
	c.shares[0] = 5;
	autofree char *text = text_of(&c, true);
	has(text, "{name=\"a\\\"b\\\\c\\nd,id=\\\"x\\\"\"} 3145728\n");
	has(text, "{name=\"\xef\xbf\xbd-\xe5\xae\xb9\"} 2097152\n");
	has(text, "\ncow_container_shared_with_bytes{name=\"\xef\xbf\xbd-\xe5\xae\xb9\","
		  "with=\"a\\\"b\\\\c\\nd,id=\\\"x\\\"\"} 5\n");
}
END_TEST

START_TEST(no_two_have_the_same_labels)
{
	automatic(census) struct census c = top_census(4);

	for (size_t i = 0; i < 4; i++)
		top_usage(&c, i, "web", i + 1, 38);
	free(c.usages[1].id);
	c.usages[1].id = strdup("podman-1234");
	c.shares[0] = 9;
	autofree char *text = text_of(&c, true);
	has(text, "\ncow_container_private_bytes{name=\"web\"} 1048576\n");
	has(text, "\ncow_container_private_bytes{name=\"web\",id=\"podman-1234\"} 2097152\n");
	has(text, "\ncow_container_private_bytes{name=\"web\",id=\"web#2\"} 3145728\n");
	has(text, "\ncow_container_private_bytes{name=\"web\",id=\"web#3\"} 4194304\n");
	has(text, "\ncow_container_shared_with_bytes{name=\"web\",with=\"web\","
		  "with_id=\"podman-1234\"} 9\n");
	has(text, "\ncow_container_shared_with_bytes{name=\"web\",id=\"podman-1234\",with=\"web\"} "
		  "9\n");
}
END_TEST

START_TEST(of_nothing_there_are_the_sums)
{
	automatic(census) struct census c = top_census(0);

	c.union_bytes = c.saved_bytes = c.unshared_bytes = top_bytes(0);
	autofree char *text = text_of(&c, true);
	has(text, "\ncow_union_bytes 0\n");
	has(text, "\n# EOF\n");
	lacks(text, "{");
}
END_TEST

static void is_refused(const char *text, const char *why)
{
	struct address a;
	struct err e;

	ck_assert_int_eq(address_parse(text, &a, &e), -ERR_USAGE);
	ck_assert_msg(strstr(e.text, why) != NULL, "'%s': %s", text, e.text);
}

START_TEST(addresses_are_of_this_host)
{
	struct address a;
	struct err e;
	char text[64];

	ck_assert_int_eq(address_parse("unix:/run/x", &a, &e), 0);
	ck_assert_str_eq(a.path, "/run/x");
	static const char *const taken[] = { "127.0.0.1:9477", "127.1.2.3:0", "[::1]:65535" };
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(address_parse(taken[i], &a, &e), 0);
		ck_assert_ptr_null(a.path);
		ck_assert_str_eq(address_text(&a.at, text), taken[i]);
	}
	ck_assert_int_eq(address_parse("localhost:1", &a, &e), 0);
	ck_assert_str_eq(address_text(&a.at, text), "127.0.0.1:1");
	static const char *const others[] = { "0.0.0.0:9477", "192.168.1.1:9477", "[::]:9477",
		"[::ffff:127.0.0.1]:9477", "128.0.0.1:1" };
	for (size_t i = 0; i < 5; i++)
		is_refused(others[i], "not of the loopback device");
	static const char *const none[] = { "", ":", "9477", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:080",
		"example.org:80", "::1:80", "[::1:80", "[]:80", "127.1:80", "/run/x" };
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		is_refused(none[i], "neither");
	is_refused("unix:", "no path");
}
END_TEST

START_TEST(a_host_header_names_this_host)
{
	ck_assert(address_is_host("127.0.0.1:9477"));
	ck_assert(address_is_host("127.0.0.1"));
	ck_assert(address_is_host("localhost:1"));
	ck_assert(address_is_host("LOCALHOST"));
	ck_assert(address_is_host("[::1]:9477"));
	ck_assert(address_is_host("[::1]"));
	ck_assert(!address_is_host(NULL));
	ck_assert(!address_is_host(""));
	ck_assert(!address_is_host("example.org"));
	ck_assert(!address_is_host("example.org:9477"));
	ck_assert(!address_is_host("localhost.example.org:80"));
	ck_assert(!address_is_host("127.0.0.1.example.org"));
	ck_assert(!address_is_host("192.168.1.1:80"));
	ck_assert(!address_is_host(":80"));
	ck_assert(!address_is_host("80"));
	ck_assert(!address_is_host("localhost:80:80"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_metrics_text");
	TCase *tests = tcase_create("metrics");

	tcase_add_test(tests, every_figure_has_its_line);
	tcase_add_test(tests, labels_are_escaped);
	tcase_add_test(tests, no_two_have_the_same_labels);
	tcase_add_test(tests, of_nothing_there_are_the_sums);
	tcase_add_test(tests, addresses_are_of_this_host);
	tcase_add_test(tests, a_host_header_names_this_host);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
