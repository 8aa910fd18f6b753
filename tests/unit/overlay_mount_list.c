/* The text of mountinfo. */
#include <check.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "overlay/mount_list.h"
#include "tests/unit/run.h"

static const char text[] =
	"21 1 0:30 / / rw,nodev - overlay overlay rw,lowerdir=/a:/b,upperdir=/u,workdir=/w\n"
	"22 21 0:31 / /proc rw shared:3 master:2 - proc proc rw\n"
	"no line of it\n"
	"23 21 254:1 /srv/my\\040data /data rw - ext4 /dev/vda1 rw,errors=remount-ro\n"
	"24 21 0:30 /part /data/in rw - overlay overlay rw,lowerdir=/a:/b\n"
	"25 21 0:32 / /data/in rw - fuse.sshfs odd\\134name rw\n"
	"x:y - z\n";

START_TEST(rows_are_parsed)
{
	automatic(mount_list) struct mount_list list = { 0 };

	ck_assert_int_eq(mount_list_parse(text, &list), 0);
	ck_assert_uint_eq(list.n, 5);
	ck_assert(list.v[0].dev == makedev(0, 30));
	ck_assert_str_eq(list.v[0].options, "rw,lowerdir=/a:/b,upperdir=/u,workdir=/w");
	ck_assert_str_eq(list.v[1].type, "proc");
	ck_assert_str_eq(list.v[2].root, "/srv/my data");
	ck_assert_str_eq(list.v[4].type, "fuse.sshfs");
}
END_TEST

START_TEST(a_path_lies_on_the_mount_that_holds_it_longest)
{
	automatic(mount_list) struct mount_list list = { 0 };

	ck_assert_int_eq(mount_list_parse(text, &list), 0);
	ck_assert_ptr_eq(mount_list_of(&list, "/usr/bin/x"), &list.v[0]);
	ck_assert_ptr_eq(mount_list_of(&list, "/data/x"), &list.v[2]);
	ck_assert_ptr_eq(mount_list_of(&list, "/database"), &list.v[0]);
	ck_assert_ptr_eq(mount_list_of(&list, "/data/in/x"), &list.v[4]);
	ck_assert_ptr_eq(mount_list_find(&list, makedev(0, 30), "/data/in/x"), &list.v[3]);
	ck_assert_ptr_eq(mount_list_find(&list, makedev(0, 30), "/data/x"), &list.v[0]);
	ck_assert_ptr_eq(mount_list_find(&list, makedev(254, 1), "/gone"), &list.v[2]);
	ck_assert_ptr_null(mount_list_find(&list, makedev(9, 9), "/data/x"));
}
END_TEST

START_TEST(ours_is_read)
{
	automatic(mount_list) struct mount_list list = { 0 };
	autofd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(mount_list_read(proc, getpid(), &list), 0);
	const struct mount_row *row = mount_list_of(&list, "/proc/self");
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(row->type, "proc");
	ck_assert_int_lt(mount_list_read(proc, 1 << 23, &list), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("overlay/mount_list");
	TCase *tcase = tcase_create("mount_list");

	tcase_add_test(tcase, rows_are_parsed);
	tcase_add_test(tcase, a_path_lies_on_the_mount_that_holds_it_longest);
	tcase_add_test(tcase, ours_is_read);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
