/* Where a container's files come from. */
#include "overlay/strata.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/claim.h"
#include "overlay/files.h"
#include "overlay/forks.h"
#include "overlay/layer.h"
#include "overlay/redirect.h"
#include "overlay/stack.h"
#include "overlay/stub.h"
#include "spec/base/sys.h"

void strata_done(struct strata *s)
{
	for (size_t i = 0; i < s->n; i++) {
		own_close(&s->v[i].dir);
		free(s->v[i].name);
	}
	free(s->v);
	own_close(&s->objects);
	*s = (struct strata)STRATA_NONE;
}

/* Takes the fd. */
static int add(struct strata *s, int dir, const char *name, bool is_upper)
{
	struct stratum *more = reallocarray(s->v, s->n + 1, sizeof(*more));
	char *copy = more ? strdup(name) : NULL;

	if (more)
		s->v = more;
	if (!copy) {
		own_close(&dir);
		return -ENOMEM;
	}
	s->v[s->n++] = (struct stratum){ dir, copy, is_upper };
	return 0;
}

/* --- of a store --------------------------------------------------------------------------------- */

static int add_layers(
	const struct store *store, const struct claim *claim, struct strata *s, struct err *e)
{
	int r = 0;

	for (size_t i = claim->n_layers; r == 0 && i-- > 0;) {
		int dir;
		r = layer_open(store, claim->layers[i], &dir, e);
		if (r == 0 && add(s, dir, claim->layers[i], false) < 0)
			r = err_set(e, ENOMEM, "open layers");
	}
	s->objects = objects_open(store);
	return r;
}

static int add_own(const struct store *store, const char *id, struct strata *s, struct err *e)
{
	int own = -1;
	int r = stack_own(store, id, &own, e);

	if (r < 0 || own < 0)
		return r;
	const char *name = stack_is_sealed(store, id) ? id : "";
	return add(s, own, name, true) < 0 ? err_set(e, ENOMEM, "open layers") : 0;
}

static int add_template(
	const struct store *store, const char *template, struct strata *s, struct err *e)
{
	int dir = forks_open(store, template, e);

	if (dir < 0)
		return dir;
	return add(s, dir, template, true) < 0 ? err_set(e, ENOMEM, "open layers") : 0;
}

int strata_of_container(
	const struct store *store, const char *id, struct strata *ret, struct err *e)
{
	automatic(strata) struct strata s = STRATA_NONE;
	automatic(claim) struct claim claim = { 0 };

	int r = add_own(store, id, &s, e);
	if (r == 0)
		r = stack_claim(store, id, &claim, e);
	if (r == 0 && claim.template)
		r = add_template(store, claim.template, &s, e);
	/* Where there is a whole tree its files are copies: those of the layers are none of it. */
	if (r == 0 && !claim.snapshotter)
		r = add_layers(store, &claim, &s, e);
	if (r < 0)
		return r;
	s.form = store->form;
	s.ours = true;
	*ret = s;
	s = (struct strata)STRATA_NONE;
	return 0;
}

/* --- of another engine -------------------------------------------------------------------------- */

/* File systems on which nobody but the kernel answers. */
static bool is_local(const char *type)
{
	static const char *const local[] = { "ext4", "xfs", "btrfs", "tmpfs", "ext3", "ext2",
		"f2fs", "zfs", "bcachefs", "overlay" };

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (strcmp(type, local[i]) == 0)
			return true;
	return false;
}

static int open_local(const char *path, const struct mount_list *host)
{
	const struct mount_row *mount = mount_list_of(host, path);
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	if (path[0] != '/' || strstr(path, "/../") || !mount || !is_local(mount->type))
		return -EXDEV;
	int fd = sys_openat2(AT_FDCWD, path, &how);
	return fd < 0 ? -errno : fd;
}

/* podman and Docker: ".../l/SHORT" is a symlink to "../ID/diff", so that options are short. */
static int follow_short(char path[PATH_MAX], const struct mount_list *host)
{
	char target[256];
	char *name = strrchr(path, '/');
	size_t top = (size_t)(name - path) - 1;

	if (name - path < 3 || strncmp(name - 2, "/l", 2) != 0)
		return 0;
	*name = '\0';
	autofd int dir = open_local(path, host);
	*name = '/';
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, name + 1, target, sizeof(target) - 1);
	if (n < 3 || strncmp(target, "../", 3) != 0)
		return 0;
	target[n] = '\0';
	int len = snprintf(path + top, PATH_MAX - top, "%s", target + 3);
	return (size_t)len >= PATH_MAX - top ? -ENAMETOOLONG : 0;
}

/* "/.../overlay/ID/diff" is ID, ".../snapshots/12/fs" is 12. */
static void name_of(const char *path, char name[NAME_MAX + 1])
{
	const char *end = strrchr(path, '/'), *start = end;

	while (start > path && start[-1] != '/')
		start--;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)(end - start), start);
}

/*
 * podman changes into its storage where options would be long, so names are relative to that: two
 * above the upper's "ID/diff". Its length, with the slash.
 */
