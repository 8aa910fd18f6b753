/*
 * What stands in the way of many containers: settings of this host, held against their number.
 *
 * Nothing is changed here. Each setting that is too low has the command that raises it. What a
 * container takes of each is that of `cow run -d`: a program, and its monitor.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cgroup/hierarchy.h"
#include "cmd/doctor.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

/* Of `sleep` in a Debian image, its monitor among it: page tables, stacks and slab included. */
#define MEMORY_EACH ((uint64_t)768 << 10)
/* Directories and files of a container in the store and the state root: a few more than there are. */
#define INODES_EACH 16
#define DISK_EACH ((uint64_t)64 << 10)

struct density {
	const struct places *places;
	struct findings *f;
	int system; /* the directory that /proc and /sys are below */
	uint64_t n; /* containers */
};

/* What of a setting is in use already. */
typedef uint64_t density_used(const struct density *d);

/* The text of a small file without its last newline; the caller frees. NULL: it cannot be read. */
static char *read_setting(const struct density *d, const char *path)
{
	struct err e;
	char *text;
	size_t n;

	if (fd_read_file(d->system, path, 1 << 16, &text, &n, &e) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* "max" is more than anybody needs. False: it is not there, or no number. */
static bool read_number(const struct density *d, const char *path, uint64_t *ret)
{
	autofree char *text = read_setting(d, path);

	if (text && str_equal(text, "max")) {
		*ret = UINT64_MAX;
		return true;
	}
	if (text)
		text[strcspn(text, "\t ")] = '\0';
	return text && str_to_u64(text, UINT64_MAX, ret);
}

/* All tasks, the second number of the fourth field of "5.20 2.75 1.25 6/131 22003". */
static uint64_t used_tasks(const struct density *d)
{
	autofree char *text = read_setting(d, "proc/loadavg");
	const char *slash = text ? strchr(text, '/') : NULL;

	return slash ? strtoull(slash + 1, NULL, 10) : 0;
}

/* Root's keys: the fourth number of "    0:     9 8/8 3/1000000 40/25000000". */
static uint64_t used_keys(const struct density *d)
{
	autofree char *text = read_setting(d, "proc/key-users");
	uint64_t keys = 0;

	if (text && sscanf(text, " 0: %*u %*u/%*u %" SCNu64, &keys) != 1)
		keys = 0;
	return keys;
}

static uint64_t used_files(const struct density *d)
{
	uint64_t n = 0;

	return read_number(d, "proc/sys/fs/file-nr", &n) ? n : 0;
}

static uint64_t used_none(const struct density *d)
{
	(void)d;
	return 0;
}

/* Numbers of sysctl that N containers need to be N times `each`, and what is in use. */
static const struct need {
	const char *name, *key; /* as sysctl(8) writes it */
	uint64_t each;
	density_used *used;
	const char *what;
} needs[] = {
	{ "processes", "kernel.pid_max", 2, used_tasks, "a program and its monitor each" },
	{ "threads", "kernel.threads-max", 2, used_tasks, "a program and its monitor each" },
	{ "open files", "fs.file-max", 16, used_files, "16 each, and what programs open" },
	{ "mount namespaces", "user.max_mnt_namespaces", 1, used_none, "one each" },
	{ "pid namespaces", "user.max_pid_namespaces", 1, used_none, "one each" },
	{ "ipc namespaces", "user.max_ipc_namespaces", 1, used_none, "one each" },
	{ "uts namespaces", "user.max_uts_namespaces", 1, used_none, "one each" },
	{ "cgroup namespaces", "user.max_cgroup_namespaces", 1, used_none, "one each" },
	{ "network namespaces", "user.max_net_namespaces", 1, used_none, "one each" },
	{ "keys", "kernel.keys.root_maxkeys", 1, used_keys, "a session keyring each" },
	{ "bytes of keys", "kernel.keys.root_maxbytes", 64, used_none, "a session keyring each" },
	{ "inotify", "fs.inotify.max_user_instances", 1, used_none,
		"one each for programs that watch files" },
	{ "terminals", "kernel.pty.max", 1, used_none, "one each with -t" },
};

static char *path_of_key(const char *key)
{
	char *path = str_format("proc/sys/%s", key);

	for (char *dot = path ? strchr(path, '.') : NULL; dot; dot = strchr(dot, '.'))
		*dot = '/';
	return path;
}

static void look_at_need(const struct density *d, const struct need *need)
{
	autofree char *path = path_of_key(need->key);
	uint64_t has, used = need->used(d), wanted = used + d->n * need->each;

	if (!path || !read_number(d, path, &has)) {
		findings_add(d->f, need->name, FINDING_OK, NULL, "%s is not told here", need->key);
		return;
	}
	autofree char *remedy = str_format("sysctl -w %s=%" PRIu64, need->key, wanted + wanted / 4);
	if (has < wanted)
		findings_add(d->f, need->name, FINDING_LACKS, remedy,
			"%s is %" PRIu64 ", and %" PRIu64 " are needed: %s", need->key, has, wanted,
			need->what);
	else
		findings_add(d->f, need->name, FINDING_OK, NULL,
			"%s is %" PRIu64 " (%" PRIu64 " needed)", need->key, has, wanted);
}

static void look_at_needs(const struct density *d)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		look_at_need(d, &needs[i]);
}

/* "32768	60999": ports that -p 0:80 takes; others are named by whoever starts the container. */
static void look_at_ports(const struct density *d)
{
	autofree char *text = read_setting(d, "proc/sys/net/ipv4/ip_local_port_range");
	unsigned first = 0, last = 0;

	if (!text || sscanf(text, "%u %u", &first, &last) != 2 || last < first)
		return;
	uint64_t ports = last - first + 1;
	if (ports < d->n)
		findings_add(d->f, "ports", FINDING_LACKS,
			"sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
			"%" PRIu64
			" are given out by the kernel: one each with -p, and one for each "
			"connection",
			ports);
	else
		findings_add(d->f, "ports", FINDING_OK, NULL,
			"%" PRIu64 " are given out by the kernel", ports);
}

/* Mounts are counted for each namespace: their number does not grow with the containers. */
static void look_at_mounts(const struct density *d)
{
	uint64_t has;

	if (!read_number(d, "proc/sys/fs/mount-max", &has))
		return;
	if (has < 1000)
		findings_add(d->f, "mounts", FINDING_LACKS, "sysctl -w fs.mount-max=100000",
			"fs.mount-max is %" PRIu64 ": few for one container with volumes", has);
	else
		findings_add(d->f, "mounts", FINDING_OK, NULL,
			"fs.mount-max is %" PRIu64 " in each namespace; none is made on the host",
			has);
}

/* Settings whose one value costs memory or fails: a word that the file must not hold. */
static const struct choice {
	const char *name, *path;
	const char *bad; /* how the text begins, or what it holds in brackets */
	const char *remedy, *why, *good;
} choices[] = {
	{ "huge pages", "sys/kernel/mm/transparent_hugepage/enabled", "[always]",
		"echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
		"every heap begins with 2 MiB: more private memory for small programs",
		"only programs that ask for them" },
	{ "overcommit", "proc/sys/vm/overcommit_memory", "2", "sysctl -w vm.overcommit_memory=0",
		"what forks might write counts as written (CommitLimit)",
		"memory that is not written counts nothing" },
};

static void look_at_choice(const struct density *d, const struct choice *c)
{
	autofree char *text = read_setting(d, c->path);

	if (!text)
		return;
	if (*c->bad == '[' ? strstr(text, c->bad) != NULL : str_equal(text, c->bad))
		findings_add(d->f, c->name, FINDING_LACKS, c->remedy, "%s: %s", text, c->why);
	else
		findings_add(d->f, c->name, FINDING_OK, NULL, "%s: %s", text, c->good);
}

/* Sizes below 2 MiB have a setting each (6.8). */
static void look_at_sizes(const struct density *d)
{
	automatic(str) struct str always = { 0 };

	for (unsigned kib = 8; kib <= 1024; kib *= 2) {
		autofree char *path = str_format(
			"sys/kernel/mm/transparent_hugepage/hugepages-%ukB/enabled", kib);
		autofree char *text = path ? read_setting(d, path) : NULL;
		if (text && strstr(text, "[always]"))
			str_addf(&always, "%s%u KiB", always.len ? ", " : "", kib);
	}
	if (always.len)
		findings_add(d->f, "larger pages", FINDING_LACKS,
			"echo madvise >/sys/kernel/mm/transparent_hugepage/hugepages-SIZE/enabled",
			"always for %s: a heap's first byte takes as much", always.data);
}

static void look_at_merging(const struct density *d)
{
	uint64_t run;

	if (!read_number(d, "sys/kernel/mm/ksm/run", &run))
		return;
	findings_add(d->f, "merging of pages", FINDING_OK, NULL,
		run ? "KSM is on: equal pages of programs that ask for it become one, for time of "
		      "a processor"
		    : "KSM is off: equal pages that are not of one file or one fork stay apart");
}

static bool has_swap(const struct density *d)
{
	struct err e;
	autofree char *text = NULL;
	size_t n;

	/* A line of heads, and one each. */
	return fd_read_file(d->system, "proc/swaps", 1 << 16, &text, &n, &e) == 0 &&
	       strchr(text, '\n') && strchr(text, '\n')[1];
}

static void look_at_swap(const struct density *d)
{
	uint64_t swappiness;

	if (!read_number(d, "proc/sys/vm/swappiness", &swappiness))
		return;
	if (has_swap(d))
		findings_add(d->f, "swap", FINDING_OK, NULL, "vm.swappiness is %" PRIu64 ": %s",
			swappiness,
			swappiness ? "what containers do not use goes there"
				   : "only when nothing else is left");
	else
		findings_add(d->f, "swap", FINDING_OK, NULL,
			"none (vm.swappiness %" PRIu64 " changes nothing): all is in memory",
			swappiness);
}

/* "MemAvailable:   23611868 kB" */
static void look_at_memory(const struct density *d)
{
	autofree char *text = NULL;
	uint64_t available;
	struct err e;
	size_t n;
	char has[16], wanted[16];

	if (fd_read_file(d->system, "proc/meminfo", 1 << 16, &text, &n, &e) < 0)
		return;
	const char *line = strstr(text, "MemAvailable:");
	if (!line || sscanf(line, "MemAvailable: %" SCNu64, &available) != 1)
		return;
	available <<= 10;
	findings_add(d->f, "memory", available < d->n * MEMORY_EACH ? FINDING_LACKS : FINDING_OK,
		available < d->n * MEMORY_EACH ? "more memory, or fewer containers" : NULL,
		"%s available; with nothing but sleep in each they take %s",
		str_human(available, has), str_human(d->n * MEMORY_EACH, wanted));
}

/* The hierarchy may be a part of a larger one: then its top has limits too. */
static void look_at_groups(const struct density *d)
{
	autofree char *hierarchy = NULL;
	automatic(str) struct str path = { 0 };
	uint64_t most = UINT64_MAX, depth = UINT64_MAX;

	if (hierarchy_path(&hierarchy) < 0)
		return;
	str_addf(&path, "%s/cgroup.max.descendants", hierarchy + 1);
	bool told = str_ok(&path) && read_number(d, path.data, &most);
	path.len = 0;
	str_addf(&path, "%s/cgroup.max.depth", hierarchy + 1);
	told |= str_ok(&path) && read_number(d, path.data, &depth);
	if (most < d->n || depth < 2) {
		autofree char *remedy = str_format("echo max >%s/cgroup.max.%s", hierarchy,
			depth < 2 ? "depth" : "descendants");
		findings_add(d->f, "groups", FINDING_LACKS, remedy,
			"at most %" PRIu64 " groups, %" PRIu64 " deep, below '%s'", most, depth,
			hierarchy);
	} else
		findings_add(d->f, "groups", FINDING_OK, NULL, "%s",
			told ? "one each, as many and as deep as wanted" : "one each");
}

/* Space and inodes; 0 of all inodes is a file system that makes them as they are needed. */
static void look_at_place(const struct density *d, const char *name, const char *path)
{
	automatic(str) struct str text = { 0 };
	struct statvfs fs;
	char size[16];

	doctor_describe(path, &text, &fs);
	uint64_t space = (uint64_t)fs.f_bavail * fs.f_frsize;
	bool lacks = space < d->n * DISK_EACH || (fs.f_files && fs.f_favail < d->n * INODES_EACH);
	if (!fs.f_frsize)
		return;
	if (fs.f_files)
		str_addf(&text, ", %" PRIu64 " inodes", (uint64_t)fs.f_favail);
	findings_add(d->f, name, lacks ? FINDING_LACKS : FINDING_OK, lacks ? "make room" : NULL,
		"%s: %s (%s and %" PRIu64 " inodes needed, and what they write)", path,
		text.data ? text.data : "", str_human(d->n * DISK_EACH, size), d->n * INODES_EACH);
}

void doctor_density(const struct places *p, uint64_t containers, struct findings *f)
{
	autofd int system = open(p->system ? p->system : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct density d = { p, f, system, containers };

	look_at_memory(&d);
	look_at_needs(&d);
	look_at_mounts(&d);
	look_at_ports(&d);
	look_at_groups(&d);
	look_at_place(&d, "store", p->store);
	look_at_place(&d, "state root", p->root);
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		look_at_choice(&d, &choices[i]);
	look_at_sizes(&d);
	look_at_merging(&d);
	look_at_swap(&d);
}
