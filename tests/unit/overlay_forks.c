/*
 * Forks: stacks over the upper layer of a container that goes on being mounted. What they show, that
 * they change nothing of it, and that it stays as long as one of them has files.
 */
#include <sys/resource.h>
#include <sys/xattr.h>

#include "overlay/garbage.h"
#include "overlay/strata.h"
#include "tests/unit/forks.h"

START_TEST(shows_the_templates_files)
{
	load_one();
	automatic(stack) struct stack t = make_template();
	automatic(stack) struct stack a = fork_of("T", "a");
	check_files(a.rootfs);
	automatic(stack) struct stack r = STACK_NONE;
	ck_assert_int_eq(stack_fork(&scene_store, "T", "r", true, NULL, &r, &scene_err), 0);
	check_files(r.rootfs);
	ck_assert_int_lt(openat(r.rootfs, "mine", O_WRONLY | O_CREAT, 0600), 0);
	ck_assert_int_eq(errno, EROFS);
}
END_TEST

START_TEST(writes_go_to_its_own_files)
{
	load_one();
	automatic(stack) struct stack t = make_template();
	automatic(stack) struct stack a = fork_of("T", "a"), b = fork_of("T", "b");
	put_text(a.rootfs, "f", "mine");
	put_text(a.rootfs, "new", "mine");
	put_text(a.rootfs, "d/1", "mine again");
	ck_assert_int_eq(unlinkat(a.rootfs, "e/5", 0), 0);
	ck_assert_int_eq(fchmodat(a.rootfs, ".", 0700, 0), 0);
	check_files(b.rootfs);
	check_files(t.rootfs);
	autofd int upper = -1;
	ck_assert_int_eq(stack_upper(&scene_store, "a", &upper, &scene_err), 0);
	ck_assert_str_eq(names_in(upper, "."), "d e f new");
	/* The next one is of the template again, and the first one stays as it is. */
	automatic(stack) struct stack c = fork_of("T", "c");
	check_files(c.rootfs);
	ck_assert_str_eq(text_of(a.rootfs, "f"), "mine");
	ck_assert_str_eq(text_of(a.rootfs, "d/1"), "mine again");
}
END_TEST

/* Whatever the template still does with its names: a file's content is the same in both. */
START_TEST(it_is_sealed_with_the_first)
{
	struct stat ours, theirs;

	load_one();
	automatic(stack) struct stack t = make_template();
	/* What is left of one that sealed it and was killed. */
	ck_assert_int_eq(mkdir(scene_path("store/containers/T/sealing"), 0700), 0);
	scene_write("store/containers/T/sealing/f", "half", 4);
	automatic(stack) struct stack a = fork_of("T", "a");
	ck_assert_int_eq(unlinkat(t.rootfs, "state/x", 0), 0);
	put_text(t.rootfs, "e/6", "");
	ck_assert_int_eq(renameat(t.rootfs, "new", t.rootfs, "newer"), 0);
	automatic(stack) struct stack b = fork_of("T", "b");
	check_files(a.rootfs);
	check_files(b.rootfs);
	ck_assert_int_eq(stat(scene_path("store/containers/T/u/f"), &ours), 0);
	ck_assert_int_eq(stat(scene_path("store/containers/T/sealed/f"), &theirs), 0);
	ck_assert_uint_eq(ours.st_ino, theirs.st_ino);
}
END_TEST

