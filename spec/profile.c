/* The default profile, as tables. */
#include "spec/profile.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "spec/base/own.h"

enum { NOFILE = 1024 };

const char *const profile_capabilities[] = { "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER",
	"CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID",
	"CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT", NULL };

/*
 * Files that tell about the host or its other users. The second group is ours and not the other
 * engines': the page tables of the host, and what debugs its kernel.
 */
static const char *const masked_paths[] = { "/proc/acpi", "/proc/interrupts", "/proc/kcore",
	"/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
	"/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux",
	/* ours */
	"/proc/kpagecgroup", "/proc/kpagecount", "/proc/kpageflags", "/proc/vmcore", "/sys/fs/bpf",
	"/sys/kernel/debug", "/sys/kernel/mm/ksm", "/sys/kernel/mm/page_idle",
	"/sys/kernel/security", "/sys/kernel/slab", "/sys/kernel/tracing", NULL };

static const char *const readonly_paths[] = { "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq",
	"/proc/sys", "/proc/sysrq-trigger", NULL };

struct profile_mount {
	const char *destination, *type, *source;
	const char *options[8];
};

/* clang-format off */
static const struct profile_mount mounts[] = {
	{ "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "noexec", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts", "devpts", "devpts",
		{ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};
/* clang-format on */

enum { N_MOUNTS = sizeof(mounts) / sizeof(mounts[0]) };

static size_t length(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

int profile_copy(const char *const *from, size_t n, char ***ret, size_t *ret_n)
{
	*ret_n = 0;
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (; *ret_n < n; ++*ret_n)
		if (!((*ret)[*ret_n] = strdup(from[*ret_n])))
			return -ENOMEM;
	return 0;
}

static int fill_mount(
	const struct profile_mount *from, const struct profile *profile, struct mount_spec *m)
{
	size_t n = length(from->options);

	/* A user namespace of one id has no group 5, and devpts would refuse it. */
	if (profile->one_id && str_starts(from->options[n - 1], "gid="))
		n--;
	m->destination = strdup(from->destination);
	m->type = strdup(from->type);
	m->source = strdup(from->source);
	if (!m->destination || !m->type || !m->source)
		return -ENOMEM;
	return profile_copy(from->options, n, &m->options, &m->n_options);
}

static int fill_mounts(const struct profile *profile, struct spec *s)
{
	s->mounts = calloc(N_MOUNTS, sizeof(*s->mounts));
	if (!s->mounts)
		return -ENOMEM;
	for (size_t i = 0; i < N_MOUNTS; i++) {
		if (profile->template && strcmp(mounts[i].type, "cgroup") == 0)
			continue;
		int r = fill_mount(&mounts[i], profile, &s->mounts[s->n_mounts++]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_namespaces(const struct profile *profile, struct linux_spec *l)
{
	const int types[] = {
		profile->template ? 0 : CLONE_NEWPID,
		CLONE_NEWNS,
		CLONE_NEWIPC,
		CLONE_NEWUTS,
		profile->template ? 0 : CLONE_NEWCGROUP,
		profile->host_network ? 0 : CLONE_NEWNET,
		profile->user_namespace ? CLONE_NEWUSER : 0,
	};

	l->namespaces = calloc(sizeof(types) / sizeof(types[0]), sizeof(*l->namespaces));
	if (!l->namespaces)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct namespace_spec *ns = &l->namespaces[l->n_namespaces];
		if (!types[i])
			continue;
		ns->type = types[i];
		l->n_namespaces++;
		if (types[i] == CLONE_NEWNET && profile->network &&
			!(ns->path = strdup(profile->network)))
			return -ENOMEM;
	}
	return 0;
}

/* Lets ping work without CAP_NET_RAW; harmless in a network namespace of the container's own. */
static int fill_sysctl(const struct profile *profile, struct linux_spec *l)
{
	if (profile->host_network || profile->network || profile->one_id)
		return 0;
	l->sysctl = calloc(1, sizeof(*l->sysctl));
	if (!l->sysctl)
		return -ENOMEM;
	l->n_sysctl = 1;
	l->sysctl[0].key = strdup("net.ipv4.ping_group_range");
	l->sysctl[0].value = strdup("0 0");
	return l->sysctl[0].key && l->sysctl[0].value ? 0 : -ENOMEM;
}

int profile_fill(const struct profile *profile, struct spec *s)
{
	struct linux_spec *l = &s->linux_;
	int r = fill_mounts(profile, s);

	if (r == 0)
		r = fill_namespaces(profile, l);
	if (r == 0)
		r = fill_sysctl(profile, l);
	if (r == 0)
		r = profile_copy(
			masked_paths, length(masked_paths), &l->masked_paths, &l->n_masked_paths);
	if (r == 0)
		r = profile_copy(readonly_paths, length(readonly_paths), &l->readonly_paths,
			&l->n_readonly_paths);
	return r;
}

/* --- the document of `cowrun spec` --------------------------------------------------------------
 */

static int fill_default_process(struct process_spec *p)
{
	static const char *const args[] = { "sh" };
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"
	};
	static const char *const caps[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE" };
	struct capability_spec *c = calloc(1, sizeof(*c));

	p->capabilities = c;
	p->rlimits = calloc(1, sizeof(*p->rlimits));
	p->cwd = strdup("/");
	if (!c || !p->rlimits || !p->cwd)
		return -ENOMEM;
	p->n_rlimits = 1;
	p->rlimits[0] = (struct rlimit_spec){ RLIMIT_NOFILE + 1, NOFILE, NOFILE };
	p->terminal = p->no_new_privileges = true;
	int r = profile_copy(args, 1, &p->args, &p->n_args);
	if (r == 0)
		r = profile_copy(env, 2, &p->env, &p->n_env);
	if (r == 0)
		r = profile_copy(caps, 3, &c->bounding, &c->n_bounding);
	if (r == 0)
		r = profile_copy(caps, 3, &c->effective, &c->n_effective);
	if (r == 0)
		r = profile_copy(caps, 3, &c->permitted, &c->n_permitted);
	return r;
}

/* The one id that an ordinary user may map without help: its own. */
static int fill_own_id(struct linux_spec *l)
{
	l->uid_maps = calloc(1, sizeof(*l->uid_maps));
	l->gid_maps = calloc(1, sizeof(*l->gid_maps));
	if (!l->uid_maps || !l->gid_maps)
		return -ENOMEM;
	l->n_uid_maps = l->n_gid_maps = 1;
	l->uid_maps[0] = (struct id_map){ .outside = geteuid(), .size = 1 };
	l->gid_maps[0] = (struct id_map){ .outside = getegid(), .size = 1 };
	return 0;
}

static int fill_default(bool rootless, struct spec *s)
{
	const struct profile profile = { .user_namespace = rootless, .one_id = rootless };

	s->version = strdup(SPEC_VERSION);
	s->hostname = strdup("cowrun");
	s->root = calloc(1, sizeof(*s->root));
	s->process = calloc(1, sizeof(*s->process));
	if (!s->version || !s->hostname || !s->root || !s->process)
		return -ENOMEM;
	s->root->readonly = true;
	s->root->path = strdup("rootfs");
	int r = s->root->path ? fill_default_process(s->process) : -ENOMEM;
	if (r == 0)
		r = profile_fill(&profile, s);
	return r == 0 && rootless ? fill_own_id(&s->linux_) : r;
}

int spec_default(bool rootless, struct spec *ret, struct err *e)
{
	automatic(spec) struct spec s = { 0 };

	if (fill_default(rootless, &s) < 0)
		return err_set(e, ENOMEM, "make the default document");
	*ret = s;
	s = (struct spec){ 0 };
	return 0;
}
