/* What an ordinary user has, and what he lacks. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cgroup/hierarchy.h"
#include "cgroup/rights.h"
#include "cmd/doctor.h"
#include "runtime/rootless.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

void doctor_user(const struct places *p, struct findings *f)
{
	(void)p;
	if (!rootless_is_needed())
		findings_add(f, "root", FINDING_OK, NULL, "yes");
	else
		findings_add(f, "root", FINDING_OK, NULL,
			"no, this is user %u: his containers are in user namespaces", geteuid());
}

static uint64_t count(const struct subids *s)
{
	uint64_t n = 0;

	for (size_t i = 1; i < s->n; i++) /* the first is himself */
		n += s->v[i].size;
	return n;
}

void doctor_subordinate_ids(const struct places *p, struct findings *f)
{
	automatic(subids) struct subids uids = { 0 }, gids = { 0 };
	struct err e;

	(void)p;
	if (!rootless_is_needed())
		return;
	if (rootless_ranges(&uids, &gids, &e) == 0)
		findings_add(f, "subordinate ids", FINDING_OK, NULL, "%llu uids, %llu gids",
			(unsigned long long)count(&uids), (unsigned long long)count(&gids));
	else
		findings_add(f, "subordinate ids", FINDING_LACKS, NULL, "one id in a container: %s",
			e.text);
}

/* In a process of its own: there is no way back. */
static int try_namespace(enum rootless_ids which, struct err *e)
{
	automatic(rootless) struct rootless own = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	autofd int ours = ends[0], theirs = ends[1];
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		*e = (struct err){ 0 };
		rootless_enter(which, &own, e);
		fd_write_all(theirs, e, sizeof(*e));
		_exit(0);
	}
	own_close(&theirs);
	theirs = -1;
	if (pid < 0 || fd_read_full(ours, e, sizeof(*e)) != sizeof(*e))
		err_say(e, ECHILD, "no process to try it with");
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return -e->code;
}

void doctor_own_namespace(const struct places *p, struct findings *f)
{
	struct err all, own;

	(void)p;
	if (!rootless_is_needed())
		return;
	if (try_namespace(ROOTLESS_ALL, &all) == 0)
		findings_add(f, "his user namespace", FINDING_OK, NULL, "made, with all of these");
	else if (try_namespace(ROOTLESS_OWN, &own) < 0)
		findings_add(f, "his user namespace", FINDING_BROKEN, NULL, "%s", own.text);
	else if (all.code == ENOENT && strstr(all.text, SUBIDS_UIDS))
		findings_add(f, "his user namespace", FINDING_OK, NULL, "made, with his own id");
	else
		findings_add(f, "his user namespace", FINDING_LACKS, NULL,
			"with his own id only: %s", all.text);
}

void doctor_delegation(const struct places *p, struct findings *f)
{
	char text[CONTROLLERS_TEXT];
	autofd int root = -1;
	struct err e;

	(void)p;
	if (!rootless_is_needed() || hierarchy_open(&root, &e) < 0)
		return;
	autofree char *at = rights_place(root);
	autofree char *path = at ? str_format("./%s", at) : NULL;
	autofd int group = path ? openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (group < 0)
		findings_add(f, "delegated cgroup", FINDING_LACKS,
			"systemd-run --user --scope -p Delegate=yes ...",
			"none: no limits, no pause, no figures");
	else
		findings_add(f, "delegated cgroup", FINDING_OK, NULL, "'%s/', with %s", at,
			*controllers_format(hierarchy_controllers(group), text) ? text
										: "no controller");
}
