/*
 * The pipeline: inflate | sha256 | the caller.
 *
 * The reader fills slots; the hasher and the caller each go through them at their own pace, and a
 * slot is free when both are past it. Three counters under one lock say all of it. With two cores,
 * 297 MB of a gzip layer take 0.37 s to inflate, 0.17 s to hash and 0.24 s to write, which overlap;
 * a lock per slot is 1200 of them.
 */
#include "overlay/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/inflate.h"
#include "spec/base/log.h"

/* Small enough for a core's second-level cache to serve whoever comes second. */
#define SLOTS 16
#define SLOT_SIZE (256u << 10)
#define TAR_BLOCK 512
#define RATIO 200
#define RATIO_FROM (64u << 20)

struct stream {
	struct input *in;
	struct inflate *inflate;
	struct digest *sum;
	uint64_t max_bytes;
	pthread_t reader, hasher;
	bool reader_runs, hasher_runs;
	sigset_t before; /* the caller's signal mask */

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t moved;
	uint64_t filled, hashed, taken; /* slots, counted from the beginning */
	bool ended;			/* nothing will be filled any more */
	bool stopped;			/* by stream_free() */
	struct err failure;		/* the reader's; code 0: none */

	bool holds;	      /* the caller's: it is at slot `taken`, ... */
	uint64_t taken_bytes; /* ... before which came so many bytes */
	size_t lengths[SLOTS];
	unsigned char *slots;
};

static unsigned char *slot(const struct stream *s, uint64_t i)
{
	return s->slots + (i % SLOTS) * SLOT_SIZE;
}

/* Waits until slot `filled` may be written; false when nobody wants it any more. */
static bool wait_room(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->stopped && (s->filled - s->hashed == SLOTS || s->filled - s->taken == SLOTS))
		pthread_cond_wait(&s->moved, &s->lock);
	bool go = !s->stopped;
	pthread_mutex_unlock(&s->lock);
	return go;
}

static void note_filled(struct stream *s, ssize_t n, const struct err *failure)
{
	pthread_mutex_lock(&s->lock);
	if (n > 0) {
		s->lengths[s->filled % SLOTS] = (size_t)n;
		s->filled++;
	} else {
		s->ended = true;
	}
	if (n < 0)
		s->failure = *failure;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

static void *reader_main(void *data)
{
	struct stream *s = data;
	struct err e = { 0 };
	uint64_t total = 0;
	ssize_t n = 1;

	while (n > 0 && wait_room(s)) {
		n = inflate_read(s->inflate, slot(s, s->filled), SLOT_SIZE, &e);
		total += n > 0 ? (uint64_t)n : 0;
		if (total > s->max_bytes)
			n = err_say(&e, EFBIG,
				"'%s' unpacks to more than the %" PRIu64 " MiB allowed",
				s->in->name, s->max_bytes >> 20);
		if (n == 0)
			n = input_finish(s->in, &e);
		note_filled(s, n, &e);
	}
	return NULL;
}

/* Waits for slot `i`; false when there will be none. */
static bool wait_slot(struct stream *s, uint64_t i)
{
	pthread_mutex_lock(&s->lock);
	while (!s->stopped && !s->ended && s->filled == i)
		pthread_cond_wait(&s->moved, &s->lock);
	bool there = !s->stopped && s->filled > i;
	pthread_mutex_unlock(&s->lock);
	return there;
}

static void note_used(struct stream *s, uint64_t *counter)
{
	pthread_mutex_lock(&s->lock);
	(*counter)++;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

static void *hasher_main(void *data)
{
	struct stream *s = data;

	for (uint64_t i = 0; wait_slot(s, i); i++) {
		digest_add(s->sum, slot(s, i), s->lengths[i % SLOTS]);
		note_used(s, &s->hashed);
	}
	return NULL;
}

/*
 * The reader alone may wait for a pipe that nothing comes through, so it is the one to get signals:
 * they end its read(), and it sees that it is cancelled.
 */
static int start_threads(struct stream *s, struct err *e)
{
	sigset_t all;

	int r = pthread_create(&s->reader, NULL, reader_main, s);
	s->reader_runs = r == 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &s->before);
	if (r == 0)
		r = pthread_create(&s->hasher, NULL, hasher_main, s);
	if (r)
		return err_set(e, r, "start a thread");
	s->hasher_runs = true;
	return 0;
}

int stream_start(struct input *in, uint64_t max_bytes, struct stream **ret, struct err *e)
{
	struct stream *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ENOMEM, "read '%s'", in->name);
	s->in = in;
	s->max_bytes = max_bytes;
	pthread_sigmask(SIG_BLOCK, NULL, &s->before);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	s->slots = malloc((size_t)SLOTS * SLOT_SIZE);
	s->sum = digest_begin();
	int r = s->slots && s->sum ? inflate_open(in, &s->inflate, e)
				   : err_set(e, ENOMEM, "read '%s'", in->name);
	if (r == 0)
		r = start_threads(s, e);
	if (r < 0)
		stream_free(s);
	else
		*ret = s;
	return r;
}

