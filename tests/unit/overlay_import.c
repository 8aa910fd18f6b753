/*
 * Layouts and archives into the store: the right ones, and each way in which one can be wrong. What
 * is refused leaves nothing, whatever is killed is swept by the next import.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "overlay/layer.h"
#include "overlay/work.h"
#include "tests/unit/layers.h"
#include "tests/unit/packers.h"
#include "tests/unit/scene.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct tar_row first[] = { { "d/", .type = '5' }, { "d/1", .data = "one" } };
static const struct tar_row second[] = { { "d/2", .data = "two" } };
static const struct import_options usual;

static void two_layers(struct layers *l)
{
	layers_add(l, first, 2);
	layers_add(l, second, 1);
}

static void check_nothing(void)
{
	ck_assert_int_eq(scene_count("store/layers"), 0);
	ck_assert_int_eq(scene_count("store/images"), 0);
	ck_assert_int_eq(scene_count("store/blobs/sha256"), 0);
	scene_check_clean();
}

static void check_image(const char *name, size_t n_layers)
{
	automatic(image) struct image image = { 0 };

	int r = image_find(&scene_store, name, &image, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	ck_assert_uint_eq(image.record.n_layers, n_layers);
	for (size_t i = 0; i < n_layers; i++)
		ck_assert(layer_exists(&scene_store, image.record.layers[i]));
	ck_assert_str_eq(image.config.os, "linux");
	scene_check_clean();
}

START_TEST(loads_a_layout)
{
	struct layers l = { 0 };

	two_layers(&l);
	layers_load(&l, "example.org/team/thing:1.0");
	check_image("example.org/team/thing:1.0", 2);
	check_image("thing:1.0", 2);
	layers_done(&l);
}
END_TEST

/* The same, compressed in each way, from a layout that is itself in a tar, plain or compressed. */
START_TEST(loads_compressed_layers_and_archives)
{
	struct layers l = { 0 };

	two_layers(&l);
	layers_add(&l, second, 1);
	pack_gzip(&l.all[0].blob);
	l.all[0].media_type = LAYER_TAR "+gzip";
	pack_zstd(&l.all[1].blob);
	l.all[1].media_type = LAYER_TAR "+zstd";
	layout_write(&l, "t");
	static char command[3][400];
	static const char *const forms[] = { "c", "cz", "c --zstd " };
	for (int i = 0; i < 3; i++) {
		snprintf(command[i], sizeof(command[i]), "tar -C %s/layout -%sf %s/archive .",
			scene_dir, forms[i], scene_dir);
		if (i == 2)
			snprintf(command[i], sizeof(command[i]),
				"tar -C %s/layout --zstd -cf %s/archive .", scene_dir, scene_dir);
		ck_assert_int_eq(system(command[i]), 0);
		int r = scene_load("archive", &usual);
		ck_assert_msg(r == 0, "%s", scene_err.text);
		check_image("t", 2); /* the third is the second one again */
		struct image_removal gone;
		ck_assert_int_eq(image_remove(&scene_store, "t", &gone, &scene_err), 0);
		image_removal_done(&gone);
		check_nothing();
	}
	layers_done(&l);
}
END_TEST

START_TEST(names_come_from_the_user_first)
{
	struct layers l = { 0 };
	struct import_options named = { .name = "other:tag" };

	two_layers(&l);
	layout_write(&l, NULL);
	ck_assert_int_eq(scene_load("layout", &usual), -ERR_NO_IMAGE);
	ck_assert_msg(strstr(scene_err.text, "--name") != NULL, "%s", scene_err.text);
	check_nothing();
	ck_assert_int_eq(scene_load("layout", &named), 0);
	check_image("other:tag", 2);
	layers_done(&l);
}
END_TEST

/* --- damage ----------------------------------------------------------------------------------- */

