/*
 * A tar on its way: one thread reads and decompresses it, one hashes it, the caller takes it apart.
 *
 * The bytes pass through a ring of buffers; a buffer is filled again when both the hasher and the
 * caller are done with it, so all three run at once in a fixed amount of memory (4 MiB). What is
 * hashed is every byte to the end of the stream, not to the end of the archive in it.
 */
#ifndef OVERLAY_STREAM_H
#define OVERLAY_STREAM_H

#include "overlay/digest.h"
#include "overlay/input.h"

struct stream;

/* The input is borrowed until stream_free(). Above `max_bytes` it fails with -EFBIG. */
int stream_start(struct input *in, uint64_t max_bytes, struct stream **ret, struct err *e);

/*
 * The next bytes, valid until the next call; 0 at the end, -EIO when reading failed (and
 * stream_finish() then tells why).
 */
ssize_t stream_next(struct stream *s, const void **ret);

/*
 * Reads the rest and gives the digest of all of it. `archive_end`: how many bytes the archive took;
 * behind them only zeros may come (-ERR_DAMAGED). Also whether the input was what it should be.
 */
int stream_finish(struct stream *s, uint64_t archive_end, struct digest_text *ret, struct err *e);

/* After that: how many bytes there were. */
uint64_t stream_size(const struct stream *s);

/*
 * After the caller has failed with `e`: where the bytes themselves were wrong (the reader failed,
 * or the input has not the digest that it should), this is the reason, and replaces `e`.
 */
void stream_blame(struct stream *s, struct err *e);

/* Stops the threads, wherever they are. */
void stream_free(struct stream *s);

#endif
