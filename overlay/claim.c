/* What a container keeps from being removed. */
#include "overlay/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "spec/base/fd.h"
#include "spec/base/json.h"
#include "spec/id.h"
#include "spec/image.h"

#define CLAIM_MAX (128u << 10) /* 500 layers are 40 KiB */
static const char claim_file[] = "meta.json";

static const struct field claim_fields[] = {
	FIELD(struct claim, "image", FIELD_STRING, image),
	FIELD(struct claim, "imageID", FIELD_STRING, image_id),
	FIELD_LIST(struct claim, "layers", FIELD_STRING, layers, n_layers, .must = true,
		.always = true),
	FIELD(struct claim, "template", FIELD_STRING, template),
	FIELD(struct claim, "readOnly", FIELD_BOOL, read_only),
	FIELD(struct claim, "deep", FIELD_BOOL, deep),
	FIELD(struct claim, "snapshotter", FIELD_STRING, snapshotter),
	{ 0 },
};

int claim_write(int dir, const struct claim *claim, struct err *e)
{
	automatic(str) struct str text = { 0 };
	autofd int fd =
		openat(dir, claim_file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(e, errno, "create '%s'", claim_file);
	json_write(claim_fields, claim, JSON_COMPACT, &text);
	int r = str_ok(&text) ? fd_write_all(fd, text.data, text.len) : -ENOMEM;
	return r < 0 ? err_set(e, -r, "write '%s'", claim_file) : 0;
}

int claim_replace(int dir, const struct claim *claim, struct err *e)
{
	automatic(str) struct str text = { 0 };

	json_write(claim_fields, claim, JSON_COMPACT, &text);
	return str_ok(&text) ? fd_replace_file(dir, claim_file, text.data, text.len, 0600, e)
			     : err_set(e, ENOMEM, "write '%s'", claim_file);
}

int claim_read(int dir, struct claim *ret, struct err *e)
{
	struct claim claim = { 0 };
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(dir, claim_file, CLAIM_MAX, &text, &len, e);
	/* It is not flushed: a crash of the host, which no container survives, may leave it empty. */
	if (r == 0 && len == 0)
		return err_say(e, ENOENT, "'%s' is empty", claim_file);
	if (r == 0)
		r = json_read(claim_file, text, len, claim_fields, &claim, &json_usual_limits, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < claim.n_layers; i++)
		if (!digest_check(claim.layers[i]))
			r = err_say(e, ERR_DAMAGED, "'%s': '%.80s' is not a layer's digest",
				claim_file, claim.layers[i]);
	if (r == 0 && claim.template)
		r = id_check(claim.template, e);
	if (r < 0)
		claim_done(&claim);
	else
		*ret = claim;
	return r;
}

void claim_done(struct claim *claim)
{
	json_free(claim_fields, claim);
}