/* Changes one byte of a blob of the layout. */
static void damage(const char *digest, size_t at)
{
	char name[120];

	snprintf(name, sizeof(name), "layout/blobs/sha256/%s", digest_hex(digest));
	int fd = open(scene_path(name), O_RDWR | O_CLOEXEC);
	char byte;
	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x20;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

static void cut(const char *digest, off_t by)
{
	char name[120];

	snprintf(name, sizeof(name), "layout/blobs/sha256/%s", digest_hex(digest));
	ck_assert_int_eq(truncate(scene_path(name), (off_t)layout_size(digest) - by), 0);
}

static void expect_refusal(const char *reason)
{
	ck_assert_int_lt(scene_load("layout", &usual), 0);
	ck_assert_msg(strstr(scene_err.text, reason) != NULL, "%s", scene_err.text);
	ck_assert_msg(!strchr(scene_err.text, '\n'), "%s", scene_err.text);
	scene_check_clean();
	ck_assert_int_eq(scene_count("store/images"), 0);
}

/* Every byte of a layer counts, wherever it is, plain or compressed. */
START_TEST(refuses_a_corrupt_layer)
{
	struct layers l = { 0 };

	two_layers(&l);
	if (_i) {
		pack_gzip(&l.all[0].blob);
		l.all[0].media_type = LAYER_TAR "+gzip";
	}
	layout_write(&l, "t");
	struct digest_text blob = digest_text_of(&l.all[0].blob);
	size_t n = l.all[0].blob.len;
	for (size_t at = 0; at < n; at += _i ? 13 : 300) {
		damage(blob.text, at);
		expect_refusal("is corrupt: its digest is");
		check_nothing();
		damage(blob.text, at);
	}
	ck_assert_int_eq(scene_load("layout", &usual), 0);
	layers_done(&l);
}
END_TEST

START_TEST(refuses_a_cut_layer)
{
	struct layers l = { 0 };

	two_layers(&l);
	pack_gzip(&l.all[1].blob);
	l.all[1].media_type = LAYER_TAR "+gzip";
	layout_write(&l, "t");
	cut(digest_text_of(&l.all[1].blob).text, 5);
	expect_refusal("it should have");
	layers_done(&l);
}
END_TEST

START_TEST(refuses_a_wrong_diff_id)
{
	struct layers l = { 0 };

	two_layers(&l);
	l.all[1].diff_id.text[20] ^= 1;
	layout_write(&l, "t");
	expect_refusal("is not the layer that the image names");
	layers_done(&l);
}
END_TEST

START_TEST(refuses_corrupt_documents)
{
	struct layers l = { 0 };

	two_layers(&l);
	layout_write(&l, "t");
	struct digest_text config = layout_config(&l), manifest = layout_manifest(&l);
	damage(config.text, 40);
	expect_refusal("is corrupt");
	damage(config.text, 40);
	damage(manifest.text, 10);
	expect_refusal("is corrupt");
	damage(manifest.text, 10);
	cut(manifest.text, 1);
	expect_refusal("it should have");
	check_nothing();
	layers_done(&l);
}
END_TEST

START_TEST(refuses_what_is_missing)
{
	struct layers l = { 0 };
	char name[120];

	ck_assert_int_eq(scene_load("nowhere", &usual), -ENOENT);
	ck_assert_int_eq(scene_load("canary", &usual), -EINVAL);
	ck_assert_msg(strstr(scene_err.text, "neither") != NULL, "%s", scene_err.text);
	two_layers(&l);
	layout_write(&l, "t");
	snprintf(name, sizeof(name), "layout/blobs/sha256/%s",
		digest_hex(digest_text_of(&l.all[1].blob).text));
	unlink(scene_path(name));
	expect_refusal("is not in");
	/* A symlink in a blob's place is not followed, a FIFO not waited for. */
	ck_assert_int_eq(symlink("/etc/passwd", scene_path(name)), 0);
	expect_refusal("too many levels");
	unlink(scene_path(name));
	ck_assert_int_eq(mkfifo(scene_path(name), 0600), 0);
	expect_refusal("not a regular file");
	layers_done(&l);
}
END_TEST

/* --- more than one, and none --------------------------------------------------------------------
 */

/* In a child, which reports by its exit status. */
static pid_t start_load(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(scene_load("layout", &usual) == 0 ? 0 : 1);
	return pid;
}

static void big_layer(struct layers *l)
{
	static char data[1 << 20];
	struct tarball t = { 0 };
	char name[16];

	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "big/%d", i);
		memset(data, i + 1, sizeof(data));
		tarball_add(&t, &(struct tar_row){ name, .data = data, .data_len = sizeof(data) });
	}
	tarball_end(&t);
	l->all[l->n].diff_id = digest_text_of(&t.bytes);
	l->all[l->n].media_type = LAYER_TAR;
	l->all[l->n++].blob = t.bytes;
}

START_TEST(two_loads_at_once_do_the_work_once)
{
	struct layers l = { 0 };
	int status;

	big_layer(&l);
	layout_write(&l, "t");
	pid_t pids[3];
	for (int i = 0; i < 3; i++)
		pids[i] = start_load();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(scene_count("store/layers"), 1);
	check_image("t", 1);
	layers_done(&l);
}
END_TEST

