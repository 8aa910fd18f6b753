/* The pure parts of cow density: experiments, their order, command lines, medians. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/density/rest.h"
#include "cmd/density/result.h"
#include "cmd/density/schedule.h"
#include "cmd/density/summary.h"
#include "cmd/density/way.h"
#include "tests/unit/run.h"

static int parse(const char *text, struct experiment *x, struct err *e)
{
	struct json_limits limits = json_usual_limits;

	limits.strict = true;
	int r = json_read("x.json", text, strlen(text), experiment_fields, x, &limits, e);
	if (r == 0)
		r = experiment_complete(x, e);
	return r < 0 ? r : experiment_check(x, e);
}

START_TEST(what_is_left_out_has_usual_values)
{
	automatic(experiment) struct experiment x = { 0 };
	struct err e;

	ck_assert_int_eq(parse("{\"image\": \"a\"}", &x, &e), 0);
	ck_assert_uint_eq(x.n_counts, 3);
	ck_assert_uint_eq(x.counts[2], 100);
	ck_assert_str_eq(x.ways[0], "overlay");
	ck_assert_str_eq(x.variants[0].name, "plain");
	ck_assert_uint_eq(x.repetitions, 3);
	ck_assert_uint_ge(x.parallel, 1);
	ck_assert_uint_eq(x.keep_free_bytes, 1 << 30);
}
END_TEST

static const struct {
	const char *text, *error;
} refusals[] = {
	{ "{}", "which image? ('image' in the experiment, or --image)" },
	{ "{\"image\": \"a\", \"count\": [1]}", "count: unknown key" },
	{ "{\"image\": \"a\", \"variants\": [{\"name\": \"x\", \"hugepages\": \"never\"}]}",
		"variants[0].hugepages: unknown key" },
	{ "{\"image\": \"a\", \"counts\": [1, 1000000000]}",
		"counts[1]: 1000000000 is not from 1 to 100000" },
	{ "{\"image\": \"a\", \"counts\": [0]}", "counts[0]: 0 is not from 1 to 100000" },
	{ "{\"image\": \"a\", \"ways\": [\"overlay\", \"overlay\"]}",
		"ways[1]: 'overlay' is there already" },
	{ "{\"image\": \"a\", \"keep_free\": \"much\"}", "keep_free: 'much' is no size" },
	{ "{\"image\": \"a\", \"variants\": [{\"name\": \"x\", \"memory\": \"-\"}]}",
		"variants[0].memory: '-' is no size" },
	{ "{\"image\": \"a\", \"variants\": [{\"name\": \"x\", \"swappiness\": 201}]}",
		"variants[0].swappiness: from 0 to 200" },
	{ "{\"image\": \"a\", \"variants\": [{\"name\": \"x\", \"overcommit\": 3}]}",
		"variants[0].overcommit: 0, 1 or 2" },
	{ "{\"image\": \"a\", \"repetitions\": 1001}", "repetitions: 1001 is above 1000" },
	{ "{\"image\": \"a\", \"engines\": [{\"name\": \"e\", \"start\": [], \"stop\": [\"x\"]}]}",
		"engines[0]: 'start' and 'stop' need words" },
	{ "{\"image\": \"a\", \"engines\": [{\"name\": \"crun\", \"start\": [\"x\"], \"stop\": [\"x\"]}]}",
		"engines[0]: 'crun' is the name of a way" },
	{ "{\"image\": \"a\", \"repetitions\": 1000, \"counts\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}",
		"11000 trials (counts, ways, variants and repetitions): at most 10000" },
};

START_TEST(bad_experiments_are_refused)
{
	automatic(experiment) struct experiment x = { 0 };
	struct err e;

	ck_assert_int_lt(parse(refusals[_i].text, &x, &e), 0);
	ck_assert_str_eq(e.text, refusals[_i].error);
}
END_TEST

START_TEST(an_unknown_way_is_refused_with_those_that_are_known)
{
	automatic(experiment) struct experiment x = { 0 };
	struct err e;

	ck_assert_int_lt(parse("{\"image\": \"a\", \"ways\": [\"teleport\"]}", &x, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "'teleport' is neither a way to start (overlay, "));
}
END_TEST

static bool is_same(const struct trial *a, const struct trial *b)
{
	return a->variant == b->variant && a->way == b->way && a->count == b->count &&
	       a->repetition == b->repetition;
}

START_TEST(each_repetition_has_every_trial_once_in_an_order_of_the_seed)
{
	automatic(experiment) struct experiment x = { 0 };
	automatic(schedule) struct schedule s = { 0 }, again = { 0 }, other = { 0 };
	struct err e;
	size_t n_same = 0;

	ck_assert_int_eq(parse("{\"image\": \"a\", \"ways\": [\"overlay\", \"copy\", \"crun\"],"
			       "\"counts\": [1, 2, 3, 4, 5], \"repetitions\": 4, \"seed\": 7}",
				 &x, &e),
		0);
	ck_assert_int_eq(schedule_make(&x, &s), 0);
	ck_assert_int_eq(schedule_make(&x, &again), 0);
	x.seed = 8;
	ck_assert_int_eq(schedule_make(&x, &other), 0);
	ck_assert_uint_eq(s.n, 60);
	unsigned seen[4][15] = { 0 };
	for (size_t i = 0; i < s.n; i++) {
		ck_assert_uint_eq(s.v[i].repetition, i / 15);
		seen[i / 15][s.v[i].way * 5 + s.v[i].count]++;
		ck_assert(is_same(&s.v[i], &again.v[i]));
		n_same += is_same(&s.v[i], &other.v[i]);
	}
	for (size_t i = 0; i < 60; i++)
		ck_assert_uint_eq(seen[i / 15][i % 15], 1);
	ck_assert_uint_lt(n_same, 30);
}
END_TEST

START_TEST(templates_become_command_lines)
{
	static const char *const cow[] = { "/bin/cow", "--root", "/r", NULL };
	static const char *const options[] = { NULL };
	static const char *const command[] = { "sleep", "{n}", "x{n}y{i}", "{i}", NULL };
	static const char *const words[] = { "{cow}", "run", "{name}", "{options}", "{command}",
		NULL };
	static const char *const expected[] = { "/bin/cow", "--root", "/r", "run", "c", "sleep",
		"12", "x12y3", "3", NULL };
	const struct way_values values = {
		.name = "c", .cow = cow, .options = options, .command = command, .n = 12, .i = 3
	};
	char **got = NULL;
	struct err e;

	ck_assert_int_eq(way_expand(words, &values, &got, &e), 0);
	for (size_t i = 0; expected[i] || got[i]; i++)
		ck_assert_pstr_eq(got[i], expected[i]);
	way_free(got);
	static const char *const wrong[] = { "run", "{nmae}", NULL };
	ck_assert_int_eq(way_expand(wrong, &values, &got, &e), -EINVAL);
	ck_assert_str_eq(e.text, "a command line of 'engines' has the unknown word '{nmae}'");
}
END_TEST

START_TEST(a_place_behind_a_way_is_not_its_name)
{
	ck_assert_str_eq(way_find("lvm:group/pool")->name, "lvm");
	ck_assert_str_eq(way_find("copy")->name, "copy");
	ck_assert_ptr_null(way_find("cop"));
	ck_assert_ptr_null(way_find("copying"));
	ck_assert_ptr_null(way_find(""));
}
END_TEST

START_TEST(spreads_are_of_values_that_are_there)
{
	uint64_t odd[] = { 5, 1, 3 }, even[] = { 4, 1, 2, 3 }, one[] = { 9 };
	uint64_t hundred[101];

	ck_assert_uint_eq(spread_of(odd, 3).median, 3);
	ck_assert_uint_eq(spread_of(even, 4).median, 2); /* 2.5 */
	struct spread s = spread_of(one, 1);
	ck_assert(s.median == 9 && s.p10 == 9 && s.p90 == 9 && s.most == 9);
	for (size_t i = 0; i < 101; i++)
		hundred[i] = 100 - i;
	s = spread_of(hundred, 101);
	ck_assert(s.median == 50 && s.p10 == 10 && s.p90 == 90 && s.most == 100);
	ck_assert_uint_eq(spread_of(NULL, 0).most, 0);
}
END_TEST

