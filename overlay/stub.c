/* Files without data of their own. */
#include "overlay/stub.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "overlay/mount.h"
#include "overlay/work.h"
#include "spec/base/fd.h"

static const struct {
	const char *metacopy, *redirect;
} names[] = {
	[FORM_TRUSTED] = { "trusted.overlay.metacopy", "trusted.overlay.redirect" },
	[FORM_USER] = { "user.overlay.metacopy", "user.overlay.redirect" },
};

int stub_make(int fd, enum overlay_form form, const struct object_name *object, uint64_t size)
{
	struct object_path p = object_path(object);

	return ftruncate(fd, (off_t)size) < 0 ||
			       fsetxattr(fd, names[form].metacopy, "", 0, 0) < 0 ||
			       fsetxattr(fd, names[form].redirect, p.text, OBJECT_PATH, 0) < 0
		       ? -errno
		       : 0;
}

int stub_read(int fd, enum overlay_form form, struct object_name *ret)
{
	char path[OBJECT_PATH];
	ssize_t n = fgetxattr(fd, names[form].redirect, path, sizeof(path));

	if (n < 0)
		return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
	return object_path_parse(path, (size_t)n, ret) ? 1 : -EUCLEAN;
}

bool stub_has(const char *xattr, enum overlay_form form)
{
	return strcmp(xattr, names[form].metacopy) == 0 || strcmp(xattr, names[form].redirect) == 0;
}

static const char trial[] = "an object";
static const struct object_name trial_name = { "AAAAAAAAAAAAAAAAAA" };

/* Three directories: a stub, nothing, and what the stub leads to. */
enum { TRIAL_STUB, TRIAL_EMPTY, TRIAL_OBJECTS, TRIALS };

static int make_trial(const struct store *store, int dir, int fds[TRIALS], struct err *e)
{
	static const char *const dirs[] = { "stub", "empty", "objects" };
	struct object_path p = object_path(&trial_name);
	int r = 0;

	for (int i = 0; i < TRIALS; i++) {
		if (mkdirat(dir, dirs[i], 0700) == 0)
			fds[i] = openat(dir, dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return err_set(e, errno, "create '%s'", dirs[i]);
	}
	*strrchr(p.text, '/') = '\0';
	if (mkdirat(fds[TRIAL_OBJECTS], p.text + 1, 0700) < 0)
		return err_set(e, errno, "create an object");
	p = object_path(&trial_name);
	autofd int object = openat(
		fds[TRIAL_OBJECTS], p.text + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	autofd int stub =
		openat(fds[TRIAL_STUB], "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (object < 0 || stub < 0)
		return err_set(e, errno, "create an object");
	r = fd_write_all(object, trial, sizeof(trial));
	if (r == 0)
		r = stub_make(stub, store->form, &trial_name, sizeof(trial));
	return r < 0 ? err_set(e, -r, "create a file without data") : 0;
}

static bool can_read(const int *lowers, size_t n, const int fds[TRIALS], enum overlay_form form,
	bool deep, struct err *e)
{
	struct overlay_dirs dirs = { .lowers = lowers,
		.n_lowers = n,
		.upper = -1,
		.work = -1,
		.form = form,
		.objects = &fds[TRIAL_OBJECTS],
		.deep = deep };
	char text[sizeof(trial)];
	autofd int mounted = -1;

	if (overlay_mount(&dirs, &mounted, e) < 0)
		return false;
	autofd int file = openat(mounted, "file", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0 || read(file, text, sizeof(text)) != sizeof(text)) {
		err_set(e, file < 0 ? errno : EIO, "mount overlay: follow a file to its data");
		return false;
	}
	return memcmp(text, trial, sizeof(text)) == 0;
}

enum stub_reach stub_reach(const struct store *store, struct err *why)
{
	automatic(work) struct work work = WORK_NONE;
	int fds[TRIALS] = { -1, -1, -1 };
	enum stub_reach reach = STUBS_NOWHERE;
	struct err ignored = { 0 }, *e = why ? why : &ignored;

	if (work_begin(store, NULL, &work, e) < 0)
		return reach;
	if (make_trial(store, work.dir, fds, e) == 0) {
		const int above[] = { fds[TRIAL_EMPTY], fds[TRIAL_STUB] };
		if (store->form == FORM_TRUSTED && can_read(above, 2, fds, store->form, true, e))
			reach = STUBS_ANYWHERE;
		else if (can_read(above + 1, 1, fds, store->form, false, e))
			reach = STUBS_LOWEST;
	}
	for (int i = 0; i < TRIALS; i++)
		own_close(&fds[i]);
	return reach;
}
