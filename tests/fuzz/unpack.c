/*
 * A tar into a directory: nothing beside it changes. Needs root, as unpacking does.
 *
 * There is a canary beside the directory, and a symlink's or a name's way up leads to it.
 */
#include "overlay/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "tests/fuzz/tarry.h"

enum { BYTES_MAX = 16 << 20, ENTRIES_MAX = 200 };

static int scratch; /* the directory of FUZZ_SCRATCH */
static struct stat before;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path = getenv("FUZZ_SCRATCH");

	(void)argc;
	(void)argv;
	umask(0);
	struct err e;
	scratch = open(path ? path : "/nowhere", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(scratch, "canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0 || fstat(fd, &before) < 0)
		fuzz_report("FUZZ_SCRATCH", "an empty directory is wanted");
	close(fd);
	fd_remove_tree(scratch, "fs", &e); /* of one that crashed */
	return 0;
}

static void check_canary(void)
{
	struct stat now;

	if (fstatat(scratch, "canary", &now, AT_SYMLINK_NOFOLLOW) < 0 ||
		now.st_ino != before.st_ino || now.st_mode != before.st_mode ||
		now.st_uid != before.st_uid || now.st_nlink != 1 || now.st_size != 0 ||
		now.st_mtim.tv_sec != before.st_mtim.tv_sec || fstat(scratch, &now) < 0 ||
		now.st_nlink != 3)
		fuzz_report("canary", "something outside has changed");
}

static void unpack_to(struct tarry *from, int dir)
{
	const struct unpack_options options = {
		.form = FORM_TRUSTED, .bytes = BYTES_MAX, .entries = ENTRIES_MAX
	};
	automatic(unpack_result) struct unpack_result result = { 0 };
	struct err e = { 0 };
	struct tar *tar;

	int r = tar_open(tarry_next, from, &tar, &e);
	fuzz_check("open", r, &e);
	if (r < 0)
		return;
	fuzz_check("unpack", unpack(tar, dir, &options, &result, &e), &e);
	tar_free(tar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tarry from = tarry_begin(data, size);
	struct err e = { 0 };

	if (mkdirat(scratch, "fs", 0755) < 0)
		fuzz_report("fs", "cannot be made");
	int dir = openat(scratch, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unpack_to(&from, dir);
	check_canary();
	close(dir);
	if (fd_remove_tree(scratch, "fs", &e) < 0)
		fuzz_report("fs", e.text);
	free(from.data);
	return 0;
}
