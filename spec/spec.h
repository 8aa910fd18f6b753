/*
 * config.json as plain values (runtime-spec 1.3.0).
 *
 * A `struct spec` is a tree that one field table reads, writes and frees (spec_done). It says what
 * the document says and nothing more: defaults are applied, and sense is checked, in validate.c.
 * Absent strings and lists are NULL, absent numbers that differ from zero are opt_*.
 */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/json.h"
#include "spec/base/opt.h"
#include "spec/resources.h"

/* Values are RLIMIT_* + 1, so that 0 is none. */
extern const struct enum_name rlimit_names[];

struct rlimit_spec {
	int type; /* RLIMIT_* + 1 */
	uint64_t soft, hard;
};

struct capability_spec {
	char **bounding, **effective, **inheritable, **permitted, **ambient; /* "CAP_NET_RAW" */
	size_t n_bounding, n_effective, n_inheritable, n_permitted, n_ambient;
};

struct user_spec {
	uint32_t uid, gid;
	struct opt_u64 umask;
	uint32_t *gids; /* additionalGids */
	size_t n_gids;
};

struct scheduler_spec {
	int policy; /* SCHED_* + 1 */
	int32_t nice, priority;
	int *flags; /* SCHED_FLAG_* */
	size_t n_flags;
	uint64_t runtime, deadline, period; /* nanoseconds, of SCHED_DEADLINE */
};

struct io_priority_spec {
	int io_class; /* IOPRIO_CLASS_* */
	int32_t priority;
};

/* Lists of CPUs for processes of exec (number_list.h): ours until it is in the container's cgroup,
 * and its own from then on. */
struct cpu_affinity_spec {
	char *initial, *final;
};

struct console_size {
	uint32_t height, width; /* rows and columns */
};

struct process_spec {
	bool terminal;
	struct console_size console_size; /* 0: not given; means nothing without a terminal */
	char *cwd;
	char **args, **env;
	size_t n_args, n_env;
	struct user_spec user;
	struct rlimit_spec *rlimits;
	size_t n_rlimits;
	struct capability_spec *capabilities; /* NULL: none given, none kept */
	bool no_new_privileges;
	struct opt_i64 oom_score_adj;
	char *apparmor_profile, *selinux_label;
	/* NULL: as the runtime is scheduled */
	struct scheduler_spec *scheduler;
	struct io_priority_spec *io_priority;
	struct cpu_affinity_spec *cpu_affinity; /* of exec's */
};

struct root_spec {
	char *path;
	bool readonly;
};

struct id_map {
	uint32_t inside, outside, size; /* containerID, hostID, size */
};

struct mount_spec {
	char *destination, *type, *source;
	char **options;
	size_t n_options;
	struct id_map *uid_maps, *gid_maps;
	size_t n_uid_maps, n_gid_maps;
};

struct hook {
	char *path;
	char **args, **env;
	size_t n_args, n_env;
	struct opt_i64 timeout; /* seconds, above 0 */
};

struct hook_list {
	struct hook *v;
	size_t n;
};

struct hooks {
	struct hook *prestart, *create_runtime, *create_container, *start_container, *poststart,
		*poststop;
	size_t n_prestart, n_create_runtime, n_create_container, n_start_container, n_poststart,
		n_poststop;
};

/* Values are the CLONE_NEW* flags. */
extern const struct enum_name namespace_names[];

struct namespace_spec {
	int type;   /* CLONE_NEW* */
	char *path; /* NULL or empty: a new one */
};

bool namespace_is_joined(const struct namespace_spec *ns);

enum device_type { DEVICE_CHAR = 1, DEVICE_BLOCK, DEVICE_FIFO };

struct device_spec {
	char *path;
	int type; /* enum device_type; "u" is DEVICE_CHAR */
	struct opt_i64 major, minor;
	struct opt_u64 mode, uid, gid;
};

/* What is added to a clock of the new time namespace. */
struct time_offset {
	char *clock; /* "monotonic", "boottime" */
	struct opt_i64 secs;
	uint32_t nanosecs;
};

/* A network device of ours that the container gets. */
struct net_device {
	char *host; /* the key: its name out here */
	char *name; /* in the container; NULL or "": the same */
};

