/*
 * Images of several layers, seen through the overlay that a container gets: whiteouts, opaque
 * directories, attributes of directories, and the life of a container's own files. The mounts are
 * detached, so that nothing is ever mounted on the host.
 */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "overlay/mount.h"
#include "tests/unit/stacks.h"

static const struct stacking {
	const char *name;
	struct tar_row second[7]; /* the layer over BASE */
	const char *root, *d;	  /* names in / and in /d */
} stackings[] = {
	{ "nothing", { { "g" } }, "d e f g", "1 2 sub" },
	{ "whiteout of a file", { { "d/.wh.1" } }, "d e f", "2 sub" },
	{ "whiteout of a directory", { { ".wh.d" } }, "e f", NULL },
	{ "whiteout of nothing there", { { ".wh.x" } }, "d e f", "1 2 sub" },
	{ "a directory is replaced", { { ".wh.d" }, { "d/5" } }, "d e f", "5" },
	{ "the same in the other order", { { "d/5" }, { ".wh.d" } }, "d e f", "5" },
	{ "a whiteout and a file of that name", { { ".wh.f" }, { "f", .data = "new" } }, "d e f",
		"1 2 sub" },
	{ "a file and a whiteout of that name", { { "f", .data = "new" }, { ".wh.f" } }, "d e f",
		"1 2 sub" },
	{ "opaque first", { { "d/.wh..wh..opq" }, { "d/5" } }, "d e f", "5" },
	{ "opaque last", { { "d/5" }, { "d/.wh..wh..opq" } }, "d e f", "5" },
	{ "opaque and empty", { { "d/.wh..wh..opq" } }, "d e f", "" },
	{ "opaque, with whiteouts in it",
		{ { "d/.wh.1" }, { "d/.wh..wh..opq" }, { "d/.wh.2" }, { "d/5" } }, "d e f", "5" },
	{ "opaque, with whiteouts below", { { "d/sub/.wh.3" }, { "d/.wh..wh..opq" }, { "d/5" } },
		"d e f", "5 sub" },
	{ "replaced, with whiteouts in it", { { "d/.wh.1" }, { "d/5" }, { ".wh.d" } }, "d e f",
		"5" },
	{ "a directory becomes a file", { { "d", .data = "x" } }, "d e f", NULL },
	{ "a file becomes a directory", { { "f/x" } }, "d e f", "1 2 sub" },
	{ "through a link in the same layer", { { "l", "d", '2' }, { "l/5" } }, "d e f l",
		"1 2 5 sub" },
	{ "a whiteout through a link", { { "l", "d", '2' }, { "l/.wh.1" } }, "d e f l", "2 sub" },
};

START_TEST(shows_what_the_layers_say)
{
	static const struct tar_row base[] = BASE;
	const struct stacking *s = &stackings[_i];
	struct layers l = { 0 };

	layers_add(&l, base, sizeof(base) / sizeof(base[0]));
	layers_add(&l, s->second, sizeof(s->second) / sizeof(s->second[0]));
	layers_load(&l, "t");
	for (int read_only = 0; read_only < 2; read_only++) {
		automatic(stack) struct stack stack = make_stack(read_only ? "r" : "w", read_only);
		ck_assert_str_eq(names_in(stack.rootfs, "."), s->root);
		if (s->d)
			ck_assert_str_eq(names_in(stack.rootfs, "d"), s->d);
		struct stat st;
		if (s->d && strcmp(s->d, "5 sub") == 0)
			ck_assert_str_eq(names_in(stack.rootfs, "d/sub"), "");
		ck_assert_int_eq(fstatat(stack.rootfs, "e/4", &st, 0), 0);
	}
	layers_done(&l);
}
END_TEST

/* An opaque root hides all layers below it; overlay itself does not look at a root's mark. */
START_TEST(opaque_root_hides_all)
{
	static const struct tar_row base[] = BASE, top[] = { { ".wh..wh..opq" }, { "g" } };
	struct layers l = { 0 };

	layers_add(&l, base, 6);
	layers_add(&l, top, 2);
	layers_load(&l, "t");
	automatic(stack) struct stack stack = make_stack("a", false);
	ck_assert_str_eq(names_in(stack.rootfs, "."), "g");
	layers_done(&l);
}
END_TEST

/*
 * A layer that has "tmp/x" and does not mention "tmp" must not change what the layer below says
 * about it; neither does a root that is not mentioned.
 */
