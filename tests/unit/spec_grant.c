/* Ulimits and devices as people write them. */
#include <check.h>
#include <sys/resource.h>

#include "spec/derive.h"
#include "tests/unit/run.h"

START_TEST(ulimits)
{
	static const struct {
		const char *text;
		int type; /* 0: refused */
		uint64_t soft, hard;
	} rows[] = {
		{ "nofile=10", RLIMIT_NOFILE + 1, 10, 10 },
		{ "NOFILE=10:20", RLIMIT_NOFILE + 1, 10, 20 },
		{ "core=0:-1", RLIMIT_CORE + 1, 0, UINT64_MAX },
		{ "memlock=unlimited", RLIMIT_MEMLOCK + 1, UINT64_MAX, UINT64_MAX },
		{ "RLIMIT_NOFILE=1", 0, 0, 0 },
		{ "nofil=1", 0, 0, 0 },
		{ "nofile", 0, 0, 0 },
		{ "nofile=", 0, 0, 0 },
		{ "nofile=1:", 0, 0, 0 },
		{ "nofile=2:1", 0, 0, 0 },
		{ "nofile=-1:5", 0, 0, 0 },
		{ "nofile=1:2:3", 0, 0, 0 },
		{ "=1", 0, 0, 0 },
	};
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rlimit_spec l = { 0 };
		int r = derive_ulimit_parse(rows[i].text, &l, &e);
		ck_assert_msg((r == 0) == !!rows[i].type && l.type == rows[i].type, "'%s': %d",
			rows[i].text, r);
		ck_assert(l.soft == rows[i].soft && l.hard == rows[i].hard);
	}
}
END_TEST

START_TEST(devices)
{
	static const struct {
		const char *text, *source, *path, *access; /* NULL: refused */
	} rows[] = {
		{ "/dev/a", "/dev/a", "/dev/a", "rwm" },
		{ "/dev/a:r", "/dev/a", "/dev/a", "r" },
		{ "/dev/a:/dev/b", "/dev/a", "/dev/b", "rwm" },
		{ "/dev/a:/dev/b:mw", "/dev/a", "/dev/b", "mw" },
		{ "a", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
		{ "/dev/a:", NULL, NULL, NULL },
		{ "/dev/a:b", NULL, NULL, NULL },
		{ "/dev/a:/dev/b:", NULL, NULL, NULL },
		{ "/dev/a:r:r", NULL, NULL, NULL },
		{ "/dev/a:rwmr", NULL, NULL, NULL },
	};
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct derive_device d = { 0 };
		int r = derive_device_parse(rows[i].text, &d, &e);
		ck_assert_msg((r == 0) == !!rows[i].source, "'%s': %d", rows[i].text, r);
		if (r == 0) {
			ck_assert_str_eq(d.source, rows[i].source);
			ck_assert_str_eq(d.node.path, rows[i].path);
			ck_assert_str_eq(d.access, rows[i].access);
		}
		derive_device_done(&d);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_grant");
	TCase *cases = tcase_create("grant");

	tcase_add_test(cases, ulimits);
	tcase_add_test(cases, devices);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