/* Killed at many points; each leaves no image, and the last one finds its way clear. */
START_TEST(a_killed_load_is_swept)
{
	struct layers l = { 0 };
	int status;

	big_layer(&l);
	layout_write(&l, "t");
	for (int i = 0; i < 8; i++) {
		pid_t pid = start_load();
		usleep((useconds_t)i * 3000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	int r = scene_load("layout", &usual);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	check_image("t", 1);
	layers_done(&l);
}
END_TEST

/* The work of a living import is not swept by another. */
START_TEST(living_work_is_not_swept)
{
	automatic(work) struct work work = WORK_NONE;

	ck_assert_int_eq(work_begin(&scene_store, NULL, &work, &scene_err), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(work_sweep(&scene_store, &scene_err) == 0 ? 0 : 1);
	int status;
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(scene_count("store/tmp"), 1);
	work_end(&work);
	scene_check_clean();
}
END_TEST

/* A store of 4 MiB, in a mount namespace of this test's own process. */
START_TEST(a_full_disk_leaves_nothing)
{
	struct layers l = { 0 };
	struct err e = { 0 };
	struct image_list list = { 0 };

	big_layer(&l);
	layout_write(&l, "t");
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mkdir(scene_path("small"), 0700);
	ck_assert_int_eq(
		mount("none", scene_path("small"), "tmpfs", 0, _i ? "size=33M" : "size=4M"), 0);
	automatic(store) struct store small = STORE_NONE;
	ck_assert_int_eq(store_open(scene_path("small/store"), STORE_CREATE, &small, &e), 0);
	struct import_options options = { 0 };
	int r = import_load(&small, scene_path("layout"), &options, &list, &e);
	ck_assert_msg(r < 0, "was taken");
	ck_assert_msg(strstr(e.text, "no space left") || strstr(e.text, "allowed"), "%s", e.text);
	ck_assert_int_eq(scene_count("small/store/layers"), 0);
	ck_assert_int_eq(scene_count("small/store/tmp"), 0);
	ck_assert_int_eq(scene_count("small/store/trash"), 0);
	ck_assert_int_eq(scene_count("small/store/images"), 0);
	store_done(&small);
	ck_assert_int_eq(umount(scene_path("small")), 0);
	layers_done(&l);
}
END_TEST

/* --- docker save ------------------------------------------------------------------------------ */

/* As older ones write it: layers under names of their own, one of them a symlink to another. */
static void docker_archive(const char *link, bool right)
{
	struct layers l = { 0 };
	struct tarball t = { 0 };
	struct str manifest = { 0 };
	char config[90], *text;
	size_t n;

	layers_add(&l, first, 2);
	l.all[1] = l.all[0];
	l.n = 2;
	layout_write(&l, NULL);
	struct digest_text d = layout_config(&l);
	snprintf(config, sizeof(config), "layout/blobs/sha256/%s", digest_hex(d.text));
	ck_assert_int_eq(
		fd_read_file(AT_FDCWD, scene_path(config), 1 << 20, &text, &n, &scene_err), 0);
	snprintf(config, sizeof(config), "%s.json", digest_hex(d.text));
	if (!right)
		l.all[0].blob.data[600] ^= 1;
	tarball_add(&t, &(struct tar_row){ "one/layer.tar", .data = l.all[0].blob.data,
				.data_len = l.all[0].blob.len });
	tarball_add(&t, &(struct tar_row){ "two/layer.tar", link, '2' });
	tarball_pax(&t, "path", config, strlen(config));
	tarball_add(&t, &(struct tar_row){ "x", .data = text });
	str_addf(&manifest,
		"[{\"Config\":\"%s\",\"RepoTags\":[\"t:1\",\"t:2\"],\"Layers\":[\"one/layer.tar\","
		"\"two/layer.tar\"]}]",
		config);
	tarball_add(&t, &(struct tar_row){ "manifest.json", .data = manifest.data });
	tarball_end(&t);
	scene_write("archive", t.bytes.data, t.bytes.len);
	str_done(&manifest);
	tarball_done(&t);
	free(text);
	str_done(&l.all[0].blob);
}

START_TEST(loads_docker_archives)
{
	docker_archive("../one/layer.tar", true);
	int r = scene_load("archive", &usual);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	check_image("t:1", 1);
	check_image("t:2", 1);
	ck_assert_int_eq(scene_count("store/layers"), 1);
}
END_TEST

START_TEST(refuses_wrong_docker_archives)
{
	docker_archive("../one/layer.tar", false);
	ck_assert_int_lt(scene_load("archive", &usual), 0);
	check_nothing();
	static const char *const links[] = { "/etc/passwd", "../../../../etc/passwd",
		"two/layer.tar", "../two/layer.tar" };
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		docker_archive(links[i], true);
		ck_assert_int_lt(scene_load("archive", &usual), 0);
		ck_assert_msg(strstr(scene_err.text, "'two/layer.tar' is not in") != NULL, "%s",
			scene_err.text);
		ck_assert_int_eq(scene_count("store/images"), 0);
		scene_check_clean();
	}
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, loads_a_layout);
	tcase_add_test(cases, loads_compressed_layers_and_archives);
	tcase_add_test(cases, names_come_from_the_user_first);
	tcase_add_loop_test(cases, refuses_a_corrupt_layer, 0, 2);
	tcase_add_test(cases, refuses_a_cut_layer);
	tcase_add_test(cases, refuses_a_wrong_diff_id);
	tcase_add_test(cases, refuses_corrupt_documents);
	tcase_add_test(cases, refuses_what_is_missing);
	tcase_add_test(cases, two_loads_at_once_do_the_work_once);
	tcase_add_test(cases, a_killed_load_is_swept);
	tcase_add_test(cases, living_work_is_not_swept);
	tcase_add_loop_test(cases, a_full_disk_leaves_nothing, 0, 2);
	tcase_add_test(cases, loads_docker_archives);
	tcase_add_test(cases, refuses_wrong_docker_archives);
}

int main(void)
{
	return scene_run("overlay_import", fill);
}
