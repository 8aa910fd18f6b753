/* Volumes as people write them: SRC:DST[:OPTIONS]. */
#include <errno.h>
#include <string.h>

#include "spec/derive.h"
#include "spec/mounts.h"
#include "spec/profile.h"

enum { WORDS_MAX = 16 };

static bool is_bind(const struct mount_option *o)
{
	return o->bits & (MOUNT_BIND | MOUNT_RBIND);
}

/* Words of the mount table that say something about a bind; all others would do nothing to it. */
static bool suits_bind(const struct mount_option *o)
{
	return o && !(o->bits & ~(unsigned)(MOUNT_BIND | MOUNT_RBIND)) &&
	       (o->set || o->clear || o->rset || o->rclear || o->propagation || is_bind(o));
}

/* The list's words, and before them what docker and podman mean without any. */
static int read_options(
	const char *text, char *list, const char **words, size_t *ret_n, struct err *e)
{
	bool has_bind = false, has_propagation = false;
	size_t n = 0;

	for (char *word = strsep(&list, ","); word; word = strsep(&list, ",")) {
		const struct mount_option *o = mount_option_find(word);
		if (!suits_bind(o))
			return err_say(e, EINVAL, "volume '%.200s': option '%.40s' is %s", text,
				word, o ? "not for a bind" : "unknown");
		if (n == WORDS_MAX)
			return err_say(e, EINVAL, "volume '%.200s': more than %d options", text,
				WORDS_MAX);
		has_bind |= is_bind(o);
		has_propagation |= o->propagation != 0;
		words[n++] = word;
	}
	if (!has_bind)
		words[n++] = "rbind";
	if (!has_propagation)
		words[n++] = "rprivate";
	*ret_n = n;
	return 0;
}

/* LIMIT: neither named nor anonymous volumes; a colon cannot be part of a path. */
int derive_volume_parse(const char *text, struct mount_spec *ret, struct err *e)
{
	automatic(mount_spec) struct mount_spec m = { 0 };
	const char *words[WORDS_MAX + 2];
	autofree char *copy = strdup(text);
	char *rest = copy;
	size_t n = 0;

	if (!copy)
		return err_set(e, ENOMEM, "volume '%.200s'", text);
	const char *source = strsep(&rest, ":");
	const char *destination = rest ? strsep(&rest, ":") : NULL;
	if (!destination)
		return err_say(e, EINVAL, "volume '%.200s': not SRC:DST[:OPTIONS]", text);
	if (source[0] != '/')
		return err_say(e, EINVAL, "volume '%.200s': source '%.80s' is not an absolute path",
			text, source);
	if (destination[0] != '/')
		return err_say(e, EINVAL,
			"volume '%.200s': destination '%.80s' is not an absolute path", text,
			destination);
	if (rest && strchr(rest, ':'))
		return err_say(e, EINVAL, "volume '%.200s': not SRC:DST[:OPTIONS]", text);
	int r = read_options(text, rest, words, &n, e);
	if (r < 0)
		return r;
	m.source = strdup(source);
	m.destination = strdup(destination);
	m.type = strdup("bind");
	if (!m.source || !m.destination || !m.type ||
		profile_copy(words, n, &m.options, &m.n_options) < 0)
		return err_set(e, ENOMEM, "volume '%.200s'", text);
	*ret = m;
	m = (struct mount_spec){ 0 };
	return 0;
}
