/* Sets of page frames: invented ones, against a model that keeps every owner of every frame. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/frames.h"
#include "tests/unit/run.h"

#define NO_HOST FRAMES_NO_HOST

/* What the invented system says: by frame number, a fact. */
struct world {
	struct frame_fact *facts;
	size_t n;
	uint64_t base;	/* the number of facts[0] */
	size_t n_looks; /* frames asked for */
};

static int look(void *context, uint64_t first, size_t n, struct frame_fact *facts, struct err *e)
{
	struct world *w = context;

	(void)e;
	ck_assert_uint_le(n, FRAMES_LOOK_MAX);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = first + i - w->base;
		facts[i] = at < w->n ? w->facts[at] : (struct frame_fact){ 0 };
	}
	w->n_looks += n;
	return 0;
}

static void add(struct frames *f, uint32_t owner, uint64_t first, size_t n)
{
	struct err e;

	for (size_t i = 0; i < n; i++) {
		uint64_t number = first + i;
		ck_assert_int_eq(frames_add(f, owner, false, &number, 1, &e), 0);
	}
}

static void settle(struct frames *f, struct world *w, struct frames_host host)
{
	struct err e;

	ck_assert_int_eq(frames_settle(f, host, look, w, &e), 0);
}

static uint64_t sum(const uint64_t *kinds)
{
	uint64_t n = 0;

	for (size_t i = 0; i < FRAME_KINDS; i++)
		n += kinds[i];
	return n;
}

START_TEST(private_shared_and_host)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[30];
	struct world w = { facts, 30, 1000, 0 };
	struct frame_counts counts[2] = { 0 };
	uint64_t shared[1] = { 0 };

	frames_init(&f);
	for (size_t i = 0; i < 30; i++)
		facts[i] = (struct frame_fact){ .mappings = 1, .kind = FRAME_ANON };
	/* 10 of the first alone, 5 of both, 15 of the second of which the host has 3 too. */
	for (size_t i = 10; i < 15; i++)
		facts[i] = (struct frame_fact){ .mappings = 2, .kind = FRAME_FILE };
	for (size_t i = 27; i < 30; i++)
		facts[i].mappings = 7;
	add(&f, 0, 1000, 15);
	add(&f, 1, 1010, 20);
	settle(&f, &w, NO_HOST);
	frames_count(&f, counts, 2);
	frames_share(&f, shared, 2);
	ck_assert_uint_eq(counts[0].private[FRAME_ANON], 10);
	ck_assert_uint_eq(counts[0].shared[FRAME_FILE], 5);
	ck_assert_uint_eq(sum(counts[0].private), 10);
	ck_assert_uint_eq(sum(counts[0].shared), 5);
	ck_assert_uint_eq(counts[0].outside, 0);
	ck_assert_uint_eq(counts[1].private[FRAME_ANON], 12);
	ck_assert_uint_eq(counts[1].shared[FRAME_FORKED], 3);
	ck_assert_uint_eq(counts[1].shared[FRAME_FILE], 5);
	ck_assert_uint_eq(counts[1].outside, 3);
	ck_assert_uint_eq(shared[0], 5);
	ck_assert_uint_eq(frames_union(&f), 30);
	ck_assert_uint_eq(f.n_moved, 0);
}
END_TEST

START_TEST(several_processes_of_one_owner_are_private)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[8];
	struct world w = { facts, 8, 0, 0 };
	struct frame_counts counts[1] = { 0 };

	frames_init(&f);
	for (size_t i = 0; i < 8; i++)
		facts[i] = (struct frame_fact){ .mappings = 3, .kind = FRAME_SHMEM };
	for (size_t process = 0; process < 3; process++)
		add(&f, 0, 0, 8);
	settle(&f, &w, NO_HOST);
	frames_count(&f, counts, 1);
	ck_assert_uint_eq(counts[0].private[FRAME_SHMEM], 8);
	ck_assert_uint_eq(sum(counts[0].shared), 0);
}
END_TEST