/* Three trials of one cell and one of another: medians, and what was wrong with any of them. */
START_TEST(a_cell_is_the_median_of_its_trials)
{
	static char plain[] = "plain", overlay[] = "overlay", changed[] = "a process has changed";
	struct result v[3];
	uint64_t counts[] = { 10, 20 };
	char *ways[] = { overlay };
	struct variant variant = { .name = plain };
	struct results r = { .v = v,
		.n = 3,
		.experiment = { .variants = &variant,
			.n_variants = 1,
			.ways = ways,
			.n_ways = 1,
			.counts = counts,
			.n_counts = 2 } };
	automatic(summary) struct summary s = { 0 };
	struct err e;

	for (size_t i = 0; i < 3; i++)
		v[i] = (struct result){ .variant = plain,
			.way = overlay,
			.count = 10,
			.started = 10,
			.alive = { i == 1, 10 },
			.exact = i != 1,
			.why = i == 1 ? changed : NULL,
			.settled = true,
			.up_us = 1000000 * (i + 1),
			.cost_bytes = { true, 1000 * (i + 1) },
			.each = { .anon = { true, i } } };
	ck_assert_int_eq(summary_make(&r, &s, &e), 0);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.v[0].n, 3);
	ck_assert(!s.v[0].exact && s.v[0].settled && s.v[0].all_started);
	ck_assert_uint_eq(s.v[0].cost_each.median, 200);
	ck_assert_uint_eq(s.v[0].rate_milli.median, 5000); /* 10 in 2 s */
	ck_assert(s.v[0].each.anon.set && s.v[0].each.anon.value == 1);
	ck_assert(!s.v[0].each.file.set);
	ck_assert_uint_eq(s.v[1].n, 0);
	summary_done(&s);
	v[1].alive.value = 9; /* one has ended */
	ck_assert_int_eq(summary_make(&r, &s, &e), 0);
	ck_assert(!s.v[0].all_started);
	ck_assert(!s.v[0].template.set && !s.v[0].noise_each.set && !cell_is_noisy(&s.v[0]));
}
END_TEST

