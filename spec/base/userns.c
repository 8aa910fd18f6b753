/* The user namespace that we are in. */
#include "spec/base/userns.h"

#include <sys/stat.h>

#define INITIAL 0xeffffffd /* USER_NS_INIT_INO of linux/nsfs.h: the host's, always */

bool userns_is_inner(void)
{
	struct stat ns;

	return stat("/proc/self/ns/user", &ns) == 0 && ns.st_ino != INITIAL;
}
