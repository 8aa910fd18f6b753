/* cgroup/foreign: libcgroup's view of the v1 hierarchies agrees with the kernel's. */
#include <check.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup/foreign.h"
#include "cgroup/hierarchy.h"
#include "cgroup/knob.h"
#include "cgroup/legacy.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

static bool kernel_has_in_v1(const char *controller)
{
	char text[KNOB_TEXT_MAX];

	ck_assert_int_gt(knob_read(AT_FDCWD, "/proc/cgroups", text, sizeof(text)), 0);
	return controller_place(text, controller) == CONTROLLER_V1;
}

START_TEST(hierarchies_are_v1_mounts)
{
	automatic(foreign) struct foreign f = { 0 };
	bool memory = false;
	struct err e;

	ck_assert_msg(foreign_list(&f, &e) == 0, "%s", e.text);
	for (size_t i = 0; i < f.n; i++) {
		struct statfs fs;
		ck_assert_int_eq(statfs(f.v[i].path, &fs), 0);
		ck_assert_int_eq(fs.f_type, CGROUP_SUPER_MAGIC);
		memory = memory || strstr(f.v[i].controllers, "memory");
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(f.v[i].path, f.v[j].path);
	}
	ck_assert_int_eq(memory, kernel_has_in_v1("memory"));
}
END_TEST

START_TEST(memory_of_a_v1_group)
{
	uint64_t bytes = 0;
	struct err e;
	int r = foreign_memory("/", &bytes, &e);

	if (kernel_has_in_v1("memory")) {
		ck_assert_msg(r == 0, "%s", e.text);
		ck_assert_uint_gt(bytes, 0);
	} else {
		ck_assert_int_lt(r, 0);
	}
	ck_assert_int_lt(foreign_memory("/cowrun-unit-nonesuch", &bytes, &e), 0);
}
END_TEST

/* Its own reading of a group agrees with libcgroup's; other hierarchies are told apart. */
START_TEST(memory_groups_are_known_by_their_files)
{
	automatic(foreign) struct foreign f = { 0 };
	uint64_t bytes = 0;
	struct err e;

	ck_assert_int_eq(foreign_list(&f, &e), 0);
	for (size_t i = 0; i < f.n; i++) {
		int fd = open(f.v[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct opt_u64 charged = { 0 }, limit = { 0 };
		bool is_memory = str_equal(f.v[i].controllers, "memory");
		legacy_charges(fd, &charged, &limit);
		ck_assert_int_eq(legacy_is_memory(fd), is_memory);
		ck_assert_int_eq(charged.set, is_memory);
		ck_assert(!limit.set);
		close(fd);
		if (!is_memory)
			continue;
		/* Of all that is charged it moves by a part between two looks. */
		ck_assert_int_eq(foreign_memory("/", &bytes, &e), 0);
		ck_assert_uint_gt(charged.value, bytes / 2);
		ck_assert_uint_lt(charged.value / 2, bytes);
	}
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert(!legacy_is_memory(fd));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_foreign");
	TCase *tcase = tcase_create("foreign");

	tcase_add_test(tcase, hierarchies_are_v1_mounts);
	tcase_add_test(tcase, memory_of_a_v1_group);
	tcase_add_test(tcase, memory_groups_are_known_by_their_files);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
