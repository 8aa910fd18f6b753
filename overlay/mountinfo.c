/* What is mounted here, by libmount. */
#include "overlay/mountinfo.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <stdlib.h>
#include <string.h>

static const char file[] = "/proc/self/mountinfo";

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

static void row_done(struct mountinfo_row *row)
{
	free(row->target);
	free(row->root);
	free(row->type);
	free(row->source);
	free(row->options);
}

static int add_row(struct mountinfo *m, struct libmnt_fs *fs)
{
	struct mountinfo_row row = {
		.id = mnt_fs_get_id(fs),
		.parent = mnt_fs_get_parent_id(fs),
		.target = copy(mnt_fs_get_target(fs)),
		.root = copy(mnt_fs_get_root(fs)),
		.type = copy(mnt_fs_get_fstype(fs)),
		.source = copy(mnt_fs_get_source(fs)),
		.options = mnt_fs_strdup_options(fs),
	};
	struct mountinfo_row *more = reallocarray(m->rows, m->n + 1, sizeof(*more));

	if (more)
		m->rows = more;
	if (!more || !row.target || !row.root || !row.type || !row.source || !row.options) {
		row_done(&row);
		return -ENOMEM;
	}
	m->rows[m->n++] = row;
	return 0;
}

static int read_table(struct libmnt_table *table, struct mountinfo *m)
{
	struct libmnt_iter *i = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = i ? mnt_table_parse_file(table, file) : -ENOMEM;

	while (r == 0 && mnt_table_next_fs(table, i, &fs) == 0)
		r = add_row(m, fs);
	mnt_free_iter(i);
	return r;
}

int mountinfo_read(struct mountinfo *ret, struct err *e)
{
	struct mountinfo m = { 0 };
	struct libmnt_table *table = mnt_new_table();

	int r = table ? read_table(table, &m) : -ENOMEM;
	mnt_unref_table(table);
	if (r != 0) {
		mountinfo_done(&m);
		return err_set(e, r < 0 ? -r : EINVAL, "read '%s'", file);
	}
	*ret = m;
	return 0;
}

static bool is_at_or_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	while (len && top[len - 1] == '/')
		len--;
	return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

const struct mountinfo_row *mountinfo_below(
	const struct mountinfo *m, const char *path, const struct mountinfo_row *after)
{
	for (size_t i = after ? (size_t)(after - m->rows) + 1 : 0; i < m->n; i++)
		if (is_at_or_below(m->rows[i].target, path))
			return &m->rows[i];
	return NULL;
}

const struct mountinfo_row *mountinfo_of(const struct mountinfo *m, const char *path)
{
	const struct mountinfo_row *best = NULL;

	for (size_t i = 0; i < m->n; i++)
		if (is_at_or_below(path, m->rows[i].target) &&
			(!best || strlen(m->rows[i].target) >= strlen(best->target)))
			best = &m->rows[i];
	return best;
}

void mountinfo_done(struct mountinfo *m)
{
	for (size_t i = 0; i < m->n; i++)
		row_done(&m->rows[i]);
	free(m->rows);
	*m = (struct mountinfo){ 0 };
}