START_TEST(special_frames_are_nobodys)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[2] = { { .mappings = 0, .kind = FRAME_SPECIAL },
		{ .mappings = 1, .kind = FRAME_ANON } };
	struct world w = { facts, 2, 50, 0 };
	struct frame_counts counts[1] = { 0 };

	frames_init(&f);
	add(&f, 0, 50, 2);
	settle(&f, &w, NO_HOST);
	frames_count(&f, counts, 1);
	ck_assert_uint_eq(sum(counts[0].private) + sum(counts[0].shared), 1);
	ck_assert_uint_eq(f.n_moved, 0);
	ck_assert_uint_eq(frames_union(&f), 1);
}
END_TEST

START_TEST(fewer_mappings_than_seen_is_noticed)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[3] = { { .mappings = 1, .kind = FRAME_ANON },
		{ .mappings = 2, .kind = FRAME_ANON }, { .mappings = 1, .kind = FRAME_HUGETLB } };
	struct world w = { facts, 3, 0, 0 };

	frames_init(&f);
	add(&f, 0, 0, 3);
	add(&f, 1, 0, 3);
	settle(&f, &w, NO_HOST);
	/* One of two mappings of frame 0 is gone; the page tables of hugetlb may be shared. */
	ck_assert_uint_eq(f.n_moved, 1);
}
END_TEST

START_TEST(a_host_that_was_read_replaces_counts)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[12];
	struct world w = { facts, 12, 0, 0 };
	struct frame_counts counts[2] = { 0 };
	uint64_t shared[1] = { 0 };

	frames_init(&f);
	for (size_t i = 0; i < 12; i++)
		facts[i] = (struct frame_fact){ .mappings = FRAMES_UNKNOWN, .kind = FRAME_ANON };
	add(&f, 0, 0, 6);
	add(&f, 1, 4, 4);
	add(&f, 2, 5, 7); /* the host: 5 is of all three, 8 to 11 are its own */
	settle(&f, &w, (struct frames_host){ 2, false });
	frames_count(&f, counts, 2);
	frames_share(&f, shared, 2);
	ck_assert_uint_eq(sum(counts[0].private), 4);
	ck_assert_uint_eq(sum(counts[0].shared), 2);
	ck_assert_uint_eq(counts[0].outside, 1);
	ck_assert_uint_eq(sum(counts[1].private), 0);
	ck_assert_uint_eq(counts[1].outside, 3);
	ck_assert_uint_eq(shared[0], 2);
	ck_assert_uint_eq(frames_union(&f), 8);
}
END_TEST

START_TEST(a_host_that_counts_is_an_owner_too)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[12];
	struct world w = { facts, 12, 0, 0 };
	struct frame_counts counts[3] = { 0 };
	uint64_t shared[3] = { 0 };

	frames_init(&f);
	for (size_t i = 0; i < 12; i++)
		facts[i] = (struct frame_fact){ .mappings = 1 + (i >= 4) + (i == 5),
			.kind = FRAME_FILE };
	/* 5 is of all three; of 8 to 11 the host sees all mappings but one that is gone. */
	add(&f, 0, 0, 6);
	add(&f, 1, 4, 4);
	add(&f, 2, 5, 7);
	add(&f, 2, 10, 2);
	add(&f, 2, 11, 1);
	settle(&f, &w, (struct frames_host){ 2, true });
	frames_count(&f, counts, 3);
	frames_share(&f, shared, 3);
	ck_assert_uint_eq(counts[0].outside, 1);
	ck_assert_uint_eq(counts[1].outside, 3);
	ck_assert_uint_eq(shared[frames_pair(0, 2)], 1);
	ck_assert_uint_eq(shared[frames_pair(1, 2)], 3);
	ck_assert_uint_eq(sum(counts[2].private) + sum(counts[2].shared), 7);
	/* Its own are in no union, and no reason for doubt. */
	ck_assert_uint_eq(frames_union(&f), 8);
	ck_assert_uint_eq(f.n_moved, 0);
}
END_TEST

