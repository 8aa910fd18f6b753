/* linux.intelRdt: a group of resctrl. */
#include "runtime/rdt.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "runtime/record.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define ROOT "/sys/fs/resctrl"
#define FILE_BYTES_MAX (1u << 20)

/* -ENOENT, and no text, where it is not mounted. */
static int open_root(void)
{
	struct statfs fs;
	autofd int fd = open(ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC ? take_fd(&fd)
										     : -ENOENT;
}

static int require_root(int *ret, struct err *e)
{
	*ret = open_root();
	return *ret >= 0 ? 0
			 : err_say(e, ENOTSUP,
				   "linux.intelRdt: no resctrl is mounted on '" ROOT
				   "' (hint: mount -t resctrl resctrl " ROOT
				   ", where CPU and kernel have it)");
}

static int open_directory(int at, const char *name)
{
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* An errno of resctrl tells little: the kernel keeps its reason beside. */
static int fail(int root, int code, const char *what, const char *name, struct err *e)
{
	autofree char *why = NULL;
	struct err ignored;
	size_t len;

	if (fd_read_file(root, "info/last_cmd_status", FILE_BYTES_MAX, &why, &len, &ignored) < 0)
		return err_set(e, code, "linux.intelRdt: %s '%s'", what, name);
	why[strcspn(why, "\n")] = '\0';
	if (strcmp(why, "ok") == 0)
		return err_set(e, code, "linux.intelRdt: %s '%s'", what, name);
	return err_say(e, code, "linux.intelRdt: %s '%s': %s (the kernel: %.200s)", what, name,
		err_reason(code), why);
}

/* --- schemata ---------------------------------------------------------------------------------- */

static const char *skip(const char *at, char c)
{
	while (*at == c)
		at++;
	return at;
}

/* "0=00f" and "0=F" mean the same: the kernel writes numbers in its own way, padded. */
static bool is_same(const char *a, size_t n_a, const char *b, size_t n_b)
{
	const char *eq_a = memchr(a, '=', n_a), *eq_b = memchr(b, '=', n_b);

	if (!eq_a || !eq_b || eq_a - a != eq_b - b || memcmp(a, b, (size_t)(eq_a - a)) != 0)
		return false;
	const char *end_a = a + n_a, *end_b = b + n_b;
	for (a = eq_a + 1; a < end_a - 1 && (*a == '0' || *a == ' ');)
		a++;
	for (b = eq_b + 1; b < end_b - 1 && (*b == '0' || *b == ' ');)
		b++;
	return end_a - a == end_b - b && strncasecmp(a, b, (size_t)(end_a - a)) == 0;
}

/* Of "0=f;1=f", up to the line's end. */
static bool has_part(const char *parts, const char *part, size_t n)
{
	while (*parts && *parts != '\n') {
		size_t len = strcspn(parts, ";\n");
		const char *own = skip(parts, ' ');
		if (is_same(own, len - (size_t)(own - parts), part, n))
			return true;
		parts += len;
		parts += *parts == ';';
	}
	return false;
}

bool rdt_has_schema(const char *schemata, const char *line)
{
	const char *at, *resource = skip(line, ' ');
	size_t n = strcspn(resource, ":");

	if (!resource[n])
		return false;
	/* The kernel pads the names on the left. */
	for (at = skip(schemata, ' '); *at; at = skip(at + (*at == '\n'), ' ')) {
		if (strncmp(at, resource, n + 1) == 0)
			break;
		at += strcspn(at, "\n");
	}
	if (!*at)
		return false;
	for (const char *part = resource + n + 1; *part; part += *part == ';') {
		size_t len;
		part = skip(part, ' ');
		len = strcspn(part, ";");
		if (len && !has_part(at + n + 1, part, len))
			return false;
		part += len;
	}
	return true;
}

/* config-linux.md#intelRdt: a group that others made is not changed by these two. */
static int check_schemata(
	int root, int group, const struct rdt_spec *spec, const char *name, struct err *e)
{
	const char *const asked[] = { spec->l3, spec->mb };
	autofree char *text = NULL;
	struct err ignored;
	size_t len;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		if (!asked[i] || !*asked[i])
			continue;
		int r = text ? 0
			     : fd_read_file(
				       group, "schemata", FILE_BYTES_MAX, &text, &len, &ignored);
		if (r < 0)
			return fail(root, -r, "read the schemata of group", name, e);
		if (!rdt_has_schema(text, asked[i]))
			return err_say(e, EEXIST,
				"linux.intelRdt.%s: group '%s' is there and differs from '%.200s'",
				i ? "memBwSchema" : "l3CacheSchema", name, asked[i]);
	}
	return 0;
}

static void add_line(struct str *to, const char *line)
{
	if (line && *line)
		str_addf(to, "%s\n", line);
}

/* In the specification's order, by one write(): a line of a later one wins. */
static int write_schemata(
	int root, int group, const struct rdt_spec *spec, const char *name, struct err *e)
{
	automatic(str) struct str text = { 0 };

	add_line(&text, spec->l3);
	add_line(&text, spec->mb);
	for (size_t i = 0; i < spec->n_schemata; i++)
		add_line(&text, spec->schemata[i]);
	if (text.failed)
		return err_set(e, ENOMEM, "write schemata");
	if (!text.len)
		return 0;
	autofd int fd = openat(group, "schemata", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_all(fd, text.data, text.len);
	return r < 0 ? fail(root, -r, "write the schemata of group", name, e) : 0;
}

/* --- made -------------------------------------------------------------------------------------- */

/* Made, after the record has its line. `made` NULL: it needs none. */
static int make_directory(
	struct rdt *rdt, int at, const char *name, const char *made, int journal, struct err *e)
{
	if (made) {
		int r = record_add(journal, "resctrl", "%s", e, made);
		if (r < 0)
			return r;
	}
	if (mkdirat(at, name, 0755) < 0)
		return fail(rdt->root, errno, "make the group", name, e);
	int fd = open_directory(at, name);
	return fd < 0 ? fail(rdt->root, -fd, "open the group", name, e) : fd;
}

static bool has_schemata(const struct rdt_spec *s)
{
	return (s->l3 && *s->l3) || (s->mb && *s->mb) || s->n_schemata;
}

static int make_group(
	struct rdt *rdt, const struct rdt_spec *spec, const char *id, int journal, struct err *e)
{
	bool named = rdt_has_clos(spec);
	const char *name = named ? spec->clos : id;
	int r = rdt->group = open_directory(rdt->root, *name == '/' ? "." : name);

	if (r >= 0) {
		r = check_schemata(rdt->root, rdt->group, spec, name, e);
		return r < 0 ? r : write_schemata(rdt->root, rdt->group, spec, name, e);
	}
	if (r != -ENOENT)
		return fail(rdt->root, -r, "open the group", name, e);
	if (named && !has_schemata(spec))
		return err_say(e, ENOENT,
			"linux.intelRdt.closID: there is no group '%s', and no schemata to make it with",
			name);
	char *made = named ? NULL : strdup(name);
	if (!named && !made)
		return err_set(e, ENOMEM, "name the group");
	r = rdt->group = make_directory(rdt, rdt->root, name, made, journal, e);
	if (r < 0) {
		free(made);
		return r;
	}
	rdt->made = made;
	r = write_schemata(rdt->root, rdt->group, spec, name, e);
	if (r < 0 && named)
		unlinkat(rdt->root, name, AT_REMOVEDIR);
	return r;
}

/* Removed with the container: by itself, or with the group that it is in. */
static int make_monitor(
	struct rdt *rdt, const struct rdt_spec *spec, const char *id, int journal, struct err *e)
{
	const char *group = !rdt_has_clos(spec) ? id : *spec->clos == '/' ? "." : spec->clos;
	autofd int all = open_directory(rdt->group, "mon_groups");
	autofree char *made = rdt->made ? NULL : str_format("%s/mon_groups/%s", group, id);

	if (all < 0)
		return fail(rdt->root, -all, "open 'mon_groups' of group", group, e);
	if (!rdt->made && !made)
		return err_set(e, ENOMEM, "name the group");
	int r = rdt->monitor = make_directory(rdt, all, id, made, journal, e);
	if (r >= 0 && made)
		rdt->made = take(made);
	return r < 0 ? r : 0;
}

int rdt_make_in(int root, const struct rdt_spec *spec, const char *id, int journal, struct rdt *ret,
	struct err *e)
{
	*ret = (struct rdt)RDT_NONE;
	ret->root = root;
	int r = make_group(ret, spec, id, journal, e);
	return r < 0 || !spec->monitoring ? r : make_monitor(ret, spec, id, journal, e);
}

int rdt_make(
	const struct rdt_spec *spec, const char *id, int journal, struct rdt *ret, struct err *e)
{
	int root;

	if (!spec)
		return 0;
	int r = require_root(&root, e);
	return r < 0 ? r : rdt_make_in(root, spec, id, journal, ret, e);
}

/* --- joined ------------------------------------------------------------------------------------ */

static int join(int root, int group, pid_t pid, struct err *e)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);
	autofd int fd = openat(group, "tasks", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_all(fd, text, (size_t)n);

	return r < 0 ? fail(root, -r, "put into a group process", text, e) : 0;
}

int rdt_join(const struct rdt *rdt, pid_t pid, struct err *e)
{
	if (rdt->root < 0)
		return 0;
	int r = join(rdt->root, rdt->group, pid, e);
	/* Into the group first: one that counts takes only who is in its own group already. */
	return r < 0 || rdt->monitor < 0 ? r : join(rdt->root, rdt->monitor, pid, e);
}

int rdt_join_of(const struct rdt_spec *spec, const char *id, pid_t pid, struct err *e)
{
	automatic(rdt) struct rdt rdt = RDT_NONE;

	if (!spec)
		return 0;
	const char *name = rdt_has_clos(spec) ? spec->clos : id;
	rdt.root = open_root();
	rdt.group = rdt.root < 0 ? -ENOENT : open_directory(rdt.root, *name == '/' ? "." : name);
	/* Taken away meanwhile: the container's processes are in the default group then, as this. */
	if (rdt.group == -ENOENT)
		return 0;
	if (rdt.group < 0)
		return fail(rdt.root, -rdt.group, "open the group", name, e);
	autofd int all = spec->monitoring ? open_directory(rdt.group, "mon_groups") : -1;
	if (all >= 0)
		rdt.monitor = open_directory(all, id);
	return rdt_join(&rdt, pid, e);
}

/* --- removed ----------------------------------------------------------------------------------- */

/* With a group the kernel removes the groups in it, and puts who is left into the default one. */
int rdt_remove_in(int root, const char *made, struct err *e)
{
	if (unlinkat(root, made, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return fail(root, errno, "remove the group", made, e);
	return 0;
}

int rdt_remove(const char *made, struct err *e)
{
	autofd int root = open_root();

	return root < 0 ? 0 : rdt_remove_in(root, made, e);
}

void rdt_done(struct rdt *rdt)
{
	own_close(&rdt->monitor);
	own_close(&rdt->group);
	own_close(&rdt->root);
	free(rdt->made);
	*rdt = (struct rdt)RDT_NONE;
}
