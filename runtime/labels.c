/* AppArmor and SELinux: which label goes into which file. */
#include "runtime/labels.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "spec/base/fd.h"

#ifndef SYS_lsm_list_modules
#define SYS_lsm_list_modules 461 /* 6.8 */
#endif
#define MODULES_MAX 64

/* LSM_ID_* of linux/lsm.h */
static const struct enum_name module_names[] = {
	{ "capability", 100 },
	{ "selinux", 101 },
	{ "smack", 102 },
	{ "tomoyo", 103 },
	{ "apparmor", 104 },
	{ "yama", 105 },
	{ "loadpin", 106 },
	{ "safesetid", 107 },
	{ "lockdown", 108 },
	{ "bpf", 109 },
	{ "landlock", 110 },
	{ "ima", 111 },
	{ "evm", 112 },
	{ "ipe", 113 },
	{ 0 },
};

void labels_modules(struct str *ret)
{
	uint64_t ids[MODULES_MAX];
	uint32_t bytes = sizeof(ids);
	long n = syscall(SYS_lsm_list_modules, ids, &bytes, 0);
	char text[256];

	for (long i = 0; i < n; i++) {
		const char *name = enum_name_of(module_names, (int)ids[i]);
		str_addf(ret, "%s%s", i ? "," : "", name ? name : "other");
	}
	if (n >= 0)
		return;
	/* Before 6.8 only securityfs tells, where it is mounted. */
	autofd int fd = open("/sys/kernel/security/lsm", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : fd_read_full(fd, text, sizeof(text));
	if (got > 0)
		str_add_bytes(ret, text, (size_t)got);
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; *at; at += strspn(at, ",")) {
		size_t len = strcspn(at, ",");
		if (len == n && memcmp(at, word, n) == 0)
			return true;
		at += len;
	}
	return false;
}

static const char *label_of(const char *own, const char *first)
{
	if (own && *own)
		return own;
	return first && *first ? first : NULL;
}

static const char *profile_of(const struct process_spec *p, const struct process_spec *first)
{
	return label_of(p->apparmor_profile, first ? first->apparmor_profile : NULL);
}

static const char *context_of(const struct process_spec *p, const struct process_spec *first)
{
	return label_of(p->selinux_label, first ? first->selinux_label : NULL);
}

bool labels_asked(const struct process_spec *p, const struct process_spec *first)
{
	return profile_of(p, first) || context_of(p, first);
}

static int check_module(const char *key, const char *label, const char *module, const char *called,
	const char *modules, struct err *e)
{
	if (has_word(modules, module))
		return 0;
	return err_say(e, ENOTSUP,
		"%s: '%.80s' requested but %s is not enabled in this kernel (LSMs: %s)", key, label,
		called, *modules ? modules : "it does not tell");
}

int labels_plan(const struct process_spec *p, const struct process_spec *first, const char *modules,
	struct draft *d, struct err *e)
{
	const char *profile = profile_of(p, first), *context = context_of(p, first);
	struct plan_label labels[2];
	uint32_t n = 0;
	int r = profile ? check_module("process.apparmorProfile", profile, "apparmor", "AppArmor",
				  modules, e)
			: 0;

	if (r == 0 && context)
		r = check_module("process.selinuxLabel", context, "selinux", "SELinux", modules, e);
	if (r < 0)
		return r;
	if (profile) {
		/* The module's own file is there since 5.8; the other may be another module's. */
		autofree char *command = str_format("exec %s", profile);
		d->block.failed |= !command;
		labels[n++] = (struct plan_label){ .what = draft_text(d, "process.apparmorProfile"),
			.file = draft_text(d, "self/attr/apparmor/exec"),
			.fallback = draft_text(d, "self/attr/exec"),
			.value = draft_text(d, command) };
	}
	if (context) {
		labels[n++] = (struct plan_label){ .what = draft_text(d, "process.selinuxLabel"),
			.file = draft_text(d, "self/attr/exec"),
			.value = draft_text(d, context) };
		d->plan.keyring_label = labels[n - 1].value;
	}
	d->plan.n_labels = n;
	d->plan.labels = draft_list(d, labels, n * sizeof(labels[0]));
	return 0;
}
