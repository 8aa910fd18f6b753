/* Where cgroup v2 is, and what it offers. */
#include "cgroup/hierarchy.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "cgroup/knob.h"
#include "spec/base/fd.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

static const struct {
	enum controller controller;
	const char *name, *limits; /* limits: what people limit by it */
	const char *listed;	   /* in /proc/cgroups, if by another name */
} controllers[] = {
	{ CONTROLLER_MEMORY, "memory", "memory", NULL },
	{ CONTROLLER_CPU, "cpu", "cpu time", NULL },
	{ CONTROLLER_CPUSET, "cpuset", "the set of cpus", NULL },
	{ CONTROLLER_PIDS, "pids", "the number of processes", NULL },
	{ CONTROLLER_IO, "io", "block devices' input and output", "blkio" },
	{ CONTROLLER_HUGETLB, "hugetlb", "huge pages", NULL },
	{ CONTROLLER_RDMA, "rdma", "RDMA devices", NULL },
	{ CONTROLLER_MISC, "misc", "what the controller 'misc' counts", NULL },
	{ CONTROLLER_DMEM, "dmem", "device memory", NULL },
};

enum { N_CONTROLLERS = sizeof(controllers) / sizeof(controllers[0]) };

const char *controller_name(enum controller c)
{
	for (size_t i = 0; i < N_CONTROLLERS; i++)
		if (controllers[i].controller == c)
			return controllers[i].name;
	return "";
}

enum controller controller_of_file(const char *file)
{
	size_t n = strcspn(file, ".");

	for (size_t i = 0; i < N_CONTROLLERS; i++)
		if (strlen(controllers[i].name) == n && strncmp(controllers[i].name, file, n) == 0)
			return controllers[i].controller;
	return 0;
}

/* Whether one of the words of `text`, which blanks or newlines part, is `word`. */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || isspace((unsigned char)at[-1])) &&
			(!at[n] || isspace((unsigned char)at[n])))
			return true;
	return false;
}

unsigned controllers_parse(const char *text)
{
	unsigned set = 0;

	for (size_t i = 0; i < N_CONTROLLERS; i++)
		if (has_word(text, controllers[i].name))
			set |= controllers[i].controller;
	return set;
}

char *controllers_format(unsigned set, char out[CONTROLLERS_TEXT])
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < N_CONTROLLERS; i++)
		if (set & controllers[i].controller)
			n += (size_t)snprintf(out + n, CONTROLLERS_TEXT - n, "%s+%s", n ? " " : "",
				controllers[i].name);
	return out;
}

/* --- where the mount is ---------------------------------------------------------------------- */

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The next field of a line, which a blank ends; NULL behind the last one. */
static const char *next_field(const char *at)
{
	at += strcspn(at, " \n");
	return *at == ' ' ? at + 1 : NULL;
}

/* A field of mountinfo, where blanks and backslashes are written as \ooo. */
static char *field_text(const char *at)
{
	size_t n = strcspn(at, " \n");
	char *text = strndup(at, n), *out = text;

	if (!text)
		return NULL;
	for (const char *in = text; *in; out++) {
		unsigned byte;
		if (*in == '\\' && sscanf(in + 1, "%3o", &byte) == 1) {
			*out = (char)byte;
			in += 4;
		} else
			*out = *in++;
	}
	*out = '\0';
	return text;
}

char *mountinfo_next_cgroup2(const char **at)
{
	while (**at) {
		const char *line = *at, *end = line + strcspn(line, "\n");
		*at = *end ? end + 1 : end;
		/* "36 35 98:0 ROOT PLACE options [tags] - TYPE ...": proc_pid_mountinfo(5) */
		const char *root = line;
		for (int i = 0; root && i < 3; i++)
			root = next_field(root);
		const char *place = root ? next_field(root) : NULL;
		const char *type = strstr(line, " - ");
		if (place && type && type < end && str_starts(root, "/ ") &&
			str_starts(type, " - cgroup2 "))
			return field_text(place);
	}
	return NULL;
}

