/* Giving a group away. */
#include "cgroup/delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/knob.h"

/* Since 4.15; a newer kernel has more of them than we know. */
#define LIST "/sys/kernel/cgroup/delegate"
#define USUAL "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n"

int cgroup_delegate(int fd, uid_t owner, struct err *e)
{
	char text[KNOB_TEXT_MAX];

	if (knob_read(AT_FDCWD, LIST, text, sizeof(text)) <= 0)
		strcpy(text, USUAL);
	int r = fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH) < 0 ? -errno : 0;
	for (char *save, *name = strtok_r(text, "\n", &save); r == 0 && name;
		name = strtok_r(NULL, "\n", &save)) {
		/* It lists what any controller has, and this group may have less. */
		r = fchownat(fd, name, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? knob_error(e, -r, "give the cgroup to uid %u", (unsigned)owner) : 0;
}