START_TEST(unnamed_directories_keep_their_attributes)
{
	static const struct tar_row base[] = { { ".", .type = '5', .mode = 0711, .uid = 3 },
		{ "tmp", .type = '5', .mode = 01777 },
		{ "a", .type = '5', .mode = 0700, .uid = 5, .gid = 6 },
		{ "a/b", .type = '5', .mode = 02750 }, { "plain", .type = '5' } };
	static const struct tar_row middle[] = { { "tmp/x" }, { "plain/y" } };
	static const struct tar_row top[] = { { "a/b/c/d" }, { "plain/z" } };
	struct layers l = { 0 };
	struct stat st;

	layers_add(&l, base, 5);
	layers_add(&l, middle, 2);
	layers_add(&l, top, 2);
	layers_load(&l, "t");
	automatic(stack) struct stack stack = make_stack("a", false);
	ck_assert_int_eq(mode_of(stack.rootfs, "."), 0711);
	ck_assert_int_eq(mode_of(stack.rootfs, "tmp"), 01777);
	ck_assert_int_eq(mode_of(stack.rootfs, "a"), 0700);
	ck_assert_int_eq(mode_of(stack.rootfs, "a/b"), 02750);
	ck_assert_int_eq(mode_of(stack.rootfs, "a/b/c"), 0755);
	ck_assert_int_eq(mode_of(stack.rootfs, "plain"), 0755);
	ck_assert_int_eq(fstatat(stack.rootfs, "a", &st, 0), 0);
	ck_assert_uint_eq(st.st_uid, 5);
	ck_assert_uint_eq(st.st_gid, 6);
	ck_assert(is_there(stack.rootfs, "tmp/x"));
	ck_assert(is_there(stack.rootfs, "plain/y"));
	ck_assert(is_there(stack.rootfs, "a/b/c/d"));
	layers_done(&l);
}
END_TEST

START_TEST(keeps_modes_owners_and_times)
{
	static const struct tar_row rows[] = { { "d", .type = '5', .mode = 03775, .gid = 50,
						       .mtime = 1234567890 },
		{ "d/f", .mode = 04755, .uid = 1000, .gid = 1000, .mtime = 1111111111 },
		{ "s", "d/f", '2', .uid = 7, .mtime = 1222222222 },
		{ "n", .type = '3', .mode = 0666, .major = 1, .minor = 3 } };
	struct layers l = { 0 };
	struct stat st;

	layers_add(&l, rows, 4);
	layers_load(&l, "t");
	automatic(stack) struct stack stack = make_stack("a", false);
	ck_assert_int_eq(fstatat(stack.rootfs, "d", &st, 0), 0);
	ck_assert_int_eq(st.st_mode, S_IFDIR | 03775);
	ck_assert_uint_eq(st.st_gid, 50);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1234567890);
	ck_assert_int_eq(fstatat(stack.rootfs, "d/f", &st, 0), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 04755);
	ck_assert_uint_eq(st.st_uid, 1000);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1111111111);
	ck_assert_int_eq(fstatat(stack.rootfs, "s", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_uint_eq(st.st_uid, 7);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1222222222);
	ck_assert_int_eq(fstatat(stack.rootfs, "n", &st, 0), 0);
	ck_assert_uint_eq(st.st_rdev, makedev(1, 3));
	/* Device nodes of an image are inert. */
	ck_assert_int_lt(openat(stack.rootfs, "n", O_RDONLY), 0);
	layers_done(&l);
}
END_TEST

START_TEST(writes_go_to_its_own_files)
{
	load_one();
	automatic(stack) struct stack a = make_stack("a", false);
	automatic(stack) struct stack b = make_stack("b", false);
	int fd = openat(a.rootfs, "f", O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "changed", 7), 7);
	close(fd);
	ck_assert_int_eq(unlinkat(a.rootfs, "e/4", 0), 0);
	char text[16] = "";
	fd = openat(b.rootfs, "f", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 4);
	close(fd);
	ck_assert(is_there(b.rootfs, "e/4"));
	autofd int upper = -1;
	ck_assert_int_eq(stack_upper(&scene_store, "a", &upper, &scene_err), 0);
	ck_assert_str_eq(names_in(upper, "."), "e f");
}
END_TEST

START_TEST(read_only_takes_no_writes)
{
	load_one();
	automatic(stack) struct stack a = make_stack("a", true);
	ck_assert_int_lt(openat(a.rootfs, "new", O_WRONLY | O_CREAT, 0600), 0);
	ck_assert_int_eq(errno, EROFS);
	int upper;
	ck_assert_int_eq(stack_upper(&scene_store, "a", &upper, &scene_err), -ENODATA);
}
END_TEST

