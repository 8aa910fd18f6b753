/* The store's directory, names of images, and what goes when an image is removed. */
#include <sys/file.h>
#include <sys/wait.h>

#include "overlay/blob.h"
#include "overlay/trash.h"
#include "overlay/work.h"
#include "tests/unit/layers.h"
#include "tests/unit/scene.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static int reopen(const char *name, enum store_access access)
{
	automatic(store) struct store store = STORE_NONE;

	return store_open(scene_path(name), access, &store, &scene_err);
}

START_TEST(is_private)
{
	struct stat st;

	ck_assert_int_eq(stat(scene_path("store"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFDIR | 0700);
	chmod(scene_path("store"), 0711);
	ck_assert_int_eq(reopen("store", STORE_READ), -EPERM);
	ck_assert_msg(strstr(scene_err.text, "mode 0711") != NULL, "%s", scene_err.text);
	chmod(scene_path("store"), 0700);
	ck_assert_int_eq(chown(scene_path("store"), 1, 1), 0);
	ck_assert_int_eq(reopen("store", STORE_CREATE), -EPERM);
	ck_assert_msg(strstr(scene_err.text, "belongs to user 1") != NULL, "%s", scene_err.text);
}
END_TEST

START_TEST(is_of_a_version)
{
	ck_assert_int_eq(reopen("store", STORE_READ), 0);
	scene_write("store/version", "cowrun-store 2\n", 15);
	ck_assert_int_eq(reopen("store", STORE_READ), -EPROTO);
	ck_assert_msg(strstr(scene_err.text, "cowrun-store 2") != NULL, "%s", scene_err.text);
	ck_assert_int_eq(reopen("store", STORE_CREATE), -EPROTO);
}
END_TEST

START_TEST(is_made_only_where_nothing_is)
{
	ck_assert_int_eq(reopen("nowhere", STORE_READ), -ENOENT);
	ck_assert_int_eq(reopen("canary", STORE_CREATE), -ENOTEMPTY);
	ck_assert_int_eq(scene_count("canary"), 1);
	ck_assert_int_eq(reopen("canary/file", STORE_CREATE), -ENOTDIR);
	ck_assert_int_eq(reopen("deep/er/store", STORE_CREATE), 0);
	mkdir(scene_path("empty"), 0755);
	ck_assert_int_eq(reopen("empty", STORE_CREATE), 0);
	struct stat st;
	ck_assert_int_eq(stat(scene_path("empty"), &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFDIR | 0700);
}
END_TEST

START_TEST(locks_are_shared_or_not)
{
	autofd int one = -1, two = -1;

	ck_assert_int_eq(store_lock(&scene_store, STORE_SHARED, &one, &scene_err), 0);
	ck_assert_int_eq(store_lock(&scene_store, STORE_SHARED, &two, &scene_err), 0);
	autofd int probe = open(scene_path("store/lock"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_lt(flock(probe, LOCK_EX | LOCK_NB), 0);
	close(take_fd(&one));
	close(take_fd(&two));
	ck_assert_int_eq(flock(probe, LOCK_EX | LOCK_NB), 0);
}
END_TEST

static const struct {
	const char *given, *kept; /* NULL: refused */
} names[] = {
	{ "debian", "debian:latest" },
	{ "debian:bookworm", "debian:bookworm" },
	{ "docker.io/library/debian", "docker.io/library/debian:latest" },
	{ "localhost:5000/a/b", "localhost:5000/a/b:latest" },
	{ "localhost:5000/a/b:c", "localhost:5000/a/b:c" },
	{ "a@sha256:0123", "a@sha256:0123" },
	{ "a_b-c.d", "a_b-c.d:latest" },
	{ "", NULL },
	{ "/", NULL },
	{ "/a", NULL },
	{ "a/", NULL },
	{ "a//b", NULL },
	{ "..", NULL },
	{ "a/../b", NULL },
	{ ".a", NULL },
	{ "-a", NULL },
	{ "a b", NULL },
	{ "a%b", NULL },
	{ "a:", NULL },
	{ "a\nb", NULL },
	{ "\xc3\xa9", NULL },
};

START_TEST(names_are_kept_as_given)
{
	autofree char *name = NULL;
	struct err e;

	int r = image_name(names[_i].given, &name, &e);
	if (names[_i].kept) {
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(name, names[_i].kept);
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert(!strchr(e.text, '\n'));
	}
}
END_TEST

START_TEST(names_have_a_length)
{
	char name[300];
	autofree char *kept = NULL;
	struct err e;

	memset(name, 'a', sizeof(name));
	name[233] = '\0';
	ck_assert_int_eq(image_name(name, &kept, &e), 0);
	name[233] = 'a';
	name[234] = '\0';
	ck_assert_int_eq(image_name(name, &kept, &e), -EINVAL);
}
END_TEST

/* An image of one layer whose only file is `file`. */
static void load(const char *name, const char *file)
{
	struct layers l = { 0 };
	struct tar_row row = { .name = file, .data = file };

	layers_add(&l, &row, 1);
	layers_load(&l, name);
	layers_done(&l);
}

static const char *find(const char *ref)
{
	static char found[300];
	automatic(image_record) struct image_record record = { 0 };

	int r = image_find_record(&scene_store, ref, &record, &scene_err);
	if (r < 0) {
		ck_assert(r == -ERR_NO_IMAGE || r == -ENOTUNIQ);
		return NULL;
	}
	snprintf(found, sizeof(found), "%s", record.ref);
	return found;
}

START_TEST(finds_short_forms)
{
	char id[80];

	load("docker.io/library/debian:latest", "1");
	load("example.org/debian:12", "2");
	ck_assert_str_eq(find("debian"), "docker.io/library/debian:latest");
	ck_assert_str_eq(find("library/debian"), "docker.io/library/debian:latest");
	ck_assert_str_eq(find("debian:12"), "example.org/debian:12");
	ck_assert_ptr_null(find("ebian"));
	ck_assert_str_eq(scene_err.text + strlen(scene_err.text) - 6, "store'");
	ck_assert_msg(str_starts(scene_err.text, "no image 'ebian:latest' in the store '"), "%s",
		scene_err.text);
	load("other.org/debian:12", "3");
	ck_assert_ptr_null(find("debian:12"));
	ck_assert_msg(strstr(scene_err.text, "could be") != NULL, "%s", scene_err.text);
	load("docker.io/library/debian:12", "4");
	ck_assert_str_eq(find("debian:12"), "docker.io/library/debian:12");
	ck_assert_str_eq(find("index.docker.io/debian:12"), "docker.io/library/debian:12");
	load("debian:12", "4");
	ck_assert_str_eq(find("debian:12"), "debian:12");

	automatic(image_record) struct image_record record = { 0 };
	ck_assert_int_eq(image_find_record(&scene_store, "debian:12", &record, &scene_err), 0);
	ck_assert_str_eq(find(record.config), "debian:12");
	snprintf(id, sizeof(id), "%.12s", digest_hex(record.config));
	ck_assert_str_eq(find(id), "debian:12");
	snprintf(id, sizeof(id), "%.5s", digest_hex(record.config));
	ck_assert_ptr_null(find(id));
}
END_TEST

START_TEST(finds_by_digest)
{
#define SHA "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	const struct import_options fetched = { .name = "localhost:5000/x" SHA, .digest = &SHA[1] };
	load("x:1", "1");
	ck_assert_int_eq(scene_load("layout", &fetched), 0);
	ck_assert_str_eq(find("localhost:5000/x" SHA), "localhost:5000/x" SHA);
	ck_assert_str_eq(find("localhost:5000/x:tag" SHA), "localhost:5000/x" SHA);
	ck_assert_str_eq(find("x" SHA), "localhost:5000/x" SHA);
	ck_assert_ptr_null(find("localhost:5000/x"));
	ck_assert_ptr_null(find("localhost:5000/y:tag" SHA));
}
END_TEST

START_TEST(lists_all_by_name)
{
	automatic(image_list) struct image_list list = { 0 };

	load("b/x:1", "1");
	load("a:1", "1");
	load("a/x:1", "2");
	ck_assert_int_eq(image_list(&scene_store, &list, &scene_err), 0);
	ck_assert_uint_eq(list.n, 3);
	ck_assert_str_eq(list.records[0].ref, "a/x:1");
	ck_assert_str_eq(list.records[1].ref, "a:1");
	ck_assert_str_eq(list.records[2].ref, "b/x:1");
	ck_assert_int_eq(scene_count("store/layers"), 2);
}
END_TEST

static struct image_removal remove_image(const char *ref)
{
	struct image_removal gone = { 0 };

	int r = image_remove(&scene_store, ref, &gone, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	scene_check_clean();
	return gone;
}

START_TEST(removal_takes_what_nobody_uses)
{
	load("a", "1");
	load("b", "1");
	load("c", "22");
	struct image_removal gone = remove_image("a");
	ck_assert_str_eq(gone.name, "a:latest");
	ck_assert_uint_eq(gone.n_layers, 0);
	image_removal_done(&gone);
	gone = remove_image("c");
	ck_assert_uint_eq(gone.n_layers, 1);
	ck_assert_uint_eq(gone.size, 2);
	image_removal_done(&gone);
	gone = remove_image("b");
	image_removal_done(&gone);
	ck_assert_int_eq(scene_count("store/layers"), 0);
	ck_assert_int_eq(scene_count("store/blobs/sha256"), 0);
	ck_assert_int_eq(image_remove(&scene_store, "b", &gone, &scene_err), -ERR_NO_IMAGE);
}
END_TEST

/* A record that cannot be read could name any layer: nothing goes, until it is removed by name. */
START_TEST(damage_stops_the_removal_of_layers)
{
	struct image_removal gone;

	load("a", "1");
	load("b", "22");
	scene_write("store/images/b:latest.json", "{", 1);
	ck_assert_int_eq(image_remove(&scene_store, "a", &gone, &scene_err), -ERR_DAMAGED);
	ck_assert_ptr_nonnull(find("a"));
	gone = remove_image("b");
	ck_assert_uint_eq(gone.n_layers, 1);
	image_removal_done(&gone);
	ck_assert_ptr_nonnull(find("a"));
}
END_TEST

/* An image that takes another one's name takes its place; what that one used goes. */
START_TEST(the_same_name_again_replaces)
{
	struct image_removal gone = { 0 };

	load("a", "1");
	load("a", "22");
	ck_assert_int_eq(scene_count("store/images"), 1);
	ck_assert_int_eq(scene_count("store/layers"), 1);
	ck_assert_int_eq(image_prune(&scene_store, &gone, &scene_err), 0);
	ck_assert_uint_eq(gone.n_layers, 0);
	scene_check_clean();
}
END_TEST

/* A layer that was removed before its image was published: the publisher is told to try again. */
START_TEST(publishing_needs_all_layers)
{
	automatic(image_record) struct image_record record = { 0 };

	load("a", "1");
	ck_assert_int_eq(image_find_record(&scene_store, "a", &record, &scene_err), 0);
	struct image_removal gone = remove_image("a");
	image_removal_done(&gone);
	ck_assert_int_eq(image_publish(&scene_store, &record, &scene_err), -EAGAIN);
	ck_assert_ptr_null(find("a"));
}
END_TEST

START_TEST(blobs_are_what_they_say)
{
	struct digest_text d;
	autofree char *data = NULL;
	size_t n;
	char name[120];

	ck_assert_int_eq(digest_of("abc", 3, &d, &scene_err), 0);
	ck_assert_str_eq(
		d.text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ck_assert_int_eq(blob_put(&scene_store, d.text, "abc", 3, &scene_err), 0);
	ck_assert_int_eq(blob_get(&scene_store, d.text, 10, &data, &n, &scene_err), 0);
	ck_assert_str_eq(data, "abc");
	ck_assert_int_eq(blob_get(&scene_store, d.text, 2, &data, &n, &scene_err), -EFBIG);
	snprintf(name, sizeof(name), "store/blobs/sha256/%s", digest_hex(d.text));
	scene_write(name, "abd", 3);
	free(take(data));
	ck_assert_int_eq(blob_get(&scene_store, d.text, 10, &data, &n, &scene_err), -ERR_DAMAGED);
}
END_TEST

/* The second maker of one thing gets its turn when the first is done, and an empty directory. */
START_TEST(work_of_one_key_is_done_in_turn)
{
	automatic(work) struct work work = WORK_NONE;
	int status, ready[2];
	char byte;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(work_begin(&scene_store, "key", &work, &scene_err), 0);
	close(openat(work.dir, "mine", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	pid_t pid = fork();
	if (pid == 0) {
		struct work other = WORK_NONE;
		close(work.dir); /* with it this process would hold the lock too */
		ck_assert_int_eq(write(ready[1], "x", 1), 1);
		if (work_begin(&scene_store, "key", &other, &scene_err) < 0 ||
			faccessat(other.dir, "mine", F_OK, 0) == 0)
			_exit(1);
		work_end(&other);
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	work_end(&work);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	scene_check_clean();
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, is_private);
	tcase_add_test(cases, is_of_a_version);
	tcase_add_test(cases, is_made_only_where_nothing_is);
	tcase_add_test(cases, locks_are_shared_or_not);
	tcase_add_loop_test(cases, names_are_kept_as_given, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(cases, names_have_a_length);
	tcase_add_test(cases, finds_short_forms);
	tcase_add_test(cases, finds_by_digest);
	tcase_add_test(cases, lists_all_by_name);
	tcase_add_test(cases, removal_takes_what_nobody_uses);
	tcase_add_test(cases, damage_stops_the_removal_of_layers);
	tcase_add_test(cases, the_same_name_again_replaces);
	tcase_add_test(cases, publishing_needs_all_layers);
	tcase_add_test(cases, blobs_are_what_they_say);
	tcase_add_test(cases, work_of_one_key_is_done_in_turn);
}

int main(void)
{
	return scene_run("overlay_store", fill);
}