/* Names of its modes (values are MPOL_* + 1) and of its flags (MPOL_F_*). */
extern const struct enum_name memory_policy_modes[], memory_policy_flags[];

struct memory_policy_spec {
	char *mode, *nodes; /* nodes: a list (number_list.h) */
	char **flags;
	size_t n_flags;
};

enum { PERSONALITY_LINUX = 1, PERSONALITY_LINUX32 };

/* A group of resctrl: cache and memory bandwidth. enableCMT and enableMBM, which version 1.3.0 took
 * back, are unknown keys. */
struct rdt_spec {
	char *clos; /* closID: the group's name, "/" for the default one; empty: the container's id */
	char *l3,
		*mb; /* l3CacheSchema, memBwSchema: lines of the group's schemata file; empty: none */
	char **schemata; /* further lines of it */
	size_t n_schemata;
	bool monitoring; /* a group of its own that counts */
};

bool rdt_has_clos(const struct rdt_spec *r);

struct personality_spec {
	int domain; /* PERSONALITY_* */
	char **flags;
	size_t n_flags;
};

struct linux_spec {
	struct namespace_spec *namespaces;
	struct id_map *uid_maps, *gid_maps;
	struct device_spec *devices;
	struct string_pair *sysctl;
	char **masked_paths, **readonly_paths;
	size_t n_namespaces, n_uid_maps, n_gid_maps, n_devices, n_sysctl, n_masked_paths,
		n_readonly_paths;
	char *cgroups_path;
	char *rootfs_propagation;
	char *mount_label;
	struct resources resources;
	struct json_text seccomp; /* what is in it: spec/seccomp.h */
	struct time_offset *time_offsets;
	size_t n_time_offsets;
	struct memory_policy_spec *memory_policy; /* NULL: the caller's */
	struct personality_spec *personality;	  /* NULL: the caller's */
	struct net_device *net_devices;
	size_t n_net_devices;
	struct rdt_spec *rdt; /* intelRdt; NULL: the caller's */
};

struct spec {
	char *version; /* ociVersion */
	struct root_spec *root;
	struct process_spec *process;
	char *hostname, *domainname;
	struct mount_spec *mounts;
	size_t n_mounts;
	struct hooks hooks;
	struct string_pair *annotations;
	size_t n_annotations;
	struct linux_spec linux_;
};

extern const struct field spec_fields[];
extern const struct field process_fields[]; /* exec's --process document */

#define SPEC_VERSION "1.3.0" /* of the runtime-spec that this is written to */

/* Reads <dirfd>/name (a bundle's config.json). The caller ends it with spec_done(). */
int spec_load(int dirfd, const char *name, struct spec *ret, struct err *e);
int spec_parse(const char *what, const char *text, size_t len, struct spec *ret, struct err *e);
void spec_done(struct spec *s);
void process_done(struct process_spec *p);
void mount_spec_done(struct mount_spec *m);
DEFINE_AUTO(spec, spec_done)
DEFINE_AUTO(process_spec, process_done)
DEFINE_AUTO(mount_spec, mount_spec_done)

/*
 * Whether this runtime can do exactly what the document says. Three grades (config.md): what is
 * wrong, and what is right but cannot be done here, is an error that names its path
 * ("linux.personality: not supported by this version"); what we go on without is log_warn()ed. What
 * linux.seccomp holds is judged by seccomp_read(), when a filter is made of it.
 */
int spec_validate(const struct spec *s, struct err *e);
int process_validate(const struct process_spec *p, const char *path, struct err *e);

/* set_mempolicy()'s mode, with its flags, of one that was validated. */
uint32_t memory_policy_mode(const struct memory_policy_spec *m);

/* The namespace entry of that CLONE_NEW* type; NULL when it is not listed. */
const struct namespace_spec *spec_namespace(const struct spec *s, int type);
/* Its mount namespace is a new one: neither joined nor the caller's. */
bool spec_has_own_mounts(const struct spec *s);
/* The value of an annotation, NULL when absent. */
const char *spec_annotation(const struct spec *s, const char *key);

/* `cowrun spec`: the usual document for a bundle with a rootfs/ directory. The caller's. */
int spec_default(bool rootless, struct spec *ret, struct err *e);

#endif
