/* Contents into objects. */
#include "overlay/sharing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "overlay/objects.h"
#include "overlay/stub.h"
#include "spec/base/fd.h"

#define COMPARED_AT_ONCE (128u << 10)
#define OBJECTS_MAX (1u << 20) /* of one layer: what comes after is not shared */
#define OBJECT_MODE 0444
static const char fresh_name[] = "new";

struct sharing {
	enum overlay_form form;
	int work;    /* borrowed */
	int objects; /* the store's, locked: what is there stays */
	int fresh;   /* those that this layer brings */
	struct object_list used, made;
	unsigned char buffers[2][COMPARED_AT_ONCE];
};

int sharing_begin(
	const struct store *store, int work, bool lowest, struct sharing **ret, struct err *e)
{
	enum stub_reach reach = stub_reach(store, NULL);

	*ret = NULL;
	if (reach == STUBS_NOWHERE || (reach == STUBS_LOWEST && !lowest))
		return 0;
	struct sharing *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ENOMEM, "share files");
	s->form = store->form;
	s->work = work;
	s->objects = s->fresh = -1;
	int r = objects_lock(store, &s->objects, e);
	if (r == 0 && mkdirat(work, fresh_name, 0700) < 0)
		r = err_set(e, errno, "create a directory for objects");
	if (r == 0) {
		s->fresh = openat(work, fresh_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s->fresh < 0)
			r = err_set(e, errno, "create a directory for objects");
	}
	if (r < 0)
		sharing_end(s);
	else
		*ret = s;
	return r;
}

/* Six bits a character, from the canonical (big-endian) form. */
static struct object_name name_of(XXH128_hash_t hash)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct object_name name = { 0 };
	XXH128_canonical_t bytes;
	unsigned int bits = 0, have = 0, at = 0;

	XXH128_canonicalFromHash(&bytes, hash);
	for (size_t i = 0; i < OBJECT_NAME; i++) {
		if (have < 6) {
			bits = bits << 8 | bytes.digest[at++];
			have += 8;
		}
		have -= 6;
		name.text[i] = alphabet[bits >> have & 63];
	}
	return name;
}

static bool has_size(int fd, uint64_t size)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* What cannot be read is as good as different: it is not shared. */
static bool has_content(struct sharing *s, int fd, const void *data, size_t n)
{
	const unsigned char *rest = data;

	if (!has_size(fd, n))
		return false;
	while (n) {
		size_t part = n < COMPARED_AT_ONCE ? n : COMPARED_AT_ONCE;
		if (fd_read_full(fd, s->buffers[0], part) != (ssize_t)part ||
			memcmp(s->buffers[0], rest, part) != 0)
			return false;
		rest += part;
		n -= part;
	}
	return true;
}

static bool have_same_content(struct sharing *s, int a, int b, uint64_t size)
{
	if (!has_size(a, size) || !has_size(b, size) || lseek(a, 0, SEEK_SET) < 0 ||
		lseek(b, 0, SEEK_SET) < 0)
		return false;
	while (size) {
		size_t part = size < COMPARED_AT_ONCE ? (size_t)size : COMPARED_AT_ONCE;
		if (fd_read_full(a, s->buffers[0], part) != (ssize_t)part ||
			fd_read_full(b, s->buffers[1], part) != (ssize_t)part ||
			memcmp(s->buffers[0], s->buffers[1], part) != 0)
			return false;
		size -= part;
	}
	return true;
}

