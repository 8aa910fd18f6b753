/*
 * Layers as overlay must stack them.
 *
 * A path is looked up in one layer at a time, from the top, as overlay would: the first layer that
 * has a directory there shows its attributes, and a layer hides those below it if it has something
 * else on the way (a file, a symlink, a whiteout) or an opaque directory. The layer that is made
 * holds nothing but directories; its digest is that of its own description, for it is no tar.
 */
#include "overlay/parents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "overlay/attributes.h"
#include "overlay/digest.h"
#include "overlay/form.h"
#include "overlay/ingest.h"
#include "overlay/layer.h"
#include "overlay/work.h"
#include "spec/base/fd.h"

#define IMPLICIT_MAX (64u << 20) /* bytes of one layer's list; an unpack keeps less */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct paths {
	const char **all; /* borrowed texts */
	size_t n, room;
};

struct level {
	int fs;
	enum overlay_form form;
	char *text;	       /* holds the paths */
	struct paths implicit; /* sorted */
};

struct levels {
	struct level *all; /* lowest first */
	size_t n;
};

static void levels_done(struct levels *l)
{
	for (size_t i = 0; i < l->n; i++) {
		own_close(&l->all[i].fs);
		free(l->all[i].text);
		free(l->all[i].implicit.all);
	}
	free(l->all);
}
DEFINE_AUTO(levels, levels_done)

static void paths_done(struct paths *p)
{
	free(p->all);
}
DEFINE_AUTO(paths, paths_done)

static int add_path(struct paths *p, const char *path)
{
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 32;
		const char **more = reallocarray(p->all, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		p->all = more;
		p->room = room;
	}
	p->all[p->n++] = path;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(struct paths *p)
{
	if (p->n)
		qsort(p->all, p->n, sizeof(*p->all), compare);
}

static bool has(const struct paths *sorted, const char *path)
{
	return sorted->n && bsearch(&path, sorted->all, sorted->n, sizeof(path), compare);
}

/* The list that an unpack left beside the layer, if it left one. */
static int read_implicit(struct level *level, const struct store *store, const char *diff_id)
{
	struct err ignored;
	size_t len;
	autofree char *name = str_format("layers/%.64s/implicit", digest_hex(diff_id));

	if (!name)
		return -ENOMEM;
	int r = fd_read_file(store->dir, name, IMPLICIT_MAX, &level->text, &len, &ignored);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t at = 0; r == 0 && at < len; at += strlen(level->text + at) + 1)
		r = add_path(&level->implicit, level->text + at);
	sort(&level->implicit);
	return r;
}

static int open_levels(
	const struct store *store, char *const *diff_ids, size_t n, struct levels *l, struct err *e)
{
	l->all = calloc(n + 1, sizeof(*l->all));
	if (!l->all)
		return err_set(e, ENOMEM, "stack layers");
	for (size_t i = 0; i < n; i++) {
		autofd int fs = -1;
		int r = layer_open(store, diff_ids[i], &fs, e);
		if (r < 0)
			return r;
		struct level *level = &l->all[l->n++];
		level->form = store->form;
		level->fs = openat(fs, ".", DIR_FLAGS);
		r = level->fs < 0 ? -errno : read_implicit(level, store, diff_ids[i]);
		if (r < 0)
			return err_set(e, -r, "read layer '%s'", diff_ids[i]);
	}
	return 0;
}

/* What one level has at a path. */
struct sight {
	int dir;     /* the directory there; -1: none */
	bool hides;  /* lower levels are hidden there */
	bool failed; /* errno says why */
};

static struct sight look(const struct level *level, const char *path)
{
	struct sight s = { .dir = openat(level->fs, ".", DIR_FLAGS) };

	s.hides = s.dir >= 0 && form_is_opaque(s.dir, level->form);
	for (const char *part = path; s.dir >= 0 && *part && strcmp(path, ".") != 0;) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(part, "/");
		if (len > NAME_MAX)
			break;
		memcpy(name, part, len);
		name[len] = '\0';
		int next = openat(s.dir, name, DIR_FLAGS);
		int code = errno;
		close(s.dir);
		s.dir = next;
		if (next < 0) {
			s.hides |= code == ENOTDIR || code == ELOOP;
			s.failed = code != ENOENT && !s.hides;
			errno = code;
			return s;
		}
		s.hides |= form_is_opaque(next, level->form);
		part += len + (part[len] == '/');
	}
	s.failed = s.dir < 0;
	return s;
}

/* Who has the say about a directory: the topmost level that names it. */
struct say {
	int dir; /* of that level, or of the topmost one where none does; -1: no such directory */
	bool given; /* a level names it */
	bool upset; /* but the topmost that has it does not */
};

