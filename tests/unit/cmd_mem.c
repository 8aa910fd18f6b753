/* Tables, and a census printed by them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mem.h"
#include "cmd/table.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

#define MIB ((uint64_t)1 << 20)

static const struct table_column two_columns[] = {
	{ "NAME", TABLE_LEFT, 8 },
	{ "N", TABLE_RIGHT, 0 },
	{ 0 },
};

struct output {
	char *text;
	size_t n;
	FILE *to;
};

static FILE *output_open(struct output *o)
{
	return o->to = open_memstream(&o->text, &o->n);
}

static void output_is(struct output *o, const char *expected)
{
	fclose(o->to);
	ck_assert_str_eq(o->text, expected);
	free(o->text);
}

static void print_is(const struct table *t, bool terminal, const char *expected)
{
	struct output o;
	struct err e;

	ck_assert_int_eq(table_print(t, output_open(&o), terminal, &e), 0);
	output_is(&o, expected);
}

START_TEST(columns_are_as_wide_as_their_widest_cell)
{
	automatic(table) struct table t = { .columns = two_columns };

	print_is(&t, false, "NAME  N\n");
	table_add(&t, "a");
	table_addf(&t, "%d", 1000);
	table_add(&t, "longer");
	table_add(&t, NULL);
	print_is(&t, false,
		"NAME       N\n"
		"a       1000\n"
		"longer     -\n");
}
END_TEST

START_TEST(a_last_column_has_nothing_behind_it)
{
	static const struct table_column columns[] = { { "A", TABLE_RIGHT, 0 },
		{ "B", TABLE_LEFT, 0 }, { 0 } };
	automatic(table) struct table t = { .columns = columns };

	table_add(&t, "10");
	table_add(&t, "long text");
	table_add(&t, "1");
	table_add(&t, "");
	print_is(&t, false,
		" A  B\n"
		"10  long text\n"
		" 1  -\n");
}
END_TEST

START_TEST(characters_are_counted_and_not_bytes)
{
	automatic(table) struct table t = { .columns = two_columns };

	table_add(&t, "h\xc3\xa9h\xc3\xa9");
	table_add(&t, "1");
	table_add(&t, "haha");
	table_add(&t, "2");
	print_is(&t, false,
		"NAME  N\n"
		"h\xc3\xa9h\xc3\xa9  1\n"
		"haha  2\n");
}
END_TEST

START_TEST(names_cannot_write_on_the_screen)
{
	automatic(table) struct table t = { .columns = two_columns };

	table_add(&t, "a\nb\033[2Jc\177");
	table_add(&t, "\xc2\x9b");
	print_is(&t, false,
		"NAME       N\n"
		"a?b?[2Jc?  ?\n");
}
END_TEST

/* U+202E and U+2066 turn what follows, U+200F and U+200B are not seen; and no UTF-8 at all. */
START_TEST(names_cannot_look_like_others)
{
	automatic(table) struct table t = { .columns = two_columns };

	table_add(&t, "a\xe2\x80\xae"
		      "b\xe2\x81\xa6"
		      "c");
	table_add(&t, "1");
	table_add(&t, "\xe2\x80\x8f\xe2\x80\x8b");
	table_add(&t, "2");
	table_add(&t, "\xff\xe2\x80");
	table_add(&t, "3");
	print_is(&t, false,
		"NAME   N\n"
		"a?b?c  1\n"
		"??     2\n"
		"???    3\n");
	automatic(table) struct table cut = { .columns = two_columns };
	table_add(&cut, "123\xe2\x80\xae"
			"\xff"
			"6789");
	table_add(&cut, "1");
	print_is(&cut, true,
		"NAME      N\n"
		"123??...  1\n");
}
END_TEST

