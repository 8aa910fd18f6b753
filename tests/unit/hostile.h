/*
 * Hostile inputs: the rows that each need a case, and what lies where before and after one.
 *
 * A case is an archive of its own, the row that it belongs to, and either part of the one line that
 * refuses it, or what is in the layer when it is taken. Whatever comes of it, nothing beside the
 * store changes, and where it is refused the store is byte for byte what it was.
 */
#ifndef TESTS_UNIT_HOSTILE_H
#define TESTS_UNIT_HOSTILE_H

#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/unit/layers.h"
#include "tests/unit/packers.h"
#include "tests/unit/scene.h"

/* Rows are read by position; what is not given is zero, or the usual. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define HOSTILE_ROWS(ROW)                                                                          \
	ROW(DOTS, "a name with '..', or an absolute one")                                          \
	ROW(SYMLINK, "a symlink, and a write through it")                                          \
	ROW(ROOT, "a root that is no directory")                                                   \
	ROW(HARDLINK, "a hard link to outside, to a symlink, to a directory")                      \
	ROW(RACE, "a directory that becomes something else")                                       \
	ROW(DEVICE, "device nodes, and those that would be whiteouts")                             \
	ROW(FIFO, "a FIFO where the host reads a file")                                            \
	ROW(SETUID, "set-user-id files within reach of the host's users")                          \
	ROW(WHITEOUT_NAME, "whiteouts of nothing, and AUFS's own names")                           \
	ROW(WHITEOUT_PARENT, "whiteouts of what the same layer brings")                            \
	ROW(WHITEOUT_SYMLINK, "a whiteout through a symlink")                                      \
	ROW(OPAQUE, "an opaque mark behind its siblings")                                          \
	ROW(DUPLICATE, "members that replace each other")                                          \
	ROW(OVERLAY_XATTR, "overlay's own attributes")                                             \
	ROW(XATTR_SIZE, "large attributes and headers")                                            \
	ROW(PAX, "headers that can be read in two ways")                                           \
	ROW(SPARSE, "sparse files of any size")                                                    \
	ROW(BOMB, "compressed bombs")                                                              \
	ROW(CUT, "archives cut off, and what follows one")                                         \
	ROW(DIGEST, "digests and sizes that are wrong")                                            \
	ROW(DIGEST_PATH, "digests that are paths")                                                 \
	ROW(JSON, "documents too large, too deep, ambiguous")                                      \
	ROW(ARCHIVE_LINK, "archives whose members are links to the host")                          \
	ROW(FOREIGN, "layers that are elsewhere")                                                  \
	ROW(NAME, "names that are no text, too long, or alike")                                    \
	ROW(COUNT, "too many of them")                                                             \
	ROW(OWNER_TIME, "owners and times beyond the file system's")                               \
	ROW(FLAGS, "file flags")                                                                   \
	ROW(CONFIG, "what a container of it shall run, and as whom")                               \
	ROW(EXEC, "programs and libraries of the image, for us to run")

#define HOSTILE_ENUM(id, text) ROW_##id,
#define HOSTILE_NAME(id, text) text,
enum hostile_row { HOSTILE_ROWS(HOSTILE_ENUM) HOSTILE_N_ROWS };
static const char *const hostile_rows[] = { HOSTILE_ROWS(HOSTILE_NAME) };

/* --- what lies where --------------------------------------------------------------------------
 */

static inline void listing_content(const char *path, struct str *out)
{
	struct digest_text digest;
	char *text;
	size_t n;

	ck_assert_int_eq(fd_read_file(AT_FDCWD, path, 64 << 20, &text, &n, &scene_err), 0);
	ck_assert_int_eq(digest_of(text, n, &digest, &scene_err), 0);
	str_addf(out, " %s", digest.text);
	free(text);
}

static inline void listing_xattrs(const char *path, struct str *out)
{
	char names[4096], value[4096];
	ssize_t n = llistxattr(path, names, sizeof(names));

	for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		ssize_t len = lgetxattr(path, name, value, sizeof(value));
		str_addf(out, " %s=%zd:", name, len);
		for (ssize_t i = 0; i < len; i++)
			str_addf(out, "%02x", (unsigned char)value[i]);
	}
}

/*
 * A line for each file below and of that path. The times of a directory that something was made in
 * and taken away again may move: only what a layer has has times.
 */
