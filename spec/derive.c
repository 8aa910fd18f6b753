/* From an image config and options to a config.json. */
#include "spec/derive.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "spec/profile.h"
#include "spec/seccomp_profile.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
	NOFILE_SOFT = 1024,   /* what select() can take */
	NOFILE_HARD = 524288, /* more costs programs that close every fd they might have */
	UMASK = 0022,
};

/* --- what runs ----------------------------------------------------------------------------------
 */

/* image-spec conversion.md: entrypoint and command, each replaced as docker replaces it. */
static int fill_args(const struct image_config *image, const struct derive_options *o,
	struct process_spec *p, struct err *e)
{
	const struct image_process *c = &image->config;
	const char *const *head = (const char *const *)c->entrypoint;
	const char *const *tail = (const char *const *)c->cmd;
	size_t n_head = c->n_entrypoint, n_tail = c->n_cmd;

	if (o->entrypoint) {
		head = &o->entrypoint;
		n_head = *o->entrypoint ? 1 : 0;
		n_tail = 0; /* the image's command was made for the image's entrypoint */
	}
	if (o->n_args) {
		tail = o->args;
		n_tail = o->n_args;
	}
	if (n_head + n_tail == 0)
		return err_say(e, EINVAL,
			"nothing to run: the image names no command, and none was given");
	autofree const char **all = calloc(n_head + n_tail, sizeof(*all));
	if (!all)
		return err_set(e, ENOMEM, "derive the command");
	for (size_t i = 0; i < n_head + n_tail; i++)
		all[i] = i < n_head ? head[i] : tail[i - n_head];
	if (profile_copy(all, n_head + n_tail, &p->args, &p->n_args) < 0)
		return err_set(e, ENOMEM, "derive the command");
	return 0;
}

/* Names before values: "PATH=" for "PATH=/bin". */
static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && (b[n] == '=' || b[n] == '\0');
}

/* A growing borrowed list: what is set later takes the place of what had its name. */
struct environment {
	const char **v;
	size_t n;
};

static void set_env(struct environment *env, const char *entry, bool replace)
{
	for (size_t i = 0; i < env->n; i++)
		if (same_name(entry, env->v[i])) {
			if (replace)
				env->v[i] = entry;
			return;
		}
	env->v[env->n++] = entry;
}

/* The directory in front of those that are there. */
static char *add_python_path(const struct environment *env, const char *directory)
{
	static const char name[] = "PYTHONPATH=";

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, strlen(name)) == 0 && env->v[i][strlen(name)])
			return str_format("%s%s:%s", name, directory, env->v[i] + strlen(name));
	return str_format("%s%s", name, directory);
}

/* Nothing of the host's own environment: what the image has, what was asked for, then defaults. */
static int fill_env(const struct image_config *image, const struct derive_options *o,
	struct process_spec *p, struct err *e)
{
	const struct image_process *c = &image->config;
	const char *home = o->user && o->user->home ? o->user->home : o->user ? "/" : "/root";
	autofree char *home_entry = str_format("HOME=%s", home);
	autofree char *host_entry = str_format("HOSTNAME=%s", o->hostname ? o->hostname : "");
	struct environment env = { 0 };

	autofree const char **v = calloc(c->n_env + o->n_env + 5, sizeof(*v));
	if (!v || !home_entry || !host_entry)
		return err_set(e, ENOMEM, "derive the environment");
	env.v = v;
	for (size_t i = 0; i < c->n_env; i++)
		set_env(&env, c->env[i], true);
	for (size_t i = 0; i < o->n_env; i++)
		set_env(&env, o->env[i], true);
	set_env(&env, "PATH=" DEFAULT_PATH, false);
	set_env(&env, home_entry, false);
	if (o->hostname)
		set_env(&env, host_entry, false);
	if (o->terminal)
		set_env(&env, DERIVE_TERM, false);
	autofree char *python_path = o->python_path ? add_python_path(&env, o->python_path) : NULL;
	if (o->python_path && !python_path)
		return err_set(e, ENOMEM, "derive the environment");
	if (python_path)
		set_env(&env, python_path, true);
	if (profile_copy(env.v, env.n, &p->env, &p->n_env) < 0)
		return err_set(e, ENOMEM, "derive the environment");
	return 0;
}

