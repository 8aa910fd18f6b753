/* Image references, as people write them and as they should not. */
#include <check.h>
#include <string.h>

#include "spec/reference.h"
#include "tests/unit/run.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *host, *repository, *tag, *digest, *name;
} good[] = {
	{ "debian", "docker.io", "library/debian", "latest", NULL,
		"docker.io/library/debian:latest" },
	{ "debian:12", "docker.io", "library/debian", "12", NULL, "docker.io/library/debian:12" },
	{ "team/thing", "docker.io", "team/thing", "latest", NULL, "docker.io/team/thing:latest" },
	{ "docker.io/debian", "docker.io", "library/debian", "latest", NULL,
		"docker.io/library/debian:latest" },
	{ "docker.io/library/debian", "docker.io", "library/debian", "latest", NULL,
		"docker.io/library/debian:latest" },
	{ "index.docker.io/debian:12", "docker.io", "library/debian", "12", NULL,
		"docker.io/library/debian:12" },
	{ "localhost/x", "localhost", "x", "latest", NULL, "localhost/x:latest" },
	{ "localhost:5000/x/y:tag", "localhost:5000", "x/y", "tag", NULL,
		"localhost:5000/x/y:tag" },
	{ "localhost:5000/x/y:tag@" SHA, "localhost:5000", "x/y", NULL, SHA,
		"localhost:5000/x/y@" SHA },
	{ "ghcr.io/a/b@" SHA, "ghcr.io", "a/b", NULL, SHA, "ghcr.io/a/b@" SHA },
	{ "[::1]:5000/a:b", "[::1]:5000", "a", "b", NULL, "[::1]:5000/a:b" },
	{ "[2001:db8::7]/a", "[2001:db8::7]", "a", "latest", NULL, "[2001:db8::7]/a:latest" },
	{ "127.0.0.1:1/a", "127.0.0.1:1", "a", "latest", NULL, "127.0.0.1:1/a:latest" },
	{ "Registry/a", "Registry", "a", "latest", NULL, "Registry/a:latest" },
	{ "a-b.example/a__b/c---d/e.f_g", "a-b.example", "a__b/c---d/e.f_g", "latest", NULL,
		"a-b.example/a__b/c---d/e.f_g:latest" },
	{ "x--y.example/a", "x--y.example", "a", "latest", NULL, "x--y.example/a:latest" },
	{ "debian:V1.2-rc_3", "docker.io", "library/debian", "V1.2-rc_3", NULL,
		"docker.io/library/debian:V1.2-rc_3" },
	{ "debian:5000", "docker.io", "library/debian", "5000", NULL,
		"docker.io/library/debian:5000" },
	{ "a/b/c/d", "docker.io", "a/b/c/d", "latest", NULL, "docker.io/a/b/c/d:latest" },
};

static void same(const char *a, const char *b)
{
	if (b)
		ck_assert_pstr_eq(a, b);
	else
		ck_assert_ptr_null(a);
}

START_TEST(what_is_written_is_understood)
{
	struct reference r;
	struct err e;

	ck_assert_msg(reference_parse(good[_i].text, &r, &e) == 0, "%s: %s", good[_i].text, e.text);
	same(r.host, good[_i].host);
	same(r.repository, good[_i].repository);
	same(r.tag, good[_i].tag);
	same(r.digest, good[_i].digest);
	char *name = reference_name(&r);
	ck_assert_str_eq(name, good[_i].name);
	reference_done(&r);

	/* The whole name means the same. */
	ck_assert_msg(reference_parse(name, &r, &e) == 0, "%s: %s", name, e.text);
	same(r.repository, good[_i].repository);
	free(name);
	reference_done(&r);
}
END_TEST

