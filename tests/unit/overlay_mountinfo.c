/* What is mounted, as libmount reads it: in a mount namespace of each test's own. */
#include <sched.h>
#include <sys/mount.h>

#include "overlay/mountinfo.h"
#include "tests/unit/scene.h"

START_TEST(sees_mounts_by_path)
{
	automatic(mountinfo) struct mountinfo m = { 0 };
	autofree char *odd = strdup(scene_path("a b\\c\nd"));

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mkdir(odd, 0700), 0);
	ck_assert_int_eq(mkdir(scene_path("other"), 0700), 0);
	ck_assert_int_eq(mount("mine", odd, "tmpfs", MS_NOSUID, "size=1M"), 0);
	ck_assert_int_eq(mountinfo_read(&m, &scene_err), 0);
	const struct mountinfo_row *row = mountinfo_below(&m, scene_dir, NULL);
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(row->target, odd);
	ck_assert_str_eq(row->type, "tmpfs");
	ck_assert_str_eq(row->source, "mine");
	ck_assert_ptr_nonnull(strstr(row->options, "nosuid"));
	ck_assert_ptr_nonnull(strstr(row->options, "size=1024k"));
	ck_assert_ptr_null(mountinfo_below(&m, scene_dir, row));
	ck_assert_ptr_null(mountinfo_below(&m, scene_path("other"), NULL));
	ck_assert_ptr_null(mountinfo_below(&m, scene_path("a"), NULL));
	ck_assert_ptr_eq(mountinfo_of(&m, odd), row);
	row = mountinfo_of(&m, scene_path("other"));
	ck_assert_ptr_nonnull(row);
	ck_assert_str_ne(row->target, odd);
	ck_assert_int_eq(umount(odd), 0);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, sees_mounts_by_path);
}

int main(void)
{
	return scene_run("overlay_mountinfo", fill);
}