START_TEST(only_terminals_cut)
{
	automatic(table) struct table t = { .columns = two_columns };

	table_add(&t, "exactly8");
	table_add(&t, "1");
	table_add(&t, "m\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	table_add(&t, "a very long number");
	print_is(&t, true,
		"NAME                       N\n"
		"exactly8                   1\n"
		"m\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9...  a very long number\n");
}
END_TEST

START_TEST(an_unfinished_row_is_an_error)
{
	automatic(table) struct table t = { .columns = two_columns };
	struct err e;

	table_add(&t, "alone");
	ck_assert_int_eq(table_print(&t, stdout, false, &e), -EINVAL);
}
END_TEST

static struct opt_u64 bytes(uint64_t n)
{
	return (struct opt_u64){ true, n };
}

static struct memory_usage usage(char *name, uint64_t private, uint64_t shared)
{
	return (struct memory_usage){
		.name = name,
		.id = name,
		.processes = 3,
		.unique = bytes(private + shared),
		.private = bytes(private),
		.shared = bytes(shared),
		.outside = bytes(0),
		.kernel = bytes(420 << 10),
		.cost = bytes(private + (420 << 10)),
	};
}

static char names[4][8] = { "web-1", "web-2", "web-3", "db" };

/* Three that share 38 MiB, and one that shares with the first and with the host. */
struct sample {
	struct census census;
	struct memory_usage usages[4];
	uint64_t shares[6];
};

static void sample_fill(struct sample *s)
{
	*s = (struct sample){ 0 };
	for (size_t i = 0; i < 3; i++)
		s->usages[i] = usage(names[i], 3 * MIB, 38 * MIB);
	s->usages[3] = usage(names[3], 10 * MIB, 2 * MIB);
	s->usages[3].outside = bytes(MIB);
	s->usages[0].charged = bytes(41 * MIB);
	s->usages[0].limit = bytes(64 * MIB);
	s->usages[1].limit = bytes(UINT64_MAX);
	s->shares[0] = 38 * MIB; /* 0-1 */
	s->shares[1] = 30 * MIB; /* 0-2 */
	s->shares[2] = 35 * MIB; /* 1-2 */
	s->shares[3] = 2 * MIB;	 /* 0-3 */
	s->census = (struct census){
		.exact = true,
		.usages = s->usages,
		.n_usages = 4,
		.shares = s->shares,
		.union_bytes = bytes(60 * MIB),
		.unshared_bytes = bytes(135 * MIB),
		.saved_bytes = bytes(75 * MIB),
		.n_frozen = 2,
		.frozen_ns = 7000000,
	};
}

START_TEST(an_exact_census)
{
	struct sample s;
	struct output o;
	struct err e;

	sample_fill(&s);
	ck_assert_int_eq(mem_print_table(output_open(&o), &s.census, false, &e), 0);
	output_is(&o,
		"CONTAINER  PROCS    UNIQUE   PRIVATE    SHARED  WITH             KERNEL      COST   CHARGED     LIMIT\n"
		"web-1          3  41.0 MiB   3.0 MiB  38.0 MiB  web-2 web-3 +1  420 KiB   3.4 MiB  41.0 MiB  64.0 MiB\n"
		"web-2          3  41.0 MiB   3.0 MiB  38.0 MiB  web-1 web-3     420 KiB   3.4 MiB         -         -\n"
		"web-3          3  41.0 MiB   3.0 MiB  38.0 MiB  web-2 web-1     420 KiB   3.4 MiB         -         -\n"
		"db             3  12.0 MiB  10.0 MiB   2.0 MiB  web-1 host      420 KiB  10.4 MiB         -         -\n"
		"4 containers: 60.0 MiB in all, 135.0 MiB without sharing, 75.0 MiB saved (56 %). Exact.\n");
}
END_TEST

START_TEST(an_estimate_says_so)
{
	struct sample s;
	struct output o;
	struct err e;

	sample_fill(&s);
	s.census.exact = false;
	s.census.estimated = true;
	s.census.why = names[3];
	s.census.n_usages = 1;
	s.census.shares = NULL;
	s.census.saved_bytes.set = false;
	s.usages[0].unique.set = s.usages[0].shared.set = s.usages[0].outside.set = false;
	s.usages[0].outside.value = 0;
	ck_assert_int_eq(mem_print_table(output_open(&o), &s.census, false, &e), 0);
	output_is(&o,
		"CONTAINER  PROCS  UNIQUE   PRIVATE  SHARED  WITH   KERNEL      COST   CHARGED     LIMIT\n"
		"web-1          3       -  ~3.0 MiB       -  -     420 KiB  ~3.4 MiB  41.0 MiB  64.0 MiB\n"
		"1 container: about 60.0 MiB in all. Estimates: db.\n");
}
END_TEST

START_TEST(what_moved_is_said)
{
	struct sample s;
	struct output o;
	struct err e;
	static char why[] = "1 process changed while being read";

	sample_fill(&s);
	s.census.exact = false;
	s.census.why = why;
	s.usages[3].is_template = true;
	s.usages[2].is_host = true; /* a row, and no container */
	ck_assert_int_eq(mem_print_table(output_open(&o), &s.census, false, &e), 0);
	fclose(o.to);
	ck_assert_ptr_nonnull(strstr(o.text,
		"\n2 containers and 1 template: 60.0 MiB in all, 135.0 MiB without sharing, 75.0 MiB "
		"saved (56 %). Not exact: 1 process changed while being read.\n"));
	free(o.text);
}
END_TEST

START_TEST(the_matrix_is_symmetric)
{
	struct sample s;
	struct output o;
	struct err e;

	sample_fill(&s);
	ck_assert_int_eq(mem_print_matrix(output_open(&o), &s.census, false, &e), 0);
	output_is(&o, "          web-1     web-2     web-3        db     host\n"
		      "web-1  41.0 MiB  38.0 MiB  30.0 MiB   2.0 MiB      0 B\n"
		      "web-2  38.0 MiB  41.0 MiB  35.0 MiB       0 B      0 B\n"
		      "web-3  30.0 MiB  35.0 MiB  41.0 MiB       0 B      0 B\n"
		      "db      2.0 MiB       0 B       0 B  12.0 MiB  1.0 MiB\n");
}
END_TEST

START_TEST(programs_read_bytes_and_null)
{
	struct sample s;
	struct output o;
	struct err e;
	struct memory_kinds kinds = { .anon = { MIB, 2 }, .ksm = { 0, 7 } };

	sample_fill(&s);
	s.census.n_usages = 2;
	s.usages[0].kinds = &kinds;
	s.usages[1].is_template = true;
	s.shares[0] = 12345;
	s.usages[1].unique = bytes(5);
	ck_assert_int_eq(mem_print_json(output_open(&o), &s.census, &e), 0);
	fclose(o.to);
	static const char *const expected[] = {
		"{\n\t\"exact\": true,\n\t\"containers\": [\n\t\t{\n\t\t\t\"name\": \"web-1\",\n",
		"\"processes\": 3,\n\t\t\t\"unique_bytes\": 42991616,\n",
		"\"shared_with\": [\n\t\t\t\t{\n\t\t\t\t\t\"name\": \"web-2\",\n"
		"\t\t\t\t\t\"bytes\": 12345\n\t\t\t\t}\n\t\t\t],\n",
		"\"charged_bytes\": 42991616,\n\t\t\t\"limit_bytes\": 67108864,\n",
		"\"charged_bytes\": null,\n",
		"\"anon\": {\n\t\t\t\t\t\"private_bytes\": 1048576,\n"
		"\t\t\t\t\t\"shared_bytes\": 2\n\t\t\t\t}",
		"\"template\": true,\n",
		"\"kinds\": null\n\t\t}\n\t],\n\t\"union_bytes\": 62914560,\n",
		"\"saved_bytes\": 78643200,\n"
		"\t\"frozen\": 2,\n"
		"\t\"frozen_ns\": 7000000\n}\n",
	};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_msg(
			strstr(o.text, expected[i]), "'%s' is not in %s", expected[i], o.text);
	free(o.text);
	free(s.usages[0].with);
	free(s.usages[1].with);
}
END_TEST

START_TEST(every_column_is_in_the_legend)
{
	struct sample s;
	struct output o, table;
	struct err e;

	sample_fill(&s);
	mem_print_legend(output_open(&o));
	fclose(o.to);
	ck_assert_int_eq(mem_print_table(output_open(&table), &s.census, false, &e), 0);
	fclose(table.to);
	*strchr(table.text, '\n') = '\0';
	for (char *rest = table.text, *word; (word = strsep(&rest, " "));)
		if (*word && strcmp(word, "CONTAINER") != 0 && strcmp(word, "PROCS") != 0)
			ck_assert_msg(strstr(o.text, word), "'%s'", word);
	free(o.text);
	free(table.text);
}
END_TEST

START_TEST(csv_has_a_row_for_each_container)
{
	struct sample s;
	struct output o;
	struct err e;
	struct memory_kinds kinds = { .anon = { MIB, 2 }, .ksm = { 0, 7 } };

	sample_fill(&s);
	s.census.n_usages = 2;
	s.usages[0].kinds = &kinds;
	s.usages[0].engine = names[3];
	ck_assert_int_eq(mem_print_csv(output_open(&o), &s.census, MEM_BY_CONTAINER, &e), 0);
	fclose(o.to);
	char *rest = o.text, *header = strsep(&rest, "\n"), *first = strsep(&rest, "\n");
	ck_assert(str_starts(header, "name,id,engine,template,host,processes,unique_bytes,"));
	ck_assert_ptr_nonnull(strstr(header, ",kinds.anon.private_bytes,kinds.anon.shared_bytes,"));
	ck_assert(str_starts(first, "web-1,web-1,db,false,false,3,42991616,3145728,39845888,"));
	ck_assert_ptr_nonnull(strstr(first, ",1048576,2,"));
	/* As many fields in each row, and what is not known is empty. */
	for (char *row = first; row && *row; row = strsep(&rest, "\n")) {
		size_t fields = 0, columns = 0;
		for (const char *at = row; (at = strchr(at, ',')); at++)
			fields++;
		for (const char *at = header; (at = strchr(at, ',')); at++)
			columns++;
		ck_assert_uint_eq(fields, columns);
		ck_assert_str_eq(strrchr(row, ','), ",true");
		ck_assert(row == first || strstr(row, ",,,,,,,,,,,,true"));
	}
	free(o.text);
}
END_TEST

#define SUMMARY_OF_TWO                                                                             \
	"2 containers: 60.0 MiB in all, 135.0 MiB without sharing, 75.0 MiB saved (56 %). Exact.\n"

START_TEST(the_kinds_of_a_container)
{
	struct sample s;
	struct output o;
	struct err e;
	struct memory_kinds kinds = { .anon = { 3 * MIB, 0 }, .file = { 0, 38 * MIB } };

	sample_fill(&s);
	s.census.n_usages = 2;
	s.usages[0].kinds = &kinds;
	s.usages[0].page_tables = bytes(20 << 10);
	s.usages[0].kernel_stacks = bytes(400 << 10);
	s.usages[1].page_tables = bytes(20 << 10);
	s.usages[1].kernel_stacks = bytes(16 << 10);
	s.usages[1].swap = bytes(MIB);
	ck_assert_int_eq(mem_print_by(output_open(&o), &s.census, MEM_BY_KIND, false, &e), 0);
	output_is(&o, "CONTAINER  KIND          PRIVATE    SHARED\n"
		      "web-1      anon          3.0 MiB       0 B\n"
		      "web-1      file              0 B  38.0 MiB\n"
		      "web-1      page_table     20 KiB       0 B\n"
		      "web-1      kernel_stack  400 KiB       0 B\n"
		      "web-2      page_table     20 KiB       0 B\n"
		      "web-2      kernel_stack   16 KiB       0 B\n"
		      "web-2      kernel_other  384 KiB       0 B\n"
		      "web-2      swap          1.0 MiB         -\n" SUMMARY_OF_TWO);
	ck_assert_int_eq(mem_print_csv(output_open(&o), &s.census, MEM_BY_KIND, &e), 0);
	fclose(o.to);
	ck_assert(str_starts(o.text, "container,kind,private_bytes,shared_bytes\n"
				     "web-1,anon,3145728,0\n"));
	free(o.text);
}
END_TEST

START_TEST(the_processes_of_a_container)
{
	struct sample s;
	struct output o;
	struct err e;
	struct census_process processes[3] = {
		{ .thing = 0,
			.pid = 10,
			.command = (char *)"sh",
			.threads = 1,
			.unique = bytes(2 * MIB),
			.private = bytes(MIB),
			.shared = bytes(MIB) },
		{ .thing = 0,
			.pid = 12,
			.command = (char *)"big, one",
			.threads = 2,
			.unique = bytes(3 * MIB),
			.private = bytes(2 * MIB),
			.shared = bytes(MIB),
			.page_tables = bytes(4096) },
		{ .thing = 1, .pid = 9, .command = (char *)"a\nb" },
	};

	sample_fill(&s);
	s.census.n_usages = 2;
	s.census.processes = processes;
	s.census.n_processes = 3;
	ck_assert_uint_eq(mem_details(MEM_BY_PROCESS), CENSUS_PROCESSES);
	ck_assert_int_eq(mem_print_by(output_open(&o), &s.census, MEM_BY_PROCESS, false, &e), 0);
	output_is(&o,
		"CONTAINER  PID   UNIQUE  PRIVATE   SHARED  INSIDE  TABLES  SWAP  COMMAND\n"
		"web-1       12  3.0 MiB  2.0 MiB  1.0 MiB       -   4 KiB     -  big, one\n"
		"web-1       10  2.0 MiB  1.0 MiB  1.0 MiB       -       -     -  sh\n"
		"web-2        9        -        -        -       -       -     -  a?b\n"
		"Pages of 1 process are shared in too many ways to be told.\n" SUMMARY_OF_TWO);
	ck_assert_int_eq(mem_print_csv(output_open(&o), &s.census, MEM_BY_PROCESS, &e), 0);
	fclose(o.to);
	ck_assert_ptr_nonnull(
		strstr(o.text, "\nweb-1,12,\"big, one\",2,3145728,2097152,1048576,,4096,\n"));
	free(o.text);
	ck_assert_int_eq(mem_print_json(output_open(&o), &s.census, &e), 0);
	/* cppcheck-suppress useClosedFile ; it was opened anew */
	fclose(o.to);
	ck_assert_ptr_nonnull(
		strstr(o.text, "\"processes\": [\n\t\t{\n\t\t\t\"container\": \"web-1\",\n"
			       "\t\t\t\"pid\": 10,\n"));
	free(o.text);
	free(s.usages[0].with);
	free(s.usages[1].with);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_mem");
	TCase *tests = tcase_create("mem");

	tcase_add_test(tests, columns_are_as_wide_as_their_widest_cell);
	tcase_add_test(tests, a_last_column_has_nothing_behind_it);
	tcase_add_test(tests, characters_are_counted_and_not_bytes);
	tcase_add_test(tests, names_cannot_write_on_the_screen);
	tcase_add_test(tests, names_cannot_look_like_others);
	tcase_add_test(tests, only_terminals_cut);
	tcase_add_test(tests, an_unfinished_row_is_an_error);
	tcase_add_test(tests, an_exact_census);
	tcase_add_test(tests, an_estimate_says_so);
	tcase_add_test(tests, what_moved_is_said);
	tcase_add_test(tests, the_matrix_is_symmetric);
	tcase_add_test(tests, programs_read_bytes_and_null);
	tcase_add_test(tests, every_column_is_in_the_legend);
	tcase_add_test(tests, csv_has_a_row_for_each_container);
	tcase_add_test(tests, the_kinds_of_a_container);
	tcase_add_test(tests, the_processes_of_a_container);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
