/* The id maps of a mount: which it has, by its keys, its options and its container. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spec/mount_maps.h"
#include "tests/unit/run.h"

/* A document with one mount: `options` and `more` are JSON. */
static int read_maps(
	const char *options, const char *more, bool user, struct mount_maps *ret, struct err *e)
{
	automatic(spec) struct spec s = { 0 };
	char text[2000];

	snprintf(text, sizeof(text),
		"{\"ociVersion\": \"1.2.0\", \"mounts\": [{\"destination\": \"/d\", \"options\": %s%s}]%s}",
		options, more,
		user ? ", \"linux\": {\"namespaces\": [{\"type\": \"user\"}], \"uidMappings\": "
		       "[{\"containerID\": 0, \"hostID\": 0, \"size\": 1}, {\"containerID\": 1, \"hostID\": 2, \"size\": 1000}],"
		       "\"gidMappings\": [{\"containerID\": 0, \"hostID\": 500, \"size\": 9}]}"
		     : "");
	ck_assert_msg(spec_parse("test", text, strlen(text), &s, e) == 0, "%s", e->text);
	return mount_maps_read(&s, 0, ret, e);
}

#define KEYS                                                                                       \
	", \"uidMappings\": [{\"containerID\": 1, \"hostID\": 2, \"size\": 3}]"                    \
	", \"gidMappings\": [{\"containerID\": 4, \"hostID\": 5, \"size\": 6}]"

/* Maps as text: "1-2-3;4-5-6" for the uids and gids. */
static void describe(const struct mount_maps *m, struct str *out)
{
	str_add(out, m->kind == MOUNT_MAPS_NONE	 ? "none"
		     : m->kind == MOUNT_MAPS_OWN ? "own"
						 : "container");
	str_add(out, m->recursive ? " all" : "");
	for (size_t i = 0; i < m->n_uids; i++)
		str_addf(out, " %u-%u-%u", m->uids[i].inside, m->uids[i].outside, m->uids[i].size);
	str_add(out, m->n_gids ? ";" : "");
	for (size_t i = 0; i < m->n_gids; i++)
		str_addf(out, " %u-%u-%u", m->gids[i].inside, m->gids[i].outside, m->gids[i].size);
}

static const struct {
	const char *options, *keys, *expect;
	bool user;
} taken[] = {
	{ "[\"rbind\"]", "", "none", false },
	{ "[\"idmapped\", \"bind\"]", "", "none", false },
	{ "[\"bind\"]", KEYS, "own 1-2-3; 4-5-6", false },
	{ "[\"rbind\"]", KEYS, "own 1-2-3; 4-5-6", true },
	{ "[\"rbind\", \"ridmap\"]", KEYS, "own all 1-2-3; 4-5-6", true },
	{ "[\"ridmap\", \"idmap\"]", KEYS, "own 1-2-3; 4-5-6", true },
	{ "[\"idmap\"]", "", "container", true },
	{ "[\"idmap=\"]", "", "container", true },
	{ "[\"ridmap\"]", "", "container all", true },
	{ "[\"idmap=uids=0-1-10#10-2000-5;gids=7-8-9\"]", "", "own 0-1-10 10-2000-5; 7-8-9",
		false },
	{ "[\"ridmap=gids=7-8-9;uids=0-1-10\"]", "", "own all 0-1-10; 7-8-9", false },
	/* crun.1: 3, and one more as far as 1 is from 2 */
	{ "[\"idmap=uids=@1-3-10;gids=@0-0-1#20-30-1\"]", "", "own 1-4-10; 0-500-1 20-30-1", true },
};

START_TEST(takes)
{
	automatic(mount_maps) struct mount_maps m = { 0 };
	automatic(str) struct str text = { 0 };
	struct err e = { 0 };

	ck_assert_msg(read_maps(taken[_i].options, taken[_i].keys, taken[_i].user, &m, &e) == 0,
		"%s", e.text);
	describe(&m, &text);
	ck_assert_str_eq(text.data, taken[_i].expect);
}
END_TEST

static const char *const refused[] = { "[\"idmap\"]", "[\"idmap=uids=0-1-1\"]",
	"[\"idmap=uids=0-1-1;\"]", "[\"idmap=uids=;gids=0-1-1\"]",
	"[\"idmap=uids=0-1;gids=0-1-1\"]", "[\"idmap=uids=0-1-1-1;gids=0-1-1\"]",
	"[\"idmap=uids=0-1-1#;gids=0-1-1\"]", "[\"idmap=uids=0-1-4294967296;gids=0-1-1\"]",
	"[\"idmap=uids=-1-1-1;gids=0-1-1\"]", "[\"idmap=0-1-1\"]",
	"[\"idmap=uid=0-1-1;gids=0-1-1\"]" };

START_TEST(refuses)
{
	automatic(mount_maps) struct mount_maps m = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(read_maps(refused[_i], "", false, &m, &e), -EINVAL);
	ck_assert_msg(strncmp(e.text, "mounts[0].", 10) == 0, "%s", e.text);
	ck_assert_ptr_null(m.uids);
}
END_TEST

START_TEST(knows_equal_ones)
{
	automatic(mount_maps) struct mount_maps a = { 0 }, b = { 0 }, c = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(read_maps("[]", KEYS, false, &a, &e), 0);
	ck_assert_int_eq(read_maps("[\"ridmap=uids=1-2-3;gids=4-5-6\"]", "", false, &b, &e), 0);
	ck_assert_int_eq(read_maps("[\"idmap=uids=1-2-4;gids=4-5-6\"]", "", false, &c, &e), 0);
	ck_assert(mount_maps_equal(&a, &b));
	ck_assert(!mount_maps_equal(&a, &c));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mount_maps");
	TCase *cases = tcase_create("maps");

	tcase_add_loop_test(cases, takes, 0, sizeof(taken) / sizeof(taken[0]));
	tcase_add_loop_test(cases, refuses, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(cases, knows_equal_ones);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
