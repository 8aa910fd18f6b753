/* Command lines by tables: every spelling that runc, docker and their callers use, and none else. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"
#include "spec/base/opt.h"
#include "tests/unit/run.h"

struct words {
	bool force, all;
	const char *bundle, *user;
	struct option_list env;
	int count;
	struct opt_i64 memory, quota;
	struct opt_u64 share;
};

#define ROW(name, letter, kind, member)                                                            \
	{                                                                                          \
		name, letter, kind, offsetof(struct words, member), "VALUE", "what it is"          \
	}

static const struct option_row rows[] = {
	ROW("force", 'f', OPTION_FLAG, force),
	ROW("all", 'a', OPTION_FLAG, all),
	ROW("bundle", 'b', OPTION_TEXT, bundle),
	ROW("user", 'u', OPTION_TEXT, user),
	ROW("env", 'e', OPTION_LIST, env),
	ROW("count", 0, OPTION_COUNT, count),
	ROW("memory", 'm', OPTION_BYTES, memory),
	ROW("quota", 0, OPTION_SIGNED, quota),
	ROW("share", 0, OPTION_UNSIGNED, share),
	{ "criu", 0, OPTION_IGNORED, 0, NULL, NULL },
	{ "no-subreaper", 0, OPTION_IGNORED_FLAG, 0, NULL, NULL },
	{ 0 },
};

static struct words seen;
static struct err e;
static bool help;

/* The words of a line, cut at spaces; "''" is an empty one. How many options_parse() took, or its error. */
static int parse(const char *line)
{
	static char text[512];
	static char *argv[32];
	int argc = 0;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
	argv[argc] = NULL;
	seen = (struct words){ .count = -1 };
	help = false;
	return options_parse(rows, argc, argv, &seen, &help, &e);
}

static const char *const bundles[] = { "--bundle DIR x", "--bundle=DIR x", "-bundle DIR x",
	"-bundle=DIR x", "-b DIR x", "-bDIR x", "-b=DIR x", "-fb DIR x", "-fabDIR x",
	"-b other --bundle DIR x" };

START_TEST(a_value_is_taken_in_every_spelling)
{
	ck_assert_msg(parse(bundles[_i]) > 0, "%s", e.text);
	ck_assert_str_eq(seen.bundle, "DIR");
}
END_TEST

static const struct {
	const char *line;
	int words;
	bool force, all;
} flags[] = {
	{ "", 0, false, false }, { "x", 0, false, false },
	{ "x --force", 0, false, false }, /* behind the first word that is none */
	{ "--force x", 1, true, false }, { "-f", 1, true, false }, { "-fa x", 1, true, true },
	{ "-f -a", 2, true, true }, { "--force=true", 1, true, false },
	{ "--force=false", 1, false, false }, { "--force=1 --all=0", 2, true, false },
	{ "--force --force=false", 2, false, false }, { "-force", 1, true, false },
	{ "-no-subreaper -f", 2, true, false }, { "--no-subreaper=true x", 1, false, false },
	{ "--criu PATH -f x", 3, true, false }, { "--criu=PATH -f x", 2, true, false },
	{ "-- --force", 1, false, false }, { "-f -- -a", 2, true, false },
	{ "- -f", 0, false, false }, /* a word */
};

START_TEST(flags_and_where_options_end)
{
	int words = parse(flags[_i].line);

	ck_assert_msg(
		words == flags[_i].words, "'%s': %d words; %s", flags[_i].line, words, e.text);
	ck_assert_int_eq(seen.force, flags[_i].force);
	ck_assert_int_eq(seen.all, flags[_i].all);
}
END_TEST

START_TEST(values_of_each_kind)
{
	ck_assert_int_eq(parse("--count 3 -m 64m --user '' -e A=1 --env=B=2 -eC=3 x"), 10);
	ck_assert_int_eq(seen.count, 3);
	ck_assert(seen.memory.set);
	ck_assert_int_eq(seen.memory.value, 64 << 20);
	ck_assert_str_eq(seen.user, "");
	ck_assert_uint_eq(seen.env.n, 3);
	ck_assert_str_eq(seen.env.v[0], "A=1");
	ck_assert_str_eq(seen.env.v[1], "B=2");
	ck_assert_str_eq(seen.env.v[2], "C=3");
	options_done(rows, &seen);
	ck_assert_ptr_null(seen.env.v);
	ck_assert_int_eq(parse("--memory -1"), 2);
	ck_assert_int_eq(seen.memory.value, -1);
	ck_assert_int_eq(parse("--bundle -f"), 2); /* whatever it looks like, it is the value */
	ck_assert_str_eq(seen.bundle, "-f");
	ck_assert(!seen.force);
	ck_assert_int_eq(parse("--bundle= x"), 1);
	ck_assert_str_eq(seen.bundle, "");
}
END_TEST