/* Two containers that are forks, and what they are forks of. */
START_TEST(a_template_is_in_nothing_that_is_of_each)
{
	struct memory_usage usages[3] = {
		{ .processes = 1, .cost = { true, 100 }, .unique = { true, 5000 } },
		{ .processes = 1, .cost = { true, 300 }, .unique = { true, 5000 } },
		{ .processes = 1, .cost = { true, 4000 }, .is_template = true },
	};
	const struct census census = { .exact = true, .usages = usages, .n_usages = 3 };
	automatic(result) struct result r = { .started = 2 };

	ck_assert_int_eq(result_measure(&r, &census), 0);
	ck_assert(r.cost_bytes.set && r.cost_bytes.value == 400);
	ck_assert(r.template.set && r.template.value == 4000);
	ck_assert_uint_eq(r.each.cost.value, 200);
	ck_assert_uint_eq(r.each.unique.value, 5000);
	ck_assert(r.exact && !r.why);
	/* It is not one of those that live, either. */
	usages[1].processes = 0;
	ck_assert_int_eq(result_measure(&r, &census), 0);
	ck_assert_str_eq(r.why, "1 of 2 have ended by themselves");
}
END_TEST

#define MIB ((uint64_t)1 << 20)

static const struct {
	const char *what;
	uint64_t unused[REST_READINGS], slab[REST_READINGS]; /* MiB */
	bool at_rest;
	uint64_t most, noise; /* MiB; of noise there is never less than 1/16 */
} readings[] = {
	{ "nothing moves", { 9, 9, 9, 9, 9, 9, 9, 9 }, { 5, 5, 5, 5, 5, 5, 5, 5 }, true, 9, 0 },
	{ "up and down", { 20, 9, 21, 10, 9, 20, 10, 21 }, { 5, 5, 5, 5, 5, 5, 5, 5 }, true, 21,
		0 },
	{ "the same, more", { 20, 9, 18, 10, 9, 23, 10, 18 }, { 5, 5, 5, 5, 5, 5, 5, 5 }, true, 23,
		3 },
	{ "one dip", { 90, 90, 90, 20, 90, 90, 90, 90 }, { 5, 5, 5, 5, 5, 5, 5, 5 }, true, 90, 0 },
	{ "still freed", { 10, 20, 30, 40, 50, 60, 70, 80 }, { 5, 5, 5, 5, 5, 5, 5, 5 }, false, 80,
		40 },
	{ "slab still freed", { 9, 9, 9, 9, 9, 9, 9, 9 }, { 80, 70, 60, 50, 40, 30, 20, 10 }, false,
		9, 0 },
	{ "the end of it", { 10, 10, 10, 10, 90, 90, 90, 90 }, { 5, 5, 5, 5, 5, 5, 5, 5 }, false,
		90, 80 },
};

