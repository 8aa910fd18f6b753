/*
 * One layer held against its tar.
 *
 * One pass over the tar as it is made again: it is hashed, and unpacked as a skeleton. A content
 * that is not there is replaced by zeros, so that everything else is still looked at; the digest is
 * then wrong, which needs no line of its own.
 */
#include "overlay/verify_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/compare.h"
#include "overlay/digest.h"
#include "overlay/layer.h"
#include "overlay/parents.h"
#include "overlay/recipe.h"
#include "overlay/unpack.h"
#include "overlay/work.h"
#include "spec/base/fd.h"

#define IMPLICIT_MAX (64u << 20)
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct loss {
	char *path;
	const char *why;
};

struct checking {
	const struct layer_check *check;
	struct recipe *recipe;
	struct digest *sum;
	struct err failure; /* of the recipe; code 0: none */
	struct str told;    /* paths that something was told of, '\0' behind each */
	struct loss *losses;
	size_t n_losses;
	bool explained; /* why the digest cannot be right has been told */
};

static void checking_done(struct checking *c)
{
	for (size_t i = 0; i < c->n_losses; i++)
		free(c->losses[i].path);
	free(c->losses);
	recipe_free(c->recipe);
	digest_free(c->sum);
	str_done(&c->told);
}
DEFINE_AUTO(checking, checking_done)

static void tell(struct checking *c, const char *path, const char *what)
{
	c->check->tell(c->check->to, path, what);
}

static void note_loss(void *to, const char *path, const char *why)
{
	struct checking *c = to;
	struct loss *more = reallocarray(c->losses, c->n_losses + 1, sizeof(*more));

	c->explained = true;
	if (more) {
		c->losses = more;
		c->losses[c->n_losses].why = why;
		c->losses[c->n_losses].path = strdup(path);
		c->n_losses += c->losses[c->n_losses].path != NULL;
	}
}

/* A tar_source: the next bytes of the tar. */
static ssize_t next(void *from, const void **ret)
{
	struct checking *c = from;
	const volatile sig_atomic_t *cancelled = c->check->cancelled;

	if (c->failure.code == 0 && cancelled && *cancelled)
		err_say(&c->failure, ECANCELED, "interrupted");
	if (c->failure.code)
		return -EIO;
	ssize_t n = recipe_next(c->recipe, ret, &c->failure);
	if (n > 0)
		digest_add(c->sum, *ret, (size_t)n);
	return n < 0 ? -EIO : n;
}

/* All of the tar goes by, whatever becomes of the skeleton: -errno of that, told in `e`. */
static int read_tar(struct checking *c, int fs, struct unpack_result *result, struct err *e)
{
	const struct unpack_options options = { .form = c->check->store->form,
		.bytes = UINT64_MAX,
		.entries = UINT64_MAX,
		.skeleton = true };
	const void *ignored;
	struct tar *tar;

	int r = tar_open(next, c, &tar, e);
	if (r == 0) {
		r = unpack(tar, fs, &options, result, e);
		tar_free(tar);
	}
	while (next(c, &ignored) > 0)
		;
	return r;
}

static void note_difference(void *to, const char *path, const char *what)
{
	struct checking *c = to;

	str_add_bytes(&c->told, path, strlen(path) + 1);
	tell(c, path, what);
}

/* Where the layer itself has shown the difference, its lost content is no second one. */
static void tell_losses(struct checking *c)
{
	for (size_t i = 0; i < c->n_losses; i++) {
		bool known = false;
		for (size_t at = 0; !known && at < c->told.len; at += strlen(c->told.data + at) + 1)
			known = strcmp(c->told.data + at, c->losses[i].path) == 0;
		if (!known)
			tell(c, c->losses[i].path, c->losses[i].why);
	}
}

/* The list that overlay/parents.c goes by. */
static int compare_implicit(struct checking *c, const struct unpack_result *result, struct err *e)
{
	autofree char *name = str_format("layers/%.64s/implicit", digest_hex(c->check->digest));
	autofree char *text = NULL;
	size_t len = 0;

	if (!name)
		return err_set(e, ENOMEM, "read a layer");
	int r = fd_read_file(c->check->store->dir, name, IMPLICIT_MAX, &text, &len, e);
	if (r < 0 && r != -ENOENT)
		return r;
	if (len != result->implicit.len || (len && memcmp(text, result->implicit.data, len) != 0))
		tell(c, NULL, "its list of directories that the tar does not name is another one");
	return 0;
}

