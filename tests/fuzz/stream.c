/* gzip, zstd or plain bytes. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "overlay/inflate.h"
#include "spec/base/fd.h"
#include "tests/fuzz/fuzz.h"

enum { PIECE = 50000, MOST = 4 << 20 };

static void inflate(struct input *in)
{
	static unsigned char piece[PIECE];
	struct inflate *z;
	struct err e = { 0 };
	size_t all = 0;

	int r = inflate_open(in, &z, &e);
	fuzz_check("open", r, &e);
	if (r < 0)
		return;
	ssize_t n = 1;
	while (n > 0 && all < MOST) {
		n = inflate_read(z, piece, sizeof(piece), &e);
		all += n > 0 ? (size_t)n : 0;
	}
	fuzz_check("read", n < 0 ? (int)n : 0, &e);
	inflate_free(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	automatic(input) struct input in = INPUT_NONE;
	struct err e = { 0 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		fuzz_report("memfd", "cannot be written");
	if (input_open(fd, "fuzz", NULL, UINT64_MAX, NULL, &in, &e) < 0)
		fuzz_report("input", e.text);
	inflate(&in);
	return 0;
}