static int find_say(const struct levels *l, const char *path, struct say *ret)
{
	struct say say = { .dir = -1 };

	for (size_t i = l->n; i-- > 0;) {
		struct sight s = look(&l->all[i], path);
		if (s.failed) {
			int code = errno;
			own_close(&say.dir);
			return -code;
		}
		if (s.dir >= 0) {
			bool implicit = has(&l->all[i].implicit, path);
			if (say.dir < 0 || !implicit) {
				own_close(&say.dir);
				say.dir = take_fd(&s.dir);
			}
			say.given = !implicit;
			say.upset |= implicit;
			own_close(&s.dir);
		}
		if (say.given || s.hides)
			break;
	}
	*ret = say;
	return 0;
}

/* A directory's attributes, in the form that an unpack has them. */
static int read_attributes(int dir, struct attributes *ret, struct str *xattrs)
{
	char names[4096];
	struct stat st;

	if (fstat(dir, &st) < 0)
		return -errno;
	*ret = (struct attributes){
		.mode = st.st_mode & 07777, .uid = st.st_uid, .gid = st.st_gid, .mtime = st.st_mtim
	};
	ssize_t n = flistxattr(dir, names, sizeof(names));
	if (n < 0 && errno != EOPNOTSUPP)
		return -errno;
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		char value[4096];
		if (!attributes_takes(names + at))
			continue;
		ssize_t len = fgetxattr(dir, names + at, value, sizeof(value));
		if (len < 0)
			return -errno;
		attributes_pack_one(xattrs, names + at, value, (size_t)len);
	}
	return xattrs->failed ? -ENOMEM : 0;
}

/* Whether showing an implicit directory (0755, root's) in its place would be wrong. */
static int needs_repair(const struct levels *l, const char *path, bool *ret)
{
	automatic(str) struct str xattrs = { 0 };
	struct attributes a = { 0 };
	struct say say = { .dir = -1 };

	int r = find_say(l, path, &say);
	if (r < 0)
		return r;
	*ret = false;
	if (say.given && say.upset) {
		r = read_attributes(say.dir, &a, &xattrs);
		*ret = r == 0 && (a.mode != 0755 || a.uid || a.gid || xattrs.len);
	}
	own_close(&say.dir);
	return r;
}

/* "a/b": also "a", whose attributes overlay would take from the new layer as well. */
static void add_with_parents(struct str *texts, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		str_add_bytes(texts, path, (size_t)(slash - path));
		str_add_bytes(texts, "", 1);
	}
	str_add_bytes(texts, path, strlen(path) + 1);
}

/* The paths of the layer that is to be made, each with its '\0'. */
static int collect(const struct levels *l, struct str *texts)
{
	for (size_t i = 1; i < l->n; i++)
		for (size_t j = 0; j < l->all[i].implicit.n; j++) {
			const char *path = l->all[i].implicit.all[j];
			bool needed;
			int r = needs_repair(l, path, &needed);
			if (r < 0)
				return r;
			if (needed)
				add_with_parents(texts, path);
		}
	if (texts->len)
		str_add_bytes(texts, ".", 2);
	return texts->failed ? -ENOMEM : 0;
}

/* Sorted: a directory comes before what is in it. */
static int split(const struct str *texts, struct paths *ret)
{
	size_t kept = 0;

	for (size_t at = 0; at < texts->len; at += strlen(texts->data + at) + 1)
		if (add_path(ret, texts->data + at) < 0)
			return -ENOMEM;
	sort(ret);
	for (size_t i = 0; i < ret->n; i++)
		if (kept == 0 || strcmp(ret->all[kept - 1], ret->all[i]) != 0)
			ret->all[kept++] = ret->all[i];
	ret->n = kept;
	return 0;
}

static void add_to_digest(
	struct digest *sum, const char *path, const struct attributes *a, const struct str *xattrs)
{
	uint64_t numbers[] = { a->mode, a->uid, a->gid, (uint64_t)a->mtime.tv_sec,
		(uint64_t)a->mtime.tv_nsec, xattrs->len };

	digest_add(sum, path, strlen(path) + 1);
	digest_add(sum, numbers, sizeof(numbers));
	digest_add(sum, xattrs->data, xattrs->len);
}

/* Gives a new directory what the levels say about it, and notes that in the digest. */
static int repair(const struct levels *l, int fs, const char *path, struct digest *sum)
{
	automatic(str) struct str xattrs = { 0 };
	struct attributes a = { 0 };
	struct say say = { .dir = -1 };

	int r = find_say(l, path, &say);
	if (r < 0)
		return r;
	r = say.dir < 0 ? -ENOENT : read_attributes(say.dir, &a, &xattrs);
	own_close(&say.dir);
	autofd int dir = openat(fs, path, DIR_FLAGS);
	if (r == 0 && dir < 0)
		r = -errno;
	if (r == 0)
		r = attributes_apply(dir, &a, false, xattrs.data, xattrs.len);
	add_to_digest(sum, path, &a, &xattrs);
	return r;
}

static int fill(const struct levels *l, const struct paths *paths, int fs, struct digest_text *ret)
{
	struct digest *sum = digest_begin();
	int r = sum ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		if (strcmp(paths->all[i], ".") != 0 && mkdirat(fs, paths->all[i], 0700) < 0)
			r = -errno;
	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = repair(l, fs, paths->all[i], sum);
	if (r == 0)
		*ret = digest_end(sum);
	digest_free(sum);
	return r;
}