static int compare(struct checking *c, int model, const struct unpack_result *result, struct err *e)
{
	const struct comparison comparison = { .form = c->check->store->form,
		.implicit = result->implicit.data,
		.implicit_len = result->implicit.len,
		.listed = c->check->listed,
		.damaged = c->check->damaged,
		.tell = note_difference,
		.to = c };
	autofd int found = -1;

	int r = layer_open(c->check->store, c->check->digest, &found, e);
	if (r < 0)
		return r;
	autofd int layer = openat(found, ".", DIR_FLAGS);
	if (layer < 0)
		return err_set(e, errno, "open layer '%s'", c->check->digest);
	r = compare_implicit(c, result, e);
	return r < 0 ? r : compare_trees(&comparison, layer, model, e);
}

static void tell_digest(struct checking *c, const char *is)
{
	char text[200];

	for (size_t i = 0; i < c->check->listed->n; i++)
		c->explained |= object_list_has(c->check->damaged, c->check->listed->names[i].text);
	snprintf(text, sizeof(text), "the content of its files has changed: its tar is %s now", is);
	if (!c->explained)
		tell(c, NULL, text);
}

/* Of a message that names the layer: what is wrong with it. */
static const char *reason_of(const struct err *e)
{
	static const char before[] = " is damaged: ";
	const char *at = strstr(e->text, before);

	return at ? at + sizeof(before) - 1 : e->text;
}

static int check_in(struct checking *c, int work, struct err *e)
{
	automatic(unpack_result) struct unpack_result result = { 0 };

	if (mkdirat(work, "fs", 0755) < 0)
		return err_set(e, errno, "create a directory for a layer");
	autofd int model = openat(work, "fs", DIR_FLAGS);
	if (model < 0)
		return err_set(e, errno, "open a layer's directory");
	int unpacked = read_tar(c, model, &result, e);
	if (c->failure.code == ERR_DAMAGED) {
		tell(c, NULL, reason_of(&c->failure));
		return 0;
	}
	if (c->failure.code) {
		*e = c->failure;
		return -e->code;
	}
	struct digest_text is = digest_end(c->sum);
	bool same = strcmp(is.text, c->check->digest) == 0;
	if (unpacked < 0 && !same)
		tell(c, NULL, "its recipe has changed");
	if (unpacked < 0)
		return same ? unpacked : 0;
	int r = compare(c, model, &result, e);
	tell_losses(c);
	if (!same)
		tell_digest(c, is.text);
	return r;
}

/*
 * One without recipe is of ours (overlay/parents.h), or from before there were any: as good as it
 * ever was, and what it shares is looked at.
 */
static int check_without_recipe(struct checking *c, struct err *e)
{
	const struct layer_check *check = c->check;
	char text[80];

	for (size_t i = 0; i < check->listed->n; i++) {
		const char *name = check->listed->names[i].text;
		snprintf(text, sizeof(text), "a content of it is damaged (object %s)", name);
		if (object_list_has(check->damaged, name))
			tell(c, NULL, text);
	}
	int r = parents_verify(check->store, check->digest, e);
	if (r == -ENOENT)
		tell(c, NULL, "its files are missing");
	else if (r == -ERR_DAMAGED && check->made_here)
		tell(c, NULL, "its directories are not those that it was made of");
	else if (r == -ERR_DAMAGED)
		check->note(check->to, "it has no recipe of its tar: its files are not looked at");
	return r == -ENOENT || r == -ERR_DAMAGED ? 0 : r;
}

int verify_layer(const struct layer_check *check, struct err *e)
{
	automatic(checking) struct checking c = { .check = check, .sum = digest_begin() };
	automatic(work) struct work work = WORK_NONE;

	if (!c.sum)
		return err_set(e, ENOMEM, "look at layer '%s'", check->digest);
	int r = recipe_open(check->store, check->digest, &c.recipe, e);
	if (r == -ENODATA)
		return check_without_recipe(&c, e);
	if (r == -ERR_DAMAGED || r == -ENOENT) {
		tell(&c, NULL, r == -ENOENT ? "it is missing" : reason_of(e));
		return 0;
	}
	if (r == 0) {
		recipe_on_loss(c.recipe, note_loss, &c);
		r = work_begin(check->store, NULL, &work, e);
	}
	if (r < 0)
		return r;
	mode_t before = umask(0); /* modes are the tar's */
	r = check_in(&c, work.dir, e);
	umask(before);
	return r;
}
