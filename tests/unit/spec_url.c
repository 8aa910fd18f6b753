/* Web addresses: what is one, where a Location leads, and whose is whose. */
#include <check.h>
#include <string.h>

#include "spec/url.h"
#include "tests/unit/run.h"

static const struct {
	const char *text, *host, *path;
	bool secure;
} good[] = {
	{ "https://a.example", "a.example", "/", true },
	{ "http://a.example/x", "a.example", "/x", false },
	{ "HTTPS://A.Example:5000/X?y=Z#fragment", "a.example:5000", "/X?y=Z", true },
	{ "http://[::1]:5000/x", "[::1]:5000", "/x", false },
	{ "http://127.0.0.1:1?x", "127.0.0.1:1", "/?x", false },
	{ "https://a_b-c.example/%2e%2e/~x", "a_b-c.example", "/%2e%2e/~x", true },
};

START_TEST(what_is_one)
{
	struct url url;
	struct err e;

	ck_assert_msg(url_parse(good[_i].text, &url, &e) == 0, "%s", e.text);
	ck_assert_str_eq(url.host, good[_i].host);
	ck_assert_str_eq(url.path, good[_i].path);
	ck_assert_int_eq(url.secure, good[_i].secure);
	url_done(&url);
}
END_TEST

static const char *const bad[] = { "", "a.example", "ftp://a.example/", "file:///etc/passwd",
	"http:/x", "http://", "http:///x", "http://:80/", "http://a.example:/",
	"http://a.example:x/", "http://a.example:123456/", "http://a:1:2/",
	"http://user@a.example/", "http://user:pass@a.example/", "http://a.example\\@b.example/",
	"http://a.example\t/", "http://a.example/a b", "http://a.example/\r\nX: y",
	"http://a.example/\x7f", "http://\xc3\xa4.example/", "http://a.example/\xc3\xa4",
	"http://[::1/", "http://[]/", "http://[::1]x/", "http://[a.example]/", "http://a]/",
	"http://a.example%40b/", "https://a.example/\\b", "javascript:alert(1)",
	"http://[::1%25eth0]/" };

START_TEST(what_is_none)
{
	struct url url;
	struct err e;

	ck_assert_msg(url_parse(bad[_i], &url, &e) == -EINVAL, "%s", bad[_i]);
	ck_assert_msg(strstr(e.text, "is no address") != NULL, "%s", e.text);
}
END_TEST

START_TEST(is_bounded)
{
	struct url url;
	struct err e;
	static char text[10000];

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "http://a/", 9);
	ck_assert_int_eq(url_parse(text, &url, &e), -EINVAL);
	text[8000] = '\0';
	ck_assert_int_eq(url_parse(text, &url, &e), 0);
	url_done(&url);
}
END_TEST

static const struct {
	const char *base, *location, *to; /* to NULL: refused */
} locations[] = {
	{ "https://a.example/v2/x/blobs/y", "https://b.example/z?sig=1",
		"https://b.example/z?sig=1" },
	{ "https://a.example/v2/x", "/up?a=b", "https://a.example/up?a=b" },
	{ "https://a.example:1/v2/x", "//b.example/up", "https://b.example/up" },
	{ "http://a.example/v2/x?y", "z", "http://a.example/v2/z" },
	{ "http://a.example/v2/x?y/q", "z", "http://a.example/v2/z" },
	{ "http://a.example/v2/x?y", "?z", "http://a.example/v2/x?z" },
	{ "http://a.example", "z", "http://a.example/z" },
	{ "http://a.example/x", "", NULL },
	{ "http://a.example/x", "file:///etc/passwd", NULL },
	{ "http://a.example/x", "gopher:x", NULL },
	{ "http://a.example/x", "//user@b.example/", NULL },
	{ "http://a.example/x", "/a\nb", NULL },
	{ "http://a.example/x", "//", NULL },
};

START_TEST(where_a_location_leads)
{
	char *to = NULL;
	struct err e;

	int r = url_resolve(locations[_i].base, locations[_i].location, &to, &e);
	if (!locations[_i].to) {
		ck_assert_msg(r == -EINVAL, "%s", to);
		return;
	}
	ck_assert_msg(r == 0, "%s", e.text);
	ck_assert_str_eq(to, locations[_i].to);
	free(to);
}
END_TEST

START_TEST(who_is_who)
{
	ck_assert(url_same_origin("https://a.example/x", "https://A.example:443/y"));
	ck_assert(url_same_origin("http://a.example:80", "http://a.example/"));
	ck_assert(!url_same_origin("http://a.example:443/", "https://a.example/"));
	ck_assert(!url_same_origin("https://a.example/", "https://b.a.example/"));
	ck_assert(!url_same_origin("https://a.example/", "https://a.example:5000/"));
	ck_assert(!url_same_origin("https://a.example/", "https://a.example.b/"));
	ck_assert(!url_same_origin("x", "x"));
	ck_assert(url_is_loopback("http://localhost:5000/x"));
	ck_assert(url_is_loopback("http://127.0.0.1/x"));
	ck_assert(!url_is_loopback("http://localhost.example/x"));
}
END_TEST

START_TEST(values_of_a_query)
{
	automatic(str) struct str s = { 0 };

	url_encode(&s, "repository:a/b:pull,push x&y=%+\xc3");
	ck_assert_str_eq(s.data, "repository%3Aa%2Fb%3Apull%2Cpush%20x%26y%3D%25%2B%C3");
}
END_TEST

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("spec_url");
	TCase *cases = tcase_create("addresses");

	tcase_add_loop_test(cases, what_is_one, 0, LENGTH(good));
	tcase_add_loop_test(cases, what_is_none, 0, LENGTH(bad));
	tcase_add_loop_test(cases, where_a_location_leads, 0, LENGTH(locations));
	tcase_add_test(cases, is_bounded);
	tcase_add_test(cases, who_is_who);
	tcase_add_test(cases, values_of_a_query);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
