/* The sealed init program. */
#include "runtime/sealed_init.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "runtime/init_image.h"
#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/sys.h"

static int kept = -1;

static int seal(struct err *e)
{
	autofd int fd = memfd_create("cowrun-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL) /* before 6.3 all memfds are executable */
		fd = memfd_create("cowrun-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set(e, errno, "make a sealed copy of the init program");
	int r = fd_write_all(fd, init_image, init_image_size);
	if (r == 0 && fcntl(fd, F_ADD_SEALS,
			      F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		r = -errno;
	if (r < 0)
		return err_set(e, -r, "make a sealed copy of the init program");
	return take_fd(&fd);
}

int sealed_init_open(int least, struct err *e)
{
	autofd int made = kept < 0 ? seal(e) : -1;

	if (kept < 0 && (made < 0 || made >= least))
		return take_fd(&made);
	int fd = fcntl(kept < 0 ? made : kept, F_DUPFD_CLOEXEC, least);
	return fd < 0 ? err_set(e, errno, "take the sealed copy of the init program") : fd;
}

int sealed_init_keep(struct err *e)
{
	if (kept < 0)
		kept = seal(e);
	return kept < 0 ? kept : 0;
}