START_TEST(a_host_is_at_rest_when_it_goes_neither_up_nor_down)
{
	uint64_t noise = readings[_i].noise ? readings[_i].noise * MIB : MIB / 16;
	struct host_memory v[REST_READINGS] = { 0 };
	struct rest rest;

	for (size_t i = 0; i < REST_READINGS; i++) {
		v[i].unused = readings[_i].unused[i] * MIB;
		v[i].slab = readings[_i].slab[i] * MIB;
	}
	ck_assert_msg(rest_is(v, &rest) == readings[_i].at_rest, "%s", readings[_i].what);
	/* What others hold for a moment is not in use. */
	ck_assert_msg(rest.memory.unused == readings[_i].most * MIB, "%s: %llu", readings[_i].what,
		(unsigned long long)rest.memory.unused);
	ck_assert_msg(
		rest.noise == noise, "%s: %llu", readings[_i].what, (unsigned long long)rest.noise);
}
END_TEST

START_TEST(what_is_lost_in_noise_is_told)
{
	struct cell c = { .taken_each = { .median = 1000 } };

	ck_assert(!cell_is_noisy(&c));
	c.noise_each = (struct opt_u64){ true, 100 };
	ck_assert(!cell_is_noisy(&c));
	c.noise_each.value = 101;
	ck_assert(cell_is_noisy(&c));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_density");
	TCase *cases = tcase_create("density");

	tcase_add_test(cases, what_is_left_out_has_usual_values);
	tcase_add_loop_test(cases, bad_experiments_are_refused, 0,
		(int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_test(cases, an_unknown_way_is_refused_with_those_that_are_known);
	tcase_add_test(cases, each_repetition_has_every_trial_once_in_an_order_of_the_seed);
	tcase_add_test(cases, templates_become_command_lines);
	tcase_add_test(cases, a_place_behind_a_way_is_not_its_name);
	tcase_add_test(cases, spreads_are_of_values_that_are_there);
	tcase_add_test(cases, a_cell_is_the_median_of_its_trials);
	tcase_add_test(cases, a_template_is_in_nothing_that_is_of_each);
	tcase_add_loop_test(cases, a_host_is_at_rest_when_it_goes_neither_up_nor_down, 0,
		(int)(sizeof(readings) / sizeof(readings[0])));
	tcase_add_test(cases, what_is_lost_in_noise_is_told);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
