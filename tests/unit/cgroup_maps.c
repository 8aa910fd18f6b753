/* Lines of /proc/PID/maps: what names may hold, and where lines end. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cgroup/maps.h"
#include "spec/base/fd.h"
#include "tests/unit/run.h"

START_TEST(a_mapping_is_read_before_its_name)
{
	static const char *const names[] = { "", "/bin/sh", "/a\\0127f00-7f01 r-xp 0 00:00 1 /b",
		"/memfd:7f00-7f01 r-xp 00000000 08:01 99 /x (deleted)" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char line[256];
		struct mapping m;
		snprintf(line, sizeof(line), "7f001000-7f003000 r-xp 0001a000 fd:12 4711     %s",
			names[i]);
		ck_assert(maps_parse(line, &m));
		ck_assert_uint_eq(m.start, 0x7f001000);
		ck_assert_uint_eq(m.end, 0x7f003000);
		ck_assert_uint_eq(m.offset, 0x1a000);
		ck_assert_uint_eq(m.dev, makedev(0xfd, 0x12));
		ck_assert_uint_eq(m.ino, 4711);
		ck_assert_str_eq(m.path, names[i]);
		ck_assert(mapping_has_file(&m));
	}
}
END_TEST

START_TEST(memory_without_a_file_has_none)
{
	struct mapping m;

	ck_assert(maps_parse("7f00-7f01 rw-p 00000000 00:00 0 ", &m) && !mapping_has_file(&m));
	ck_assert(maps_parse("7f00-7f01 rw-p 00000000 00:00 0 [anon:/bin/sh]", &m));
	ck_assert(!mapping_has_file(&m));
	/* Shared anonymous memory that has a name is a file of the kernel's own. */
	ck_assert(maps_parse("7f00-7f01 rw-s 00000000 00:01 17 [anon_shmem:x]", &m));
	ck_assert(mapping_has_file(&m));
}
END_TEST

START_TEST(other_lines_are_none)
{
	static const char *const lines[] = { "", "Rss:  12 kB", "AnonHugePages: 0 kB",
		"VmFlags: rd ex mr", "7f00-7f01", "7f00-7f01 r-xp", "7f00-7f01 r-xp 0",
		"7f00-7f01 r-xp 00000000 00:00", "7f00-7f01 r-xp 00000000 00:00 x",
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]" };
	struct mapping m;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(!maps_parse(lines[i], &m), "'%s'", lines[i]);
}
END_TEST

START_TEST(lines_are_cut_and_end_where_they_end)
{
	char line[16], name[] = "/tmp/cowrun-maps-XXXXXX";
	int fd = mkstemp(name);
	struct maps m = { .fd = fd };

	unlink(name);
	for (size_t i = 0; i < 5000; i++)
		ck_assert_int_eq(write(fd, "0123456789", 10), 10);
	ck_assert_int_eq(write(fd, "\n\nshort\nunfinished", 18), 18);
	lseek(fd, 0, SEEK_SET);
	ck_assert_int_eq(maps_line(&m, line, sizeof(line)), 1);
	ck_assert_str_eq(line, "012345678901234");
	ck_assert_int_eq(maps_line(&m, line, sizeof(line)), 1);
	ck_assert_str_eq(line, "");
	ck_assert_int_eq(maps_line(&m, line, sizeof(line)), 1);
	ck_assert_str_eq(line, "short");
	ck_assert_int_eq(maps_line(&m, line, sizeof(line)), 0);
	maps_done(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_maps");
	TCase *tests = tcase_create("maps");

	tcase_add_test(tests, a_mapping_is_read_before_its_name);
	tcase_add_test(tests, memory_without_a_file_has_none);
	tcase_add_test(tests, other_lines_are_none);
	tcase_add_test(tests, lines_are_cut_and_end_where_they_end);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