static int open_fresh(const struct sharing *s, const struct object_name *name)
{
	int fd = openat(s->fresh, name->text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int note_made(struct sharing *s, const struct object_name *name)
{
	int r = object_list_add(&s->made, name);

	return r < 0 ? r : object_list_add(&s->used, name);
}

/* 1: it is there and the same, 0: it must not be used, -ENOENT: it is not there. */
static int find(struct sharing *s, const struct object_name *name, const void *data, size_t n)
{
	autofd int fd = object_open(s->objects, name);

	if (fd < 0)
		return fd == -ENOENT ? fd : 0;
	if (!has_content(s, fd, data, n))
		return 0;
	int r = object_list_add(&s->used, name);
	return r < 0 ? r : 1;
}

/* A file of this layer may have had the same content before. */
static int make(struct sharing *s, const struct object_name *name, const void *data, size_t n)
{
	autofd int fd = openat(s->fresh, name->text,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, OBJECT_MODE);

	if (fd < 0 && errno == EEXIST) {
		autofd int old = open_fresh(s, name);
		return old >= 0 && has_content(s, old, data, n);
	}
	int r = fd < 0 ? -errno : fd_write_all(fd, data, n);
	if (r == 0)
		r = note_made(s, name);
	return r < 0 ? r : 1;
}

int sharing_put(struct sharing *s, int file, const void *data, size_t n)
{
	struct object_name name = name_of(XXH3_128bits(data, n));

	if (s->used.n >= OBJECTS_MAX)
		return 0;
	int r = find(s, &name, data, n);
	if (r == -ENOENT)
		r = make(s, &name, data, n);
	if (r <= 0)
		return r;
	r = stub_make(file, s->form, &name, n);
	return r < 0 ? r : 1;
}

struct sharing_sum *sharing_sum_begin(void)
{
	XXH3_state_t *state = XXH3_createState();

	if (state)
		XXH3_128bits_reset(state);
	return (struct sharing_sum *)state;
}

void sharing_sum_add(struct sharing_sum *sum, const void *data, size_t n)
{
	XXH3_128bits_update((XXH3_state_t *)sum, data, n);
}

void sharing_sum_reset(struct sharing_sum *sum)
{
	XXH3_128bits_reset((XXH3_state_t *)sum);
}

uint64_t sharing_sum_short(const struct sharing_sum *sum)
{
	return XXH3_128bits_digest((const XXH3_state_t *)sum).low64;
}

void sharing_sum_free(struct sharing_sum *sum)
{
	XXH3_freeState((XXH3_state_t *)sum);
}

/* 1 when `other` has the same content and is used in the place of the file's own, else 0. */
static int replace(struct sharing *s, const struct sharing_file *f, const struct object_name *name,
	int other, int file)
{
	autofd int own = openat(f->dir, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (own < 0)
		return -errno;
	if (!have_same_content(s, own, other, f->size))
		return 0;
	int r = ftruncate(file, 0) < 0 ? -errno : stub_make(file, s->form, name, f->size);
	if (r == 0)
		r = object_list_add(&s->used, name);
	return r < 0 ? r : 1;
}

/* The file itself is the object from now on, and a stub stands where it was. */
static int become(
	struct sharing *s, const struct sharing_file *f, const struct object_name *name, int *file)
{
	if (fchmod(*file, OBJECT_MODE) < 0 || renameat(f->dir, f->name, s->fresh, name->text) < 0)
		return -errno;
	autofd int stub = openat(
		f->dir, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f->mode);
	int r = stub < 0 ? -errno : stub_make(stub, s->form, name, f->size);
	if (r == 0)
		r = note_made(s, name);
	if (r < 0)
		return r;
	close(*file);
	*file = take_fd(&stub);
	return 1;
}

int sharing_take(
	struct sharing *s, const struct sharing_file *f, const struct sharing_sum *sum, int *file)
{
	struct object_name name = name_of(XXH3_128bits_digest((const XXH3_state_t *)sum));

	if (s->used.n >= OBJECTS_MAX)
		return 0;
	autofd int old = object_open(s->objects, &name);
	if (old >= 0)
		return replace(s, f, &name, old, *file);
	if (old != -ENOENT)
		return 0;
	autofd int fresh = open_fresh(s, &name);
	if (fresh >= 0)
		return replace(s, f, &name, fresh, *file);
	return become(s, f, &name, file);
}

/* Another import has published one of that name meanwhile. */
static int yield_to_other(struct sharing *s, const struct object_name *name, struct err *e)
{
	autofd int ours = open_fresh(s, name);
	autofd int theirs = object_open(s->objects, name);
	struct stat st;

	if (ours < 0 || theirs < 0 || fstat(ours, &st) < 0)
		return err_set(e, errno, "read object '%s'", name->text);
	if (!have_same_content(s, ours, theirs, (uint64_t)st.st_size))
		return err_say(e, EAGAIN, "object '%s' has another content now", name->text);
	return unlinkat(s->fresh, name->text, 0) < 0
		       ? err_set(e, errno, "remove object '%s'", name->text)
		       : 0;
}

static int publish_one(struct sharing *s, const struct object_name *name, struct err *e)
{
	struct object_path p = object_path(name);
	const char *to = p.text + 1;

	int r = renameat2(s->fresh, name->text, s->objects, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
	if (r == -ENOENT) {
		char *slash = strrchr(p.text, '/');
		*slash = '\0';
		if (mkdirat(s->objects, to, 0700) < 0 && errno != EEXIST)
			return err_set(e, errno, "create a directory for objects");
		*slash = '/';
		r = renameat2(s->fresh, name->text, s->objects, to, RENAME_NOREPLACE) < 0 ? -errno
											  : 0;
	}
	if (r == -EEXIST)
		return yield_to_other(s, name, e);
	return r < 0 ? err_set(e, -r, "put object '%s' into the store", name->text) : 0;
}

int sharing_publish(struct sharing *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->made.n; i++)
		r = publish_one(s, &s->made.names[i], e);
	if (r == 0 && unlinkat(s->work, fresh_name, AT_REMOVEDIR) < 0)
		r = err_set(e, errno, "remove the directory of new objects");
	object_list_sort(&s->used);
	return r < 0 || s->used.n == 0 ? r : objects_write(s->work, &s->used, e);
}

int sharing_verify(int object, const struct object_name *name)
{
	autofree unsigned char *buffer = malloc(COMPARED_AT_ONCE);
	struct sharing_sum *sum = sharing_sum_begin();
	ssize_t n = buffer && sum ? 1 : -ENOMEM;

	while (n > 0) {
		n = fd_read_full(object, buffer, COMPARED_AT_ONCE);
		if (n > 0)
			sharing_sum_add(sum, buffer, (size_t)n);
	}
	struct object_name is = { 0 };
	if (n == 0)
		is = name_of(XXH3_128bits_digest((const XXH3_state_t *)sum));
	sharing_sum_free(sum);
	if (n < 0)
		return (int)n;
	return strcmp(is.text, name->text) == 0 ? 0 : -ERR_DAMAGED;
}

void sharing_end(struct sharing *s)
{
	if (!s)
		return;
	own_close(&s->objects);
	own_close(&s->fresh);
	object_list_done(&s->used);
	object_list_done(&s->made);
	free(s);
}
