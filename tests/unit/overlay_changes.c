/* overlay/changes.h: two trees made by hand, and what the walk tells of them. */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "overlay/changes.h"
#include "tests/unit/scene.h"

static struct str told;

/* A time of its own, which is the same for all. */
static void settle(const char *path)
{
	struct timespec at[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	ck_assert_int_eq(utimensat(AT_FDCWD, scene_path(path), at, AT_SYMLINK_NOFOLLOW), 0);
}

/* A directory where there is no text, else a file with that text. */
static void make(const char *path, const char *text)
{
	if (!text)
		ck_assert_int_eq(mkdir(scene_path(path), 0755), 0);
	else
		scene_write(path, text, strlen(text));
	settle(path);
}

static void whiteout(const char *path)
{
	ck_assert_int_eq(mknod(scene_path(path), S_IFCHR, makedev(0, 0)), 0);
}

static void opaque(const char *path)
{
	ck_assert_int_eq(setxattr(scene_path(path), "trusted.overlay.opaque", "y", 1, 0), 0);
}

static int note(void *data, const struct change *c, struct err *e)
{
	(void)data, (void)e;
	str_addf(&told, "%c%s%s/%s ", " CAD"[c->kind], c -> opaque ? "o" : "", c->hidden ? "h" : "",
		c->path);
	return 0;
}

static int walk_with(struct changes *c)
{
	c->own = open(scene_path("own"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->image = open(scene_path("image"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	str_done(&told);
	told = (struct str){ 0 };
	int r = changes_walk(c, note, NULL, &scene_err);
	close(c->own);
	close(c->image);
	return r;
}

static void tells(struct changes *c, const char *expected)
{
	int r = walk_with(c);

	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_str_eq(told.data ? told.data : "", expected);
}

static void begin(void)
{
	make("own", NULL);
	make("image", NULL);
	umask(022);
}

START_TEST(names_are_sorted_and_parents_told_once)
{
	struct changes c = { 0 };

	begin();
	make("image/d", NULL);
	make("image/d/old", "x");
	make("own/d", NULL);
	make("own/d/b", "x");
	make("own/d/a", "x");
	make("own/c", NULL);
	whiteout("own/d/old");
	whiteout("own/never");
	tells(&c, "A/c C/d A/d/a A/d/b D/d/old ");
}
END_TEST

START_TEST(what_is_the_same_is_not_told)
{
	struct changes c = { 0 };

	begin();
	make("image/d", NULL);
	make("image/d/a", "x");
	make("image/d/b", "x");
	make("image/d/l", "x");
	make("own/d", NULL);
	make("own/d/a", "x");
	make("own/d/b", "y"); /* size and time as before */
	make("own/d/l", "x");
	ck_assert_int_eq(unlink(scene_path("own/d/l")), 0);
	ck_assert_int_eq(symlink("x", scene_path("own/d/l")), 0);
	settle("own/d");
	tells(&c, "C/d C/d/b C/d/l ");
}
END_TEST

START_TEST(attributes_are_changes)
{
	struct changes c = { 0 };

	begin();
	make("image/a", "x");
	make("image/b", "x");
	make("image/c", "x");
	make("image/d", NULL);
	make("own/a", "x");
	make("own/b", "x");
	make("own/c", "x");
	make("own/d", NULL);
	ck_assert_int_eq(chmod(scene_path("own/a"), 0600), 0);
	ck_assert_int_eq(chown(scene_path("own/b"), 5, 5), 0);
	ck_assert_int_eq(setxattr(scene_path("own/c"), "security.capability",
				 "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0),
		0);
	ck_assert_int_eq(setxattr(scene_path("own/d"), "trusted.overlay.impure", "y", 1, 0), 0);
	tells(&c, "C/a C/b C/c ");
	ck_assert_int_eq(chmod(scene_path("own"), 0700), 0);
	tells(&c, "C/ C/a C/b C/c ");
}
END_TEST

START_TEST(opaque_hides_what_the_image_has)
{
	struct changes c = { 0 };

	begin();
	make("image/d", NULL);
	make("image/d/same", "x");
	make("image/d/old", "x");
	make("image/d/sub", NULL);
	make("image/d/sub/old", "x");
	make("own/d", NULL);
	make("own/d/same", "x");
	make("own/d/sub", NULL);
	make("own/new", NULL);
	opaque("own/d");
	opaque("own/new"); /* as the kernel marks every new one */
	tells(&c, "Co/d Dh/d/old C/d/same C/d/sub Dh/d/sub/old A/new ");
}
END_TEST

START_TEST(kinds_can_change)
{
	struct changes c = { 0 };

	begin();
	make("image/d", NULL);
	make("image/d/x", "x");
	make("image/f", "x");
	make("own/d", "x");
	make("own/f", NULL);
	make("own/f/x", "x");
	opaque("own/f");
	tells(&c, "C/d C/f A/f/x ");
}
END_TEST

START_TEST(links_stay_together)
{
	struct changes c = { 0 };

	begin();
	make("image/a", "x");
	make("own/a", "x");
	tells(&c, "");
	ck_assert_int_eq(link(scene_path("own/a"), scene_path("own/b")), 0);
	tells(&c, "C/a A/b ");
}
END_TEST

START_TEST(everything_is_the_merged_tree)
{
	struct changes c = { .everything = true };

	begin();
	make("image/d", NULL);
	make("image/d/a", "x");
	make("image/d/gone", "x");
	make("image/o", NULL);
	make("image/o/hidden", "x");
	make("image/z", "x");
	make("own/d", NULL);
	make("own/d/b", "x");
	make("own/o", NULL);
	whiteout("own/d/gone");
	opaque("own/o");
	tells(&c, "C/ C/d  /d/a A/d/b Co/o  /z ");
}
END_TEST

START_TEST(a_whole_copy)
{
	struct changes c = { .whole = true };

	begin();
	make("image/d", NULL);
	make("image/d/a", "x");
	make("image/d/b", "x");
	make("image/z", "x");
	make("own/d", NULL);
	make("own/d/a", "x");
	make("own/d/c", "x");
	tells(&c, "C/d D/d/b A/d/c D/z ");
}
END_TEST

START_TEST(owners_are_mapped_back)
{
	struct id_map map = { .inside = 0, .outside = 100000, .size = 1000 };
	struct changes c = { .uids = &map, .n_uids = 1, .gids = &map, .n_gids = 1 };

	begin();
	make("image/a", "x");
	make("own/a", "x");
	ck_assert_int_eq(chown(scene_path("own"), 100000, 100000), 0);
	ck_assert_int_eq(chown(scene_path("own/a"), 100000, 100000), 0);
	tells(&c, "");
	ck_assert_int_eq(chown(scene_path("own/a"), 100007, 100000), 0);
	tells(&c, "C/a ");
}
END_TEST

START_TEST(mount_points_are_no_changes)
{
	struct changes c = { 0 };

	begin();
	make("image/run", NULL);
	make("image/var", NULL);
	ck_assert_int_eq(symlink("../run", scene_path("image/var/run")), 0);
	ck_assert_int_eq(symlink("/var/run/loop/../x", scene_path("image/link")), 0);
	int image = open(scene_path("image"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mount_points_add(&c.mount_points, image, "/var/run/v", &scene_err), 0);
	ck_assert_int_eq(mount_points_add(&c.mount_points, image, "/link/y", &scene_err), 0);
	ck_assert_int_eq(mount_points_add(&c.mount_points, image, "/", &scene_err), 0);
	ck_assert_int_eq(mount_points_add(&c.mount_points, image, "/new/./deep//v", &scene_err), 0);
	ck_assert_str_eq(c.mount_points.paths[0], "run/v");
	ck_assert_str_eq(c.mount_points.paths[1], "run/x/y");
	ck_assert_str_eq(c.mount_points.paths[2], "new/deep/v");
	close(image);
	ck_assert_int_eq(mkdir(scene_path("own/run"), 0755), 0);
	make("own/run/v", NULL);
	ck_assert_int_eq(mkdir(scene_path("own/new"), 0755), 0);
	ck_assert_int_eq(mkdir(scene_path("own/new/deep"), 0755), 0);
	make("own/new/deep/v", NULL);
	tells(&c, "");
	make("own/new/beside", "x");
	tells(&c, "A/new A/new/beside ");
	mount_points_done(&c.mount_points);
}
END_TEST

/* What it is read from: "own" or "image", and the name there. */
static int note_content(void *data, const struct change *c, struct err *e)
{
	char text[16] = "";

	(void)data, (void)e;
	bool has = c->kind != CHANGE_DELETED && S_ISREG(c->place.st.st_mode);
	int fd = has ? openat(c->content_dir, c->content, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0)
		ck_assert_int_ge(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	str_addf(&told, "%c%s/%s=%s ", " CAD"[c->kind], c -> opaque ? "o" : "", c->path, text);
	return 0;
}

static void mark(const char *path, const char *name, const char *value)
{
	ck_assert_int_eq(setxattr(scene_path(path), name, value, strlen(value), 0), 0);
}

/* As overlay leaves them where metacopy and redirect_dir are on. */
START_TEST(what_is_the_images_at_another_place)
{
	struct changes c = { 0 };

	begin();
	make("image/d", NULL);
	make("image/d/a", "A");
	make("image/d/b", "B");
	make("image/d/sub", NULL);
	make("image/d/sub/c", "C");
	make("image/d/o", NULL);
	make("image/d/o/hidden", "x");
	make("image/e", NULL);
	make("image/e/old", "x");
	make("image/f", "F");
	make("image/g", "G");
	/* "d" was renamed to "e", whose place was empty; in it "b" and "o" are gone, "n" is new. */
	whiteout("own/d");
	make("own/e", NULL);
	mark("own/e", "trusted.overlay.redirect", "/d");
	make("own/e/n", "N");
	make("own/e/o", NULL);
	opaque("own/e/o");
	whiteout("own/e/b");
	/* "f" has another mode, "g" another name, "same" is as it was. */
	make("own/f", "-");
	mark("own/f", "trusted.overlay.metacopy", "");
	ck_assert_int_eq(chmod(scene_path("own/f"), 0600), 0);
	whiteout("own/g");
	make("own/h", "-");
	mark("own/h", "trusted.overlay.metacopy", "");
	mark("own/h", "trusted.overlay.redirect", "g");
	make("image/same", "S");
	make("own/same", "-");
	mark("own/same", "trusted.overlay.metacopy", "");
	c.own = open(scene_path("own"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	c.image = open(scene_path("image"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(changes_walk(&c, note_content, NULL, &scene_err), 0);
	ck_assert_str_eq(told.data,
		"D/d= Co/e= A/e/a=A A/e/n=N A/e/o= A/e/sub= A/e/sub/c=C C/f=F D/g= A/h=G ");
	close(c.own);
	close(c.image);
}
END_TEST

/* In root's store user.* attributes are the container's own, whatever they are called. */
START_TEST(marks_of_the_other_form_mean_nothing)
{
	struct changes c = { 0 };

	begin();
	make("image/d", NULL);
	make("image/d/a", "A");
	make("image/e", NULL);
	make("image/secret", "S");
	ck_assert_int_eq(symlink("/", scene_path("image/escape")), 0);
	make("own/d", NULL);
	make("own/d/b", "B");
	make("own/e", NULL);
	make("own/f", "F");
	if (setxattr(scene_path("own/d"), "user.overlay.opaque", "y", 1, 0) < 0)
		return; /* tmpfs before 6.6 */
	mark("own/e", "user.overlay.redirect", "/d");
	mark("own/f", "user.overlay.metacopy", "");
	mark("own/f", "user.overlay.redirect", "/secret");
	c.own = open(scene_path("own"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	c.image = open(scene_path("image"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(changes_walk(&c, note_content, NULL, &scene_err), 0);
	ck_assert_str_eq(told.data, "C/d= A/d/b=B A/f=F ");
	str_done(&told);
	told = (struct str){ 0 };
	c.form = FORM_USER;
	ck_assert_int_eq(changes_walk(&c, note_content, NULL, &scene_err), 0);
	ck_assert_str_eq(told.data, "Co/d= D/d/a= A/d/b=B Co/e= A/e/a=A A/f=S ");
	close(c.own);
	close(c.image);
}
END_TEST

/*
 * Size, time and mode are equal, and so is what the upper's file without data reads as (zeros, in
 * truth); and one that was renamed to and fro is as it was. */
START_TEST(another_file_renamed_over_one)
{
	struct changes c = { 0 };

	begin();
	make("image/one", "1");
	make("image/two", "2");
	make("image/three", "3");
	make("own/one", "1");
	whiteout("own/two");
	mark("own/one", "trusted.overlay.metacopy", "");
	mark("own/one", "trusted.overlay.redirect", "/two");
	make("own/three", "-");
	mark("own/three", "trusted.overlay.metacopy", "");
	mark("own/three", "trusted.overlay.redirect", "/three");
	tells(&c, "C/one D/two ");
	mark("own/one", "trusted.overlay.redirect", "two");
	mark("own/three", "trusted.overlay.redirect", "three");
	tells(&c, "C/one D/two ");
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, names_are_sorted_and_parents_told_once);
	tcase_add_test(cases, what_is_the_same_is_not_told);
	tcase_add_test(cases, attributes_are_changes);
	tcase_add_test(cases, opaque_hides_what_the_image_has);
	tcase_add_test(cases, kinds_can_change);
	tcase_add_test(cases, links_stay_together);
	tcase_add_test(cases, everything_is_the_merged_tree);
	tcase_add_test(cases, a_whole_copy);
	tcase_add_test(cases, owners_are_mapped_back);
	tcase_add_test(cases, mount_points_are_no_changes);
	tcase_add_test(cases, what_is_the_images_at_another_place);
	tcase_add_test(cases, marks_of_the_other_form_mean_nothing);
	tcase_add_test(cases, another_file_renamed_over_one);
}

int main(void)
{
	return scene_run("overlay_changes", fill);
}