ssize_t stream_next(struct stream *s, const void **ret)
{
	if (s->holds) {
		s->taken_bytes += s->lengths[s->taken % SLOTS];
		note_used(s, &s->taken);
	}
	s->holds = wait_slot(s, s->taken);
	if (!s->holds)
		return s->failure.code ? -EIO : 0;
	*ret = slot(s, s->taken);
	return (ssize_t)s->lengths[s->taken % SLOTS];
}

static bool is_zero(const unsigned char *data, size_t n)
{
	return n == 0 || (data[0] == 0 && memcmp(data, data + 1, n - 1) == 0);
}

/*
 * The bytes behind the archive's end, beginning in the slot that the caller is at: libarchive asks
 * for more only when it has used up what it has. An archive ends in blocks of zeros; without the
 * last of them it may have been cut off between two members.
 */
static int check_rest(struct stream *s, uint64_t archive_end, struct err *e)
{
	bool ends_in_zeros = false;

	while (s->holds) {
		const unsigned char *data = slot(s, s->taken);
		size_t n = s->lengths[s->taken % SLOTS];
		uint64_t skip = archive_end > s->taken_bytes ? archive_end - s->taken_bytes : 0;
		if (skip < n && !is_zero(data + skip, n - skip))
			return err_say(
				e, ERR_DAMAGED, "'%s': something follows the archive", s->in->name);
		ends_in_zeros = n >= TAR_BLOCK && is_zero(data + n - TAR_BLOCK, TAR_BLOCK);
		const void *ignored;
		stream_next(s, &ignored);
	}
	if (!ends_in_zeros && !s->failure.code)
		return err_say(e, ERR_DAMAGED, "'%s' is cut off: the end of the archive is missing",
			s->in->name);
	return 0;
}

static void join(struct stream *s)
{
	if (s->reader_runs)
		pthread_join(s->reader, NULL);
	if (s->hasher_runs)
		pthread_join(s->hasher, NULL);
	s->reader_runs = s->hasher_runs = false;
}

/* No image of files is so; one that was made to fill a disk is, and within the limits it is taken. */
static void warn_of_ratio(const struct stream *s)
{
	if (s->taken_bytes >= RATIO_FROM && s->in->done < s->taken_bytes / RATIO)
		log_warn("'%s' unpacks to %" PRIu64 " MiB, %" PRIu64 " times its size", s->in->name,
			s->taken_bytes >> 20, s->taken_bytes / (s->in->done + 1));
}

int stream_finish(struct stream *s, uint64_t archive_end, struct digest_text *ret, struct err *e)
{
	int r = check_rest(s, archive_end, e);
	if (r < 0)
		return r;
	join(s);
	if (s->failure.code) {
		*e = s->failure;
		return -e->code;
	}
	*ret = digest_end(s->sum);
	warn_of_ratio(s);
	return 0;
}

uint64_t stream_size(const struct stream *s)
{
	return s->taken_bytes;
}

static void stop(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopped = true;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
	join(s);
}

void stream_blame(struct stream *s, struct err *e)
{
	struct err why = { 0 };
	ssize_t n = 1;

	stop(s);
	if (s->failure.code)
		*e = s->failure;
	if (e->code == ECANCELED || !s->in->sum)
		return;
	while (n > 0)
		n = input_read(s->in, s->slots, SLOT_SIZE, &why);
	if (n == 0)
		input_finish(s->in, &why);
	if (why.code)
		*e = why;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	stop(s);
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
	inflate_free(s->inflate);
	digest_free(s->sum);
	free(s->slots);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->moved);
	free(s);
}
