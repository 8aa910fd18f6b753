/*
 * Whether the document makes sense, and whether this runtime can do what it says.
 *
 * One list of named checks, in the document's order. Everything that is found here is found before
 * anything was made, so a check here is worth more than an errno later.
 */
#include "spec/validate.h"

#include <errno.h>
#include <limits.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/log.h"
#include "spec/mount_maps.h"
#include "spec/mounts.h"

enum {
	MOUNTS_MAX = 1000,
	HOST_NAME_BYTES = 64,
	HOOKS_MAX = 1000,
	HOOK_SECONDS_MAX = 2147483, /* 24 days: in milliseconds still an int, as poll() takes it */
};

int check_absolute(const char *path, const char *what, size_t index, struct err *e)
{
	if (path[0] != '/')
		return err_say(
			e, EINVAL, "%s[%zu]: '%.80s' is not an absolute path", what, index, path);
	if (strlen(path) >= PATH_MAX)
		return err_say(e, EINVAL, "%s[%zu]: '%.40s...' is longer than %d bytes", what,
			index, path, PATH_MAX - 1);
	return 0;
}

/* SemVer with major 1 (config.md#specification-version): minor versions only add. */
static int check_version(const struct spec *s, struct err *e)
{
	if (!str_starts(s->version, "1.") || s->version[2] < '0' || s->version[2] > '9')
		return err_say(e, EINVAL, "ociVersion: '%.40s' is not a version 1.x", s->version);
	return 0;
}

/* Whether the directory is there is seen when it is opened, once. */
static int check_root(const struct spec *s, struct err *e)
{
	if (!s->root)
		return err_say(e, EINVAL, "root: missing");
	if (!s->root->path || !*s->root->path)
		return err_say(e, EINVAL, "root.path: missing");
	return 0;
}

/*
 * LIMIT: config.md lets `create` go without a process, and `start` fail then. Nobody can start such
 * a container, so it is refused before it is one.
 */
static int check_process(const struct spec *s, struct err *e)
{
	if (!s->process)
		return err_say(e, EINVAL, "process: missing: nothing to run");
	return process_validate(s->process, "process", e);
}

/* Without a namespace of its own it would be the host that is renamed. */
static int check_uts_name(const struct spec *s, const char *key, const char *name, struct err *e)
{
	if (!name || !*name)
		return 0;
	if (strlen(name) > HOST_NAME_BYTES)
		return err_say(e, EINVAL, "%s: '%.16s...' is longer than %d bytes", key, name,
			HOST_NAME_BYTES);
	if (!spec_namespace(s, CLONE_NEWUTS))
		return err_say(
			e, EINVAL, "%s: set, but linux.namespaces has no uts namespace", key);
	return 0;
}

static int check_names(const struct spec *s, struct err *e)
{
	int r = check_uts_name(s, "hostname", s->hostname, e);

	return r < 0 ? r : check_uts_name(s, "domainname", s->domainname, e);
}

/* --- mounts -------------------------------------------------------------------------------------
 */

/* What kind of mount the words make; their flags are parsed where the mount is planned. */
static unsigned option_bits(const struct mount_spec *m)
{
	unsigned bits = 0;

	for (size_t i = 0; i < m->n_options; i++) {
		const struct mount_option *o = mount_option_find(m->options[i]);
		bits |= o ? o->bits : 0;
	}
	return bits;
}

/*
 * What may be put over the files of /proc: fakes of files that tell about the whole host, as lxcfs
 * makes them. Anything else below it would let an image choose where writes of the runtime or of
 * privileged programs go (CVE-2019-19921, CVE-2023-28642). The text is judged here; that a path
 * leads to /proc by symlinks is seen where it is opened.
 */
