/* process: what runs, as whom, and under which limits. */
#include <sys/resource.h>

#include "spec/fields.h"

const struct enum_name rlimit_names[] = {
	{ "RLIMIT_AS", RLIMIT_AS + 1 },
	{ "RLIMIT_CORE", RLIMIT_CORE + 1 },
	{ "RLIMIT_CPU", RLIMIT_CPU + 1 },
	{ "RLIMIT_DATA", RLIMIT_DATA + 1 },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE + 1 },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS + 1 },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK + 1 },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE + 1 },
	{ "RLIMIT_NICE", RLIMIT_NICE + 1 },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE + 1 },
	{ "RLIMIT_NPROC", RLIMIT_NPROC + 1 },
	{ "RLIMIT_RSS", RLIMIT_RSS + 1 },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO + 1 },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME + 1 },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING + 1 },
	{ "RLIMIT_STACK", RLIMIT_STACK + 1 },
	{ 0 },
};

static const struct field rlimit_fields[] = {
	FIELD(struct rlimit_spec, "type", FIELD_ENUM, type, .must = true, .names = rlimit_names),
	FIELD(struct rlimit_spec, "soft", FIELD_U64, soft, .must = true, .always = true),
	FIELD(struct rlimit_spec, "hard", FIELD_U64, hard, .must = true, .always = true),
	{ 0 },
};

static const struct field capability_fields[] = {
	FIELD_LIST(struct capability_spec, "bounding", FIELD_STRING, bounding, n_bounding),
	FIELD_LIST(struct capability_spec, "effective", FIELD_STRING, effective, n_effective),
	FIELD_LIST(struct capability_spec, "inheritable", FIELD_STRING, inheritable, n_inheritable),
	FIELD_LIST(struct capability_spec, "permitted", FIELD_STRING, permitted, n_permitted),
	FIELD_LIST(struct capability_spec, "ambient", FIELD_STRING, ambient, n_ambient),
	{ 0 },
};

static const struct field user_fields[] = {
	FIELD(struct user_spec, "uid", FIELD_U32, uid, .always = true),
	FIELD(struct user_spec, "gid", FIELD_U32, gid, .always = true),
	FIELD(struct user_spec, "umask", FIELD_OPT_U64, umask),
	FIELD_LIST(struct user_spec, "additionalGids", FIELD_U32, gids, n_gids),
	{ 0 },
};

static const struct field console_size_fields[] = {
	FIELD(struct console_size, "height", FIELD_U32, height, .must = true),
	FIELD(struct console_size, "width", FIELD_U32, width, .must = true),
	{ 0 },
};

const struct field process_fields[] = {
	FIELD(struct process_spec, "terminal", FIELD_BOOL, terminal),
	FIELD(struct process_spec, "consoleSize", FIELD_OBJECT, console_size,
		.inside = console_size_fields),
	FIELD(struct process_spec, "user", FIELD_OBJECT, user, .inside = user_fields,
		.always = true),
	FIELD_LIST(struct process_spec, "args", FIELD_STRING, args, n_args),
	FIELD_LIST(struct process_spec, "env", FIELD_STRING, env, n_env),
	FIELD(struct process_spec, "cwd", FIELD_STRING, cwd, .must = true),
	FIELD(struct process_spec, "capabilities", FIELD_OBJECT_PTR, capabilities,
		.inside = capability_fields, .size = sizeof(struct capability_spec)),
	FIELD_LIST(struct process_spec, "rlimits", FIELD_OBJECT, rlimits, n_rlimits,
		.inside = rlimit_fields, .size = sizeof(struct rlimit_spec)),
	FIELD(struct process_spec, "noNewPrivileges", FIELD_BOOL, no_new_privileges),
	FIELD(struct process_spec, "oomScoreAdj", FIELD_OPT_I64, oom_score_adj),
	FIELD(struct process_spec, "apparmorProfile", FIELD_STRING, apparmor_profile),
	FIELD(struct process_spec, "selinuxLabel", FIELD_STRING, selinux_label),
	FIELD(struct process_spec, "scheduler", FIELD_OBJECT_PTR, scheduler,
		.inside = scheduler_fields, .size = sizeof(struct scheduler_spec)),
	FIELD(struct process_spec, "ioPriority", FIELD_OBJECT_PTR, io_priority,
		.inside = io_priority_fields, .size = sizeof(struct io_priority_spec)),
	FIELD(struct process_spec, "execCPUAffinity", FIELD_OBJECT_PTR, cpu_affinity,
		.inside = cpu_affinity_fields, .size = sizeof(struct cpu_affinity_spec)),
	{ 0 },
};

void process_done(struct process_spec *p)
{
	json_free(process_fields, p);
}