START_TEST(no_layers_are_an_empty_root)
{
	struct layers l = { 0 };

	layers_load(&l, "t");
	for (int read_only = 0; read_only < 2; read_only++) {
		automatic(stack) struct stack a = make_stack(read_only ? "r" : "w", read_only);
		ck_assert_str_eq(names_in(a.rootfs, "."), "");
		ck_assert_int_eq(mode_of(a.rootfs, "."), 0755);
	}
	layers_done(&l);
}
END_TEST

START_TEST(an_id_is_used_once)
{
	automatic(image) struct image image = { 0 };
	struct stack again = STACK_NONE;

	load_one();
	automatic(stack) struct stack a = make_stack("a", false);
	ck_assert_int_eq(image_find(&scene_store, "t", &image, &scene_err), 0);
	ck_assert_int_eq(stack_make(&scene_store, &image, "a", false, &again, &scene_err), -EEXIST);
	ck_assert_str_eq(scene_err.text, "'a' has files already");
	static const char *const bad[] = { "..", ".", "a/b", "", "a b" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(
			stack_make(&scene_store, &image, bad[i], false, &again, &scene_err),
			-EINVAL);
		ck_assert_int_eq(stack_remove(&scene_store, bad[i], &scene_err), -EINVAL);
	}
	ck_assert_int_eq(scene_count("store/containers"), 1);
}
END_TEST

