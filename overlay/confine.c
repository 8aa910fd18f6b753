/* What the importing program gives up. */
#include "overlay/confine.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MANY_FILES 8192 /* a path may be 2048 directories deep, and some open each, twice */

static const int kept[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP,
	CAP_SYS_ADMIN, /* trusted.* attributes */
};

/* By hand: libcap is not worth linking for two calls. */
static void keep_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3],
		want[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, have) < 0)
		return;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		uint32_t word = CAP_TO_INDEX(kept[i]), bit = CAP_TO_MASK(kept[i]);
		want[word].permitted |= have[word].permitted & bit;
		want[word].effective |= have[word].effective & bit;
	}
	(void)!syscall(SYS_capset, &head, want);
}

void confine_import(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < MANY_FILES) {
		files.rlim_cur = files.rlim_max < MANY_FILES ? files.rlim_max : MANY_FILES;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)!unshare(CLONE_NEWNET);
	keep_capabilities();
}
