/* What registries answer, and who one is to them. */
#include <check.h>
#include <string.h>

#include "spec/base/str.h"
#include "spec/credentials.h"
#include "spec/registry.h"
#include "tests/unit/run.h"

static const struct {
	const char *headers;
	enum challenge_scheme scheme; /* 0: refused */
	const char *realm, *service, *scope;
} challenges[] = {
	{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
		CHALLENGE_BEARER, "https://a/t", "s", "repository:x:pull,push" },
	{ "bearer  Realm = \"https://a/t\" , service=s", CHALLENGE_BEARER, "https://a/t", "s",
		NULL },
	{ "Basic realm=\"here\"", CHALLENGE_BASIC, "here", NULL, NULL },
	{ "Basic", CHALLENGE_BASIC, NULL, NULL, NULL },
	{ "Basic realm=\"x\", Bearer realm=\"https://a/t\"", CHALLENGE_BEARER, "https://a/t", NULL,
		NULL },
	{ "Negotiate\nBasic realm=\"x\"\nBearer realm=\"y\"", CHALLENGE_BEARER, "y", NULL, NULL },
	{ "Negotiate abc==, Basic realm=\"a \\\"b\\\" c\"", 0, NULL, NULL, NULL },
	{ "Basic realm=\"a \\\"b\\\" c\"", CHALLENGE_BASIC, "a \"b\" c", NULL, NULL },
	{ "Bearer realm=\"x\",error=\"invalid_token\",realm=\"y\"", CHALLENGE_BEARER, "x", NULL,
		NULL },
	{ "", 0, NULL, NULL, NULL },
	{ "Digest realm=\"x\"", 0, NULL, NULL, NULL },
	{ "Bearer service=\"x\"", 0, NULL, NULL, NULL },
	{ "Bearer realm=\"x", 0, NULL, NULL, NULL },
	{ "Bearer realm=\"x\\", 0, NULL, NULL, NULL },
	{ "Bearer realm=", 0, NULL, NULL, NULL },
	{ "Bearer realm=\"x\x01\"", 0, NULL, NULL, NULL },
	{ "=", 0, NULL, NULL, NULL },
	{ "\"Bearer\" realm=x", 0, NULL, NULL, NULL },
	{ ",,,,", 0, NULL, NULL, NULL },
	{ "\n\n", 0, NULL, NULL, NULL },
};

static void same(const char *a, const char *b)
{
	if (b)
		ck_assert_pstr_eq(a, b);
	else
		ck_assert_ptr_null(a);
}

START_TEST(challenges_are_read)
{
	struct challenge c = { 0 };
	struct err e;

	int r = challenge_parse(challenges[_i].headers, &c, &e);
	if (!challenges[_i].scheme) {
		ck_assert_int_eq(r, -EINVAL);
		return;
	}
	ck_assert_msg(r == 0, "%s", e.text);
	ck_assert_int_eq(c.scheme, challenges[_i].scheme);
	same(c.realm, challenges[_i].realm);
	same(c.service, challenges[_i].service);
	same(c.scope, challenges[_i].scope);
	challenge_done(&c);
}
END_TEST

static const struct {
	const char *text, *token; /* NULL: refused */
} tokens[] = {
	{ "{\"token\": \"a.b-c\"}", "a.b-c" },
	{ "{\"access_token\": \"x\", \"expires_in\": 300}", "x" },
	{ "{\"token\": \"a\", \"access_token\": \"b\"}", "a" },
	{ "{\"token\": \"\", \"access_token\": \"b\"}", "b" },
	{ "{}", NULL },
	{ "{\"token\": 7}", NULL },
	{ "{\"token\": \"\"}", NULL },
	{ "{\"token\": \"a\\r\\nX-Other: b\"}", NULL },
	{ "{\"token\": \"a b\"}", NULL },
	{ "{\"token\": \"\\u00e4\"}", NULL },
	{ "[]", NULL },
	{ "", NULL },
};

START_TEST(tokens_are_read)
{
	char *token = NULL;
	struct err e;

	int r = token_parse(tokens[_i].text, strlen(tokens[_i].text), &token, &e);
	if (tokens[_i].token)
		ck_assert_str_eq(token, tokens[_i].token);
	else
		ck_assert_msg(r == -EINVAL && strstr(e.text, "token"), "%d %s", r, e.text);
	free(token);
}
END_TEST

static const struct {
	const char *text, *reason;
} reasons[] = {
	{ "{\"errors\": [{\"code\": \"X\", \"message\": \"manifest unknown\", \"detail\": {}}]}",
		"manifest unknown" },
	{ "{\"errors\": [{\"code\": \"DENIED\"}]}", "DENIED" },
	{ "{\"errors\": [{\"code\": \"DENIED\", \"message\": \"\"}, {\"message\": \"b\"}]}",
		"DENIED" },
	{ "{\"errors\": [{\"message\": \"one\\r\\ntwo\"}]}", "one" },
	{ "{\"errors\": [{\"message\": \"\\u001b[31mred\"}]}", "" },
	{ "{\"errors\": []}", "" },
	{ "{\"errors\": {}}", "" },
	{ "{\"details\": \"x\"}", "" },
	{ "404 page not found\n", "404 page not found" },
	{ "<html>no</html>", "" },
	{ "{\"errors\"", "" },
	{ "", "" },
};

START_TEST(reasons_are_read)
{
	char out[201];

	registry_reason(reasons[_i].text, strlen(reasons[_i].text), out);
	ck_assert_str_eq(out, reasons[_i].reason);
}
END_TEST