START_TEST(mounts_again_what_was_left)
{
	struct stack again = STACK_NONE;

	load_one();
	automatic(stack) struct stack t = make_template();
	{
		automatic(stack) struct stack a = fork_of("T", "a");
		put_text(a.rootfs, "mine", "");
		ck_assert_int_eq(stack_mount(&scene_store, "a", &again, &scene_err), -EBUSY);
	}
	int r = stack_mount(&scene_store, "a", &again, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_str_eq(names_in(again.rootfs, "."), "d e f mine new state");
	stack_done(&again);
	/* Of which it is known what is its own. */
	automatic(stack_parts) struct stack_parts parts = STACK_PARTS_NONE;
	ck_assert_int_eq(stack_open(&scene_store, "a", &parts, &scene_err), 0);
	ck_assert_str_eq(names_in(parts.upper, "."), "mine");
	check_files(parts.lowers);
	ck_assert_str_eq(parts.claim.template, "T");
}
END_TEST

/* A template that has changed nothing, of an image that has no files. */
START_TEST(of_nothing_is_an_empty_root)
{
	struct layers l = { 0 };

	layers_load(&l, "t");
	automatic(stack) struct stack t = make_stack("T", false);
	for (int read_only = 0; read_only < 2; read_only++) {
		automatic(stack) struct stack a = STACK_NONE;
		const char *id = read_only ? "r" : "w";
		int r = stack_fork(&scene_store, "T", id, read_only, NULL, &a, &scene_err);
		ck_assert_msg(r == 0, "%s", scene_err.text);
		ck_assert_str_eq(names_in(a.rootfs, "."), "");
	}
	layers_done(&l);
}
END_TEST

START_TEST(a_template_without_an_upper_is_its_image)
{
	load_one();
	automatic(stack) struct stack t = make_stack("T", true);
	automatic(stack) struct stack a = fork_of("T", "a");
	ck_assert_str_eq(names_in(a.rootfs, "."), "d e f");
	put_text(a.rootfs, "mine", "");
	ck_assert_int_eq(stack_remove(&scene_store, "T", &scene_err), 0);
}
END_TEST

/* A thousand at a time, of one template that stays mounted. */
START_TEST(a_thousand_of_one)
{
	enum { MANY = 1000 };
	static struct stack forks[MANY];
	struct rlimit files;
	char id[16];

	load_one();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert_uint_ge(files.rlim_max, 2 * MANY + 50);
	files.rlim_cur = files.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	automatic(stack) struct stack t = make_template();
	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "fork-%d", i);
		forks[i] = fork_of("T", id);
		put_text(forks[i].rootfs, "f", id);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "fork-%d", i);
		ck_assert_str_eq(text_of(forks[i].rootfs, "f"), id);
		ck_assert_str_eq(text_of(forks[i].rootfs, "new"), "of the template");
	}
	check_files(t.rootfs);
	ck_assert_int_eq(stack_remove(&scene_store, "T", &scene_err), -EBUSY);
	ck_assert_msg(strstr(scene_err.text, "and 995 more"), "%s", scene_err.text);
	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "fork-%d", i);
		stack_done(&forks[i]);
		ck_assert_int_eq(stack_remove(&scene_store, id, &scene_err), 0);
	}
	check_files(t.rootfs);
	ck_assert_int_eq(stack_remove(&scene_store, "T", &scene_err), 0);
	ck_assert_int_eq(scene_count("store/containers"), 0);
	scene_check_clean();
}
END_TEST