START_TEST(frames_can_be_asked_for_and_are_within_a_party)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[10];
	struct world w = { facts, 10, 7000, 0 };
	static const uint32_t parties[3] = { 0, 0, 1 };
	uint64_t within[3] = { 0 };
	struct frame_state state;

	frames_init(&f);
	for (size_t i = 0; i < 10; i++)
		facts[i] = (struct frame_fact){ .mappings = 1, .kind = FRAME_FILE };
	for (size_t i = 2; i < 5; i++)
		facts[i].mappings = i == 4 ? 9 : 2; /* 4 is mapped outside too */
	facts[6].mappings = 2;
	facts[9].kind = FRAME_SPECIAL;
	add(&f, 0, 7000, 7); /* 0 1 alone, 2 3 4 with the second, 5 alone, 6 with the third */
	add(&f, 1, 7002, 3);
	add(&f, 2, 7006, 4);
	settle(&f, &w, NO_HOST);
	ck_assert_int_eq(frames_count_within(&f, parties, within), 0);
	ck_assert_uint_eq(within[0], 5);
	ck_assert_uint_eq(within[1], 2);
	ck_assert_uint_eq(within[2], 2);
	ck_assert(frames_find(&f, 7004, &state) && state.outside && state.kind == FRAME_FILE);
	uint32_t set = state.set;
	ck_assert_uint_eq(frames_owner(&f, &set), 1);
	ck_assert_uint_eq(frames_owner(&f, &set), 0);
	ck_assert_uint_eq(set, 0);
	ck_assert(!frames_find(&f, 7009, &state) && !frames_find(&f, 123456789, &state));
}
END_TEST

START_TEST(one_process_in_two_owners_is_mapped_once)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[4];
	struct world w = { facts, 4, 0, 0 };
	uint64_t numbers[4] = { 0, 1, 2, 3 }, shared[1] = { 0 };
	struct err e;

	frames_init(&f);
	for (size_t i = 0; i < 4; i++)
		facts[i] = (struct frame_fact){ .mappings = 1, .kind = FRAME_ANON };
	ck_assert_int_eq(frames_add(&f, 0, false, numbers, 4, &e), 0);
	ck_assert_int_eq(frames_add(&f, 1, true, numbers, 4, &e), 0);
	settle(&f, &w, NO_HOST);
	frames_share(&f, shared, 2);
	ck_assert_uint_eq(f.n_moved, 0);
	ck_assert_uint_eq(shared[0], 4);
}
END_TEST

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/* Owners of each frame as a matrix of bytes, and everything counted from it the long way. */
struct model {
	size_t n_owners, n_frames;
	unsigned char *maps; /* [owner][frame]: how often */
	struct frame_fact *facts;
};

static bool has(const struct model *m, size_t owner, size_t frame)
{
	return m->maps[owner * m->n_frames + frame];
}

static void invent(struct model *m, uint32_t seed)
{
	m->maps = calloc(m->n_owners, m->n_frames);
	m->facts = calloc(m->n_frames, sizeof(*m->facts));
	for (size_t frame = 0; frame < m->n_frames; frame++) {
		/* Some frames are of few, some of nearly all, some of a row of neighbours. */
		uint32_t style = random_next(&seed) % 3, of = random_next(&seed) % 10 + 1;
		size_t from = random_next(&seed) % m->n_owners;
		uint32_t n = 0;
		for (size_t owner = 0; owner < m->n_owners; owner++) {
			bool maps = style == 2 ? owner >= from
					       : (random_next(&seed) % 10 < of) != (style == 1);
			m->maps[owner * m->n_frames + frame] =
				(unsigned char)(maps ? 1 + random_next(&seed) % 2 : 0);
			n += m->maps[owner * m->n_frames + frame];
		}
		m->facts[frame] = (struct frame_fact){
			.mappings = n + (random_next(&seed) % 4 == 0),
			.kind = (uint8_t)(random_next(&seed) % FRAME_KINDS),
		};
	}
}

