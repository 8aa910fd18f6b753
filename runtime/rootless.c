/* An ordinary user's own user namespace. */
#include "runtime/rootless.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

#define FILE_MAX (4u << 20)
#define NOT_FOUND 127

void rootless_done(struct rootless *r)
{
	subids_done(&r->uids);
	subids_done(&r->gids);
}

bool rootless_is_needed(void)
{
	return geteuid() != 0;
}

/* --- which ids --------------------------------------------------------------------------------- */

/* As the files of the host have it: a static program asks no name service. Where the account is
 * elsewhere, the login's word is taken for it: newuidmap, which does ask, judges. */
char *rootless_user_name(void)
{
	const uid_t user = getuid();
	FILE *f = fopen("/etc/passwd", "re");
	const char *name = getenv("LOGNAME");

	for (struct passwd *p; f && (p = fgetpwent(f));)
		if (p->pw_uid == user) {
			name = p->pw_name;
			break;
		}
	char *copy = name ? strdup(name) : NULL;
	if (f)
		fclose(f);
	return copy;
}

static int read_ranges(
	const char *file, const char *name, uint32_t self, struct subids *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t len;
	int r = fd_read_file(AT_FDCWD, file, FILE_MAX, &text, &len, e);

	if (r < 0 && r != -ENOENT)
		return err_while(e, "read subordinate ids");
	if (r < 0)
		text = NULL;
	if (subids_read(text ? text : "", name, getuid(), self, ret) < 0)
		return err_set(e, ENOMEM, "read '%s'", file);
	if (ret->n > 1)
		return 0;
	return err_say(e, ENOENT,
		"user '%s' (%u) has no subordinate ids in '%s' (hint: as root: usermod "
		"--add-subuids 100000-165535 --add-subgids 100000-165535 %s; that is the line "
		"%s:100000:65536)",
		name ? name : "?", getuid(), file, name ? name : "NAME", name ? name : "NAME");
}

int rootless_ranges(struct subids *ret_uids, struct subids *ret_gids, struct err *e)
{
	autofree char *name = rootless_user_name();
	int r = read_ranges(SUBIDS_UIDS, name, getuid(), ret_uids, e);

	return r < 0 ? r : read_ranges(SUBIDS_GIDS, name, getgid(), ret_gids, e);
}

/* --- maps by a program that may write them ------------------------------------------------------- */

struct writer {
	const char *program;
	pid_t pid;
	int go, words; /* a byte lets it go on, the end of the pipe ends it; what it says */
};

#define WRITER_NONE(name)                                                                          \
	{                                                                                          \
		.program = (name), .go = -1, .words = -1                                           \
	}

static void writer_done(struct writer *w)
{
	own_close(&w->go);
	own_close(&w->words);
	if (w->pid > 0)
		waitpid(w->pid, NULL, 0);
}
DEFINE_AUTO(writer, writer_done)

/* Out there, as ordinary as we are; waits until there is a namespace to write the map of. */
static _Noreturn void write_map(const char *program, char **argv, int go, int words)
{
	char byte;

	if (read(go, &byte, 1) == 1 && dup2(words, 1) >= 0 && dup2(words, 2) >= 0)
		execvp(program, argv);
	_exit(NOT_FOUND);
}

static int start_writer(struct writer *w, const struct subids *map, struct err *e)
{
	autofree char **argv = calloc(map->n * 3 + 3, sizeof(*argv));
	autofree char *numbers = calloc(map->n * 3 + 1, 12);
	int go[2], words[2], n = 0;

	if (!argv || !numbers)
		return err_set(e, ENOMEM, "run '%s'", w->program);
	argv[n++] = (char *)w->program;
	for (size_t i = 0; i <= map->n * 3; i++) {
		const struct id_map *m = &map->v[i ? (i - 1) / 3 : 0];
		const uint32_t row[] = { m->inside, m->outside, m->size };
		argv[n] = numbers + 12 * i;
		snprintf(argv[n++], 12, "%u", i ? row[(i - 1) % 3] : (unsigned)getpid());
	}
	if (pipe2(go, O_CLOEXEC) < 0)
		return err_set(e, errno, "run '%s'", w->program);
	w->go = go[1];
	autofd int theirs = go[0];
	if (pipe2(words, O_CLOEXEC) < 0)
		return err_set(e, errno, "run '%s'", w->program);
	w->words = words[0];
	autofd int said = words[1];
	w->pid = fork();
	if (w->pid == 0) {
		close(w->go); /* or it would wait for itself */
		write_map(w->program, argv, theirs, said);
	}
	return w->pid < 0 ? err_set(e, errno, "run '%s'", w->program) : 0;
}