static int make_layer(const struct store *store, const struct levels *l, const struct paths *paths,
	struct digest_text *ret, struct err *e)
{
	automatic(work) struct work work = WORK_NONE;
	struct unpack_result result = { .entries = paths->n };

	int r = work_begin(store, NULL, &work, e);
	if (r < 0)
		return r;
	if (mkdirat(work.dir, "fs", 0755) < 0)
		return err_set(e, errno, "create a layer");
	autofd int fs = openat(work.dir, "fs", DIR_FLAGS);
	r = fs < 0 ? -errno : fill(l, paths, fs, ret);
	if (r < 0)
		return err_set(e, -r, "restore the attributes of directories");
	return ingest_seal(&work, &result, ret->text, e);
}

static int add_layer(struct stacking *s, const char *digest, struct err *e)
{
	s->layers[s->n] = strdup(digest);
	return s->layers[s->n++] ? 0 : err_set(e, ENOMEM, "stack layers");
}

static bool comes_again(char *const *diff_ids, size_t n, size_t i)
{
	for (size_t above = i + 1; above < n; above++)
		if (strcmp(diff_ids[above], diff_ids[i]) == 0)
			return true;
	return false;
}

static int stack(const struct store *store, char *const *diff_ids, size_t n, struct stacking *s,
	struct err *e)
{
	automatic(levels) struct levels l = { 0 };
	automatic(paths) struct paths paths = { 0 };
	automatic(str) struct str texts = { 0 };
	struct digest_text top;
	size_t first = n;

	int r = open_levels(store, diff_ids, n, &l, e);
	if (r < 0)
		return r;
	while (first > 0 && (first == n || !form_is_opaque(l.all[first].fs, store->form)))
		first--;
	for (size_t i = first; r == 0 && i < n; i++)
		if (!comes_again(diff_ids, n, i))
			r = add_layer(s, diff_ids[i], e);
	if (r < 0)
		return r;
	r = collect(&l, &texts);
	if (r == 0)
		r = split(&texts, &paths);
	if (r < 0)
		return err_set(e, -r, "compare the attributes of directories");
	if (paths.n == 0)
		return 0;
	r = make_layer(store, &l, &paths, &top, e);
	return r < 0 ? r : add_layer(s, top.text, e);
}

int parents_stack(const struct store *store, char *const *diff_ids, size_t n, struct stacking *ret,
	struct err *e)
{
	automatic(stacking) struct stacking s = { .layers = calloc(n + 2, sizeof(*s.layers)) };

	if (!s.layers)
		return err_set(e, ENOMEM, "stack layers");
	int r = stack(store, diff_ids, n, &s, e);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct stacking){ 0 };
	return 0;
}

void stacking_done(struct stacking *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->layers[i]);
	free(s->layers);
	*s = (struct stacking){ 0 };
}

/* All directories below one, as fill() had them; -ERR_DAMAGED where there is anything else. */
static int list_directories(int fs, const char *path, struct str *texts)
{
	int fd = openat(fs, path, DIR_FLAGS), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		r = errno == ENOTDIR || errno == ELOOP ? -ERR_DAMAGED : -errno;
		own_close(&fd);
		return r;
	}
	str_add_bytes(texts, path, strlen(path) + 1);
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		autofree char *below = strcmp(path, ".") == 0
					       ? strdup(d->d_name)
					       : str_format("%s/%s", path, d->d_name);
		r = below ? list_directories(fs, below, texts) : -ENOMEM;
	}
	closedir(dir);
	return r;
}

static int sum_directories(int fs, const struct paths *paths, struct digest *sum)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++) {
		automatic(str) struct str xattrs = { 0 };
		struct attributes a = { 0 };
		autofd int dir = openat(fs, paths->all[i], DIR_FLAGS);
		r = dir < 0 ? -errno : read_attributes(dir, &a, &xattrs);
		add_to_digest(sum, paths->all[i], &a, &xattrs);
	}
	return r;
}

int parents_verify(const struct store *store, const char *digest, struct err *e)
{
	automatic(paths) struct paths paths = { 0 };
	automatic(str) struct str texts = { 0 };
	struct digest_text is = { 0 };
	autofd int fs = -1;

	int r = layer_open(store, digest, &fs, e);
	if (r < 0)
		return r;
	struct digest *sum = digest_begin();
	r = sum ? list_directories(fs, ".", &texts) : -ENOMEM;
	if (r == 0)
		r = texts.failed ? -ENOMEM : split(&texts, &paths);
	if (r == 0)
		r = sum_directories(fs, &paths, sum);
	if (r == 0)
		is = digest_end(sum);
	digest_free(sum);
	if (r == 0 && strcmp(is.text, digest) != 0)
		r = -ERR_DAMAGED;
	return r < 0 ? err_set(e, -r, "look at layer '%s'", digest) : 0;
}
