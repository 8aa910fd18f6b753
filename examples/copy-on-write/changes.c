/*
 * Which pages have been written to since a moment, without a copy: the kernel takes away the right
 * to write (userfaultfd, asynchronous write protection), and notes who came for it. Linux 6.7.
 */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "lesson.h"

/* Of newer headers than some systems have. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#define SCAN_IS_WRITTEN 2
#define SCAN_PROTECT_AGAIN 1
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct scan_region {
	uint64_t start, end, categories;
};
#define SCAN _IOWR('f', 16, struct scan)

static void protect(char *memory, size_t size)
{
	struct uffdio_api api = { UFFD_API, UFFD_FEATURE_WP_ASYNC, 0 };
	struct uffdio_register area = { { (uintptr_t)memory, size }, UFFDIO_REGISTER_MODE_WP, 0 };
	struct uffdio_writeprotect all = { area.range, UFFDIO_WRITEPROTECT_MODE_WP };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &area) < 0 ||
		ioctl(fd, UFFDIO_WRITEPROTECT, &all) < 0)
		die("userfaultfd");
}

/* The number of pages that were written to; from now on they are protected again. */
static size_t changed(char *memory, size_t size)
{
	struct scan_region found[256] = { 0 };
	struct scan s = { .size = sizeof(s),
		.flags = SCAN_PROTECT_AGAIN,
		.start = (uintptr_t)memory,
		.end = (uintptr_t)memory + size,
		.vec = (uintptr_t)found,
		.vec_len = 256,
		.category_mask = SCAN_IS_WRITTEN,
		.return_mask = SCAN_IS_WRITTEN };
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), n;
	size_t pages = 0;

	for (; s.start < s.end; s.start = s.walk_end) {
		if ((n = ioctl(pagemap, SCAN, &s)) < 0)
			die("scan");
		for (int i = 0; i < n; i++)
			pages += (found[i].end - found[i].start) / PAGE;
	}
	close(pagemap);
	return pages;
}

int main(void)
{
	char *memory = reserve(64 * MIB, 0);

	begin();
	write_pages(memory, 64 * MIB, 0);
	step("64 MiB are written");

	protect(memory, 64 * MIB);
	for (size_t i = 0; i < 500; i++)
		memory[i * 32 * PAGE] = 1;
	printf("500 pages were written to, %zu have changed, ", changed(memory, 64 * MIB));
	printf("and since then %zu\n", changed(memory, 64 * MIB));
	step("nothing has been copied for that");
	return 0;
}
