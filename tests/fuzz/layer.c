/*
 * A tar into a store, whole: what is taken comes out again byte for byte, and what is refused, or
 * removed, leaves nothing. Needs root.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/import.h"
#include "overlay/recipe.h"
#include "spec/base/fd.h"
#include "tests/fuzz/tarry.h"

static struct store store = STORE_NONE;
static char tar_path[4000];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *scratch = getenv("FUZZ_SCRATCH");
	char path[4000];
	struct err e;

	(void)argc;
	(void)argv;
	snprintf(path, sizeof(path), "%s/store", scratch ? scratch : "/nowhere");
	snprintf(tar_path, sizeof(tar_path), "%s/tar", scratch ? scratch : "/nowhere");
	if (store_open(path, STORE_CREATE, &store, &e) < 0)
		fuzz_report("FUZZ_SCRATCH", e.text);
	return 0;
}

static int compare(void *to, const void *data, size_t n, struct err *e)
{
	struct tarry *t = to;

	(void)e;
	if (n > t->size - t->at || memcmp(t->data + t->at, data, n) != 0)
		fuzz_report("recipe", "the tar comes out changed");
	t->at += n;
	return 0;
}

static void check_taken(struct tarry *t)
{
	automatic(image) struct image image = { 0 };
	struct image_removal removal;
	struct err e = { 0 };

	if (image_find(&store, "t", &image, &e) < 0)
		fuzz_report("image", e.text);
	if (recipe_play(&store, image.config.diff_ids[0], compare, t, &e) < 0)
		fuzz_report("recipe", e.text);
	if (t->at != t->size)
		fuzz_report("recipe", "the tar comes out shortened");
	if (image_remove(&store, "t", &removal, &e) < 0)
		fuzz_report("remove", e.text);
	image_removal_done(&removal);
}

static void check_empty(const char *room)
{
	DIR *dir = fdopendir(openat(store.dir, room, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	if (!dir)
		fuzz_report(room, "is not there");
	for (struct dirent *d; (d = readdir(dir));)
		if (d->d_name[0] != '.')
			fuzz_report(room, d->d_name);
	closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const rooms[] = { "layers", "images", "blobs/sha256", "tmp", "trash" };
	const struct import_options options = { .max_bytes = 16 << 20, .max_entries = 200 };
	struct tarry from = tarry_begin(data, size);
	struct image_list list = { 0 };
	struct err e = { 0 };

	int fd = open(tar_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, from.data, size) < 0)
		fuzz_report("tar", "cannot be written");
	close(fd);
	int r = import_rootfs(&store, tar_path, "t", &options, &list, &e);
	fuzz_check("import", r, &e);
	image_list_done(&list);
	if (r == 0)
		check_taken(&from);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		check_empty(rooms[i]);
	free(from.data);
	return 0;
}
