/*
 * Files shared across images: one object for one content, whatever owner or time each file has,
 * and no way for an image to get at the content of another.
 */
#include <sys/file.h>
#include <sys/xattr.h>

#include "overlay/content.h"
#include "overlay/layer.h"
#include "overlay/objects.h"
#include "overlay/sharing.h"
#include "overlay/stack.h"
#include "overlay/stub.h"
#include "tests/unit/layers.h"
#include "tests/unit/scene.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* Without it the kernel is older than 6.5, and files are not shared: that they are whole is tested elsewhere. */
static bool can_share(void)
{
	struct err why = { 0 };

	if (stub_reach(&scene_store, &why) == STUBS_ANYWHERE)
		return true;
	fprintf(stderr, "# files are not shared here: %s\n", why.text);
	return false;
}

/* A content that is worth sharing. */
#define TEXT(text) .data = (const char[SHARED_MIN]){ text }, .data_len = SHARED_MIN

/* One image of one layer. */
static void import_rows(const char *name, const struct tar_row *rows, size_t n)
{
	struct layers l = { 0 };

	layers_add(&l, rows, n);
	layers_load(&l, name);
	layers_done(&l);
}

#define import(name, rows) import_rows(name, rows, sizeof(rows) / sizeof(*(rows)))

static struct stack stack_of(const char *name, const char *id)
{
	automatic(image) struct image image = { 0 };
	struct stack stack = STACK_NONE;