static int let_write(struct writer *w, struct err *e)
{
	char text[400] = "";
	int status = -1;

	if (write(w->go, "", 1) != 1)
		return err_set(e, errno, "run '%s'", w->program);
	ssize_t n = fd_read_full(w->words, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	w->pid = 0;
	if (status == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return err_say(e, ENOENT,
			"map subordinate ids: there is no program '%s' (hint: Debian's package uidmap)",
			w->program);
	return err_say(e, EPERM, "map subordinate ids: %s%s", *text ? "" : w->program,
		*text ? text : ": it failed (is it setuid root, and on no nosuid mount?)");
}

/* --- the namespace ------------------------------------------------------------------------------ */

/* What distributions have switches for. */
static const struct {
	const char *file, *value, *why;
} refusals[] = {
	{ "/proc/sys/user/max_user_namespaces", "0",
		"user.max_user_namespaces is 0 (hint: sysctl user.max_user_namespaces=10000)" },
	{ "/proc/sys/kernel/unprivileged_userns_clone", "0",
		"kernel.unprivileged_userns_clone is 0 (hint: sysctl kernel.unprivileged_userns_clone=1)" },
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"AppArmor lets only programs with a profile (hint: sysctl kernel.apparmor_restrict_unprivileged_userns=0, "
		"or a profile with 'userns,' for this program)" },
};

const char *rootless_refusal(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		autofree char *text = NULL;
		struct err ignored;
		size_t len;
		if (fd_read_file(AT_FDCWD, refusals[i].file, 64, &text, &len, &ignored) < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, refusals[i].value) == 0)
			return refusals[i].why;
	}
	return NULL;
}

static int refused(const char *attempt, int code, struct err *e)
{
	const char *why = rootless_refusal();

	return why ? err_say(e, code, "%s: %s", attempt, why) : err_set(e, code, "%s", attempt);
}

static int write_own(const char *file, const char *text, struct err *e)
{
	autofd int fd = open(file, O_WRONLY | O_CLOEXEC);

	/* A kernel without the file has no setgroups to deny either. */
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return refused("map our own id into a user namespace", errno, e);
	return 0;
}

/* An ordinary process may map one id, its own, once it cannot drop groups any more: a group may
 * be what keeps it from a file (CVE-2014-8989). */
static int map_own(uid_t uid, gid_t gid, struct err *e)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", uid);
	snprintf(gids, sizeof(gids), "0 %u 1", gid);
	int r = write_own("/proc/self/setgroups", "deny", e);
	if (r == 0)
		r = write_own("/proc/self/uid_map", uids, e);
	return r < 0 ? r : write_own("/proc/self/gid_map", gids, e);
}

static int enter(struct err *e)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return refused("make a user namespace", errno, e);
	return 0;
}

static int enter_alone(struct rootless *r, struct err *e)
{
	const uid_t uid = getuid();
	const gid_t gid = getgid();

	r->alone = true;
	/* No text: our own ids alone. */
	if (subids_read("", NULL, uid, uid, &r->uids) < 0 ||
		subids_read("", NULL, uid, gid, &r->gids) < 0)
		return err_set(e, ENOMEM, "make a user namespace");
	int bad = enter(e);
	return bad < 0 ? bad : map_own(uid, gid, e);
}

static int enter_all(struct rootless *r, struct err *e)
{
	automatic(writer) struct writer uids = WRITER_NONE("newuidmap");
	automatic(writer) struct writer gids = WRITER_NONE("newgidmap");
	int bad = start_writer(&uids, &r->uids, e);

	if (bad == 0)
		bad = start_writer(&gids, &r->gids, e);
	if (bad == 0)
		bad = enter(e);
	if (bad == 0)
		bad = let_write(&uids, e);
	return bad < 0 ? bad : let_write(&gids, e);
}

int rootless_enter(enum rootless_ids which, struct rootless *ret, struct err *e)
{
	automatic(rootless) struct rootless r = { 0 };
	int bad = which == ROOTLESS_OWN ? 0 : rootless_ranges(&r.uids, &r.gids, e);

	if (bad == -ENOENT && which == ROOTLESS_MOST) {
		rootless_done(&r);
		r = (struct rootless){ 0 };
		which = ROOTLESS_OWN;
	} else if (bad < 0)
		return bad;
	bad = which == ROOTLESS_OWN ? enter_alone(&r, e) : enter_all(&r, e);
	if (bad < 0)
		return bad;
	*ret = r;
	r = (struct rootless){ 0 };
	return 0;
}

/* --- a config.json's maps ----------------------------------------------------------------------- */

static bool is_own(const struct id_map *v, size_t n, uint32_t self)
{
	return n == 1 && v[0].outside == self && v[0].size == 1;
}

static int translate(const struct subids *have, struct id_map *rows, size_t n, const char *what,
	const char *file, struct err *e)
{
	autofree char *ours = NULL;
	size_t bad;

	if (subids_translate(have, rows, n, &bad))
		return 0;
	ours = subids_text(have);
	return err_say(e, EPERM,
		"linux.%s[%zu]: the host's ids from %u on, %u of them, are not all ours: we have %s (%s)",
		what, bad, rows[bad].outside, rows[bad].size, ours ? ours : "others", file);
}

int rootless_enter_for(struct linux_spec *l, struct rootless *ret, struct err *e)
{
	bool alone = is_own(l->uid_maps, l->n_uid_maps, getuid()) &&
		     is_own(l->gid_maps, l->n_gid_maps, getgid());
	automatic(rootless) struct rootless r = { 0 };
	int bad = rootless_enter(alone ? ROOTLESS_OWN : ROOTLESS_ALL, &r, e);

	if (bad < 0)
		return alone ? bad : err_while(e, "linux.uidMappings, linux.gidMappings");
	bad = translate(&r.uids, l->uid_maps, l->n_uid_maps, "uidMappings", SUBIDS_UIDS, e);
	if (bad == 0)
		bad = translate(&r.gids, l->gid_maps, l->n_gid_maps, "gidMappings", SUBIDS_GIDS, e);
	if (bad < 0)
		return bad;
	*ret = r;
	r = (struct rootless){ 0 };
	return 0;
}
