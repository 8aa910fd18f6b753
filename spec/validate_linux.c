/* The checks of config.json's linux object. */
#include "spec/validate.h"

#include <errno.h>
#include <limits.h>
#include <linux/sched.h>
#include <net/if.h>
#include <string.h>

#include "spec/sysctl.h"

enum {
	ID_MAPS_MAX = 340,	   /* the kernel's UID_GID_MAP_MAX_EXTENTS (4.15) */
	MAJOR_MAX = 4095,	   /* 12 and 20 bits, as the kernel keeps device numbers */
	MINOR_MAX = 1048575,	   /* */
	FILE_MODE_MAX = 0177777,   /* engines leave the type's bits in it */
	SYSCTL_VALUE_BYTES = 4095, /* one page, less the '\0' */
	NANOSECONDS = 1000000000,
};

/* --- namespaces and id maps ---------------------------------------------------------------------
 */

/* CLONE_NEW* are bits, so what was seen is one word. */
static int check_namespaces(const struct spec *s, struct err *e)
{
	unsigned seen = 0;

	for (size_t i = 0; i < s->linux_.n_namespaces; i++) {
		const struct namespace_spec *ns = &s->linux_.namespaces[i];
		if (seen & (unsigned)ns->type)
			return err_say(e, EINVAL, "linux.namespaces[%zu]: '%s' is there twice", i,
				enum_name_of(namespace_names, ns->type));
		seen |= (unsigned)ns->type;
		if (namespace_is_joined(ns) && ns->path[0] != '/')
			return err_say(e, EINVAL,
				"linux.namespaces[%zu].path: '%.80s' is not an absolute path", i,
				ns->path);
	}
	return 0;
}

/* Sums in 64 bits: an id map may reach the last id. */
static bool overlap(uint32_t a, uint32_t b, uint32_t size_a, uint32_t size_b)
{
	return a < (uint64_t)b + size_b && b < (uint64_t)a + size_a;
}

/* The kernel would say EINVAL for all of these alike when the map is written. */
int check_id_map(const struct id_map *v, size_t n, const char *path, struct err *e)
{
	if (n > ID_MAPS_MAX)
		return err_say(e, EINVAL, "%s: %zu entries, more than the %d allowed", path, n,
			ID_MAPS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (v[i].size == 0)
			return err_say(e, EINVAL, "%s[%zu].size: 0 maps nothing", path, i);
		if ((uint64_t)v[i].inside + v[i].size > UINT32_MAX ||
			(uint64_t)v[i].outside + v[i].size > UINT32_MAX)
			return err_say(e, EINVAL, "%s[%zu]: goes beyond id 4294967294", path, i);
		for (size_t j = 0; j < i; j++)
			if (overlap(v[i].inside, v[j].inside, v[i].size, v[j].size) ||
				overlap(v[i].outside, v[j].outside, v[i].size, v[j].size))
				return err_say(
					e, EINVAL, "%s[%zu]: overlaps with [%zu]", path, i, j);
	}
	return 0;
}

static bool is_mapped(const struct id_map *v, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (id >= v[i].inside && id - v[i].inside < v[i].size)
			return true;
	return false;
}

/* setresuid() to an unmapped id is EINVAL, in the child, where it is harder to explain. */
static int check_mapped_user(const struct spec *s, struct err *e)
{
	const struct linux_spec *l = &s->linux_;
	const struct user_spec *u = &s->process->user;

	if (!is_mapped(l->uid_maps, l->n_uid_maps, u->uid))
		return err_say(e, EINVAL, "process.user.uid: %u is not mapped by linux.uidMappings",
			u->uid);
	if (!is_mapped(l->gid_maps, l->n_gid_maps, u->gid))
		return err_say(e, EINVAL, "process.user.gid: %u is not mapped by linux.gidMappings",
			u->gid);
	for (size_t i = 0; i < u->n_gids; i++)
		if (!is_mapped(l->gid_maps, l->n_gid_maps, u->gids[i]))
			return err_say(e, EINVAL,
				"process.user.additionalGids[%zu]: %u is not mapped by "
				"linux.gidMappings",
				i, u->gids[i]);
	return 0;
}

/* Who is in a new user namespace has no say in a mount namespace that is there: he cannot mount. */
static int check_mounter(const struct spec *s, struct err *e)
{
	const struct namespace_spec *mount = spec_namespace(s, CLONE_NEWNS);

	if (mount && !namespace_is_joined(mount))
		return 0;
	return err_say(e, EINVAL,
		"linux.namespaces: a new user namespace needs a new mount namespace too");
}