/* Of the image's name, which is gone, nothing is left; of the template's process neither. */
START_TEST(garbage_leaves_what_a_fork_needs)
{
	struct image_removal gone;
	struct garbage garbage;

	load_one();
	{
		automatic(stack) struct stack t = make_template();
		automatic(stack) struct stack a = fork_of("T", "a");
	}
	ck_assert_int_eq(image_remove(&scene_store, "t", &gone, &scene_err), 0);
	ck_assert_uint_eq(gone.n_layers, 0);
	image_removal_done(&gone);
	ck_assert_int_eq(garbage_collect(&scene_store, false, &garbage, &scene_err), 0);
	ck_assert_uint_eq(garbage.of[GARBAGE_LAYERS].n, 0);
	struct stack a = STACK_NONE;
	int r = stack_mount(&scene_store, "a", &a, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	check_files(a.rootfs);
	stack_done(&a);
	ck_assert_int_eq(stack_remove(&scene_store, "a", &scene_err), 0);
	ck_assert_int_eq(stack_remove(&scene_store, "T", &scene_err), 0);
	ck_assert_int_eq(garbage_collect(&scene_store, false, &garbage, &scene_err), 0);
	ck_assert_uint_eq(garbage.of[GARBAGE_LAYERS].n, 1);
	ck_assert_int_eq(scene_count("store/layers"), 0);
	scene_check_clean();
}
END_TEST

START_TEST(a_template_stays_while_it_has_forks)
{
	struct stack again = STACK_NONE;
	automatic(text_list) struct text_list forks = { 0 };

	load_one();
	{
		automatic(stack) struct stack t = make_template();
		automatic(stack) struct stack b = fork_of("T", "b"), a = fork_of("T", "a");
		automatic(stack) struct stack other = make_stack("c", false);
	}
	ck_assert_int_eq(stack_remove(&scene_store, "T", &scene_err), -EBUSY);
	ck_assert_str_eq(scene_err.text, "the files of 'T' are those of its forks too: 'a', 'b'");
	ck_assert_int_eq(stack_forks(&scene_store, "T", &forks, &scene_err), 0);
	ck_assert_uint_eq(forks.n, 2);
	ck_assert_str_eq(forks.v[0], "a");
	ck_assert_str_eq(forks.v[1], "b");
	/* To be written to, they are not given out either. */
	ck_assert_int_eq(stack_mount(&scene_store, "T", &again, &scene_err), -EBUSY);
	ck_assert_int_eq(stack_remove(&scene_store, "a", &scene_err), 0);
	ck_assert_int_eq(stack_remove(&scene_store, "T", &scene_err), -EBUSY);
	ck_assert_str_eq(scene_err.text, "the files of 'T' are those of its forks too: 'b'");
	ck_assert_int_eq(stack_remove(&scene_store, "b", &scene_err), 0);
	ck_assert_int_eq(stack_mount(&scene_store, "T", &again, &scene_err), 0);
	check_files(again.rootfs);
	/* A fork of now is of the files of now. */
	put_text(again.rootfs, "later", "");
	struct stack c = fork_of("T", "c2");
	ck_assert(is_there(c.rootfs, "later"));
	stack_done(&c);
	stack_done(&again);
	ck_assert_int_eq(stack_remove(&scene_store, "c2", &scene_err), 0);
	ck_assert_int_eq(stack_remove(&scene_store, "T", &scene_err), 0);
	ck_assert_int_eq(scene_count("store/containers"), 1);
	scene_check_clean();
}
END_TEST

START_TEST(what_cannot_be_forked_is_told)
{
	automatic(image) struct image image = { 0 };
	struct stack s = STACK_NONE;

	load_one();
	automatic(stack) struct stack t = make_template(), a = fork_of("T", "a");
	ck_assert_int_eq(stack_fork(&scene_store, "a", "b", false, NULL, &s, &scene_err), -ENOTSUP);
	ck_assert_str_eq(scene_err.text, "template 'a' is itself a fork of 'T'");
	ck_assert_int_eq(
		stack_fork(&scene_store, "none", "b", false, NULL, &s, &scene_err), -ENOENT);
	ck_assert_int_eq(stack_fork(&scene_store, "T", "a", false, NULL, &s, &scene_err), -EEXIST);
	ck_assert_int_eq(stack_fork(&scene_store, "T", "T", false, NULL, &s, &scene_err), -EEXIST);
	ck_assert_int_eq(
		stack_fork(&scene_store, "../x", "b", false, NULL, &s, &scene_err), -EINVAL);
	ck_assert_int_eq(
		stack_fork(&scene_store, "T", "../x", false, NULL, &s, &scene_err), -EINVAL);
	ck_assert_int_eq(image_find(&scene_store, "t", &image, &scene_err), 0);
	int r = stack_make_by(&scene_store, &image, "copy", "copy", false, NULL, &s, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	stack_done(&s);
	ck_assert_int_eq(
		stack_fork(&scene_store, "copy", "b", false, NULL, &s, &scene_err), -ENOTSUP);
	ck_assert_int_eq(scene_count("store/containers"), 3);
	scene_check_clean();
}
END_TEST

/* A file that was copied up without its data is read by a mount of the same kind alone. */
START_TEST(as_deep_as_the_template)
{
	automatic(claim) struct claim claim = { 0 };
	struct stack t = STACK_NONE;
	struct stat st;

	load_one();
	{
		automatic(stack) struct stack made = make_stack("T", false);
	}
	int dir = open(scene_path("store/containers/T"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(claim_read(dir, &claim, &scene_err), 0);
	claim.deep = true;
	ck_assert_int_eq(claim_replace(dir, &claim, &scene_err), 0);
	int r = stack_mount(&scene_store, "T", &t, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_int_eq(fchmodat(t.rootfs, "d/1", 0640, 0), 0);
	int file = openat(dir, "u/d/1", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fgetxattr(file, "trusted.overlay.metacopy", NULL, 0), 0);
	ck_assert_int_eq(renameat(t.rootfs, "d/sub", t.rootfs, "moved"), 0);
	automatic(stack) struct stack a = fork_of("T", "a");
	automatic(stack_parts) struct stack_parts parts = STACK_PARTS_NONE;
	ck_assert_int_eq(stack_open(&scene_store, "a", &parts, &scene_err), 0);
	const int roots[] = { a.rootfs, parts.lowers };
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(fstatat(roots[i], "d/1", &st, 0), 0);
		ck_assert_int_eq(st.st_size, 3);
		ck_assert_int_eq(mode_of(roots[i], "d/1"), 0640);
		ck_assert_str_eq(text_of(roots[i], "d/1"), "one");
		ck_assert_str_eq(names_in(roots[i], "moved"), "3");
	}
	ck_assert(parts.claim.deep);
	close(file);
	close(dir);
	stack_done(&t);
}
END_TEST

static int says(void *data, int file)
{
	char text[64] = "";

	return read(file, text, sizeof(text) - 1) >= 0 && strcmp(text, data) == 0;
}

/* Where a container's file of that content is: "" is its own. */
static const char *where(const char *id, const char *path, const char *content)
{
	static char name[128];
	automatic(strata) struct strata s = STRATA_NONE;
	struct strata_hit hit;

	int r = strata_of_container(&scene_store, id, &s, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_int_eq(strata_find(&s, path, says, (void *)content, &hit), 1);
	snprintf(name, sizeof(name), "%s", hit.stratum->name);
	return name;
}

START_TEST(whose_a_file_is)
{
	load_one();
	automatic(stack) struct stack t = make_template(), other = make_stack("o", false);
	automatic(stack) struct stack a = fork_of("T", "a");
	put_text(a.rootfs, "f", "mine");
	put_text(other.rootfs, "f", "mine");
	ck_assert_str_eq(where("a", "/f", "mine"), "");
	ck_assert_str_eq(where("a", "/f", "warm"), "T");
	ck_assert_str_eq(where("a", "/state/x", "y"), "T");
	ck_assert_int_eq(strncmp(where("a", "/f", "base"), DIGEST_PREFIX, 7), 0);
	/* The same by the template, which is where it is found first or not. */
	ck_assert_str_eq(where("T", "/f", "warm"), "T");
	ck_assert_str_eq(where("o", "/f", "mine"), "");
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, shows_the_templates_files);
	tcase_add_test(cases, writes_go_to_its_own_files);
	tcase_add_test(cases, it_is_sealed_with_the_first);
	tcase_add_test(cases, mounts_again_what_was_left);
	tcase_add_test(cases, of_nothing_is_an_empty_root);
	tcase_add_test(cases, a_template_without_an_upper_is_its_image);
	tcase_add_test(cases, a_thousand_of_one);
	tcase_add_test(cases, garbage_leaves_what_a_fork_needs);
	tcase_add_test(cases, a_template_stays_while_it_has_forks);
	tcase_add_test(cases, what_cannot_be_forked_is_told);
	tcase_add_test(cases, as_deep_as_the_template);
	tcase_add_test(cases, whose_a_file_is);
}

int main(void)
{
	return scene_run("overlay_forks", fill);
}