/* --- as whom ------------------------------------------------------------------------------------
 */

static bool has_one_group(const struct derive_options *o)
{
	return o->n_gids == 1 && o->gids[0].size == 1;
}

static int fill_user(const struct derive_options *o, struct user_spec *u)
{
	u->umask = (struct opt_u64){ true, UMASK };
	if (!o->user)
		return 0;
	u->uid = o->user->uid;
	u->gid = o->user->gid;
	u->gids = calloc(o->user->n_gids + 1, sizeof(*u->gids));
	if (!u->gids)
		return -ENOMEM;
	for (size_t i = 0; i < o->user->n_gids && !has_one_group(o); i++)
		u->gids[u->n_gids++] = o->user->gids[i];
	return 0;
}

/* Another user than root has none to begin with; the bounding set is what setuid programs get. */
static int fill_capabilities(struct process_spec *p)
{
	struct capability_spec *c = calloc(1, sizeof(*c));
	size_t n = 0;

	p->capabilities = c;
	if (!c)
		return -ENOMEM;
	while (profile_capabilities[n])
		n++;
	int r = profile_copy(profile_capabilities, n, &c->bounding, &c->n_bounding);
	if (r < 0 || p->user.uid != 0)
		return r;
	r = profile_copy(profile_capabilities, n, &c->effective, &c->n_effective);
	return r < 0 ? r : profile_copy(profile_capabilities, n, &c->permitted, &c->n_permitted);
}

static void set_rlimit(struct process_spec *p, struct rlimit_spec limit)
{
	size_t i = 0;

	while (i < p->n_rlimits && p->rlimits[i].type != limit.type)
		i++;
	p->rlimits[i] = limit;
	if (i == p->n_rlimits)
		p->n_rlimits++;
}

/* Never above the host's hard limit, unless asked for: raising that takes CAP_SYS_RESOURCE. */
static int fill_rlimits(const struct derive_options *o, struct process_spec *p)
{
	uint64_t hard = o->nofile_hard < NOFILE_HARD ? o->nofile_hard : NOFILE_HARD;

	p->rlimits = calloc(o->n_rlimits + 2, sizeof(*p->rlimits));
	if (!p->rlimits)
		return -ENOMEM;
	/* A template's forks may be meant to have more: without CAP_SYS_RESOURCE there is no way up. */
	if (o->nofile_hard && !o->template) {
		uint64_t soft = hard < NOFILE_SOFT ? hard : NOFILE_SOFT;
		set_rlimit(p, (struct rlimit_spec){ RLIMIT_NOFILE + 1, soft, hard });
		set_rlimit(p, (struct rlimit_spec){ RLIMIT_CORE + 1, 0, 0 });
	}
	for (size_t i = 0; i < o->n_rlimits; i++)
		set_rlimit(p, o->rlimits[i]);
	return 0;
}

static int fill_process(const struct image_config *image, const struct derive_options *o,
	struct process_spec *p, struct err *e)
{
	const char *cwd = o->workdir ? o->workdir : image->config.working_dir;

	int r = fill_args(image, o, p, e);
	if (r == 0)
		r = fill_env(image, o, p, e);
	if (r < 0)
		return r;
	p->cwd = strdup(cwd && *cwd ? cwd : "/");
	p->no_new_privileges = !o->allow_new_privileges && !o->template;
	p->oom_score_adj = o->oom_score_adj;
	p->terminal = o->terminal;
	if (!p->cwd || fill_user(o, &p->user) < 0 || fill_capabilities(p) < 0 ||
		fill_rlimits(o, p) < 0)
		return err_set(e, ENOMEM, "derive the process");
	return 0;
}

/* --- what it sees and may use -------------------------------------------------------------------
 */

static int copy_mount(const struct mount_spec *from, struct mount_spec *to)
{
	to->destination = strdup(from->destination);
	to->type = strdup(from->type ? from->type : "");
	to->source = strdup(from->source ? from->source : "");
	if (!to->destination || !to->type || !to->source)
		return -ENOMEM;
	return profile_copy(
		(const char *const *)from->options, from->n_options, &to->options, &to->n_options);
}

