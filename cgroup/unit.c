/* Names of units. */
#include "cgroup/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/str.h"

#define PATH "linux.cgroupsPath"

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Letters of systemd.unit(5), and its 255 bytes. '@' would name an instance of a template. */
static int check_name(const char *name, const char *kind, const char *from, struct err *e)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				":-_.\\");

	if (name[n])
		return err_say(e, EINVAL,
			"%s: the %s '%.80s' has a character that systemd takes in no name: '%.1s'",
			from, kind, name, name + n);
	return 0;
}

/* "a-b.slice" is in "a.slice": so no part between two '-' may be empty. "-.slice" is the root. */
static int check_slice(const char *slice, struct err *e)
{
	size_t n = strlen(slice);

	if (!ends_with(slice, ".slice") || n == strlen(".slice"))
		return err_say(e, EINVAL, PATH ": '%.80s' is no slice (hint: a-b.slice)", slice);
	if (strcmp(slice, "-.slice") != 0 &&
		(*slice == '-' || strstr(slice, "--") || strstr(slice, "-.slice")))
		return err_say(e, EINVAL,
			PATH ": the slice '%.80s' has an empty part between its dashes", slice);
	return check_name(slice, "slice", PATH, e);
}

/* The three parts, of which the last two make the name. */
static int parse_form(const char *path, struct unit *u, struct err *e)
{
	const char *prefix = strchr(path, ':');
	const char *name = prefix ? strchr(prefix + 1, ':') : NULL;

	if (!name || strchr(name + 1, ':') || !name[1])
		return err_say(e, EINVAL,
			PATH
			": '%.80s' is not of the form slice:prefix:name, which systemd's cgroups need",
			path);
	prefix++;
	name++;
	if (ends_with(name, ".slice"))
		return err_say(
			e, EINVAL, PATH ": '%.80s' is a slice: a container lives in a scope", name);
	int n = (int)(prefix - path) - 1, m = (int)(name - prefix) - 1;
	if ((size_t)n >= sizeof(u->slice) ||
		(size_t)snprintf(u->name, sizeof(u->name), "%.*s-%s.scope", m, prefix, name) >=
			sizeof(u->name))
		return err_say(e, ENAMETOOLONG, PATH ": longer than names of units are");
	if (n)
		snprintf(u->slice, sizeof(u->slice), "%.*s%s", n, path,
			n == 1 && *path == '-' ? ".slice" : "");
	return 0;
}

int unit_parse(
	const char *cgroups_path, const char *id, bool of_user, struct unit *ret, struct err *e)
{
	struct unit u = { .of_user = of_user };
	bool named = cgroups_path && *cgroups_path;
	int r = 0;

	snprintf(u.slice, sizeof(u.slice), "%s", of_user ? "user.slice" : "system.slice");
	if (named)
		r = parse_form(cgroups_path, &u, e);
	else
		snprintf(u.name, sizeof(u.name), "cowrun-%s.scope", id);
	if (r == 0)
		r = check_slice(u.slice, e);
	if (r == 0)
		r = check_name(u.name, "scope", named ? PATH : "the container's id", e);
	if (r == 0)
		*ret = u;
	return r;
}

char *unit_path(const struct unit *u)
{
	automatic(str) struct str path = { 0 };
	bool is_root = strcmp(u->slice, "-.slice") == 0;
	size_t stem = is_root ? 0 : strlen(u->slice) - strlen(".slice");

	for (size_t n = 1; n <= stem; n++)
		if (n == stem || u->slice[n] == '-')
			str_addf(&path, "/%.*s.slice", (int)n, u->slice);
	str_addf(&path, "/%s", u->name);
	return str_ok(&path) ? strdup(path.data) : NULL;
}

/* The part of a path that begins with that word: its end, and its length behind the word. */
static const char *part(const char *path, const char *word, size_t *ret)
{
	const char *at = strstr(path, word);

	if (!at)
		return NULL;
	at += strlen(word);
	*ret = strcspn(at, "/");
	return at + *ret;
}

char *unit_of_manager(const char *path)
{
	static const char manager[] = "/user@", slice[] = "/user-", end[] = ".slice";
	size_t n;
	const char *at = part(path, manager, &n);

	if (at)
		return strndup(path, (size_t)(at - path));
	at = part(path, slice, &n);
	if (!at || n < strlen(end) || strncmp(at - strlen(end), end, strlen(end)) != 0)
		return NULL;
	return str_format("%.*s%s%.*s.service", (int)(at - path), path, manager,
		(int)(n - strlen(end)), at - n);
}
