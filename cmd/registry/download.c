/* Blobs on their way. */
#include "cmd/registry/download.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/registry.h"

#define PIECE (256u << 10)

static int open_room(const struct store *store)
{
	return openat(store->dir, "downloads", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The locked file, or -errno. */
static int open_locked(int room, const char *name)
{
	for (;;) {
		autofd int fd = openat(room, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			log_debug("waiting for another pull of '%s'", name);
			if (flock(fd, LOCK_EX) < 0)
				return -errno;
		}
		if (fd_is_named(fd, room, name))
			return take_fd(&fd);
	}
}

static int fail(const struct download *d, int code, const char *what, struct err *e)
{
	return err_set(e, code, "%s: %s '%s/downloads/%s'", d->what, what, d->store->path,
		digest_hex(d->digest));
}

static int start_over(struct download *d, struct err *e)
{
	digest_free(d->sum);
	d->sum = digest_begin();
	d->done = 0;
	d->resumed = false;
	if (!d->sum)
		return err_set(e, ENOMEM, "%s", d->what);
	return ftruncate(d->fd, 0) < 0 ? fail(d, errno, "write", e) : 0;
}

/* What an earlier run left counts as far as it goes. */
static int take_up(struct download *d, struct err *e)
{
	autofree unsigned char *piece = malloc(PIECE);
	ssize_t n = 1;

	d->sum = digest_begin();
	if (!piece || !d->sum)
		return err_set(e, ENOMEM, "%s", d->what);
	while (n > 0 && d->done <= d->size) {
		n = pread(d->fd, piece, PIECE, (off_t)d->done);
		if (n < 0)
			return fail(d, errno, "read", e);
		digest_add(d->sum, piece, (size_t)n);
		d->done += (uint64_t)n;
	}
	d->resumed = d->done > 0;
	return d->done > d->size ? start_over(d, e) : 0;
}

static int begin(struct exchange *x, struct err *e)
{
	struct download *d = x->of;
	int r = d->sum ? 0 : take_up(d, e);

	d->fresh = true;
	x->t.offset = d->done;
	return r;
}

/* With the first bytes of an answer: whether they are those that were asked for. */
static int check_place(struct download *d, struct err *e)
{
	struct transfer *t = &d->x.t;
	uint64_t start;

	if (t->status != 206) {
		t->offset = 0;
		return d->done ? start_over(d, e) : 0;
	}
	if (t->range && content_range_parse(t->range, &start) && start == d->done)
		return 0;
	d->bad = true;
	return err_say(
		e, ERR_DAMAGED, "%s: the registry sends another part than was asked for", d->what);
}

static int take_bytes(void *to, const void *data, size_t n, struct err *e)
{
	struct download *d = to;
	int r = d->fresh ? check_place(d, e) : 0;

	d->fresh = false;
	if (r < 0)
		return r;
	if (n > d->size - d->done) {
		d->bad = true;
		return err_say(e, ERR_DAMAGED, "%s is larger than the %ju bytes it should have",
			d->what, (uintmax_t)d->size);
	}
	for (size_t at = 0; at < n;) {
		ssize_t put = pwrite(d->fd, (const char *)data + at, n - at, (off_t)(d->done + at));
		if (put < 0 && errno != EINTR)
			return fail(d, errno, "write", e);
		at += put > 0 ? (size_t)put : 0;
	}
	digest_add(d->sum, data, n);
	d->done += n;
	return 0;
}

static bool is_right(struct download *d, struct digest_text *is)
{
	*is = digest_end(d->sum);
	return strcmp(is->text, d->digest) == 0;
}

int download_look(struct download *d, struct err *e)
{
	struct digest_text is;

	int r = take_up(d, e);
	if (r < 0 || d->done != d->size)
		return r;
	d->whole = is_right(d, &is);
	return d->whole ? 0 : start_over(d, e);
}

/* What an earlier run left may have been spoilt by a crash: then once more from the beginning. */
static int end(struct exchange *x, struct err *e)
{
	struct download *d = x->of;
	struct digest_text is;

	if (x->t.status == 416) {
		int r = start_over(d, e);
		return r < 0 ? r : -EAGAIN;
	}
	d->bad = true;
	if (d->done != d->size)
		return err_say(e, ERR_DAMAGED, "%s has %ju bytes, it should have %ju", d->what,
			(uintmax_t)d->done, (uintmax_t)d->size);
	if (!is_right(d, &is)) {
		bool resumed = d->resumed;
		err_say(e, ERR_DAMAGED, "%s is corrupt: its digest is %s, it should be %s", d->what,
			is.text, d->digest);
		if (!resumed || x->repeated)
			return -ERR_DAMAGED;
		d->bad = false;
		int r = start_over(d, e);
		return r < 0 ? r : -EAGAIN;
	}
	d->bad = false;
	d->whole = true;
	return 0;
}

int download_open(const struct store *store, const char *digest, uint64_t size, const char *what,
	struct download *ret, struct err *e)
{
	struct download d = { .store = store, .digest = digest, .what = what, .size = size };

	d.fd = -1;
	autofd int room = open_room(store);
	if (room < 0)
		return fail(&d, errno, "open", e);
	int fd = open_locked(room, digest_hex(digest));
	if (fd == -EINTR)
		return err_say(e, ECANCELED, "interrupted");
	if (fd < 0)
		return fail(&d, -fd, "open", e);
	d.fd = fd;
	d.x = (struct exchange){ .what = what, .begin = begin, .end = end };
	d.x.t = (struct transfer){ .method = "GET", .body_fd = -1, .sink = take_bytes };
	*ret = d;
	ret->x.of = ret;
	ret->x.t.to = ret;
	return 0;
}

int download_link(const struct download *d, int dir, struct err *e)
{
	const char *name = digest_hex(d->digest);
	autofd int room = open_room(d->store);

	if (room < 0 || linkat(room, name, dir, name, 0) < 0)
		return fail(d, errno, "link", e);
	return 0;
}

void download_close(struct download *d, bool remove)
{
	if (d->fd < 0)
		return;
	autofd int room = open_room(d->store);
	struct stat st;
	bool empty = fstat(d->fd, &st) == 0 && st.st_size == 0;
	if (room >= 0 && (remove || d->bad || empty))
		unlinkat(room, digest_hex(d->digest), 0);
	exchange_done(&d->x);
	digest_free(d->sum);
	close(take_fd(&d->fd));
}

void download_forget(const struct store *store, const char *digest)
{
	const char *name = digest_hex(digest);
	autofd int room = open_room(store);
	autofd int fd = room < 0 ? -1 : openat(room, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fd_is_named(fd, room, name))
		unlinkat(room, name, 0);
}
