/* The fate of pages, who wrote them, what writing all takes: on invented pages. Mappings by their text. */
#include "cgroup/fate.h"

#include <check.h>
#include <stdio.h>

#include "cgroup/mappings.h"
#include "cgroup/pagemap.h"
#include "tests/unit/run.h"

#define HERE(frame) (PAGEMAP_PRESENT | (frame))
#define FILED(frame) (HERE(frame) | PAGEMAP_FILE)
#define SWAPPED(slot) (PAGEMAP_SWAPPED | (slot))

static const struct {
	struct page_sight ours, theirs;
	bool of_file;
	enum page_fate fate;
} fates[] = {
	{ { 0, 0 }, { HERE(1), FRAME_ANON }, false, PAGE_NOTHING },
	{ { HERE(7), FRAME_SPECIAL }, { HERE(7), FRAME_SPECIAL }, false, PAGE_NOTHING },
	{ { HERE(1), FRAME_ANON }, { HERE(1), FRAME_ANON }, false, PAGE_INHERITED },
	{ { HERE(1), FRAME_ANON }, { HERE(2), FRAME_ANON }, false, PAGE_BROKEN },
	{ { HERE(1), FRAME_ANON }, { 0, 0 }, false, PAGE_OWN },
	{ { HERE(1), FRAME_ANON }, { HERE(7), FRAME_SPECIAL }, false, PAGE_OWN },
	{ { HERE(1), FRAME_KSM }, { HERE(1), FRAME_KSM }, false, PAGE_INHERITED },
	{ { HERE(1), FRAME_KSM }, { HERE(2), FRAME_ANON }, false, PAGE_UNCLEAR },
	{ { HERE(1), FRAME_ANON }, { HERE(2), FRAME_KSM }, false, PAGE_UNCLEAR },
	/* Private mappings of files. */
	{ { FILED(1), FRAME_FILE }, { FILED(1), FRAME_FILE }, true, PAGE_FILE },
	{ { FILED(1), FRAME_FILE }, { HERE(2), FRAME_ANON }, true, PAGE_FILE },
	{ { HERE(1), FRAME_ANON }, { FILED(2), FRAME_FILE }, true, PAGE_BROKEN },
	{ { HERE(1), FRAME_ANON }, { 0, 0 }, true, PAGE_BROKEN },
	{ { HERE(1), FRAME_ANON }, { HERE(1), FRAME_ANON }, true, PAGE_INHERITED },
	/* Swap: slots are compared, and a slot is no frame. */
	{ { SWAPPED(5), 0 }, { SWAPPED(5), 0 }, false, PAGE_INHERITED },
	{ { SWAPPED(5), 0 }, { SWAPPED(6), 0 }, false, PAGE_BROKEN },
	{ { SWAPPED(5), 0 }, { HERE(5), FRAME_ANON }, false, PAGE_UNCLEAR },
	{ { HERE(5), FRAME_ANON }, { SWAPPED(5), 0 }, false, PAGE_UNCLEAR },
	{ { SWAPPED(5), 0 }, { 0, 0 }, false, PAGE_OWN },
	{ { SWAPPED(5), 0 }, { FILED(2), FRAME_FILE }, true, PAGE_BROKEN },
	/* Guards and the like are no pages. */
	{ { SWAPPED(31), 0 }, { SWAPPED(31), 0 }, false, PAGE_NOTHING },
	{ { HERE(5), FRAME_ANON }, { SWAPPED(23), 0 }, false, PAGE_OWN },
};

START_TEST(the_fate_of_a_page)
{
	for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++)
		ck_assert_msg(page_fate(fates[i].ours, fates[i].theirs, fates[i].of_file) ==
				      fates[i].fate,
			"row %zu", i);
}
END_TEST

START_TEST(siblings_tell_who_wrote)
{
	/* Origin 1: three forks have the old frame of page 8, one its own; page 9 is of one alone.
	 * The same frame elsewhere means nothing. */
	struct broken_page pages[] = {
		{ .origin = 1, .process = 0, .page = 8, .frame = 100 },
		{ .origin = 1, .process = 1, .page = 8, .frame = 200 },
		{ .origin = 1, .process = 2, .page = 8, .frame = 100 },
		{ .origin = 1, .process = 3, .page = 8, .frame = 100 },
		{ .origin = 1, .process = 0, .page = 9, .frame = 300 },
		{ .origin = 2, .process = 4, .page = 9, .frame = 300 },
		{ .origin = 1, .process = 2, .page = 10, .frame = 300 },
	};
	size_t left = 0;

	ck_assert_uint_eq(fates_settle(pages, 7), 1);
	for (size_t i = 0; i < 7; i++) {
		left += pages[i].left;
		ck_assert(!pages[i].left || (pages[i].page == 8 && pages[i].process != 1));
	}
	ck_assert_uint_eq(left, 3);
	ck_assert_uint_eq(fates_settle(NULL, 0), 0);
}
END_TEST

