/* Processes side by side: what they give is what one after the other would have given. */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "overlay/crew.h"
#include "tests/unit/run.h"

static struct err err;

/* What each of the processes does, and a pipe between them. */
static const char *script;
static int ends[2];

static int one(void *data, size_t i, const struct import_options *options, uint64_t *ret_size,
	struct err *e)
{
	char byte = 0;

	(void)data;
	switch (script[i]) {
	case 'f': /* fails */
		ck_assert_int_eq(write(ends[1], &byte, 1), 1);
		return err_say(e, ENOENT, "number %zu", i);
	case 'F': /* fails when another has */
		ck_assert_int_eq(read(ends[0], &byte, 1), 1);
		return err_say(e, ENOENT, "number %zu", i);
	case 'w': /* until it is stopped */
		while (!*options->cancelled)
			usleep(1000);
		return err_say(e, ECANCELED, "number %zu is stopped", i);
	case 'k':
		raise(SIGKILL);
		break;
	default:
		if (options->progress)
			options->progress(options->progress_data, "one", 10 * (i + 1), 100);
	}
	*ret_size = (uint64_t)1 << i;
	return 0;
}

static int run(const char *what, const struct import_options *options, uint64_t *ret_size)
{
	const struct crew_work work = { .n = strlen(what), .one = one, .options = options };

	script = what;
	ck_assert_int_eq(pipe(ends), 0);
	return crew_run(&work, false, ret_size, &err);
}

static bool has_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

static uint64_t last_done, last_total;

static void note_progress(void *data, const char *what, uint64_t done, uint64_t total)
{
	(void)data, (void)what;
	last_done = done;
	last_total = total;
}

START_TEST(adds_up)
{
	uint64_t size = 0;

	ck_assert_int_eq(run("------", &(struct import_options){ 0 }, &size), 0);
	ck_assert_uint_eq(size, 63);
	ck_assert_int_eq(
		run("--", &(struct import_options){ .progress = note_progress }, &size), 0);
	ck_assert_uint_eq(size, 3);
	ck_assert_uint_gt(last_done, 0);
	ck_assert_uint_gt(last_total, 0);
}
END_TEST

START_TEST(tells_the_first_in_order)
{
	uint64_t size = 7;

	if (!has_processors())
		return;
	ck_assert_int_eq(run("Ff-", &(struct import_options){ 0 }, &size), -ENOENT);
	ck_assert_str_eq(err.text, "number 0");
	ck_assert_int_eq(run("-Ff", &(struct import_options){ 0 }, &size), -ENOENT);
	ck_assert_str_eq(err.text, "number 1");
	ck_assert_uint_eq(size, 7);
}
END_TEST

START_TEST(stops_those_behind_a_failure)
{
	uint64_t size;

	if (!has_processors())
		return;
	ck_assert_int_eq(run("fwww", &(struct import_options){ 0 }, &size), -ENOENT);
	ck_assert_str_eq(err.text, "number 0");
}
END_TEST

START_TEST(tells_of_one_that_was_killed)
{
	uint64_t size;

	if (!has_processors())
		return;
	ck_assert_int_eq(run("-kw", &(struct import_options){ 0 }, &size), -EIO);
	ck_assert_str_eq(err.text, "the process that unpacks it was killed by signal 9");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("overlay_crew");
	TCase *cases = tcase_create("overlay_crew");

	tcase_add_test(cases, adds_up);
	tcase_add_test(cases, tells_the_first_in_order);
	tcase_add_test(cases, stops_those_behind_a_failure);
	tcase_add_test(cases, tells_of_one_that_was_killed);
	suite_add_tcase(suite, cases);
	return unit_run(suite) ? 1 : 0;
}
