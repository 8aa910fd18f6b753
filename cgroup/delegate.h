/*
 * A group given to a user, who may then make groups of his own below it (cgroups(7), "Delegation").
 */
#ifndef CGROUP_DELEGATE_H
#define CGROUP_DELEGATE_H

#include <sys/types.h>

#include "spec/base/err.h"

/* The group's directory and those files in it that the kernel lists as safe to hand over; limits
 * stay ours. The user's group is not touched. */
int cgroup_delegate(int fd, uid_t owner, struct err *e);

#endif