START_TEST(mounts_again_what_was_left)
{
	struct stack again = STACK_NONE;

	load_one();
	{
		automatic(stack) struct stack a = make_stack("a", false);
		close(openat(a.rootfs, "mine", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		ck_assert_int_eq(stack_mount(&scene_store, "a", &again, &scene_err), -EBUSY);
	}
	int r = stack_mount(&scene_store, "a", &again, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert(is_there(again.rootfs, "mine"));
	stack_done(&again);
	ck_assert_int_eq(stack_remove(&scene_store, "a", &scene_err), 0);
	ck_assert_int_eq(stack_remove(&scene_store, "a", &scene_err), 0);
	ck_assert_int_eq(scene_count("store/containers"), 0);
	scene_check_clean();
}
END_TEST

/* A chmod copies up no data then, and what it left is read by a mount of the same kind alone. */
START_TEST(mounts_again_as_deep_as_before)
{
	automatic(claim) struct claim claim = { 0 };
	struct stack again = STACK_NONE;
	int upper;

	load_one();
	{
		automatic(stack) struct stack a = make_stack("a", false);
	}
	int dir = open(scene_path("store/containers/a"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(claim_read(dir, &claim, &scene_err), 0);
	ck_assert(!claim.deep);
	claim.deep = true;
	ck_assert_int_eq(claim_replace(dir, &claim, &scene_err), 0);
	close(dir);
	for (int times = 0; times < 2; times++) {
		int r = stack_mount(&scene_store, "a", &again, &scene_err);
		ck_assert_msg(r == 0, "%s", scene_err.text);
		ck_assert_int_eq(fchmodat(again.rootfs, "d/1", 0640, 0), 0);
		stack_done(&again);
	}
	ck_assert_int_eq(stack_upper(&scene_store, "a", &upper, &scene_err), 0);
	int fd = openat(upper, "d/1", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fgetxattr(fd, "trusted.overlay.metacopy", NULL, 0), 0);
	close(fd);
	close(upper);
}
END_TEST

/* What a container uses stays when its image goes, and goes with the next removal after it. */
START_TEST(a_container_keeps_its_layers)
{
	struct image_removal gone;

	load_one();
	{
		automatic(stack) struct stack a = make_stack("a", false);
		ck_assert_int_eq(image_remove(&scene_store, "t", &gone, &scene_err), 0);
		ck_assert_uint_eq(gone.n_layers, 0);
		image_removal_done(&gone);
		ck_assert(is_there(a.rootfs, "d/1"));
	}
	ck_assert_int_eq(scene_count("store/layers"), 1);
	load_one();
	ck_assert_int_eq(stack_remove(&scene_store, "a", &scene_err), 0);
	ck_assert_int_eq(image_remove(&scene_store, "t", &gone, &scene_err), 0);
	ck_assert_uint_eq(gone.n_layers, 1);
	ck_assert_uint_eq(gone.size, 7);
	image_removal_done(&gone);
	ck_assert_int_eq(scene_count("store/layers"), 0);
	ck_assert_int_eq(scene_count("store/blobs/sha256"), 0);
	scene_check_clean();
}
END_TEST

START_TEST(a_missing_layer_is_told)
{
	automatic(image) struct image image = { 0 };
	struct stack stack = STACK_NONE;
	struct image_removal gone;

	load_one();
	ck_assert_int_eq(image_find(&scene_store, "t", &image, &scene_err), 0);
	ck_assert_int_eq(image_remove(&scene_store, "t", &gone, &scene_err), 0);
	image_removal_done(&gone);
	ck_assert_int_eq(stack_make(&scene_store, &image, "a", false, &stack, &scene_err), -ENOENT);
	ck_assert_msg(strstr(scene_err.text, "is not in the store") != NULL, "%s", scene_err.text);
	ck_assert_int_eq(scene_count("store/containers"), 0);
	scene_check_clean();
}
END_TEST

/* A container's upper can be deeper than any path. */
START_TEST(removes_trees_of_any_depth)
{
	load_one();
	{
		automatic(stack) struct stack a = make_stack("a", false);
		autofd int upper = -1;
		ck_assert_int_eq(stack_upper(&scene_store, "a", &upper, &scene_err), 0);
		for (int i = 0; i < 3000; i++) {
			ck_assert_int_eq(mkdirat(upper, "d", 0), 0);
			int next = openat(upper, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
			close(upper);
			upper = next;
		}
	}
	int r = stack_remove(&scene_store, "a", &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	scene_check_clean();
}
END_TEST

/* The way for kernels before 6.13 gives the same. */
START_TEST(mounts_by_name_too)
{
	struct err e = { 0 };
	char here[200], there[200];
	int fds[4];
	static const char *const dirs[] = { "l1", "l2", "u", "w" };

	for (int i = 0; i < 4; i++) {
		mkdir(scene_path(dirs[i]), 0755);
		fds[i] = open(scene_path(dirs[i]), O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	scene_write("l1/f", "low", 3);
	scene_write("l2/f", "high", 4);
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	autofd int root = -1;
	struct overlay_dirs o = { .lowers = fds, .n_lowers = 2, .upper = fds[2], .work = fds[3] };
	int r = overlay_mount_by_name(&o, &root, &e);
	ck_assert_msg(r == 0, "%s", e.text);
	struct stat st;
	ck_assert_int_eq(fstatat(root, "f", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 4);
	ck_assert_ptr_nonnull(getcwd(there, sizeof(there)));
	ck_assert_str_eq(here, there);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

/* A store that lies on an overlay: the case of a container without a volume. */
START_TEST(a_store_on_overlay_is_told)
{
	struct err e = { 0 };
	struct stack stack = STACK_NONE;
	automatic(image) struct image image = { 0 };
	char path[64];

	load_one();
	automatic(stack) struct stack outer = make_stack("outer", false);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/store", outer.rootfs);
	automatic(store) struct store inner = STORE_NONE;
	int r = store_open(path, STORE_CREATE, &inner, &e);
	ck_assert_msg(r == 0, "%s", e.text);
	r = stack_make(&inner, &image, "a", false, &stack, &e);
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(strstr(e.text, "it is on overlayfs") != NULL, "%s", e.text);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_loop_test(
		cases, shows_what_the_layers_say, 0, sizeof(stackings) / sizeof(stackings[0]));
	tcase_add_test(cases, opaque_root_hides_all);
	tcase_add_test(cases, unnamed_directories_keep_their_attributes);
	tcase_add_test(cases, keeps_modes_owners_and_times);
	tcase_add_test(cases, writes_go_to_its_own_files);
	tcase_add_test(cases, read_only_takes_no_writes);
	tcase_add_test(cases, no_layers_are_an_empty_root);
	tcase_add_test(cases, an_id_is_used_once);
	tcase_add_test(cases, mounts_again_what_was_left);
	tcase_add_test(cases, mounts_again_as_deep_as_before);
	tcase_add_test(cases, a_container_keeps_its_layers);
	tcase_add_test(cases, a_missing_layer_is_told);
	tcase_add_test(cases, removes_trees_of_any_depth);
	tcase_add_test(cases, mounts_by_name_too);
	tcase_add_test(cases, a_store_on_overlay_is_told);
}

int main(void)
{
	return scene_run("overlay_stack", fill);
}
