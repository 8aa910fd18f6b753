/*
 * A store of its own for each test, in memory where there is /dev/shm, and a canary beside it that
 * nothing may touch.
 */
#ifndef TESTS_UNIT_SCENE_H
#define TESTS_UNIT_SCENE_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/import.h"
#include "spec/base/fd.h"
#include "tests/unit/tarball.h"
#include "tests/unit/run.h"

static char scene_root[64]; /* of all tests of a program; what a failed one leaves goes with it */
static char scene_dir[96];
static struct store scene_store = STORE_NONE;
static struct err scene_err;

static inline void scene_write(const char *name, const void *data, size_t n)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", scene_dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_msg(fd >= 0, "cannot create %s", path);
	ck_assert_int_eq(fd_write_all(fd, data, n), 0);
	close(fd);
}

static inline const char *scene_path(const char *name)
{
	static char path[4][4200];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", scene_dir, name);
	return path[turn];
}

static inline void scene_begin(void)
{
	snprintf(scene_dir, sizeof(scene_dir), "%s/%d", scene_root, (int)getpid());
	ck_assert_int_eq(mkdir(scene_dir, 0700), 0);
	mkdir(scene_path("canary"), 0750);
	scene_write("canary/file", "untouched", 9);
	int r = store_open(scene_path("store"), STORE_CREATE, &scene_store, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
}

static inline void scene_end(void)
{
	store_done(&scene_store);
}

static inline int scene_count(const char *name)
{
	DIR *dir = opendir(scene_path(name));
	int n = 0;

	ck_assert_msg(dir != NULL, "no directory %s", name);
	for (struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.' || (d->d_name[1] && d->d_name[1] != '.');
	closedir(dir);
	return n;
}

/* Nothing half done in the store, nothing new beside it, the canary as it was. */
static inline void scene_check_clean(void)
{
	struct stat st;

	ck_assert_int_eq(scene_count("store/tmp"), 0);
	ck_assert_int_eq(scene_count("store/trash"), 0);
	ck_assert_int_eq(scene_count("canary"), 1);
	ck_assert_int_eq(stat(scene_path("canary/file"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0644);
	ck_assert_int_eq(st.st_size, 9);
	ck_assert_int_eq(st.st_nlink, 1);
	ck_assert_int_eq(stat(scene_path("canary"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFDIR | 0750);
}

/* Imports a tar as the image "t"; the result, with scene_err. */
static inline int scene_import(const struct tarball *t, const struct import_options *options)
{
	struct image_list list = { 0 };

	scene_write("tar", t->bytes.data ? t->bytes.data : "", t->bytes.len);
	int r = import_rootfs(&scene_store, scene_path("tar"), "t", options, &list, &scene_err);
	image_list_done(&list);
	return r;
}

/* The path of a file in the only layer of the store. */
static inline const char *scene_layer(const char *name)
{
	static char path[4200];
	DIR *dir = opendir(scene_path("store/layers"));

	ck_assert_ptr_nonnull(dir);
	path[0] = '\0';
	for (struct dirent *d; (d = readdir(dir));)
		if (d->d_name[0] != '.')
			snprintf(path, sizeof(path), "%s/store/layers/%s/fs/%s", scene_dir,
				d->d_name, name);
	closedir(dir);
	ck_assert_msg(path[0] != '\0', "the store has no layer");
	return path;
}

/* The end of a main(): runs the cases, TAP on stdout. These tests need root. */
static inline int scene_run(const char *name, void (*fill)(TCase *cases))
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root: owners, device nodes, mounts\n");
		return 0;
	}
	struct err e;
	autofd int memory = open(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
		O_PATH | O_DIRECTORY | O_CLOEXEC);
	unit_scratch(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", "overlay", scene_root,
		sizeof(scene_root));
	Suite *suite = suite_create(name);
	TCase *cases = tcase_create(name);
	tcase_add_checked_fixture(cases, scene_begin, scene_end);
	tcase_set_timeout(cases, 60);
	fill(cases);
	suite_add_tcase(suite, cases);
	int failed = unit_run(suite);
	if (fd_remove_tree(memory, strrchr(scene_root, '/') + 1, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	return failed ? 1 : 0;
}

#endif