START_TEST(what_writing_everything_takes)
{
	/* Ours alone, three times: two copies. With somebody outside: one for each of us. */
	struct exposed_page inside[] = { { 7, 3 }, { 7, 3 }, { 7, 3 } };
	struct exposed_page outside[] = { { 7, 3 }, { 9, 2 }, { 7, 3 } };
	struct exposed_page unknown[] = { { 7, 1 }, { 7, UINT32_MAX }, { 9, 1 } };

	ck_assert_uint_eq(exposed_copies(inside, 3), 2);
	ck_assert_uint_eq(exposed_copies(outside, 3), 3);
	ck_assert_uint_eq(exposed_copies(unknown, 3), 2);
	ck_assert_uint_eq(exposed_copies(NULL, 0), 0);
}
END_TEST

static const struct {
	const char *line, *name;
	bool is_one, private, writable, special;
	uint64_t start, end, inode;
} lines[] = {
	{ "00400000-00401000 r-xp 00001000 08:01 42                /bin/a b", "/bin/a b", true,
		true, false, false, 0x400, 0x401, 42 },
	{ "7f00-8f00 rw-p 00000000 00:00 0 ", NULL, true, true, true, false, 0x7, 0x8, 0 },
	{ "7000-8000 rw-s 00000000 00:01 9 /memfd:x (deleted)", "/memfd:x (deleted)", true, false,
		true, false, 7, 8, 9 },
	{ "7000-8000 rw-p 00000000 00:00 0 [heap]", "[heap]", true, true, true, false, 7, 8, 0 },
	{ "7000-8000 r-xp 00000000 00:00 0 [vdso]", "[vdso]", true, true, false, true, 7, 8, 0 },
	{ "7000-8000 r--p 00000000 00:00 0 [vvar_vclock]", "[vvar_vclock]", true, true, false, true,
		7, 8, 0 },
	/* A file may be called so. */
	{ "7000-8000 rw-p 00000000 08:01 5 [vdso]", "[vdso]", true, true, true, false, 7, 8, 5 },
	{ "", NULL, .is_one = false },
	{ "7000-", NULL, .is_one = false },
	{ "8000-7000 rw-p 00000000 00:00 0", NULL, .is_one = false },
	{ "7000-8000 rw", NULL, .is_one = false },
	{ "-1-8000 rw-p 00000000 00:00 0", NULL, .is_one = false },
	{ "7000-8000 rw-p 00000000", NULL, .is_one = false },
};

START_TEST(lines_of_maps)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char line[128];
		struct mapping m;
		snprintf(line, sizeof(line), "%s", lines[i].line);
		ck_assert_msg(mapping_parse(line, 4096, &m) == lines[i].is_one, "line %zu", i);
		if (!lines[i].is_one)
			continue;
		ck_assert_msg(m.start == lines[i].start && m.end == lines[i].end &&
				      m.inode == lines[i].inode && m.private == lines[i].private &&
				      m.writable == lines[i].writable &&
				      m.special == lines[i].special,
			"line %zu", i);
		ck_assert_pstr_eq(m.name, lines[i].name);
	}
}
END_TEST

START_TEST(what_is_the_same_mapping)
{
	const struct mapping memory = { .start = 10, .end = 20, .private = true };
	const struct mapping file = {
		.start = 10, .end = 20, .offset = 4096, .inode = 5, .device = 1, .private = true
	};
	struct mapping other = memory;

	/* Anonymous memory may have grown, or lost its beginning. */
	other.start = 15;
	ck_assert(mapping_is_same(&memory, &other, 4096));
	ck_assert(!mapping_is_same(&memory, &file, 4096));
	other = file;
	other.start = 12;
	other.offset = 3 * 4096;
	ck_assert(mapping_is_same(&file, &other, 4096));
	other.offset = 4096;
	ck_assert(!mapping_is_same(&file, &other, 4096));
	other = file;
	other.private = false;
	ck_assert(!mapping_is_same(&file, &other, 4096));
	other = file;
	other.device = 2;
	ck_assert(!mapping_is_same(&file, &other, 4096));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_fate");
	TCase *tests = tcase_create("fate");

	tcase_add_test(tests, the_fate_of_a_page);
	tcase_add_test(tests, siblings_tell_who_wrote);
	tcase_add_test(tests, what_writing_everything_takes);
	tcase_add_test(tests, lines_of_maps);
	tcase_add_test(tests, what_is_the_same_mapping);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
