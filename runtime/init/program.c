/*
 * The working directory, and the program: found, explained when it cannot be run, executed.
 *
 * All as the container's user inside its root, so that what is said is what execve() will see.
 * Three causes that the kernel gives one errno are told apart: no such program, its interpreter
 * missing, nothing to execute it with.
 */
#include <fcntl.h>
#include <linux/stat.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"
#include "spec/base/err.h"

#ifdef __x86_64__
#define OUR_MACHINE 62 /* EM_X86_64 */
#else
#define OUR_MACHINE 183 /* EM_AARCH64 */
#endif
#define ELF_64_BIT 2

static char found[4096]; /* the path of the program */

/* Missing, it is made, as runc and crun do; by fd, below the root. */
void cwd_make(struct child *c)
{
	if (!(c->plan->flags & PLAN_MAKE_CWD))
		return;
	int fd = target_find(c, child_text(c, c->plan->cwd), 0, 0);
	if (fd == -ENOENT)
		fd = target_open(c, "process.cwd", child_text(c, c->plan->cwd), 0, NULL);
	if (fd >= 0)
		sys(close, fd);
}

/*
 * First with all privilege: the directory may be one that the user cannot enter (runc goes there as
 * well). Where only the user can (NFS, FUSE), it is done again as him.
 */
void cwd_enter_first(struct child *c)
{
	c->is_in_cwd = sys(chdir, child_text(c, c->plan->cwd)) >= 0;
}

/*
 * A directory reached through a leaked fd is outside of our root, and the kernel says so by a path
 * that does not begin with "/" (CVE-2024-21626).
 */
void cwd_enter(struct child *c)
{
	const char *cwd = child_text(c, c->plan->cwd);
	long r = c->is_in_cwd ? 0 : sys(chdir, cwd);

	if (r < 0)
		child_fail(c, (int)r, "change to the working directory '%s'", cwd);
	r = sys(getcwd, found, sizeof(found));
	if (r < 0 || found[0] != '/')
		child_refuse(c, EPERM,
			"change to the working directory '%s': it is outside of the container",
			cwd);
}

static void list_to_pointers(struct child *c, place at)
{
	uint64_t *list = child_list(c, at);

	for (; *list; list++)
		*list += (uint64_t)(uintptr_t)c->plan;
}

/* 0, or why `path` is no program for us: -ENOENT, -EACCES, -EISDIR. */
static long runnable(const char *path)
{
	struct statx st;
	long r = sys(statx, AT_FDCWD, path, 0, STATX_TYPE | STATX_MODE, &st);

	if (r < 0)
		return r == -ENOTDIR ? -ENOENT : r;
	if ((st.stx_mode & S_IFMT) == S_IFDIR)
		return -EISDIR;
	if ((st.stx_mode & S_IFMT) != S_IFREG)
		return -EACCES;
	return sys(faccessat2, AT_FDCWD, path, 1 /* X_OK */, 0x200 /* AT_EACCESS */);
}

static _Noreturn void refuse(struct child *c, const char *path, long why)
{
	if (why == -ENOENT)
		child_refuse(c, ERR_PROGRAM_MISSING,
			"executable file '%s' not found: no such file or directory", path);
	if (why == -EISDIR)
		child_refuse(c, ERR_PROGRAM_REFUSED,
			"executable file '%s' is a directory: permission denied", path);
	if (why == -EACCES)
		child_refuse(c, ERR_PROGRAM_REFUSED,
			"executable file '%s' is not executable: permission denied", path);
	child_fail(c, (int)why, "look at the executable file '%s'", path);
}

/* Along PATH, the first that can be run; else the first that cannot, with its reason. */
static void search(struct child *c, const char *name)
{
	const char *at = child_text(c, c->plan->path);
	long worst = -ENOENT;

	for (at = at ? at : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; at;) {
		const char *end = text_find(at, ':');
		struct text t = TEXT_IN(found);
		text_add_bytes(&t, at, end ? (size_t)(end - at) : strlen(at));
		text_add(&t, "/");
		text_add(&t, name);
		long r = runnable(found);
		if (r >= 0)
			return;
		if (r != -ENOENT)
			worst = r;
		at = end ? end + 1 : NULL;
	}
	if (worst == -ENOENT)
		child_refuse(c, ERR_PROGRAM_MISSING,
			"executable file '%s' not found in $PATH: no such file or directory", name);
	refuse(c, name, worst);
}

/* The dynamic loader that an ELF file asks for (PT_INTERP), from its first bytes. */
static const char *elf_loader(const unsigned char *head, size_t n)
{
	uint64_t headers = 0, offset = 0;
	uint16_t count = 0;

	memcpy(&headers, head + 32, 8);
	memcpy(&count, head + 56, 2);
	for (uint64_t at = headers; count-- && at < n && n - at >= 56; at += 56) {
		uint32_t type = 0;
		memcpy(&type, head + at, 4);
		memcpy(&offset, head + at + 8, 8);
		if (type == 3 && offset < n)
			return (const char *)head + offset;
	}
	return NULL;
}

