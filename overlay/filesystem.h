/*
 * Which file system something lies on, by the number that statfs(2) gives, for messages; and how
 * much of it may be filled.
 */
#ifndef OVERLAY_FILESYSTEM_H
#define OVERLAY_FILESYSTEM_H

#include <stdint.h>

struct filesystem {
	unsigned long magic; /* 0: not to be told */
	char name[40];	     /* "ext4"; one that is not known as "a file system of type 0x1234" */
};

struct filesystem filesystem_of(int fd);

/*
 * Bytes that may be filled there: a thirty-second of the free space, at most 1 GiB, is not ours.
 * UINT64_MAX where it cannot be told.
 */
uint64_t filesystem_room(int fd);

#endif
