/* Who stands on the files of a template. */
#include "overlay/forks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "overlay/duplicate.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define DIR_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define NAMED_MAX 5 /* in a message */

static const char half_sealed[] = "sealing";

int forks_lock(int containers, enum store_use use, struct err *e)
{
	autofd int fd = openat(containers, ".", O_RDONLY | DIR_FLAGS);
	int r;

	if (fd < 0)
		return err_set(e, errno, "lock the containers of the store");
	do
		r = flock(fd, use == STORE_SHARED ? LOCK_SH : LOCK_EX);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_set(e, errno, "lock the containers of the store") : take_fd(&fd);
}

static int link_files(const struct store *store, int template, struct err *e)
{
	autofd int upper = openat(template, "u", O_RDONLY | DIR_FLAGS);
	autofd int to = upper < 0 ? -1 : openat(template, half_sealed, O_RDONLY | DIR_FLAGS);
	const struct duplicate d = { .store = store, .from = upper, .by_name = true };

	return to < 0 ? err_set(e, errno, "open its upper layer") : duplicate_tree(&d, to, e);
}

int forks_seal(const struct store *store, int template, struct err *e)
{
	if (faccessat(template, FORKS_SEALED, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	int r = fd_remove_tree(template, half_sealed, e);
	if (r == 0 && mkdirat(template, half_sealed, 0700) < 0)
		r = err_set(e, errno, "create '%s'", half_sealed);
	if (r == 0)
		r = link_files(store, template, e);
	if (r == 0 && renameat(template, half_sealed, template, FORKS_SEALED) < 0)
		r = err_set(e, errno, "create '%s'", FORKS_SEALED);
	return r;
}

int forks_unseal(int template, struct err *e)
{
	int r = fd_remove_tree(template, half_sealed, e);

	if (r == 0 && renameat(template, FORKS_SEALED, template, half_sealed) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "remove '%s'", FORKS_SEALED);
	return r < 0 ? r : fd_remove_tree(template, half_sealed, e);
}

bool forks_is_sealed(int containers, const char *id)
{
	autofree char *path = str_format("%s/" FORKS_SEALED, id);

	return !path || faccessat(containers, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int forks_open(const struct store *store, const char *template, struct err *e)
{
	autofree char *path = str_format("containers/%s/" FORKS_SEALED, template);
	int fd = path ? openat(store->dir, path, O_PATH | DIR_FLAGS) : -1;

	return fd < 0 ? err_set(e, path ? errno : ENOMEM, "open the files of template '%s'",
				template)
		      : fd;
}

/* One that is being made has no claim yet, and can have none before the lock is given back. */
static int add_if_fork(
	int containers, const char *id, const char *template, struct text_list *list, struct err *e)
{
	automatic(claim) struct claim claim = { 0 };

	autofd int dir = openat(containers, id, O_PATH | DIR_FLAGS);
	int r = dir < 0 ? err_set(e, errno, "open the files of '%s'", id)
			: claim_read(dir, &claim, e);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_while(e, "container '%s'", id);
	if (!str_equal(claim.template, template))
		return 0;
	return text_list_add(list, id) < 0 ? err_set(e, ENOMEM, "list the forks") : 0;
}

int forks_list(int containers, const char *template, struct text_list *ret, struct err *e)
{
	automatic(text_list) struct text_list all = { 0 }, forks = { 0 };

	autofd int list = openat(containers, ".", O_RDONLY | DIR_FLAGS);
	int r = list < 0 ? -errno : text_list_add_names(&all, list);
	if (r < 0)
		return err_set(e, -r, "list the containers of the store");
	for (size_t i = 0; r == 0 && i < all.n; i++)
		r = add_if_fork(containers, all.v[i], template, &forks, e);
	if (r < 0)
		return r;
	text_list_sort(&forks);
	*ret = forks;
	forks = (struct text_list){ 0 };
	return 0;
}

static void name_some(const struct text_list *forks, struct str *text)
{
	for (size_t i = 0; i < forks->n && i < NAMED_MAX; i++)
		str_addf(text, "%s'%s'", i ? ", " : "", forks->v[i]);
	if (forks->n > NAMED_MAX)
		str_addf(text, " and %zu more", forks->n - NAMED_MAX);
}

int forks_refuse(int containers, const char *template, struct err *e)
{
	automatic(text_list) struct text_list forks = { 0 };
	automatic(str) struct str text = { 0 };

	int r = forks_is_sealed(containers, template) ? forks_list(containers, template, &forks, e)
						      : 0;
	if (r < 0 || forks.n == 0)
		return r;
	name_some(&forks, &text);
	return err_say(e, EBUSY, "the files of '%s' are those of its forks too: %s", template,
		str_ok(&text) ? text.data : "some");
}