static int search_mounts(char **ret)
{
	autofree char *text = NULL;
	struct err ignored;
	size_t n;
	int r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 64 << 20, &text, &n, &ignored);

	if (r < 0)
		return r;
	/* Something else may be mounted over it since: the place itself must say what it is. */
	for (const char *at = text; *at;) {
		autofree char *place = mountinfo_next_cgroup2(&at);
		if (place && is_cgroup2(place)) {
			*ret = take(place);
			return 0;
		}
	}
	return -ENOENT;
}

static const char *usual_place(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (is_cgroup2(places[i]))
			return places[i];
	return NULL;
}

int hierarchy_path(char **ret)
{
	const char *usual = usual_place();

	if (!usual)
		return search_mounts(ret);
	char *path = strdup(usual);
	if (!path)
		return -ENOMEM;
	*ret = path;
	return 0;
}

int hierarchy_open(int *ret_root, struct err *e)
{
	autofree char *found = NULL;
	const char *path = usual_place();

	if (!path && search_mounts(&found) < 0)
		return err_say(e, ENOENT,
			"cgroup version 2 is not mounted on this host (hint: mount -t cgroup2 cgroup2 /sys/fs/cgroup)");
	int fd = open(path ? path : found, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "open the cgroup mount '%s'", path ? path : found);
	*ret_root = fd;
	return 0;
}

/* --- what it offers -------------------------------------------------------------------------- */

unsigned hierarchy_controllers(int dirfd)
{
	char text[CONTROLLERS_FILE];

	return knob_read(dirfd, "cgroup.controllers", text, sizeof(text)) < 0
		       ? 0
		       : controllers_parse(text);
}

bool hierarchy_has(int dirfd, const char *controller)
{
	char text[CONTROLLERS_FILE];

	return knob_read(dirfd, "cgroup.controllers", text, sizeof(text)) >= 0 &&
	       has_word(text, controller);
}

enum controller_place controller_place(const char *proc_cgroups, const char *controller)
{
	size_t n = strlen(controller);

	for (const char *line = proc_cgroups; line; line = strchr(line, '\n')) {
		unsigned hierarchy, groups, enabled;
		line += *line == '\n';
		if (strncmp(line, controller, n) != 0 || line[n] != '\t' ||
			sscanf(line + n, "%u%u%u", &hierarchy, &groups, &enabled) != 3)
			continue;
		if (!enabled)
			return CONTROLLER_DISABLED;
		return hierarchy ? CONTROLLER_V1 : CONTROLLER_NOT_GIVEN;
	}
	return CONTROLLER_ABSENT;
}

int hierarchy_refuse(enum controller c, struct err *e)
{
	static const char *const reasons[] = {
		[CONTROLLER_ABSENT] =
			"is offered neither by this kernel nor by a cgroup above this one",
		[CONTROLLER_DISABLED] =
			"is switched off at boot (hint: take it out of cgroup_disable= on "
			"the kernel's command line, or leave the limit out)",
		[CONTROLLER_V1] = "is bound to cgroup v1 on this host (hint: boot with "
				  "systemd.unified_cgroup_hierarchy=1, or leave the limit out)",
		[CONTROLLER_NOT_GIVEN] =
			"is not passed on by the cgroup above this one (hint: enable it "
			"in its cgroup.subtree_control, or leave the limit out)",
	};
	const char *name = controller_name(c), *listed = name, *what = "";
	char text[KNOB_TEXT_MAX] = "";

	for (size_t i = 0; i < N_CONTROLLERS; i++)
		if (controllers[i].controller == c) {
			what = controllers[i].limits;
			listed = controllers[i].listed ? controllers[i].listed : name;
		}
	/* Unreadable or longer than any kernel's: the reason is then the first, the vaguest. */
	if (knob_read(AT_FDCWD, "/proc/cgroups", text, sizeof(text)) < 0)
		*text = '\0';
	return err_say(e, ERR_NO_CONTROLLER, "cannot limit %s: the controller '%s' %s", what, name,
		reasons[controller_place(text, listed)]);
}