static void explain_elf(struct child *c, const unsigned char *head, size_t n, long why)
{
	uint16_t machine = 0;

	memcpy(&machine, head + 18, 2);
	/* binfmt_misc may run it all the same, with a loader that is found elsewhere. */
	if (machine != OUR_MACHINE && why == -ENOEXEC)
		child_refuse(c, ERR_PROGRAM_REFUSED,
			"executable file '%s' is built for another machine (ELF machine %d, this one is %d)",
			found, machine, OUR_MACHINE);
	const char *loader =
		machine == OUR_MACHINE && head[4] == ELF_64_BIT ? elf_loader(head, n) : NULL;
	if (loader && runnable(loader) == -ENOENT)
		child_refuse(c, ERR_PROGRAM_MISSING,
			"executable file '%s' needs the loader '%s', which is not in the container: no such file or directory",
			found, loader);
}

static void explain_script(struct child *c, char *at)
{
	char *end;

	while (*at == ' ' || *at == '\t')
		at++;
	for (end = at; *end && *end != '\n' && *end != ' ' && *end != '\t'; end++)
		;
	bool windows = end > at && end[-1] == '\r';
	end[windows ? -1 : 0] = '\0';
	if (windows)
		child_refuse(c, ERR_PROGRAM_MISSING,
			"executable file '%s' has Windows line endings: its interpreter is read as '%s' with a carriage return: no such file or directory",
			found, at);
	if (!*at)
		return;
	long r = runnable(at);
	if (r == -ENOENT)
		child_refuse(c, ERR_PROGRAM_MISSING,
			"executable file '%s' exists, but its interpreter '%s' does not: no such file or directory",
			found, at);
	if (r < 0)
		child_refuse(c, ERR_PROGRAM_REFUSED,
			"executable file '%s' has an interpreter '%s' that is not executable: permission denied",
			found, at);
}

/* Why the kernel will not, or did not, execute a file that is there and may be executed. */
static void explain(struct child *c, long why)
{
	static unsigned char head[2048];
	long fd = sys(openat, AT_FDCWD, found, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	long n = fd < 0 ? 0 : sys(read, fd, head, sizeof(head) - 1);

	if (fd >= 0)
		sys(close, fd);
	if (n < 4)
		n = 0;
	head[n] = '\0';
	if (n > 64 && memcmp(head, "\177ELF", 4) == 0)
		explain_elf(c, head, (size_t)n, why);
	else if (n && head[0] == '#' && head[1] == '!')
		explain_script(c, (char *)head + 2);
	if (why == -ENOEXEC)
		child_refuse(c, ERR_PROGRAM_REFUSED,
			"executable file '%s' is no program that this kernel can run: no '#!' line and no binary of this machine",
			found);
}

void program_find(struct child *c)
{
	list_to_pointers(c, c->plan->argv);
	list_to_pointers(c, c->plan->envp);
	const char *name = *(const char **)child_list(c, c->plan->argv);

	if (c->plan->flags & PLAN_RETURNS)
		return;
	if (!*name)
		child_refuse(c, ERR_PROGRAM_MISSING,
			"executable file '' not found: no such file or directory");
	if (text_find(name, '/')) {
		struct text t = TEXT_IN(found);
		text_add(&t, name);
		long r = runnable(found);
		if (r < 0)
			refuse(c, name, r);
	} else
		search(c, name);
	if (c->plan->flags & PLAN_CHECK_LOADER)
		explain(c, 0);
}

/* A terminal is there already (terminal.c). */
static void place_streams(struct child *c)
{
	for (int fd = 0; fd < 3 && !(c->plan->flags & PLAN_TERMINAL); fd++) {
		long from = child_fd(c, c->plan->stdio[fd]);
		if (from < 0)
			from = sys(openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
		long r = from < 0 ? from : sys(dup3, from, fd, 0);
		if (r < 0)
			child_fail(c, (int)r, "make the standard streams");
	}
}

/* The fds that the caller wants kept become 3, 4, ...: first out of the way, then into place. */
void fds_place(struct child *c)
{
	const int32_t *slots = child_list(c, c->plan->preserve);
	int n = (int)c->plan->n_preserve;
	int above = 3 + n;

	if (c->plan->flags & PLAN_RETURNS)
		place_streams(c);
	if (!n)
		return;
	if (c->channel >= 0 && c->channel < above)
		c->channel = (int)sys(fcntl, c->channel, 1030 /* F_DUPFD_CLOEXEC */, above);
	for (int i = 0; i < n; i++)
		c->fds[slots[i]] = (int)sys(fcntl, child_fd(c, slots[i]), 1030, above);
	for (int i = 0; i < n; i++)
		if (sys(dup3, child_fd(c, slots[i]), 3 + i, 0) < 0)
			child_refuse(c, EMFILE, "hand on file descriptor %d", 3 + i);
}

void program_run(struct child *c)
{
	fds_place(c);
	filter_load(c);
	long r = sys(execve, found, child_list(c, c->plan->argv), child_list(c, c->plan->envp));

	explain(c, r);
	if (r == -ENOENT || r == -EACCES || r == -ENOEXEC || r == -EPERM)
		child_refuse(c, r == -ENOENT ? ERR_PROGRAM_MISSING : ERR_PROGRAM_REFUSED,
			"execute '%s': %s", found,
			r == -ENOENT ? "no such file or directory" : "permission denied");
	child_fail(c, (int)r, "execute '%s'", found);
}