static void add_model(struct frames *f, const struct model *m, uint64_t base)
{
	for (size_t owner = 0; owner < m->n_owners; owner++)
		for (size_t frame = 0; frame < m->n_frames; frame++)
			for (size_t i = 0; i < m->maps[owner * m->n_frames + frame]; i++)
				add(f, (uint32_t)owner, base + frame, 1);
}

static size_t owners_of(const struct model *m, size_t frame)
{
	size_t n = 0;

	for (size_t owner = 0; owner < m->n_owners; owner++)
		n += has(m, owner, frame);
	return n;
}

static uint32_t mappings_of(const struct model *m, size_t frame)
{
	uint32_t n = 0;

	for (size_t owner = 0; owner < m->n_owners; owner++)
		n += m->maps[owner * m->n_frames + frame];
	return n;
}

/* Anonymous memory that is mapped more than once is told apart by the set. */
static size_t kind_of(const struct frame_fact *fact)
{
	return fact->kind == FRAME_ANON && fact->mappings > 1 ? FRAME_FORKED : fact->kind;
}

static void compare_counts(const struct frames *f, const struct model *m)
{
	struct frame_counts *counts = calloc(m->n_owners, sizeof(*counts));
	struct frame_counts *expected = calloc(m->n_owners, sizeof(*expected));
	uint64_t all = 0;

	for (size_t frame = 0; frame < m->n_frames; frame++) {
		bool outside = m->facts[frame].mappings > mappings_of(m, frame);
		size_t n = owners_of(m, frame);
		all += n > 0;
		for (size_t owner = 0; owner < m->n_owners; owner++) {
			if (!has(m, owner, frame))
				continue;
			struct frame_counts *of = &expected[owner];
			bool private = n == 1 && !outside;
			(private ? of->private : of->shared)[kind_of(&m->facts[frame])]++;
			of->outside += outside;
		}
	}
	frames_count(f, counts, m->n_owners);
	ck_assert_mem_eq(counts, expected, m->n_owners * sizeof(*counts));
	ck_assert_uint_eq(frames_union(f), all);
	free(counts);
	free(expected);
}

static void compare_shares(const struct frames *f, const struct model *m)
{
	uint64_t *shares = calloc(frames_pair(0, m->n_owners) + 1, sizeof(*shares));

	frames_share(f, shares, m->n_owners);
	for (size_t b = 1; b < m->n_owners; b++) {
		for (size_t a = 0; a < b; a++) {
			uint64_t n = 0;
			for (size_t frame = 0; frame < m->n_frames; frame++)
				n += has(m, a, frame) && has(m, b, frame);
			ck_assert_uint_eq(shares[frames_pair(a, b)], n);
		}
	}
	free(shares);
}