/* In the place of the profile's. */
static int size_shm(const struct derive_options *o, struct spec *s)
{
	for (size_t i = 0; o->shm_size.set && i < s->n_mounts; i++) {
		struct mount_spec *m = &s->mounts[i];
		for (size_t j = 0; str_equal(m->destination, "/dev/shm") && j < m->n_options; j++)
			if (str_starts(m->options[j], "size=")) {
				free(m->options[j]);
				m->options[j] = str_format("size=%" PRId64, o->shm_size.value);
				return m->options[j] ? 0 : -ENOMEM;
			}
	}
	return 0;
}

/* Behind the profile's mounts, so that a volume may lie below /dev or /sys. */
static int add_mounts(const struct mount_spec *from, size_t n, struct spec *s)
{
	if (!n)
		return 0;
	struct mount_spec *v = realloc(s->mounts, (s->n_mounts + n) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	memset(v + s->n_mounts, 0, n * sizeof(*v));
	s->mounts = v;
	for (size_t i = 0; i < n; i++) {
		int r = copy_mount(&from[i], &v[s->n_mounts++]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Before the volumes: one of them may be the user's own. Not to be written to, as it lies in memory. */
static int add_resolver(const struct derive_options *o, struct spec *s)
{
	char *options[] = { (char *)"bind", (char *)"rprivate", (char *)"ro", (char *)"nosuid",
		(char *)"nodev", (char *)"noexec" };
	const struct mount_spec m = { .destination = (char *)"/etc/resolv.conf",
		.type = (char *)"bind",
		.source = (char *)o->resolver,
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]) };

	return o->resolver ? add_mounts(&m, 1, s) : 0;
}

/* NULL stays NULL. */
static int copy_text(const char *from, char **ret)
{
	if (from && !(*ret = strdup(from)))
		return -ENOMEM;
	return 0;
}

/* Nothing beyond what every container gets (cgroup/devices.h), and what was asked for. */
static int fill_device_rules(const struct derive_options *o, struct resources *r)
{
	r->devices = calloc(o->n_devices + 1, sizeof(*r->devices));
	if (!r->devices || copy_text("rwm", &r->devices[r->n_devices++].access) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_devices; i++) {
		const struct device_spec *node = &o->devices[i].node;
		struct device_rule *rule = &r->devices[r->n_devices++];
		rule->allow = true;
		rule->major = node->major;
		rule->minor = node->minor;
		if (copy_text(node->type == DEVICE_BLOCK ? "b" : "c", &rule->type) < 0 ||
			copy_text(o->devices[i].access, &rule->access) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int fill_devices(const struct derive_options *o, struct linux_spec *l)
{
	if (!o->n_devices)
		return 0;
	l->devices = calloc(o->n_devices, sizeof(*l->devices));
	if (!l->devices)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_devices; i++) {
		struct device_spec *node = &l->devices[l->n_devices++];
		*node = o->devices[i].node;
		node->path = NULL;
		if (copy_text(o->devices[i].node.path, &node->path) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Absent wishes stay absent: no limit, no controller needed. */
static int fill_resources(const struct derive_options *o, struct resources *r)
{
	r->memory = o->limits.memory;
	if (!r->memory.swap.set)
		r->memory.swap = r->memory.limit;
	r->block_io.weight = o->limits.block_io.weight;
	r->cpu = o->limits.cpu;
	r->cpu.cpus = r->cpu.mems = NULL;
	r->pids = o->limits.pids;
	if (r->pids.limit.set && !r->pids.limit.value)
		r->pids.limit.value = -1; /* what docker and podman take it for */
	if (!r->pids.limit.set && o->has_pids_controller)
		r->pids.limit = (struct opt_i64){ true, DERIVE_PIDS_LIMIT };
	if (copy_text(o->limits.cpu.cpus, &r->cpu.cpus) < 0 ||
		copy_text(o->limits.cpu.mems, &r->cpu.mems) < 0)
		return -ENOMEM;
	return fill_device_rules(o, r);
}

static int add_annotation(struct spec *s, const char *key, const char *value)
{
	struct string_pair *pair = &s->annotations[s->n_annotations++];

	pair->key = strdup(key);
	pair->value = strdup(value);
	return pair->key && pair->value ? 0 : -ENOMEM;
}

/* Of the image only how it wants to be stopped, which `stop` asks for; labels stay with it. */
static int fill_annotations(
	const struct image_config *image, const struct derive_options *o, struct spec *s)
{
	const char *signal = image->config.stop_signal;
	bool has_signal = signal && *signal;
	int r = 0;

	if (o->n_annotations + has_signal == 0)
		return 0;
	s->annotations = calloc(o->n_annotations + 1, sizeof(*s->annotations));
	if (!s->annotations)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < o->n_annotations; i++) {
		has_signal &= strcmp(o->annotations[i].key, DERIVE_STOP_SIGNAL) != 0;
		r = add_annotation(s, o->annotations[i].key, o->annotations[i].value);
	}
	return r == 0 && has_signal ? add_annotation(s, DERIVE_STOP_SIGNAL, signal) : r;
}

/* A row of the kernel's may not go over the end of one of the namespace above: so by the same rows. */
static int fill_map(
	const struct id_map *rows, size_t n, bool of_host, struct id_map **ret, size_t *ret_n)
{
	*ret = calloc(n, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	*ret_n = n;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = (struct id_map){ rows[i].inside,
			of_host ? rows[i].outside : rows[i].inside, rows[i].size };
	return 0;
}

static int fill_maps(const struct derive_options *o, struct linux_spec *l)
{
	if (!o->n_uids)
		return 0;
	int r = fill_map(o->uids, o->n_uids, o->ids_of_host, &l->uid_maps, &l->n_uid_maps);
	return r < 0 ? r
		     : fill_map(o->gids, o->n_gids, o->ids_of_host, &l->gid_maps, &l->n_gid_maps);
}

static int fill_rest(
	const struct image_config *image, const struct derive_options *o, struct spec *s)
{
	const struct profile profile = { .host_network = o->network == DERIVE_NETWORK_HOST,
		.network = o->network == DERIVE_NETWORK_JOINED ? o->network_path : NULL,
		.user_namespace = o->n_uids,
		.template = o->template,
		.one_id = has_one_group(o) };

	s->root->readonly = o->read_only;
	if (fill_resources(o, &s->linux_.resources) < 0 || fill_devices(o, &s->linux_) < 0 ||
		copy_text(SPEC_VERSION, &s->version) < 0 ||
		copy_text(o->hostname, &s->hostname) < 0 ||
		copy_text(o->rootfs ? o->rootfs : "rootfs", &s->root->path) < 0 ||
		copy_text(o->cgroups_path, &s->linux_.cgroups_path) < 0 ||
		profile_fill(&profile, s) < 0 || fill_maps(o, &s->linux_) < 0 ||
		size_shm(o, s) < 0 || add_resolver(o, s) < 0 ||
		add_mounts(o->volumes, o->n_volumes, s) < 0)
		return -ENOMEM;
	return fill_annotations(image, o, s);
}

static int fill_seccomp(const struct derive_options *o, struct spec *s, struct err *e)
{
	const struct capability_spec *caps = s->process->capabilities;

	if (o->no_seccomp || o->template)
		return 0;
	if (o->seccomp)
		return seccomp_profile_resolve(
			o->seccomp_file, o->seccomp, caps, &s->linux_.seccomp, e);
	return profile_seccomp(caps, &s->linux_.seccomp) < 0
		       ? err_set(e, ENOMEM, "derive the container")
		       : 0;
}

int derive_spec(const struct image_config *image, const struct derive_options *options,
	struct spec *ret, struct err *e)
{
	automatic(spec) struct spec s = { 0 };

	if (!str_equal(image->os, "linux"))
		return err_say(e, ENOEXEC, "the image is for '%.40s', not for linux",
			image->os ? image->os : "");
	s.root = calloc(1, sizeof(*s.root));
	s.process = calloc(1, sizeof(*s.process));
	if (!s.root || !s.process)
		return err_set(e, ENOMEM, "derive the container");
	int r = fill_process(image, options, s.process, e);
	if (r < 0)
		return r;
	if (fill_rest(image, options, &s) < 0)
		return err_set(e, ENOMEM, "derive the container");
	r = fill_seccomp(options, &s, e);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct spec){ 0 };
	return 0;
}