/* A joined namespace has its maps already: those of the document say nothing then. */
static int check_id_maps(const struct spec *s, struct err *e)
{
	const struct linux_spec *l = &s->linux_;
	const struct namespace_spec *user = spec_namespace(s, CLONE_NEWUSER);
	bool is_new = user && !namespace_is_joined(user);

	if (!user && (l->n_uid_maps || l->n_gid_maps))
		return err_say(e, EINVAL,
			"linux.%s: set, but linux.namespaces has no user namespace",
			l->n_uid_maps ? "uidMappings" : "gidMappings");
	if (is_new && (!l->n_uid_maps || !l->n_gid_maps))
		return err_say(e, EINVAL, "linux.%s: empty, but a new user namespace is asked for",
			l->n_uid_maps ? "gidMappings" : "uidMappings");
	int r = check_id_map(l->uid_maps, l->n_uid_maps, "linux.uidMappings", e);
	if (r == 0)
		r = check_id_map(l->gid_maps, l->n_gid_maps, "linux.gidMappings", e);
	if (r == 0 && is_new)
		r = check_mounter(s, e);
	return r < 0 || !is_new ? r : check_mapped_user(s, e);
}

/* --- clocks -------------------------------------------------------------------------------------
 */

static int check_time_offset(const struct time_offset *o, struct err *e)
{
	if (strcmp(o->clock, "monotonic") != 0 && strcmp(o->clock, "boottime") != 0)
		return err_say(e, EINVAL,
			"linux.timeOffsets: '%.40s' is no clock of a time namespace (known: "
			"monotonic, boottime)",
			o->clock);
	if (o->nanosecs >= NANOSECONDS)
		return err_say(e, EINVAL,
			"linux.timeOffsets.%s.nanosecs: %u is out of range (0 to %d)", o->clock,
			o->nanosecs, NANOSECONDS - 1);
	return 0;
}

/* The clocks of a namespace stand from its first process on: those of a joined one are set. */
static int check_time_offsets(const struct spec *s, struct err *e)
{
	const struct namespace_spec *ns = spec_namespace(s, CLONE_NEWTIME);
	int r = 0;

	if (s->linux_.n_time_offsets && (!ns || namespace_is_joined(ns)))
		return err_say(e, EINVAL, "linux.timeOffsets: set, but linux.namespaces has no %s",
			ns ? "new time namespace" : "time namespace");
	for (size_t i = 0; r == 0 && i < s->linux_.n_time_offsets; i++)
		r = check_time_offset(&s->linux_.time_offsets[i], e);
	return r;
}

/* --- devices ------------------------------------------------------------------------------------
 */

static int check_number(
	struct opt_i64 n, long long max, bool must, const char *key, size_t i, struct err *e)
{
	if (!n.set)
		return must ? err_say(e, EINVAL, "linux.devices[%zu].%s: missing", i, key) : 0;
	if (n.value < 0 || n.value > max)
		return err_say(e, EINVAL, "linux.devices[%zu].%s: %lld is out of range (0 to %lld)",
			i, key, (long long)n.value, max);
	return 0;
}

static int check_unsigned(
	struct opt_u64 n, unsigned long long max, const char *key, size_t i, struct err *e)
{
	if (n.set && n.value > max)
		return err_say(e, EINVAL, "linux.devices[%zu].%s: %llu is out of range (0 to %llu)",
			i, key, (unsigned long long)n.value, max);
	return 0;
}

static int check_device(const struct device_spec *d, size_t i, struct err *e)
{
	bool has_number = d->type != DEVICE_FIFO;

	if (d->path[0] != '/' || strlen(d->path) >= PATH_MAX)
		return err_say(e, EINVAL, "linux.devices[%zu].path: '%.80s' is not %s", i, d->path,
			d->path[0] == '/' ? "a path of at most 4095 bytes" : "an absolute path");
	int r = check_number(d->major, MAJOR_MAX, has_number, "major", i, e);
	if (r == 0)
		r = check_number(d->minor, MINOR_MAX, has_number, "minor", i, e);
	if (r == 0)
		r = check_unsigned(d->mode, FILE_MODE_MAX, "fileMode", i, e);
	if (r == 0)
		r = check_unsigned(d->uid, UINT32_MAX - 1, "uid", i, e);
	return r < 0 ? r : check_unsigned(d->gid, UINT32_MAX - 1, "gid", i, e);
}