START_TEST(any_sets_are_counted_as_the_long_way)
{
	static const struct {
		size_t owners, frames;
		uint64_t base;
	} cases[] = {
		{ 1, 100, 0 },
		{ 2, 600, 511 },
		{ 17, 3000, (1 << 18) - 700 }, /* over the end of a region */
		{ 40, 500, (1ULL << 40) - 500 },
		{ 1000, 60, 12345 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		automatic(frames) struct frames f;
		struct model m = { .n_owners = cases[i].owners, .n_frames = cases[i].frames };
		frames_init(&f);
		invent(&m, (uint32_t)i + 1);
		struct world w = { m.facts, m.n_frames, cases[i].base, 0 };
		add_model(&f, &m, cases[i].base);
		settle(&f, &w, NO_HOST);
		ck_assert_uint_eq(f.n_moved, 0);
		ck_assert_uint_le(w.n_looks, m.n_frames);
		compare_counts(&f, &m);
		compare_shares(&f, &m);
		free(m.maps);
		free(m.facts);
	}
}
END_TEST

START_TEST(a_thousand_forks_make_few_sets)
{
	automatic(frames) struct frames f;
	struct frame_fact *facts = calloc(2560, sizeof(*facts));
	struct world w = { facts, 2560, 4096, 0 };

	frames_init(&f);
	for (size_t i = 0; i < 2560; i++)
		facts[i] = (struct frame_fact){ .mappings = 1000, .kind = FRAME_ANON };
	for (uint32_t owner = 0; owner < 1000; owner++) {
		uint64_t numbers[2560];
		struct err e;
		for (size_t i = 0; i < 2560; i++)
			numbers[i] = 4096 + i;
		ck_assert_int_eq(frames_add(&f, owner, false, numbers, 2560, &e), 0);
	}
	ck_assert_uint_eq(f.n_sets, 1001);
	settle(&f, &w, NO_HOST);
	ck_assert_uint_eq(frames_union(&f), 2560);
	/* The work of classifying follows frames, not mappings. */
	ck_assert_uint_eq(w.n_looks, 2560);
	free(facts);
}
END_TEST

START_TEST(far_apart_frames_are_not_looked_between)
{
	automatic(frames) struct frames f;
	struct frame_fact facts[1] = { { .mappings = 1 } };
	struct world w = { facts, 1, 0, 0 };

	frames_init(&f);
	for (uint64_t i = 0; i < 100; i++)
		add(&f, 0, i * 1000003, 1);
	settle(&f, &w, NO_HOST);
	ck_assert_uint_eq(w.n_looks, 100);
}
END_TEST

START_TEST(wrong_use_is_an_error)
{
	automatic(frames) struct frames f;
	uint64_t number = 1, beyond = 1ULL << 40;
	struct err e;

	frames_init(&f);
	ck_assert_int_eq(frames_add(&f, 3, false, &number, 1, &e), 0);
	ck_assert_int_eq(frames_add(&f, 2, false, &number, 1, &e), -EINVAL);
	ck_assert_str_eq(e.text, "add frames: owner 2 comes after 3");
	ck_assert_int_eq(frames_add(&f, 3, false, &beyond, 1, &e), -ERANGE);
}
END_TEST

START_TEST(nothing_is_a_set_too)
{
	automatic(frames) struct frames f;
	struct world w = { 0 };
	struct frame_counts counts[2] = { 0 };
	uint64_t shares[1] = { 0 };

	frames_init(&f);
	settle(&f, &w, NO_HOST);
	frames_count(&f, counts, 2);
	frames_share(&f, shares, 2);
	ck_assert_uint_eq(frames_union(&f) + shares[0] + counts[0].outside, 0);
	ck_assert(!frames_has_large(&f));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_frames");
	TCase *tests = tcase_create("frames");

	tcase_add_test(tests, private_shared_and_host);
	tcase_add_test(tests, several_processes_of_one_owner_are_private);
	tcase_add_test(tests, special_frames_are_nobodys);
	tcase_add_test(tests, fewer_mappings_than_seen_is_noticed);
	tcase_add_test(tests, a_host_that_was_read_replaces_counts);
	tcase_add_test(tests, a_host_that_counts_is_an_owner_too);
	tcase_add_test(tests, frames_can_be_asked_for_and_are_within_a_party);
	tcase_add_test(tests, one_process_in_two_owners_is_mapped_once);
	tcase_add_test(tests, any_sets_are_counted_as_the_long_way);
	tcase_add_test(tests, a_thousand_forks_make_few_sets);
	tcase_add_test(tests, far_apart_frames_are_not_looked_between);
	tcase_add_test(tests, wrong_use_is_an_error);
	tcase_add_test(tests, nothing_is_a_set_too);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
