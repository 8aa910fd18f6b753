/* A profile's file, resolved for one machine and one container. */
#include "spec/seccomp_profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* All that is named must hold; for "excludes", any that holds is enough. */
struct when {
	char **archs, **caps;
	size_t n_archs, n_caps;
	char *min_kernel;
};

struct profile_rule {
	struct seccomp_rule rule;
	struct when includes, excludes;
};

struct arch_map {
	int arch;
	int *with;
	size_t n_with;
};

struct profile_file {
	struct seccomp_spec spec; /* but for its rules */
	struct arch_map *map;
	struct profile_rule *rules;
	size_t n_map, n_rules;
};

static const struct field when_fields[] = {
	FIELD_LIST(struct when, "arches", FIELD_STRING, archs, n_archs),
	FIELD_LIST(struct when, "caps", FIELD_STRING, caps, n_caps),
	FIELD(struct when, "minKernel", FIELD_STRING, min_kernel),
	{ 0 },
};

static const struct field profile_rule_fields[] = {
	FIELD_LIST(
		struct profile_rule, "names", FIELD_STRING, rule.names, rule.n_names, .must = true),
	FIELD(struct profile_rule, "action", FIELD_ENUM, rule.action, .must = true,
		.names = seccomp_actions),
	FIELD(struct profile_rule, "errnoRet", FIELD_OPT_U64, rule.errno_ret),
	FIELD_LIST(struct profile_rule, "args", FIELD_OBJECT, rule.args, rule.n_args,
		.inside = seccomp_arg_fields, .size = sizeof(struct seccomp_arg)),
	FIELD(struct profile_rule, "includes", FIELD_OBJECT, includes, .inside = when_fields),
	FIELD(struct profile_rule, "excludes", FIELD_OBJECT, excludes, .inside = when_fields),
	{ 0 },
};

static const struct field arch_map_fields[] = {
	FIELD(struct arch_map, "architecture", FIELD_ENUM, arch, .must = true,
		.names = seccomp_archs),
	FIELD_LIST(struct arch_map, "subArchitectures", FIELD_ENUM, with, n_with,
		.names = seccomp_archs),
	{ 0 },
};

static const struct field profile_fields[] = {
	FIELD(struct profile_file, "defaultAction", FIELD_ENUM, spec.default_action, .must = true,
		.names = seccomp_actions),
	FIELD(struct profile_file, "defaultErrnoRet", FIELD_OPT_U64, spec.default_errno),
	FIELD_LIST(struct profile_file, "architectures", FIELD_ENUM, spec.archs, spec.n_archs,
		.names = seccomp_archs),
	FIELD_LIST(struct profile_file, "flags", FIELD_ENUM, spec.flags, spec.n_flags,
		.names = seccomp_flags),
	FIELD(struct profile_file, "listenerPath", FIELD_STRING, spec.listener_path),
	FIELD(struct profile_file, "listenerMetadata", FIELD_STRING, spec.listener_metadata),
	FIELD_LIST(struct profile_file, "archMap", FIELD_OBJECT, map, n_map,
		.inside = arch_map_fields, .size = sizeof(struct arch_map)),
	FIELD_LIST(struct profile_file, "syscalls", FIELD_OBJECT, rules, n_rules,
		.inside = profile_rule_fields, .size = sizeof(struct profile_rule)),
	{ 0 },
};

static void profile_file_done(struct profile_file *p)
{
	json_free(profile_fields, p);
}
DEFINE_AUTO(profile_file, profile_file_done)

#ifdef __x86_64__
#define NATIVE SECCOMP_X86_64
#define NATIVE_NAME "amd64"
#else
#define NATIVE SECCOMP_AARCH64
#define NATIVE_NAME "arm64"
#endif

static bool is_among(const char *word, char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

/* "4.8": whether the kernel that runs is as new. */
static bool is_as_new(const char *version)
{
	unsigned major = 0, minor = 0, our_major = 0, our_minor = 0;
	struct utsname u;

	if (sscanf(version, "%u.%u", &major, &minor) < 1 || uname(&u) < 0 ||
		sscanf(u.release, "%u.%u", &our_major, &our_minor) < 2)
		return false;
	return our_major > major || (our_major == major && our_minor >= minor);
}

static bool is_included(const struct when *w, const struct capability_spec *caps)
{
	if (w->n_archs && !is_among(NATIVE_NAME, w->archs, w->n_archs))
		return false;
	for (size_t i = 0; i < w->n_caps; i++)
		if (!is_among(w->caps[i], caps->bounding, caps->n_bounding))
			return false;
	return !w->min_kernel || is_as_new(w->min_kernel);
}

static bool is_excluded(const struct when *w, const struct capability_spec *caps)
{
	for (size_t i = 0; i < w->n_caps; i++)
		if (is_among(w->caps[i], caps->bounding, caps->n_bounding))
			return true;
	return is_among(NATIVE_NAME, w->archs, w->n_archs) ||
	       (w->min_kernel && is_as_new(w->min_kernel));
}

/* The native one is in every filter, named or not. */
static void choose_archs(const struct profile_file *p, struct seccomp_spec *s)
{
	for (size_t i = 0; i < p->n_map; i++)
		if (p->map[i].arch == NATIVE) {
			s->archs = p->map[i].with;
			s->n_archs = p->map[i].n_with;
		}
}

int seccomp_profile_resolve(const char *what, const struct json_text *file,
	const struct capability_spec *caps, struct json_text *ret, struct err *e)
{
	static const struct capability_spec none;
	automatic(profile_file) struct profile_file p = { 0 };
	automatic(seccomp_spec) struct seccomp_spec judged = { 0 };
	automatic(str) struct str text = { 0 };
	int r = json_read(what, file->text, file->len, profile_fields, &p, &json_usual_limits, e);

	if (r < 0)
		return err_while(e, "seccomp profile '%s'", what);
	/* What follows borrows: it is written, never freed. */
	struct seccomp_spec s = p.spec;
	autofree struct seccomp_rule *rules = calloc(p.n_rules + 1, sizeof(*rules));
	if (!rules)
		return err_set(e, ENOMEM, "read the seccomp profile '%s'", what);
	choose_archs(&p, &s);
	s.rules = rules;
	for (size_t i = 0; i < p.n_rules; i++)
		if (is_included(&p.rules[i].includes, caps ? caps : &none) &&
			!is_excluded(&p.rules[i].excludes, caps ? caps : &none))
			rules[s.n_rules++] = p.rules[i].rule;
	json_write(seccomp_fields, &s, JSON_COMPACT, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "read the seccomp profile '%s'", what);
	const struct json_text section = { text.data, text.len };
	r = seccomp_read(&section, &judged, e);
	if (r < 0)
		return err_while(e, "seccomp profile '%s'", what);
	ret->len = text.len;
	ret->text = take(text.data);
	return 0;
}
