/* Lists of objects, and the removal of those that are on none. */
#include "overlay/objects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "overlay/trash.h"
#include "spec/base/fd.h"
#include "spec/image.h"

#define LIST_MAX (64u << 20)
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int object_list_add(struct object_list *list, const struct object_name *name)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 1024;
		void *more = reallocarray(list->names, room, sizeof(*list->names));
		if (!more)
			return -ENOMEM;
		list->names = more;
		list->room = room;
	}
	list->names[list->n++] = *name;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, OBJECT_NAME);
}

void object_list_sort(struct object_list *list)
{
	size_t kept = 0;

	if (list->n)
		qsort(list->names, list->n, sizeof(*list->names), compare);
	for (size_t i = 0; i < list->n; i++)
		if (kept == 0 || compare(&list->names[kept - 1], &list->names[i]) != 0)
			list->names[kept++] = list->names[i];
	list->n = kept;
}

bool object_list_has(const struct object_list *sorted, const char *name)
{
	return sorted->n &&
	       bsearch(name, sorted->names, sorted->n, sizeof(*sorted->names), compare);
}

void object_list_done(struct object_list *list)
{
	free(list->names);
	*list = (struct object_list){ 0 };
}

int objects_write(int dir, const struct object_list *sorted, struct err *e)
{
	automatic(str) struct str text = { 0 };

	for (size_t i = 0; i < sorted->n; i++) {
		str_add_bytes(&text, sorted->names[i].text, OBJECT_NAME);
		str_add_bytes(&text, "\n", 1);
	}
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write the list of a layer's objects");
	autofd int fd =
		openat(dir, "objects", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, text.data, text.len);
	return r < 0 ? err_set(e, -r, "write the list of a layer's objects") : 0;
}

static int parse(const char *text, size_t len, struct object_list *list)
{
	for (size_t at = 0; at < len; at += OBJECT_NAME + 1) {
		struct object_name name;
		if (len - at < OBJECT_NAME + 1 || text[at + OBJECT_NAME] != '\n' ||
			!object_name_check(text + at, OBJECT_NAME))
			return -ERR_DAMAGED;
		memcpy(name.text, text + at, OBJECT_NAME);
		name.text[OBJECT_NAME] = '\0';
		int r = object_list_add(list, &name);
		if (r < 0)
			return r;
	}
	return 0;
}

int objects_read(int dir, struct object_list *list, struct err *e)
{
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(dir, "objects", LIST_MAX, &text, &len, e);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = parse(text, len, list);
	return r < 0 ? err_say(e, -r, "the list of a layer's objects is damaged") : 0;
}

int objects_lock(const struct store *store, int *ret_fd, struct err *e)
{
	autofd int fd = openat(store->dir, "objects", DIR_FLAGS);

	if (fd < 0 || flock(fd, LOCK_SH) < 0)
		return err_set(e, errno, "lock the objects of store '%s'", store->path);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Calls `visit` for each entry of a directory but "." and "..", until one fails. Takes `fd`. */
static int each_entry(int fd, int (*visit)(int dir, const char *name, void *data, struct err *e),
	void *data, struct err *e)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;

	if (!dir) {
		r = err_set(e, errno, "list what is in use");
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = visit(fd, d->d_name, data, e);
	closedir(dir);
	return r;
}

struct object_sweep {
	struct broom *broom;
	bool (*is_used)(void *data, const char *hex);
	void *data;
	struct object_list used;
	char first; /* of the names in the directory that it is at */
};

static int mark_layer(int dir, const char *name, void *data, struct err *e)
{
	struct object_sweep *s = data;

	if (strlen(name) != DIGEST_HEX) /* no layer, whatever it is */
		return 0;
	if (s->is_used && !s->is_used(s->data, name))
		return 0;
	autofd int layer = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (layer < 0)
		return err_set(e, errno, "open layer '%s'", name);
	int r = objects_read(layer, &s->used, e);
	return r < 0 ? err_while(e, "layer '%s'", name) : 0;
}

static int sweep_one(int dir, const char *name, void *data, struct err *e)
{
	const struct object_sweep *s = data;
	struct object_name full = { .text = { s->first } };

	strncpy(full.text + 1, name, OBJECT_NAME - 1);
	if (strlen(name) == OBJECT_NAME - 1 && object_list_has(&s->used, full.text))
		return 0;
	return broom_take(s->broom, dir, name, e);
}

static int sweep_directory(int dir, const char *name, void *data, struct err *e)
{
	static const struct object_name any = { "AAAAAAAAAAAAAAAAAA" };
	const size_t last = strcspn(object_path(&any).text + 1, "/") - 1;
	struct object_sweep *s = data;

	if (strlen(name) != last + 1)
		return broom_take(s->broom, dir, name, e);
	s->first = name[last];
	int r = each_entry(openat(dir, name, DIR_FLAGS), sweep_one, s, e);
	if (r < 0 || s->broom->dry || unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOTEMPTY)
		return r;
	return err_set(e, errno, "remove '%s' from store '%s'", name, s->broom->store->path);
}

int objects_sweep(struct broom *broom, bool (*is_used)(void *data, const char *hex), void *data,
	struct err *e)
{
	struct object_sweep sweep = { .broom = broom, .is_used = is_used, .data = data };
	const struct store *store = broom->store;
	autofd int lock = openat(store->dir, "objects", DIR_FLAGS);

	if (lock < 0 && errno == ENOENT)
		return 0;
	if (lock < 0)
		return err_set(e, errno, "open the objects of store '%s'", store->path);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : err_set(e, errno, "lock the objects");
	int r = each_entry(openat(store->dir, "layers", DIR_FLAGS), mark_layer, &sweep, e);
	object_list_sort(&sweep.used);
	if (r == 0)
		r = each_entry(openat(lock, ".", DIR_FLAGS), sweep_directory, &sweep, e);
	object_list_done(&sweep.used);
	return r;
}