static const char *const proc_files[] = { "cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo",
	"stat", "swaps", "uptime", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled", NULL };

static int check_proc(const struct mount_spec *m, unsigned bits, size_t i, struct err *e)
{
	bool is_bind = bits & (MOUNT_BIND | MOUNT_RBIND);
	char path[PATH_MAX];

	mount_clean_path(m->destination, path);
	if (strcmp(path, "/proc") == 0) {
		if (is_bind ? str_equal(m->source, "/proc") : str_equal(m->type, "proc"))
			return 0;
		return err_say(
			e, EINVAL, "mounts[%zu].destination: '/proc' takes nothing but proc", i);
	}
	if (!str_starts(path, "/proc/"))
		return 0;
	for (const char *const *file = proc_files; *file; file++)
		if (strcmp(path + strlen("/proc/"), *file) == 0)
			return 0;
	return err_say(
		e, EINVAL, "mounts[%zu].destination: '%.80s' is inside /proc", i, m->destination);
}

/* A bind is what has the option, whatever its type says (config.md#mounts). */
static int check_mount_source(const struct mount_spec *m, unsigned bits, size_t i, struct err *e)
{
	if (bits & (MOUNT_BIND | MOUNT_RBIND)) {
		if (!m->source || !*m->source)
			return err_say(e, EINVAL, "mounts[%zu].source: missing", i);
		return 0;
	}
	if (!m->type || !*m->type)
		return err_say(e, EINVAL, "mounts[%zu].type: missing", i);
	if (str_equal(m->type, "bind") || str_equal(m->type, "none"))
		return err_say(e, EINVAL,
			"mounts[%zu].options: type '%s' needs the option 'bind' or 'rbind'", i,
			m->type);
	return 0;
}

static int check_maps(const struct spec *s, unsigned bits, size_t i, struct err *e)
{
	automatic(mount_maps) struct mount_maps maps = { 0 };
	char path[64];
	int r = mount_maps_read(s, i, &maps, e);

	if (r < 0 || maps.kind == MOUNT_MAPS_NONE)
		return r;
	if (!(bits & (MOUNT_BIND | MOUNT_RBIND)))
		return err_say(e, EINVAL,
			"mounts[%zu]: an id-mapped mount needs the option 'bind' or 'rbind'", i);
	snprintf(path, sizeof(path), "mounts[%zu].uidMappings", i);
	r = check_id_map(maps.uids, maps.n_uids, path, e);
	snprintf(path, sizeof(path), "mounts[%zu].gidMappings", i);
	return r < 0 ? r : check_id_map(maps.gids, maps.n_gids, path, e);
}

/* A relative destination was allowed once, and means below "/" (config.md#mounts). */
static int check_destination(const char *path, size_t i, struct err *e)
{
	if (!*path || strlen(path) >= PATH_MAX - 1)
		return err_say(e, EINVAL, "mounts[%zu].destination: %s", i,
			*path ? "longer than 4094 bytes" : "empty");
	if (path[0] != '/')
		log_warn("mounts[%zu].destination: '%.80s' is not an absolute path: taken as below "
			 "'/', which is deprecated",
			i, path);
	return 0;
}

static int check_mount(const struct spec *s, size_t i, struct err *e)
{
	const struct mount_spec *m = &s->mounts[i];
	unsigned bits = option_bits(m);
	int r = check_destination(m->destination, i, e);

	if (r == 0)
		r = check_maps(s, bits, i, e);
	if (r == 0)
		r = check_mount_source(m, bits, i, e);
	return r < 0 ? r : check_proc(m, bits, i, e);
}

static int check_mounts(const struct spec *s, struct err *e)
{
	if (s->n_mounts > MOUNTS_MAX)
		return err_say(e, EINVAL, "mounts: %zu entries, more than the %d allowed",
			s->n_mounts, MOUNTS_MAX);
	for (size_t i = 0; i < s->n_mounts; i++) {
		int r = check_mount(s, i, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- hooks --------------------------------------------------------------------------------------
 */

/* The files are looked at when they run: createRuntime hooks may install startContainer's. */
static int check_hook(const struct hook *h, const char *list, size_t i, struct err *e)
{
	if (h->path[0] != '/')
		return err_say(e, EINVAL, "hooks.%s[%zu].path: '%.80s' is not an absolute path",
			list, i, h->path);
	if (h->timeout.set && (h->timeout.value <= 0 || h->timeout.value > HOOK_SECONDS_MAX))
		return err_say(e, EINVAL, "hooks.%s[%zu].timeout: %lld is out of range (1 to %d)",
			list, i, (long long)h->timeout.value, HOOK_SECONDS_MAX);
	return 0;
}

static int check_hooks(const struct spec *s, struct err *e)
{
	const struct hooks *h = &s->hooks;
	const struct {
		const char *name;
		const struct hook *v;
		size_t n;
	} lists[] = {
		{ "prestart", h->prestart, h->n_prestart },
		{ "createRuntime", h->create_runtime, h->n_create_runtime },
		{ "createContainer", h->create_container, h->n_create_container },
		{ "startContainer", h->start_container, h->n_start_container },
		{ "poststart", h->poststart, h->n_poststart },
		{ "poststop", h->poststop, h->n_poststop },
	};

	for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
		if (lists[l].n > HOOKS_MAX)
			return err_say(e, EINVAL, "hooks.%s: %zu entries, more than the %d allowed",
				lists[l].name, lists[l].n, HOOKS_MAX);
		for (size_t i = 0; i < lists[l].n; i++) {
			int r = check_hook(&lists[l].v[i], lists[l].name, i, e);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* --- all ----------------------------------------------------------------------------------------
 */

static const struct check document_checks[] = {
	{ "version", check_version },
	{ "root", check_root },
	{ "process", check_process },
	{ "names", check_names },
	{ "mounts", check_mounts },
	{ "hooks", check_hooks },
	{ 0 },
};

static int run_checks(const struct check *checks, const struct spec *s, struct err *e)
{
	for (; checks->name; checks++) {
		int r = checks->run(s, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int spec_validate(const struct spec *s, struct err *e)
{
	int r = run_checks(document_checks, s, e);

	return r < 0 ? r : run_checks(linux_checks, s, e);
}
