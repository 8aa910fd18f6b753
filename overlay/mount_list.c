/* What is mounted for some process. */
#include "overlay/mount_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

void mount_list_done(struct mount_list *list)
{
	free(list->v);
	free(list->text);
	*list = (struct mount_list){ 0 };
}

static bool is_octal(const char *at)
{
	return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' &&
	       at[2] <= '7';
}

/* In place. */
static char *unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; to++) {
		if (at[0] == '\\' && is_octal(at + 1)) {
			*to = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
	return text;
}

/* "0:27" */
static bool parse_dev(char *text, dev_t *ret)
{
	char *colon = strchr(text, ':');
	uint64_t major, minor;

	if (!colon)
		return false;
	*colon = '\0';
	if (!str_to_u64(text, UINT32_MAX, &major) || !str_to_u64(colon + 1, UINT32_MAX, &minor))
		return false;
	*ret = makedev((unsigned)major, (unsigned)minor);
	return true;
}

/* "36 35 98:0 ROOT POINT options [tags] - TYPE SOURCE OPTIONS": proc_pid_mountinfo(5). */
static bool parse_line(char *line, struct mount_row *ret)
{
	char *fields[6], *rest = line, *dash = strstr(line, " - ");

	if (!dash)
		return false;
	*dash = '\0';
	for (size_t i = 0; i < 6; i++) {
		fields[i] = strsep(&rest, " ");
		if (!fields[i])
			return false;
	}
	rest = dash + 3;
	char *type = strsep(&rest, " ");
	char *source = strsep(&rest, " ");
	if (!source || !rest || !parse_dev(fields[2], &ret->dev))
		return false;
	ret->root = unescape(fields[3]);
	ret->point = unescape(fields[4]);
	ret->type = unescape(type);
	ret->options = unescape(rest);
	return true;
}

static int keep(struct mount_list *list, const struct mount_row *row)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct mount_row *more = reallocarray(list->v, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		list->v = more;
		list->room = room;
	}
	list->v[list->n++] = *row;
	return 0;
}

int mount_list_parse(const char *text, struct mount_list *ret)
{
	automatic(mount_list) struct mount_list list = { .text = strdup(text) };
	int r = list.text ? 0 : -ENOMEM;

	for (char *rest = list.text, *line; r == 0 && (line = strsep(&rest, "\n"));) {
		struct mount_row row;
		if (parse_line(line, &row))
			r = keep(&list, &row);
	}
	if (r < 0)
		return r;
	*ret = list;
	list = (struct mount_list){ 0 };
	return 0;
}

int mount_list_read(int proc, pid_t pid, struct mount_list *ret)
{
	autofree char *text = NULL;
	struct err ignored;
	char name[32];
	size_t len;

	snprintf(name, sizeof(name), "%d/mountinfo", (int)pid);
	int r = fd_read_file(proc, name, MOUNT_LIST_MAX, &text, &len, &ignored);
	return r < 0 ? r : mount_list_parse(text, ret);
}

/* How much of the path it holds; 0: it does not. */
static size_t holds(const struct mount_row *row, const char *path)
{
	size_t len = strlen(row->point);

	while (len && row->point[len - 1] == '/')
		len--;
	if (strncmp(path, row->point, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return 0;
	return len + 1;
}

const struct mount_row *mount_list_find(const struct mount_list *list, dev_t dev, const char *path)
{
	const struct mount_row *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < list->n; i++) {
		size_t held = list->v[i].dev == dev ? holds(&list->v[i], path) : 0;
		if (list->v[i].dev == dev && (!best || held >= most)) {
			best = &list->v[i];
			most = held;
		}
	}
	return best;
}

const struct mount_row *mount_list_of(const struct mount_list *list, const char *path)
{
	const struct mount_row *best = NULL;
	size_t most = 1;

	for (size_t i = 0; i < list->n; i++) {
		size_t held = holds(&list->v[i], path);
		if (held >= most) {
			best = &list->v[i];
			most = held;
		}
	}
	return best;
}
