/* Growing text, and strict readings of numbers. */
#include <check.h>
#include <string.h>

#include "spec/base/str.h"
#include "tests/unit/run.h"

START_TEST(grows)
{
	automatic(str) struct str s = { 0 };

	ck_assert(!str_ok(&s));
	str_add(&s, "");
	ck_assert_str_eq(s.data, "");
	for (int i = 0; i < 1000; i++)
		str_addf(&s, "%d,", i % 10);
	ck_assert_uint_eq(s.len, 2000);
	ck_assert_uint_eq(strlen(s.data), 2000);
	str_add_bytes(&s, "a\0b", 3);
	ck_assert_uint_eq(s.len, 2003);
	ck_assert_int_eq(s.data[2003], '\0');
	ck_assert(str_ok(&s));
}
END_TEST

START_TEST(formats_beyond_its_room)
{
	char long_text[500];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	autofree char *s = str_format("<%s>", long_text);

	ck_assert_uint_eq(strlen(s), sizeof(long_text) + 1);
	ck_assert_int_eq(s[sizeof(long_text)], '>');
}
END_TEST

static const struct {
	const char *text;
	uint64_t max, value;
} numbers[] = {
	{ "0", 0, 0 },
	{ "7", 7, 7 },
	{ "4294967295", UINT32_MAX, UINT32_MAX },
	{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
	{ "9223372036854775808", UINT64_MAX, 9223372036854775808U },
};

START_TEST(reads_number)
{
	uint64_t n = 5;

	ck_assert(str_to_u64(numbers[_i].text, numbers[_i].max, &n));
	ck_assert_uint_eq(n, numbers[_i].value);
}
END_TEST

static const struct {
	const char *text;
	uint64_t max;
} no_numbers[] = {
	{ "", UINT64_MAX },
	{ "01", UINT64_MAX },
	{ "-0", UINT64_MAX },
	{ "+1", UINT64_MAX },
	{ " 1", UINT64_MAX },
	{ "1 ", UINT64_MAX },
	{ "0x10", UINT64_MAX },
	{ "1e3", UINT64_MAX },
	{ "18446744073709551616", UINT64_MAX },
	{ "99999999999999999999999999", UINT64_MAX },
	{ "4294967296", UINT32_MAX },
	{ "8", 7 },
	{ "1", 0 },
	{ "10", 9 },
};

START_TEST(refuses_number)
{
	uint64_t n = 5;

	ck_assert_msg(!str_to_u64(no_numbers[_i].text, no_numbers[_i].max, &n), "'%s' up to %llu",
		no_numbers[_i].text, (unsigned long long)no_numbers[_i].max);
	ck_assert_uint_eq(n, 5);
}
END_TEST

static const struct {
	const char *text;
	uint64_t value;
} sizes[] = {
	{ "0", 0 },
	{ "512", 512 },
	{ "64k", 64 << 10 },
	{ "64K", 64 << 10 },
	{ "32m", 32 << 20 },
	{ "32MiB", 32 << 20 },
	{ "32mb", 32 << 20 },
	{ "1g", 1 << 30 },
	{ "1.5g", 3ULL << 29 },
	{ "0.5k", 512 },
	{ "1b", 1 },
	{ "2t", 2ULL << 40 },
	{ "-1", UINT64_MAX },
};

START_TEST(reads_size)
{
	uint64_t n = 5;

	ck_assert_msg(str_to_bytes(sizes[_i].text, &n), "'%s'", sizes[_i].text);
	ck_assert_uint_eq(n, sizes[_i].value);
}
END_TEST

static const char *const no_sizes[] = { "", "k", "-2", "1x", "1kk", "1 k", ".5k", "m1", "0x10",
	"99999999999999999999", "99999999999t", "1ib", "--1", "1e3" };

START_TEST(refuses_size)
{
	uint64_t n = 5;

	ck_assert_msg(
		!str_to_bytes(no_sizes[_i], &n), "'%s': %llu", no_sizes[_i], (unsigned long long)n);
	ck_assert_uint_eq(n, 5);
}
END_TEST

START_TEST(shows_sizes)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 430080, "420 KiB" },
		{ 1048576, "1.0 MiB" },
		{ 43200000, "41.2 MiB" },
		{ 1048524, "1.0 MiB" }, /* not "1024 KiB" */
		{ 5ULL << 30, "5.0 GiB" },
		{ UINT64_MAX, "16384.0 PiB" },
	};
	char text[16];

	ck_assert_str_eq(str_human(rows[_i].bytes, text), rows[_i].text);
}
END_TEST

START_TEST(compares)
{
	ck_assert(str_equal(NULL, NULL));
	ck_assert(!str_equal(NULL, ""));
	ck_assert(!str_equal("", NULL));
	ck_assert(str_equal("a", "a"));
	ck_assert(str_starts("abc", "ab"));
	ck_assert(str_starts("abc", ""));
	ck_assert(!str_starts("ab", "abc"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_str");
	TCase *cases = tcase_create("text");

	tcase_add_test(cases, grows);
	tcase_add_test(cases, formats_beyond_its_room);
	tcase_add_loop_test(cases, reads_number, 0, (int)(sizeof(numbers) / sizeof(numbers[0])));
	tcase_add_loop_test(
		cases, refuses_number, 0, (int)(sizeof(no_numbers) / sizeof(no_numbers[0])));
	tcase_add_loop_test(cases, reads_size, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_loop_test(cases, refuses_size, 0, (int)(sizeof(no_sizes) / sizeof(no_sizes[0])));
	tcase_add_loop_test(cases, shows_sizes, 0, 9);
	tcase_add_test(cases, compares);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