static int check_devices(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->linux_.n_devices; i++) {
		int r = check_device(&s->linux_.devices[i], i, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- sysctl -------------------------------------------------------------------------------------
 */

/* A newline in a value has set any parameter of a host (CVE-2022-0811). */
static bool is_value(const char *value)
{
	for (const char *c = value; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return false;
	return strlen(value) <= SYSCTL_VALUE_BYTES;
}

static int check_parameter(const struct spec *s, const struct string_pair *p, struct err *e)
{
	char path[SYSCTL_PATH_MAX];

	if (!sysctl_path(p->key, path))
		return err_say(
			e, EINVAL, "linux.sysctl['%.80s']: not a kernel parameter's name", p->key);
	if (!is_value(p->value))
		return err_say(e, EINVAL,
			"linux.sysctl['%s']: the value holds control characters or is too long",
			p->key);
	int type = sysctl_namespace(path);
	if (!type)
		return err_say(e, EINVAL,
			"linux.sysctl['%s']: belongs to no namespace, but to the "
			"whole host",
			p->key);
	if (!spec_namespace(s, type))
		return err_say(e, EINVAL,
			"linux.sysctl['%s']: needs the namespace '%s', which linux.namespaces does not list",
			p->key, enum_name_of(namespace_names, type));
	/* Two sources for one name: which is written last would decide. */
	if ((strcmp(path, "kernel/hostname") == 0 && s->hostname) ||
		(strcmp(path, "kernel/domainname") == 0 && s->domainname))
		return err_say(e, EINVAL, "linux.sysctl['%s']: conflicts with '%s'", p->key,
			path + strlen("kernel/"));
	return 0;
}

static int check_sysctl(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->linux_.n_sysctl; i++) {
		int r = check_parameter(s, &s->linux_.sysctl[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- paths --------------------------------------------------------------------------------------
 */

/* Also systemd's form, "slice:prefix:name", which has no slashes. */
static int check_cgroups_path(const struct spec *s, struct err *e)
{
	const char *path = s->linux_.cgroups_path;

	if (!path)
		return 0;
	if (strlen(path) >= PATH_MAX)
		return err_say(e, EINVAL, "linux.cgroupsPath: longer than %d bytes", PATH_MAX - 1);
	for (const char *at = path + strspn(path, "/"); *at; at += *at == '/') {
		size_t n = strcspn(at, "/");
		if (n == 0 || n > NAME_MAX ||
			(at[0] == '.' && (n == 1 || (n == 2 && at[1] == '.'))))
			return err_say(e, EINVAL,
				"linux.cgroupsPath: '%.80s' has a component that is empty, '.', "
				"'..' or too long",
				path);
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
				return err_say(e, EINVAL,
					"linux.cgroupsPath: '%.80s' has control characters", path);
		at += n;
	}
	return 0;
}

/* That a path does not exist is no error here: it is not masked then (peers do the same). */
static int check_path_list(char *const *v, size_t n, const char *what, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int r = check_absolute(v[i], what, i, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_hidden_paths(const struct spec *s, struct err *e)
{
	const struct linux_spec *l = &s->linux_;
	int r = check_path_list(l->masked_paths, l->n_masked_paths, "linux.maskedPaths", e);

	return r < 0 ? r
		     : check_path_list(
			       l->readonly_paths, l->n_readonly_paths, "linux.readonlyPaths", e);
}

static int check_propagation(const struct spec *s, struct err *e)
{
	static const char *const known[] = { "shared", "slave", "private", "unbindable" };
	const char *word = s->linux_.rootfs_propagation;

	if (!word || !*word)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(word + (word[0] == 'r'), known[i]) == 0)
			return 0;
	return err_say(e, EINVAL,
		"linux.rootfsPropagation: '%.40s' is unknown (known: shared, slave, private, "
		"unbindable, and these with an r before them)",
		word);
}

/* As the kernel has it (dev_valid_name()), but for '%': there it means "the next free number". */
static bool is_device_name(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && !strpbrk(name, "/:% \t\n\v\f\r");
}

static int check_net_devices(const struct spec *s, struct err *e)
{
	const struct linux_spec *l = &s->linux_;

	if (l->n_net_devices && !spec_namespace(s, CLONE_NEWNET))
		return err_say(e, EINVAL,
			"linux.netDevices: set, but linux.namespaces has no network namespace");
	for (size_t i = 0; i < l->n_net_devices; i++) {
		const struct net_device *d = &l->net_devices[i];
		const char *name = d->name && *d->name ? d->name : d->host;
		if (!is_device_name(d->host) || !is_device_name(name))
			return err_say(e, EINVAL,
				"linux.netDevices: '%.40s' is no name of a network device",
				is_device_name(d->host) ? name : d->host);
		for (size_t j = 0; j < i; j++) {
			const struct net_device *o = &l->net_devices[j];
			if (strcmp(name, o->name && *o->name ? o->name : o->host) == 0)
				return err_say(e, EINVAL,
					"linux.netDevices.%s: '%s' is there as a name twice",
					d->host, name);
		}
	}
	return 0;
}

/* --- all ----------------------------------------------------------------------------------------
 */

static int check_resources(const struct spec *s, struct err *e)
{
	return resources_validate(&s->linux_.resources, "linux.resources", e);
}

const struct check linux_checks[] = {
	{ "namespaces", check_namespaces },
	{ "id maps", check_id_maps },
	{ "devices", check_devices },
	{ "resources", check_resources },
	{ "sysctl", check_sysctl },
	{ "cgroupsPath", check_cgroups_path },
	{ "hidden paths", check_hidden_paths },
	{ "propagation", check_propagation },
	{ "time offsets", check_time_offsets },
	{ "personality", check_personality },
	{ "network devices", check_net_devices },
	{ "memory policy", check_memory_policy },
	{ "resctrl", check_rdt },
	{ 0 },
};
