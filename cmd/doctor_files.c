/* The store, the state root, and overlay on the store's file system. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cmd/doctor.h"
#include "overlay/mount.h"
#include "overlay/mountinfo.h"
#include "overlay/snapshot.h"
#include "overlay/store.h"
#include "overlay/stub.h"
#include "runtime/record.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define LITTLE_SPACE ((uint64_t)64 << 20)

/* The directory or, while it is not there, the one above it that it would be made in; absolute. */
static char *nearest(const char *path)
{
	char *at = realpath(path, NULL);
	char *above = at ? NULL : strdup(path);

	for (char *slash; above && !at && *above && (slash = strrchr(above, '/'));) {
		*slash = '\0';
		at = realpath(*above ? above : "/", NULL);
	}
	free(above);
	return at ? at : realpath(".", NULL);
}

void doctor_describe(const char *path, struct str *out, struct statvfs *ret)
{
	automatic(mountinfo) struct mountinfo mounts = { 0 };
	autofree char *at = nearest(path);
	struct statvfs fs;
	char size[16];
	struct err e;

	*ret = (struct statvfs){ 0 };
	if (!at)
		return;
	const struct mountinfo_row *row =
		mountinfo_read(&mounts, &e) == 0 ? mountinfo_of(&mounts, at) : NULL;
	str_add(out, row ? row->type : "unknown file system");
	if (statvfs(at, &fs) < 0)
		return;
	*ret = fs;
	str_addf(out, ", %s free", str_human((uint64_t)fs.f_bavail * fs.f_frsize, size));
}

static void add_place(struct findings *f, const char *name, const char *path, bool exists)
{
	automatic(str) struct str text = { 0 };
	struct statvfs fs;

	doctor_describe(path, &text, &fs);
	bool little = fs.f_frsize && (uint64_t)fs.f_bavail * fs.f_frsize < LITTLE_SPACE;
	findings_add(f, name, little ? FINDING_LACKS : FINDING_OK, little ? "make room" : NULL,
		"%s: %s%s", path, exists ? "" : "not made yet; ", text.data ? text.data : "");
}

void doctor_store(const struct places *p, struct findings *f)
{
	automatic(store) struct store store = STORE_NONE;
	struct err e;
	int r = store_open(p->store, STORE_READ, &store, &e);

	if (r == 0 || r == -ENOENT)
		add_place(f, "store", p->store, r == 0);
	else
		findings_add(
			f, "store", FINDING_BROKEN, "another one: cow --store DIR", "%s", e.text);
}

void doctor_root(const struct places *p, struct findings *f)
{
	automatic(home) struct home home = HOME_NONE;
	struct err e;

	if (home_open(p->root, false, false, &home, &e) == 0)
		add_place(f, "state root", p->root, home.fd >= 0);
	else
		findings_add(f, "state root", FINDING_BROKEN, "another one: cow --root DIR", "%s",
			e.text);
}

/* An overlay of three directories in `dir`, attached nowhere, and a file made in it. */
static int try_overlay(int dir, struct err *e)
{
	static const char *const names[] = { "lower", "upper", "work" };
	int fds[3] = { -1, -1, -1 };
	autofd int mounted = -1;
	int r = 0;

	for (int i = 0; i < 3; i++) {
		if (mkdirat(dir, names[i], 0700) == 0)
			fds[i] = openat(dir, names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			r = err_set(e, errno, "make '%s'", names[i]);
	}
	struct overlay_dirs dirs = { .lowers = &fds[0],
		.n_lowers = 1,
		.upper = fds[1],
		.work = fds[2],
		.form = form_here() };
	if (r == 0)
		r = overlay_mount(&dirs, &mounted, e);
	for (int i = 0; i < 3; i++)
		own_close(&fds[i]);
	if (r < 0)
		return r;
	autofd int file = openat(mounted, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return file < 0 ? err_set(e, errno, "make a file in an overlay") : 0;
}

/* A store of its own, for the question whether files without data are followed to their objects. */
static void try_sharing(const char *above, const char *name, struct findings *f)
{
	autofree char *path = str_format("%s/%s/store", above, name);
	automatic(store) struct store store = STORE_NONE;
	struct err e = { 0 };

	if (!path || store_open(path, STORE_CREATE, &store, &e) < 0)
		return;
	switch (stub_reach(&store, &e)) {
	case STUBS_ANYWHERE:
		findings_add(f, "sharing", FINDING_OK, NULL,
			"a file that images have in common is stored and cached once");
		break;
	case STUBS_LOWEST:
		findings_add(f, "sharing", FINDING_OK, NULL, "files of images' first layers alone");
		break;
	case STUBS_NOWHERE:
		findings_add(f, "sharing", FINDING_LACKS, "Linux 6.5 or later",
			"each image has its own copy of a file: %s", e.text);
		break;
	}
}

/* Where the store is, or will be: what overlay can do depends on the file system. */
void doctor_overlay(const struct places *p, struct findings *f)
{
	autofree char *at = nearest(p->store);
	autofree char *name = str_format(".cowrun-doctor-%d", (int)getpid());
	autofd int above = at ? open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct err e = { 0 }, ignored;

	if (geteuid() != 0 || above < 0 || !name)
		return;
	if (mkdirat(above, name, 0700) < 0) {
		findings_add(f, "overlay", FINDING_BROKEN, "another store: cow --store DIR",
			"cannot make a directory in '%s': %s", at, err_reason(errno));
		return;
	}
	autofd int dir = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? err_set(&e, errno, "open '%s'", name) : try_overlay(dir, &e);
	if (r == 0) {
		findings_add(f, "overlay", FINDING_OK, NULL, "mounted on the store's file system");
		try_sharing(at, name, f);
	} else {
		findings_add(f, "overlay", FINDING_BROKEN,
			"put the store on ext4, xfs, btrfs or tmpfs: cow --store DIR", "%s",
			e.text);
	}
	fd_remove_tree(above, name, &ignored);
}

/* In which ways containers can have their files there, and why not in the others. */
void doctor_snapshotters(const struct places *p, struct findings *f)
{
	automatic(str) struct str can = { 0 }, cannot = { 0 };
	autofree char *at = nearest(p->store);
	autofd int dir = at ? open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct store store = {
		.dir = dir, .path = at, .form = geteuid() == 0 ? form_here() : FORM_USER
	};
	struct err e;

	for (const struct snapshotter *way = snapshotters; dir >= 0 && way->name; way++)
		if (snapshotter_check(way, NULL, &store, &e) == 0)
			str_addf(&can, "%s%s", can.len ? ", " : "", way->name);
		else
			str_addf(&cannot, "; not %s", e.text + strlen("snapshotter "));
	if (can.len && str_ok(&can))
		findings_add(f, "snapshotters", FINDING_OK, NULL, "%s%s", can.data,
			cannot.data ? cannot.data : "");
}
