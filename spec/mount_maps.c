/* The id maps of a mount, from its keys or from the text of its options. */
#include "spec/mount_maps.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>

#include "spec/mounts.h"

void mount_maps_done(struct mount_maps *m)
{
	free(m->uids);
	free(m->gids);
	*m = (struct mount_maps){ 0 };
}

static bool same(const struct id_map *a, const struct id_map *b, size_t n)
{
	return n == 0 || memcmp(a, b, n * sizeof(*a)) == 0;
}

bool mount_maps_equal(const struct mount_maps *a, const struct mount_maps *b)
{
	return a->kind == b->kind && a->n_uids == b->n_uids && a->n_gids == b->n_gids &&
	       same(a->uids, b->uids, a->n_uids) && same(a->gids, b->gids, a->n_gids);
}

static int copy(const struct id_map *from, size_t n, struct id_map **ret, size_t *ret_n)
{
	struct id_map *v = calloc(n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = from[i];
	*ret = v;
	*ret_n = n;
	return 0;
}

/* The host's id of one in the container; an id that is not mapped is itself. */
static uint32_t to_host(const struct id_map *v, size_t n, uint32_t inside, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (inside >= v[i].inside && inside - v[i].inside < v[i].size)
			return v[i].outside - v[i].inside + id;
	return id;
}

/* "0-1000-10": id on the file system, id on the host, how many. */
static bool read_range(char *text, struct id_map *ret)
{
	uint64_t numbers[3];

	for (size_t i = 0; i < 3; i++) {
		const char *word = strsep(&text, "-");
		if (!word || !str_to_u64(word, UINT32_MAX, &numbers[i]))
			return false;
	}
	*ret = (struct id_map){ (uint32_t)numbers[0], (uint32_t)numbers[1], (uint32_t)numbers[2] };
	return !text;
}

/* Ranges with '#' between them; `base`: the map that those with an '@' are relative to. */
static int read_ranges(
	char *text, const struct id_map *base, size_t n_base, struct id_map **ret, size_t *ret_n)
{
	size_t n = 1;

	for (const char *c = text; *c; c++)
		n += *c == '#';
	autofree struct id_map *v = calloc(n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char *range = strsep(&text, "#");
		bool relative = *range == '@';
		if (!read_range(range + relative, &v[i]))
			return -EINVAL;
		if (relative)
			v[i].outside = to_host(base, n_base, v[i].inside, v[i].outside);
	}
	free(*ret); /* said twice: the last one holds */
	*ret = take(v);
	*ret_n = n;
	return 0;
}

/* "uids=...;gids=..." */
static int read_text(const struct linux_spec *l, const char *text, struct mount_maps *ret)
{
	autofree char *all = strdup(text);
	int r = all ? 0 : -ENOMEM;
	char *rest = all;

	while (r == 0 && rest) {
		char *word = strsep(&rest, ";");
		if (str_starts(word, "uids="))
			r = read_ranges(
				word + 5, l->uid_maps, l->n_uid_maps, &ret->uids, &ret->n_uids);
		else if (str_starts(word, "gids="))
			r = read_ranges(
				word + 5, l->gid_maps, l->n_gid_maps, &ret->gids, &ret->n_gids);
		else
			r = -EINVAL;
	}
	return r;
}

/* The last option of the kind; `ret_text`: what follows its '=', NULL without one. */
static const char *find_option(const struct mount_spec *m, const char **ret_text)
{
	for (size_t i = m->n_options; i-- > 0;) {
		const char *word = m->options[i];
		const char *tail = word + (word[0] == 'r');
		if (str_starts(tail, "idmap") && (tail[5] == '\0' || tail[5] == '=')) {
			*ret_text = tail[5] && tail[6] ? tail + 6 : NULL;
			return word;
		}
	}
	return NULL;
}

int mount_maps_read(const struct spec *s, size_t i, struct mount_maps *ret, struct err *e)
{
	const struct mount_spec *m = &s->mounts[i];
	automatic(mount_maps) struct mount_maps maps = { .kind = MOUNT_MAPS_OWN };
	const char *text = NULL, *option = find_option(m, &text);
	bool has_keys = m->n_uid_maps || m->n_gid_maps;
	int r = 0;

	if (!option && !has_keys)
		return 0;
	if (text && has_keys)
		return err_say(e, EINVAL,
			"mounts[%zu].options: '%.80s' and %s: the maps are there twice", i, option,
			m->n_uid_maps ? "uidMappings" : "gidMappings");
	if (text)
		r = read_text(&s->linux_, text, &maps);
	else if (has_keys)
		r = copy(m->uid_maps, m->n_uid_maps, &maps.uids, &maps.n_uids) < 0 ||
				    copy(m->gid_maps, m->n_gid_maps, &maps.gids, &maps.n_gids) < 0
			    ? -ENOMEM
			    : 0;
	else
		maps.kind = MOUNT_MAPS_CONTAINER;
	if (r == -EINVAL)
		return err_say(e, EINVAL,
			"mounts[%zu].options: '%.80s' is not idmap=uids=FROM-TO-COUNT;gids=...", i,
			option);
	if (r < 0)
		return err_set(e, -r, "read the id maps of mounts[%zu]", i);
	if (maps.kind == MOUNT_MAPS_CONTAINER && !spec_namespace(s, CLONE_NEWUSER))
		return err_say(e, EINVAL,
			"mounts[%zu].options: '%s' without uidMappings and gidMappings, and without a "
			"user namespace whose maps it could have",
			i, option);
	if (maps.kind == MOUNT_MAPS_OWN && (!maps.n_uids || !maps.n_gids))
		return err_say(e, EINVAL, "mounts[%zu].%s: missing: an id-mapped mount needs both",
			i, maps.n_uids ? "gidMappings" : "uidMappings");
	maps.recursive = option && option[0] == 'r';
	*ret = maps;
	maps = (struct mount_maps){ 0 };
	return 0;
}
