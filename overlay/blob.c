/* Small documents in the store by their digest. */
#include "overlay/blob.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/fd.h"

struct blob_path {
	char text[sizeof("blobs/sha256/") + DIGEST_HEX];
};

static struct blob_path path_of(const char *digest)
{
	struct blob_path p;

	snprintf(p.text, sizeof(p.text), "blobs/sha256/%.64s", digest_hex(digest));
	return p;
}

int blob_check(const char *what, const char *digest, const void *data, size_t n, struct err *e)
{
	struct digest_text is;

	int r = digest_of(data, n, &is, e);
	if (r < 0)
		return r;
	if (strcmp(is.text, digest) == 0)
		return 0;
	return err_say(e, ERR_DAMAGED, "'%s' is corrupt: its digest is %s, it should be %s", what,
		is.text, digest);
}

int blob_put(
	const struct store *store, const char *digest, const void *data, size_t n, struct err *e)
{
	struct blob_path p = path_of(digest);
	automatic(str) struct str text = { 0 };
	autofd int lock = -1;

	/* So that what is half written is not taken for what a dead process left. */
	int r = store_lock(store, STORE_SHARED, &lock, e);
	if (r < 0)
		return r;
	if (faccessat(store->dir, p.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	str_add_bytes(&text, data, n);
	return store_put(store, "blobs/sha256", digest_hex(digest), &text, e);
}

int blob_get(const struct store *store, const char *digest, size_t limit, char **ret_data,
	size_t *ret_n, struct err *e)
{
	struct blob_path p = path_of(digest);
	autofree char *data = NULL;
	size_t n;

	int r = fd_read_file(store->dir, p.text, limit, &data, &n, e);
	if (r == 0)
		r = blob_check(p.text, digest, data, n, e);
	if (r < 0)
		return r;
	*ret_data = take(data);
	*ret_n = n;
	return 0;
}