static inline void listing_add(const char *path, bool in_layer, struct str *out)
{
	struct dirent **names = NULL;
	struct stat st;
	char link[4096] = "";

	ck_assert_msg(lstat(path, &st) == 0, "'%s' is gone", path);
	str_addf(out, "%s %o %u:%u %ju", path, st.st_mode, st.st_uid, st.st_gid,
		(uintmax_t)st.st_rdev);
	if (in_layer || !S_ISDIR(st.st_mode))
		str_addf(out, " %jd.%09ld", (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (S_ISLNK(st.st_mode) && readlink(path, link, sizeof(link) - 1) >= 0)
		str_addf(out, " -> %s", link);
	if (S_ISREG(st.st_mode))
		listing_content(path, out);
	listing_xattrs(path, out);
	str_add(out, "\n");
	if (!S_ISDIR(st.st_mode))
		return;
	int n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		autofree char *below = str_format("%s/%s", path, names[i]->d_name);
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0)
			listing_add(below, in_layer || strcmp(names[i]->d_name, "fs") == 0, out);
		free(names[i]);
	}
	free(names);
}

/* What the archives here would reach if they could: outside of the scene, and beside its store. */
static inline void listing_outside(struct str *out)
{
	static const char *const aims[] = { "/escaped", "/x", "/b", "/canary", "/dev/shm/x",
		"/dev/shm/escaped", "/etc/x", "/tmp/escaped" };
	struct stat st;

	listing_add(scene_path("canary"), true, out);
	listing_add("/etc/passwd", true, out);
	for (size_t i = 0; i < sizeof(aims) / sizeof(aims[0]); i++)
		if (lstat(aims[i], &st) == 0)
			listing_add(aims[i], true, out);
	struct dirent **names = NULL;
	int n = scandir(scene_dir, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		str_addf(out, "%s\n", names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

struct hostile_before {
	struct str store, outside;
};

/* With an image in the store, so that there is something to change. */
static inline struct hostile_before hostile_begin(void)
{
	static const struct tar_row good[] = { { .name = "d/", .type = '5' },
		{ .name = "d/file", .data = "good" }, { .name = "l", .link = "d", .type = '2' } };
	struct image_list list = { 0 };
	struct tarball t = { 0 };
	struct hostile_before b = { 0 };

	for (size_t i = 0; i < 3; i++)
		tarball_add(&t, &good[i]);
	tarball_end(&t);
	scene_write("tar", t.bytes.data, t.bytes.len);
	int r = import_rootfs(&scene_store, scene_path("tar"), "good",
		&(struct import_options){ 0 }, &list, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	image_list_done(&list);
	tarball_done(&t);
	listing_add(scene_path("store"), false, &b.store);
	return b;
}

static inline void hostile_compare(const char *name, const struct str *before, struct str *after)
{
	size_t at = 0;

	ck_assert(str_ok(before) && str_ok(after));
	while (before->data[at] && before->data[at] == after->data[at])
		at++;
	while (at && before->data[at - 1] != '\n')
		at--;
	ck_assert_msg(strcmp(before->data, after->data) == 0, "%s: before\n%.300s\nafter\n%.300s",
		name, before->data + at, after->data + at);
	str_done(after);
}

/* `r`: of the load or import of the case `name`, whose reason is in scene_err. */
static inline void hostile_end(
	const char *name, int r, const char *refusal, struct hostile_before *b)
{
	struct str now = { 0 };

	ck_assert_msg(
		(r < 0) == (refusal != NULL), "%s: %s", name, r < 0 ? scene_err.text : "was taken");
	listing_outside(&now);
	hostile_compare(name, &b->outside, &now);
	scene_check_clean();
	if (refusal) {
		ck_assert_msg(
			strstr(scene_err.text, refusal) != NULL, "%s: %s", name, scene_err.text);
		ck_assert_msg(!strpbrk(scene_err.text, "\n\033"), "%s: not one line", name);
		now = (struct str){ 0 };
		listing_add(scene_path("store"), false, &now);
		hostile_compare(name, &b->store, &now);
	}
	str_done(&b->store);
	str_done(&b->outside);
}

/* A file of the uppermost layer of the image "t". */
static inline const char *hostile_path(const char *name)
{
	automatic(image) struct image image = { 0 };
	static char path[4200];

	int r = image_find(&scene_store, "t", &image, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	snprintf(path, sizeof(path), "%s/store/layers/%s/fs/%s", scene_dir,
		digest_hex(image.record.layers[image.record.n_layers - 1]), name);
	return path;
}

#endif