static const struct {
	const char *line, *text;
} wrong[] = {
	{ "--nope", "unknown option '--nope'" },
	{ "--nope=1", "unknown option '--nope=1'" },
	{ "--forc", "unknown option '--forc'" },
	{ "--forces", "unknown option '--forces'" },
	{ "-z", "unknown option '-z'" },
	{ "-fz", "unknown option '-fz'" },
	{ "---force", "unknown option '---force'" },
	{ "--=x", "unknown option '--=x'" },
	{ "--f", "unknown option '--f'" },
	{ "--bundle", "option --bundle: flag needs an argument" },
	{ "-b", "option -b: flag needs an argument" },
	{ "-fb", "option -b: flag needs an argument" },
	{ "--criu", "option --criu: flag needs an argument" },
	{ "--force=maybe", "option --force: 'maybe' is neither true nor false" },
	{ "--force=", "option --force: '' is neither true nor false" },
	{ "--count x", "option --count: 'x' is not a number" },
	{ "--count -1", "option --count: '-1' is not a number" },
	{ "--count 2147483648", "option --count: '2147483648' is not a number" },
	{ "--count ''", "option --count: '' is not a number" },
	{ "-m 1x", "option --memory: '1x' is not a size (like 512, 64k, 32m, 1.5g, or -1)" },
};

START_TEST(what_is_wrong_is_told)
{
	ck_assert_msg(parse(wrong[_i].line) == -ERR_USAGE, "'%s' was taken", wrong[_i].line);
	ck_assert_str_eq(e.text, wrong[_i].text);
}
END_TEST

START_TEST(help_is_asked_for)
{
	ck_assert_int_ge(parse("--help"), 0);
	ck_assert(help);
	ck_assert_int_ge(parse("-f -h --nope"), 0);
	ck_assert(help);
	ck_assert_int_ge(parse("x --help"), 0);
	ck_assert(!help);
}
END_TEST

START_TEST(help_is_printed_from_the_rows)
{
	char *text;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	options_print(to, rows);
	fclose(to);
	ck_assert_ptr_nonnull(strstr(text, "-f, --force "));
	ck_assert_ptr_nonnull(strstr(text, "-b, --bundle VALUE"));
	ck_assert_ptr_nonnull(strstr(text, "    --count VALUE"));
	ck_assert_ptr_null(strstr(text, "criu"));
	free(text);
}
END_TEST

START_TEST(a_command_without_options_takes_none)
{
	char force[] = "--force", word[] = "x";
	char *argv[] = { word, force, NULL };

	ck_assert_int_eq(options_parse(NULL, 2, argv, &seen, &help, &e), 0);
	ck_assert_int_eq(options_parse(NULL, 1, argv + 1, &seen, &help, &e), -ERR_USAGE);
}
END_TEST

START_TEST(numbers_with_and_without_a_sign)
{
	ck_assert_int_eq(parse("--quota -1 --share 18446744073709551615"), 4);
	ck_assert(seen.quota.set && seen.quota.value == -1);
	ck_assert(seen.share.set && seen.share.value == UINT64_MAX);
	ck_assert_int_eq(parse("--quota=9223372036854775807 --share 0"), 3);
	ck_assert(seen.quota.value == INT64_MAX && seen.share.set && !seen.share.value);
	ck_assert_int_eq(parse("--quota -2"), -ERR_USAGE);
	ck_assert_int_eq(parse("--quota 9223372036854775808"), -ERR_USAGE);
	ck_assert_int_eq(parse("--share -1"), -ERR_USAGE);
	ck_assert_int_eq(parse("--share ''"), -ERR_USAGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tests = tcase_create("options");

	tcase_add_loop_test(
		tests, a_value_is_taken_in_every_spelling, 0, sizeof(bundles) / sizeof(bundles[0]));
	tcase_add_loop_test(
		tests, flags_and_where_options_end, 0, sizeof(flags) / sizeof(flags[0]));
	tcase_add_test(tests, values_of_each_kind);
	tcase_add_test(tests, numbers_with_and_without_a_sign);
	tcase_add_loop_test(tests, what_is_wrong_is_told, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tests, help_is_asked_for);
	tcase_add_test(tests, help_is_printed_from_the_rows);
	tcase_add_test(tests, a_command_without_options_takes_none);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