START_TEST(a_reason_is_short)
{
	char text[1000], out[201];

	memset(text, 'x', sizeof(text));
	registry_reason(text, sizeof(text), out);
	ck_assert_uint_eq(strlen(out), 200);
}
END_TEST

START_TEST(ranges)
{
	uint64_t start = 7;

	ck_assert(content_range_parse("bytes 5-9/10", &start));
	ck_assert_uint_eq(start, 5);
	ck_assert(content_range_parse("Bytes  0-9/*", &start));
	ck_assert_uint_eq(start, 0);
	start = 7;
	static const char *const wrong[] = { "", "bytes", "bytes */10", "bytes -9/10",
		"bytes +5-9/10", "bytes 99999999999999999999-9/10", "items 5-9/10", "bytes 5",
		"bytes 05-9/10" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!content_range_parse(wrong[i], &start), "%s", wrong[i]);
	ck_assert_uint_eq(start, 7);
}
END_TEST

/* dTpw is "u:p". */
static const struct {
	const char *file, *host, *repository;
	const char *basic, *helper, *key; /* all NULL: none */
} logins[] = {
	{ "{\"auths\": {\"a.example\": {\"auth\": \"dTpw\"}}}", "a.example", "x", "dTpw", NULL,
		NULL },
	{ "{\"auths\": {\"https://a.example/v2/\": {\"auth\": \"dTpw\"}}}", "a.example", "x",
		"dTpw", NULL, NULL },
	{ "{\"auths\": {\"a.example\": {\"username\": \"u\", \"password\": \"p\"}}}", "a.example",
		"x", "dTpw", NULL, NULL },
	{ "{\"auths\": {\"a.example\": {\"auth\": \"b3RoZXI=\"}, \"a.example/t/x\": {\"auth\": \"dTpw\"}}}",
		"a.example", "t/x", "dTpw", NULL, NULL },
	{ "{\"auths\": {\"a.example\": {\"auth\": \"b3RoZXI=\"}, \"a.example/t\": {\"auth\": \"dTpw\"}}}",
		"a.example", "t/x", "dTpw", NULL, NULL },
	{ "{\"auths\": {\"a.example/t\": {\"auth\": \"dTpw\"}}}", "a.example", "tx/y", NULL, NULL,
		NULL },
	{ "{\"auths\": {\"a.example\": {\"auth\": \"dTpw\"}}}", "a.example:5000", "x", NULL, NULL,
		NULL },
	{ "{\"auths\": {\"a.example\": {\"auth\": \"dTpw\"}}}", "b.a.example", "x", NULL, NULL,
		NULL },
	{ "{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"dTpw\"}}}", "docker.io",
		"library/x", "dTpw", NULL, NULL },
	{ "{\"auths\": {\"docker.io\": {\"auth\": \"dTpw\"}}}", "docker.io", "library/x", "dTpw",
		NULL, NULL },
	{ "{\"credHelpers\": {\"a.example\": \"one\"}, \"credsStore\": \"two\"}", "a.example", "x",
		NULL, "one", "a.example" },
	{ "{\"auths\": {\"a.example\": {}}, \"credsStore\": \"two\"}", "a.example", "x", NULL,
		"two", "a.example" },
	{ "{\"credsStore\": \"two\"}", "docker.io", "library/x", NULL, "two",
		"https://index.docker.io/v1/" },
	{ "{}", "a.example", "x", NULL, NULL, NULL },
};

START_TEST(logins_are_found)
{
	struct credentials c = { 0 };
	struct err e;

	int r = credentials_parse("file", logins[_i].file, strlen(logins[_i].file), logins[_i].host,
		logins[_i].repository, &c, &e);
	ck_assert_msg(r == 0, "%s", e.text);
	same(c.basic, logins[_i].basic);
	same(c.helper, logins[_i].helper);
	same(c.key, logins[_i].key);
	credentials_done(&c);
}
END_TEST

static const char *const wrong_logins[] = { "", "{\"auths\": {", "{\"auths\": {\"a.example\": 7}}",
	"{\"auths\": {\"a.example\": {\"auth\": \"a b\"}}}",
	"{\"auths\": {\"a.example\": {\"auth\": \"dTpw\\r\\nX: y\"}}}",
	"{\"auths\": {\"a.example\": {\"auth\": \"=\"}}}", "{\"credsStore\": \"../x\"}",
	"{\"credHelpers\": {\"a.example\": \"/bin/sh\"}}" };

START_TEST(wrong_logins_are_refused)
{
	struct credentials c = { 0 };
	struct err e;

	int r = credentials_parse(
		"file", wrong_logins[_i], strlen(wrong_logins[_i]), "a.example", "x", &c, &e);
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(str_starts(e.text, "file"), "%s", e.text);
}
END_TEST

START_TEST(base64)
{
	static const struct {
		const char *text, *is;
	} cases[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *is = base64_write(cases[i].text, strlen(cases[i].text));
		ck_assert_str_eq(is, cases[i].is);
		free(is);
	}
}
END_TEST

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("spec_registry");
	TCase *cases = tcase_create("answers");

	tcase_add_loop_test(cases, challenges_are_read, 0, LENGTH(challenges));
	tcase_add_loop_test(cases, tokens_are_read, 0, LENGTH(tokens));
	tcase_add_loop_test(cases, reasons_are_read, 0, LENGTH(reasons));
	tcase_add_loop_test(cases, logins_are_found, 0, LENGTH(logins));
	tcase_add_loop_test(cases, wrong_logins_are_refused, 0, LENGTH(wrong_logins));
	tcase_add_test(cases, a_reason_is_short);
	tcase_add_test(cases, ranges);
	tcase_add_test(cases, base64);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
