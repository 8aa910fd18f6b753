/* Foreign bytes, counted and hashed as they are read. */
#include "overlay/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/import.h"

int input_open(int fd, const char *name, const char *digest, uint64_t size,
	const struct import_options *options, struct input *ret, struct err *e)
{
	automatic(input) struct input in = {
		.fd = fd,
		.name = name,
		.what = name,
		.digest = digest,
		.size = size,
		.total = size == UINT64_MAX ? 0 : size,
		.options = options,
	};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "read '%s'", name);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "read '%s'", name);
	if (S_ISREG(st.st_mode)) {
		if (size != UINT64_MAX && (uint64_t)st.st_size != size)
			return err_say(e, ERR_DAMAGED,
				"'%s' has %jd bytes, it should have %" PRIu64, name,
				(intmax_t)st.st_size, size);
		in.total = (uint64_t)st.st_size;
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	if (digest && !(in.sum = digest_begin()))
		return err_set(e, ENOMEM, "read '%s'", name);
	*ret = in;
	in = (struct input)INPUT_NONE;
	return 0;
}

static void report(const struct input *in)
{
	const struct import_options *options = in->options;

	if (options && options->progress)
		options->progress(options->progress_data, in->what, in->done, in->total);
}

static bool is_cancelled(const struct input *in)
{
	return in->options && in->options->cancelled && *in->options->cancelled;
}

ssize_t input_read(struct input *in, void *data, size_t n, struct err *e)
{
	size_t have = 0;

	while (have < n) {
		if (is_cancelled(in))
			return err_say(e, ECANCELED, "read '%s': interrupted", in->name);
		ssize_t got = read(in->fd, (char *)data + have, n - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(e, errno, "read '%s'", in->name);
		if (got == 0)
			break;
		have += (size_t)got;
	}
	if (have > in->size - in->done)
		return err_say(e, ERR_DAMAGED, "'%s' has more than the %" PRIu64 " bytes it should",
			in->name, in->size);
	in->done += have;
	if (in->sum)
		digest_add(in->sum, data, have);
	report(in);
	return (ssize_t)have;
}

int input_finish(struct input *in, struct err *e)
{
	if (in->size != UINT64_MAX && in->done != in->size)
		return err_say(e, ERR_DAMAGED,
			"'%s' ends after %" PRIu64 " bytes, it should have %" PRIu64, in->name,
			in->done, in->size);
	if (!in->sum)
		return 0;
	struct digest_text is = digest_end(in->sum);
	digest_free(in->sum);
	in->sum = NULL; /* said once */
	if (strcmp(is.text, in->digest) == 0)
		return 0;
	return err_say(e, ERR_DAMAGED, "'%s' is corrupt: its digest is %s, it should be %s",
		in->name, is.text, in->digest);
}

void input_done(struct input *in)
{
	own_close(&in->fd);
	digest_free(in->sum);
	*in = (struct input)INPUT_NONE;
}
