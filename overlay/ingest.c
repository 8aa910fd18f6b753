/* One layer into the store. */
#include "overlay/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/filesystem.h"
#include "overlay/layer.h"
#include "overlay/recorder.h"
#include "overlay/stream.h"
#include "overlay/unpack.h"
#include "overlay/work.h"
#include "spec/base/date.h"
#include "spec/base/fd.h"

#define BYTES_MAX (64ull << 30)
#define ENTRIES_MAX (4ull << 20)

struct time_text time_write(time_t t)
{
	struct time_text out = { 0 };
	struct timespec at = { .tv_sec = t };

	date_text(&at, false, out.text);
	return out;
}

static uint64_t most_bytes(const struct store *store, const struct import_options *options)
{
	uint64_t most = options->max_bytes ? options->max_bytes : BYTES_MAX;
	uint64_t room = filesystem_room(store->dir);

	return room < most ? room : most;
}

static ssize_t next_bytes(void *from, const void **ret)
{
	return stream_next(from, ret);
}

/* Takes the stream apart into `fs`; the digest of all of it. */
static int unpack_stream(struct stream *stream, const char *name, int fs,
	const struct unpack_options *options, struct unpack_result *ret,
	struct digest_text *ret_digest, struct err *e)
{
	struct tar *tar;
	uint64_t end = 0;

	int r = tar_open(recorder_next, options->recorder, &tar, e);
	if (r == 0) {
		recorder_watch(options->recorder, tar);
		r = unpack(tar, fs, options, ret, e);
		end = tar_position(tar);
		recorder_archive_ends(options->recorder);
		tar_free(tar);
	}
	if (r < 0)
		return err_while(e, "unpack '%s'", name);
	r = stream_finish(stream, end, ret_digest, e);
	return r < 0 ? r : recorder_end(options->recorder, stream_size(stream), e);
}

/* `dir`: of the work, where the layer's recipe goes beside `fs`. */
static int unpack_input(const struct store *store, struct input *in, int dir, int fs,
	const struct import_options *options, struct sharing *sharing, struct unpack_result *ret,
	struct digest_text *ret_digest, struct err *e)
{
	struct unpack_options unpacked = {
		.bytes = most_bytes(store, options),
		.entries = options->max_entries ? options->max_entries : ENTRIES_MAX,
		.form = store->form,
		.sharing = sharing,
	};
	struct stream *stream;

	int r = stream_start(in, unpacked.bytes, &stream, e);
	if (r < 0)
		return r;
	r = recorder_open(dir, next_bytes, stream, &unpacked.recorder, e);
	if (r == 0)
		r = unpack_stream(stream, in->name, fs, &unpacked, ret, ret_digest, e);
	if (r < 0)
		stream_blame(stream, e);
	recorder_free(unpacked.recorder);
	stream_free(stream);
	return r < 0 ? -e->code : 0;
}

static int write_file(int dir, const char *name, const struct str *text, struct err *e)
{
	autofd int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, text->data, text->len);

	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? err_set(e, -r, "write '%s'", name) : 0;
}

/* meta.json last, after everything else is on disk: it says that the layer is whole. */
int ingest_seal(
	struct work *work, const struct unpack_result *result, const char *diff_id, struct err *e)
{
	struct time_text now = time_write(time(NULL));
	struct layer_meta meta = {
		.diff_id = (char *)diff_id,
		.size = result->size,
		.entries = result->entries,
		.created = now.text,
	};
	automatic(str) struct str text = { 0 };
	int r = 0;

	if (result->implicit.len)
		r = write_file(work->dir, "implicit", &result->implicit, e);
	if (r == 0)
		r = store_sync(work->store, e);
	layer_meta_write(&meta, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write 'meta.json'");
	if (r == 0)
		r = write_file(work->dir, "meta.json", &text, e);
	return r < 0 ? r : work_publish(work, "layers", digest_hex(diff_id), e);
}

/* Unpacked and verified: the layer's files, and the objects that they share. */
static int unpack_layer(struct work *work, struct input *in, const char *diff_id,
	const struct import_options *options, struct sharing *sharing, struct unpack_result *ret,
	struct digest_text *ret_digest, struct err *e)
{
	if (mkdirat(work->dir, "fs", 0755) < 0)
		return err_set(e, errno, "create a directory for a layer");
	autofd int fs = openat(work->dir, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fs < 0)
		return err_set(e, errno, "open a layer's directory");
	int r = unpack_input(work->store, in, work->dir, fs, options, sharing, ret, ret_digest, e);
	if (r < 0)
		return r;
	if (diff_id && strcmp(ret_digest->text, diff_id) != 0)
		return err_say(e, ERR_DAMAGED,
			"'%s' is not the layer that the image names: its diffID is %s, it should be %s",
			in->name, ret_digest->text, diff_id);
	return sharing ? sharing_publish(sharing, e) : 0;
}

static int fill(struct work *work, struct input *in, const char *diff_id,
	const struct import_options *options, struct ingested *ret, struct err *e)
{
	automatic(unpack_result) struct unpack_result result = { 0 };
	struct sharing *sharing = NULL;
	struct digest_text is;
	int r = 0;

	if (!options->no_sharing)
		r = sharing_begin(work->store, work->dir, options->lowest, &sharing, e);
	if (r == 0)
		r = unpack_layer(work, in, diff_id, options, sharing, &result, &is, e);
	if (r == 0 && options->hold)
		r = store_lock(work->store, STORE_SHARED, options->hold, e);
	if (r == 0)
		r = ingest_seal(work, &result, is.text, e);
	sharing_end(sharing);
	if (r == 0)
		*ret = (struct ingested){
			.diff_id = is, .size = result.size, .newest = result.newest
		};
	return r;
}

static int describe(
	const struct store *store, const char *diff_id, struct ingested *ret, struct err *e)
{
	automatic(layer_meta) struct layer_meta meta = { 0 };
	struct ingested in = { 0 };

	int r = layer_read(store, diff_id, &meta, e);
	if (r < 0)
		return r;
	in.size = meta.size;
	memcpy(in.diff_id.text, diff_id, sizeof(in.diff_id.text));
	*ret = in;
	return 0;
}

int ingest_layer(const struct store *store, struct input *in, const char *diff_id,
	const struct import_options *options, struct ingested *ret, struct err *e)
{
	automatic(work) struct work work = WORK_NONE;

	if (diff_id && layer_exists(store, diff_id))
		return describe(store, diff_id, ret, e);
	int r = work_begin(store, diff_id ? digest_hex(diff_id) : NULL, &work, e);
	if (r < 0)
		return r;
	if (diff_id && layer_exists(store, diff_id))
		return describe(store, diff_id, ret, e);
	mode_t before = umask(0); /* modes are the tar's */
	r = fill(&work, in, diff_id, options, ret, e);
	umask(before);
	return r;
}