static const struct {
	const char *text, *message;
} bad[] = {
	{ "", "is not an image name" },
	{ "/", "is not an image name" },
	{ "/x", "is not an image name" },
	{ "x/", "is not an image name" },
	{ "a//b", "is not an image name" },
	{ ":tag", "is not an image name" },
	{ "@" SHA, "is not an image name" },
	{ "../x", "its registry is no host name" },
	{ "a/../b", "is not an image name" },
	{ "a/./b", "is not an image name" },
	{ "Debian", "capital letters" },
	{ "localhost:5000/Team/x", "capital letters" },
	{ "debian:", "its tag is empty" },
	{ "debian:.x", "its tag is none" },
	{ "debian:a b", "its tag is none" },
	{ "debian:a:b", "its tag is none" },
	{ "debian@", "its digest is not" },
	{ "debian@sha256:0123", "its digest is not" },
	{ "debian@sha512:0123", "its digest is not" },
	{ "debian@" SHA "@" SHA, "its digest is not" },
	{ "debian@" SHA "/../x", "its digest is not" },
	{ "localhost:0/x", "its registry is no host name" },
	{ "localhost:70000/x", "its registry is no host name" },
	{ "localhost:/x", "its registry is no host name" },
	{ "localhost:80a/x", "its registry is no host name" },
	{ "-a.example/x", "its registry is no host name" },
	{ "a..example/x", "its registry is no host name" },
	{ ".example/x", "its registry is no host name" },
	{ "example./x", "its registry is no host name" },
	{ "user@host.example/x", "its digest is not" },
	{ "[::1/x", "its registry is no host name" },
	{ "[127.0.0.1]/x", "its registry is no host name" },
	{ "[fe80::1%eth0]/x", "its registry is no host name" },
	{ "[]:5000/x", "its registry is no host name" },
	{ "a.example/x\ny", "is not an image name" },
	{ "a.example/x?y", "is not an image name" },
	{ "a.example/x#y", "is not an image name" },
	{ "a.example/x%2fy", "is not an image name" },
	{ "a.example/-x", "is not an image name" },
	{ "a.example/x-", "is not an image name" },
	{ "a.example/x___y", "is not an image name" },
	{ "a.example/x..y", "is not an image name" },
	{ "a.example/\xc3\xa4", "is not an image name" },
	{ "https://a.example/x", "is no" },
};

START_TEST(what_is_not_is_refused)
{
	struct reference r;
	struct err e;

	ck_assert_msg(reference_parse(bad[_i].text, &r, &e) == -EINVAL, "%s", bad[_i].text);
	ck_assert_msg(strstr(e.text, bad[_i].message), "%s", e.text);
}
END_TEST

START_TEST(too_long)
{
	struct reference r;
	struct err e;
	char text[400];

	memset(text, 'a', sizeof(text));
	text[300] = '\0';
	ck_assert_int_eq(reference_parse(text, &r, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, "longer than 255"), "%s", e.text);
	text[1] = ':';
	text[2 + 128] = '\0';
	ck_assert_int_eq(reference_parse(text, &r, &e), 0);
	reference_done(&r);
	text[2 + 128] = 'a';
	text[2 + 129] = '\0';
	ck_assert_int_eq(reference_parse(text, &r, &e), -EINVAL);
}
END_TEST

START_TEST(where_it_is)
{
	struct reference r;
	struct err e;

	ck_assert_int_eq(reference_parse("debian", &r, &e), 0);
	ck_assert_str_eq(reference_endpoint(&r), "registry-1.docker.io");
	reference_done(&r);
	ck_assert_int_eq(reference_parse("quay.io/a/b:c@" SHA, &r, &e), 0);
	ck_assert_str_eq(reference_endpoint(&r), "quay.io");
	ck_assert_str_eq(reference_wanted(&r), SHA);
	reference_done(&r);

	static const char *const here[] = { "localhost", "localhost:5000", "127.0.0.1",
		"127.3.2.1:80", "[::1]", "[::1]:5000" };
	static const char *const elsewhere[] = { "localhost.example", "127.0.0.1.example",
		"128.0.0.1", "[::2]", "[::ffff:127.0.0.1]:1", "a.example:127", "xlocalhost" };
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		ck_assert_msg(reference_host_is_loopback(here[i]), "%s", here[i]);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		ck_assert_msg(!reference_host_is_loopback(elsewhere[i]), "%s", elsewhere[i]);
}
END_TEST

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("spec_reference");
	TCase *cases = tcase_create("references");

	tcase_add_loop_test(cases, what_is_written_is_understood, 0, LENGTH(good));
	tcase_add_loop_test(cases, what_is_not_is_refused, 0, LENGTH(bad));
	tcase_add_test(cases, too_long);
	tcase_add_test(cases, where_it_is);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