static int storage_of(const char *upper)
{
	const char *end = strrchr(upper, '/');

	while (end && end > upper && end[-1] != '/')
		end--;
	return end ? (int)(end - upper) : 0;
}

static int add_foreign(struct strata *s, const char *dir, const char *upper, bool own,
	const struct mount_list *host)
{
	char path[PATH_MAX], name[NAME_MAX + 1] = "";
	int storage = dir[0] == '/' ? 0 : storage_of(upper);
	int len = snprintf(path, sizeof(path), "%.*s%s", storage, upper, dir);

	if ((size_t)len >= sizeof(path) || path[0] != '/' || follow_short(path, host) < 0)
		return 0;
	int fd = open_local(path, host);
	if (fd < 0)
		return 0;
	if (!own)
		name_of(path, name);
	return add(s, fd, name, own);
}

/* The next part of a list, up to `end` or a comma, without backslashes; NULL: there is none. */
static char *next_part(const char **at, char part[PATH_MAX])
{
	size_t n = 0;

	while (**at == ':')
		(*at)++;
	if (**at == '\0' || **at == ',')
		return NULL;
	for (; **at && **at != ',' && **at != ':'; (*at)++) {
		if (**at == '\\' && (*at)[1])
			(*at)++;
		if (n + 1 < PATH_MAX)
			part[n++] = **at;
	}
	part[n] = '\0';
	return part;
}

/* Where the value of an option begins, from `at` on; NULL: there is none more. */
static const char *find_option(const char *at, const char *name)
{
	size_t len = strlen(name);

	while (at) {
		if (strncmp(at, name, len) == 0)
			return at + len;
		for (; *at && *at != ','; at++)
			at += at[0] == '\\' && at[1];
		at = *at ? at + 1 : NULL;
	}
	return NULL;
}

static int add_lowers(
	const char *options, const char *upper, const struct mount_list *host, struct strata *s)
{
	static const char *const names[] = { "lowerdir=", "lowerdir+=" };
	char part[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (const char *at = options; r == 0 && (at = find_option(at, names[i]));)
			while (r == 0 && next_part(&at, part))
				r = add_foreign(s, part, upper, false, host);
	return r;
}

int strata_of_overlay(
	const char *options, const struct mount_list *host, struct strata *ret, struct err *e)
{
	automatic(strata) struct strata s = STRATA_NONE;
	const char *at = find_option(options, "upperdir=");
	char upper[PATH_MAX] = "";
	int r = 0;

	if (at && next_part(&at, upper))
		r = add_foreign(&s, upper, upper, true, host);
	if (r == 0)
		r = add_lowers(options, upper, host, &s);
	if (r < 0)
		return err_set(e, -r, "find the layers of an overlay");
	*ret = s;
	s = (struct strata)STRATA_NONE;
	return 0;
}

/* --- looking for a file ------------------------------------------------------------------------- */

struct search {
	const struct strata *s;
	strata_is *is;
	void *data;
	struct redirect redirect; /* of a file whose attributes alone are in an upper stratum */
	char path[PATH_MAX];	  /* beneath a stratum */
};

/* 1: it goes on with `path`; 0: the file has its data itself. */
static int follow_redirect(struct search *x, int file)
{
	if (redirect_read(file, x->s->form, &x->redirect) < 0 || !x->redirect.without_data)
		return 0;
	if (x->redirect.path[0] == '/')
		snprintf(x->path, sizeof(x->path), "%s", x->redirect.path + 1);
	return 1;
}

static int try_stratum(struct search *x, const struct stratum *stratum, struct strata_hit *hit)
{
	autofd int file = files_open(stratum->dir, x->path);
	struct stat st;

	*hit = (struct strata_hit){ .stratum = stratum };
	/* Not there, or a whiteout, or a directory of that name. */
	if (file < 0)
		return file == -ENOMEM || file == -EMFILE || file == -ENFILE ? file : 0;
	int stub = !x->s->ours || stratum->is_upper ? 0 : stub_read(file, x->s->form, &hit->object);
	if (stub == 0 && x->s->ours && stratum->is_upper && follow_redirect(x, file))
		return 0;
	if (stub > 0) {
		struct object_path p = object_path(&hit->object);
		own_close(&file);
		file = files_open(x->s->objects, p.text + 1);
	}
	if (stub < 0 || file < 0 || fstat(file, &st) < 0)
		return 0;
	hit->dev = st.st_dev;
	hit->ino = st.st_ino;
	return x->is(x->data, file);
}

int strata_find(
	const struct strata *s, const char *path, strata_is *is, void *data, struct strata_hit *ret)
{
	struct search x = { .s = s, .is = is, .data = data };
	struct strata_hit hit;
	int r = 0;

	while (*path == '/')
		path++;
	if (!*path || strlen(path) >= sizeof(x.path))
		return 0;
	memcpy(x.path, path, strlen(path) + 1);
	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = try_stratum(&x, &s->v[i], &hit);
	if (r > 0)
		*ret = hit;
	return r;
}
