/* Which file system something lies on, by the number that statfs(2) gives: for messages. */
#ifndef OVERLAY_FILESYSTEM_H
#define OVERLAY_FILESYSTEM_H

struct filesystem {
	unsigned long magic; /* 0: not to be told */
	char name[40];	     /* "ext4"; one that is not known as "a file system of type 0x1234" */
};

struct filesystem filesystem_of(int fd);

#endif
