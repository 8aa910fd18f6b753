/*
 * How many files may be open. Who measures holds one for each container: the usual soft limit of
 * 1024 is for those who call select(), and there are none here.
 */
#ifndef CMD_OPEN_FILES_H
#define CMD_OPEN_FILES_H

#include <stdbool.h>

/* The soft limit becomes the hard one, where it may. */
void open_files_raise(void);

/* As it was: in a child that becomes another's program, which may call select(). */
void open_files_restore(void);

/* Whether files may be kept that have this number: some are left for the work with them. */
bool open_files_may_keep(int fd);

#endif