	int r = image_find(&scene_store, name, &image, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	r = stack_make(&scene_store, &image, id, false, &stack, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	return stack;
}

static void assert_reads(int dir, const char *name, const char *text)
{
	char is[200] = "";
	autofd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "cannot open '%s'", name);
	ck_assert_int_ge(fd_read_full(fd, is, sizeof(is) - 1), 0);
	ck_assert_str_eq(is, text);
}

static void remove_image(const char *name)
{
	struct image_removal gone;

	int r = image_remove(&scene_store, name, &gone, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	image_removal_done(&gone);
}

/* How many objects there are; the path of the last, below the scene. */
static int count_objects(char *path, size_t size)
{
	DIR *room = opendir(scene_path("store/objects"));
	int n = 0;

	for (struct dirent *d; (d = readdir(room));) {
		char name[300];
		snprintf(name, sizeof(name), "store/objects/%s", d->d_name);
		if (strncmp(d->d_name, ".wh.", 4) != 0)
			continue;
		DIR *dir = opendir(scene_path(name));
		for (struct dirent *o; (o = readdir(dir));) {
			if (strcmp(o->d_name, ".") == 0 || strcmp(o->d_name, "..") == 0)
				continue;
			n++;
			if (path)
				snprintf(path, size, "%s/%s", name, o->d_name);
		}
		closedir(dir);
	}
	closedir(room);
	return n;
}

START_TEST(one_content_is_there_once)
{
	const struct tar_row a[] = { { "f", TEXT("the same"), .mode = 0600, .uid = 7 }, { "empty" },
		{ "own", TEXT("a's") } };
	const struct tar_row b[] = { { "d/g", TEXT("the same"), .mtime = 5 },
		{ "h", TEXT("the same") }, { "own", TEXT("b's") } };
	struct stat st;

	if (!can_share())
		return;
	import("a", a);
	ck_assert_int_eq(count_objects(NULL, 0), 2);
	import("b", b);
	ck_assert_int_eq(count_objects(NULL, 0), 3);
	automatic(stack) struct stack x = stack_of("a", "x"), y = stack_of("b", "y");
	assert_reads(x.rootfs, "f", "the same");
	assert_reads(y.rootfs, "d/g", "the same");
	assert_reads(y.rootfs, "h", "the same");
	ck_assert_int_eq(fstatat(x.rootfs, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_uint_eq(st.st_uid, 7);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_assert_int_eq(fstatat(y.rootfs, "d/g", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0644);
	ck_assert_int_eq(st.st_mtime, 5);
	ck_assert_int_eq(st.st_size, SHARED_MIN);
}
END_TEST

START_TEST(a_write_is_seen_by_its_container_alone)
{
	const struct tar_row rows[] = { { "f", TEXT("the same") } };
	const struct tar_row other[] = { { "f", TEXT("the same") }, { "g" } };

	import("a", rows);
	import("b", other);
	automatic(stack) struct stack x = stack_of("a", "x"), y = stack_of("b", "y"),
				      z = stack_of("a", "z");
	autofd int fd = openat(x.rootfs, "f", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "changed!", 8), 8);
	assert_reads(x.rootfs, "f", "changed!");
	assert_reads(y.rootfs, "f", "the same");
	assert_reads(z.rootfs, "f", "the same");
}
END_TEST

/* Stubs in a layer above another, which the kernel follows with metacopy=on. */
START_TEST(layers_above_others_share_too)
{
	const struct tar_row below[] = { { "d/f", TEXT("below") }, { "d/g", TEXT("g") } };
	const struct tar_row above[] = { { "d/f", TEXT("above") }, { "d/h", TEXT("g") } };
	struct layers l = { 0 };

	layers_add(&l, below, 2);
	layers_add(&l, above, 2);
	layers_load(&l, "t");
	ck_assert_int_eq(layer_has_stubs(&scene_store, l.all[1].diff_id.text), can_share());
	layers_done(&l);
	automatic(stack) struct stack x = stack_of("t", "x");
	assert_reads(x.rootfs, "d/f", "above");
	assert_reads(x.rootfs, "d/g", "g");
	assert_reads(x.rootfs, "d/h", "g");
	ck_assert_int_eq(fchmodat(x.rootfs, "d/h", 0600, 0), 0);
	ck_assert_int_eq(renameat(x.rootfs, "d/h", x.rootfs, "moved"), 0);
	assert_reads(x.rootfs, "moved", "g");
}
END_TEST

/* More than is held in memory: written, compared, and then the first copy is the object. */
START_TEST(large_files_are_shared)
{
	static char large[(4 << 20) + 5];
	struct tar_row rows[] = { { "f", .data = large, .data_len = sizeof(large), .mode = 0751 },
		{ "g", .data = large, .data_len = sizeof(large) } };
	struct stat st;
	char path[600];

	if (!can_share())
		return;
	memset(large, 'x', sizeof(large));
	import("a", rows);
	ck_assert_int_eq(count_objects(path, sizeof(path)), 1);
	ck_assert_int_eq(stat(scene_path(path), &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0444);
	ck_assert_uint_eq(st.st_size, sizeof(large));
	rows[1].name = "h";
	import("b", rows);
	ck_assert_int_eq(count_objects(NULL, 0), 1);
	large[sizeof(large) - 1] = 'y';
	import("c", rows);
	ck_assert_int_eq(count_objects(NULL, 0), 2);
	automatic(stack) struct stack x = stack_of("b", "x");
	ck_assert_int_eq(fstatat(x.rootfs, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0751);
	ck_assert_uint_eq(st.st_size, sizeof(large));
	autofd int fd = openat(x.rootfs, "f", O_RDONLY | O_CLOEXEC);
	char last[6] = "";
	ck_assert_int_eq(pread(fd, last, 6, sizeof(large) - 5), 5);
	ck_assert_str_eq(last, "xxxxx");
}
END_TEST

/* An object that is not what its name says helps nobody, but does no harm to a new image. */
START_TEST(a_damaged_object_is_not_shared)
{
	const struct tar_row rows[] = { { "f", TEXT("the same") } };
	const struct tar_row other[] = { { "f", TEXT("the same") }, { "g" } };
	char path[600];

	if (!can_share())
		return;
	import("a", rows);
	ck_assert_int_eq(count_objects(path, sizeof(path)), 1);
	ck_assert_int_eq(chmod(scene_path(path), 0644), 0);
	scene_write(path, (const char[SHARED_MIN]){ "the sane" }, SHARED_MIN);
	import("b", other);
	automatic(stack) struct stack x = stack_of("b", "x");
	assert_reads(x.rootfs, "f", "the same");
	ck_assert_int_eq(count_objects(NULL, 0), 1);
}
END_TEST

/* A pax record of less than 100 bytes. */
static void add_record(struct str *out, const char *prefix, const char *key, const char *value)
{
	size_t n = strlen("00 SCHILY.xattr.=\n") + strlen(prefix) + strlen(key) + strlen(value);

	str_addf(out, "%zu SCHILY.xattr.%s%s=%s\n", n, prefix, key, value);
}

/* What overlay goes by is never an image's to set. */
START_TEST(a_layer_cannot_name_an_object)
{
	const struct tar_row secret[] = { { "f", TEXT("a secret") } };
	automatic(tarball) struct tarball t = { 0 };
	char path[600];

	import("a", secret);
	if (!can_share())
		return;
	ck_assert_int_eq(count_objects(path, sizeof(path)), 1);
	const char *name = path + strlen("store/objects");
	static const char *const keys[] = { "trusted.overlay.", "user.overlay." };
	for (int i = 0; i < 2; i++) {
		struct str records = { 0 };
		add_record(&records, keys[i], "metacopy", "");
		add_record(&records, keys[i], "redirect", name);
		tarball_add(&t, &(struct tar_row){ "x", .type = 'x', .data = records.data });
		tarball_add(&t, &(struct tar_row){ i ? "f" : "g", TEXT("not it!!") });
		str_done(&records);
	}
	/* For its sake the store's objects are in the stack. */
	tarball_add(&t, &(struct tar_row){ "own", TEXT("shared") });
	tarball_end(&t);
	int r = scene_import(&t, &(struct import_options){ 0 });
	ck_assert_msg(r == 0, "%s", scene_err.text);
	automatic(stack) struct stack x = stack_of("t", "x");
	assert_reads(x.rootfs, "f", "not it!!");
	assert_reads(x.rootfs, "g", "not it!!");
}
END_TEST

/* Nor the names below which the kernel looks for objects in other layers first. */
START_TEST(a_layer_cannot_have_names_of_objects)
{
	const struct tar_row direct[] = { { ".wh.A/x", TEXT("x") } };
	const struct tar_row by_link[] = { { "l", "/.wh.A", '2' }, { "l/x", TEXT("x") } };
	const struct {
		const struct tar_row *rows;
		int n;
	} cases[] = { { direct, 1 }, { by_link, 2 } };

	for (int i = 0; i < 2; i++) {
		automatic(tarball) struct tarball t = { 0 };
		for (int j = 0; j < cases[i].n; j++)
			tarball_add(&t, &cases[i].rows[j]);
		tarball_end(&t);
		ck_assert_int_lt(scene_import(&t, &(struct import_options){ 0 }), 0);
	}
	scene_check_clean();
}
END_TEST

START_TEST(unused_objects_go_and_others_stay)
{
	const struct tar_row a[] = { { "f", TEXT("the same") }, { "own", TEXT("a's") } };
	const struct tar_row b[] = { { "f", TEXT("the same") }, { "own", TEXT("b's") } };

	if (!can_share())
		return;
	import("a", a);
	import("b", b);
	ck_assert_int_eq(count_objects(NULL, 0), 3);
	{
		automatic(stack) struct stack x = stack_of("a", "x"), y = stack_of("b", "y");
		remove_image("a");
		ck_assert_int_eq(count_objects(NULL, 0), 3); /* a container uses it */
		assert_reads(x.rootfs, "own", "a's");
		assert_reads(y.rootfs, "f", "the same");
	}
	ck_assert_int_eq(stack_remove(&scene_store, "x", &scene_err), 0);
	ck_assert_int_eq(stack_remove(&scene_store, "y", &scene_err), 0);
	{
		/* An import that is under way may be about to use any. */
		autofd int lock = -1;
		struct image_removal gone;
		ck_assert_int_eq(objects_lock(&scene_store, &lock, &scene_err), 0);
		ck_assert_int_eq(image_prune(&scene_store, &gone, &scene_err), 0);
		ck_assert_uint_eq(gone.n_layers, 1);
		image_removal_done(&gone);
		ck_assert_int_eq(count_objects(NULL, 0), 3);
	}
	struct image_removal gone;
	ck_assert_int_eq(image_prune(&scene_store, &gone, &scene_err), 0);
	ck_assert_uint_gt(gone.objects_size, 0);
	image_removal_done(&gone);
	ck_assert_int_eq(count_objects(NULL, 0), 2);
	automatic(stack) struct stack z = stack_of("b", "z");
	assert_reads(z.rootfs, "f", "the same");
	assert_reads(z.rootfs, "own", "b's");
	remove_image("b");
	stack_done(&z);
	ck_assert_int_eq(stack_remove(&scene_store, "z", &scene_err), 0);
	ck_assert_int_eq(image_prune(&scene_store, &gone, &scene_err), 0);
	image_removal_done(&gone);
	ck_assert_int_eq(count_objects(NULL, 0), 0);
	scene_check_clean();
}
END_TEST

/* Nothing to share, or attributes that would not fit into the inode: these have their own content. */
START_TEST(some_files_keep_their_content)
{
	automatic(tarball) struct tarball t = { 0 };
	struct object_name name;

	tarball_pax(&t, "SCHILY.xattr.user.note", "x", 1);
	tarball_add(&t, &(struct tar_row){ "noted", TEXT("a note") });
	tarball_add(&t, &(struct tar_row){ "empty" });
	tarball_end(&t);
	ck_assert_int_eq(scene_import(&t, &(struct import_options){ 0 }), 0);
	static const char *const names[] = { "noted", "empty" };
	for (int i = 0; i < 2; i++) {
		autofd int fd = open(scene_layer(names[i]), O_RDONLY | O_CLOEXEC);
		ck_assert_int_eq(stub_read(fd, scene_store.form, &name), 0);
	}
	assert_reads(AT_FDCWD, scene_layer("noted"), "a note");
}
END_TEST

START_TEST(who_does_not_want_it_has_whole_files)
{
	automatic(tarball) struct tarball t = { 0 };

	tarball_add(&t, &(struct tar_row){ "f", TEXT("whole") });
	tarball_end(&t);
	ck_assert_int_eq(scene_import(&t, &(struct import_options){ .no_sharing = true }), 0);
	assert_reads(AT_FDCWD, scene_layer("f"), "whole");
	ck_assert_int_eq(count_objects(NULL, 0), 0);
}
END_TEST

/* Whoever reads a layer gets the content, or is told. */
START_TEST(contents_are_found)
{
	const struct tar_row rows[] = { { "f", TEXT("the same") }, { "l", "f", '2' },
		{ "p", .type = '6' } };
	char path[600], text[9] = "";
	autofd int fd = -1;
	int none = -1;

	if (!can_share())
		return;
	import("a", rows);
	autofd int dir = open(scene_layer("."), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(content_open(&scene_store, dir, "f", &fd, &scene_err), 0);
	ck_assert_int_eq(read(fd, text, 8), 8);
	ck_assert_str_eq(text, "the same");
	ck_assert_int_eq(content_open(&scene_store, dir, "l", &none, &scene_err), -ELOOP);
	ck_assert_int_eq(content_open(&scene_store, dir, "p", &none, &scene_err), -EINVAL);
	ck_assert_int_eq(count_objects(path, sizeof(path)), 1);
	ck_assert_int_eq(unlink(scene_path(path)), 0);
	ck_assert_int_eq(content_open(&scene_store, dir, "f", &none, &scene_err), -ERR_DAMAGED);
	ck_assert_msg(strstr(scene_err.text, "has lost its content") != NULL, "%s", scene_err.text);
	ck_assert_int_eq(none, -1);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, one_content_is_there_once);
	tcase_add_test(cases, a_write_is_seen_by_its_container_alone);
	tcase_add_test(cases, layers_above_others_share_too);
	tcase_add_test(cases, large_files_are_shared);
	tcase_add_test(cases, a_damaged_object_is_not_shared);
	tcase_add_test(cases, a_layer_cannot_name_an_object);
	tcase_add_test(cases, a_layer_cannot_have_names_of_objects);
	tcase_add_test(cases, unused_objects_go_and_others_stay);
	tcase_add_test(cases, some_files_keep_their_content);
	tcase_add_test(cases, who_does_not_want_it_has_whole_files);
	tcase_add_test(cases, contents_are_found);
}

int main(void)
{
	return scene_run("overlay_sharing", fill);
}
