/*
 * A file of foreign bytes, read once from front to back, with what is known of it in advance held
 * against what comes: never more bytes than its size are given on, and input_finish() says whether
 * size and digest were right.
 */
#ifndef OVERLAY_INPUT_H
#define OVERLAY_INPUT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "overlay/digest.h"
#include "spec/base/own.h"

struct import_options;

struct input {
	int fd;
	const char *name;	       /* for messages; borrowed */
	const char *what;	       /* for the progress report; borrowed */
	const char *digest;	       /* it must have; NULL: not known, nor computed. Borrowed */
	uint64_t size;		       /* it must have; UINT64_MAX: not known */
	const struct media_type *type; /* what it is called; NULL: not known. The caller's to set */
	uint64_t total;		       /* for the progress report; 0: not known */
	const struct import_options *options;
	uint64_t done;
	struct digest *sum;
};

#define INPUT_NONE                                                                                 \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Takes the fd in all cases. `size` and `digest` as above. A file's size is checked at once. */
int input_open(int fd, const char *name, const char *digest, uint64_t size,
	const struct import_options *options, struct input *ret, struct err *e);

/* Up to n bytes, n only short at the end; -ECANCELED when the user says so. */
ssize_t input_read(struct input *in, void *data, size_t n, struct err *e);

/* After the end was read: -ERR_DAMAGED where it is not what it should have been. */
int input_finish(struct input *in, struct err *e);

void input_done(struct input *in);
DEFINE_AUTO(input, input_done)

#endif
