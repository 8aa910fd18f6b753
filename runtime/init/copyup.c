/*
 * tmpcopyup: what the image has in a directory, copied into the tmpfs that will cover it.
 *
 * By directory fds on both sides, and nothing is followed. It happens on this side and not the
 * parent's, since only here is seen what earlier mounts have put there, and whose the files are in
 * a user namespace. Owners, modes, times, extended attributes and hard links are kept.
 * LIMIT: holes are filled, and only files and directories keep extended attributes. What is mounted
 * below stays behind: an empty directory is in its place.
 */
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

enum {
	DEPTH_MAX = 128,	 /* each level keeps two fds and two kilobytes of stack */
	ENTRIES_BYTES = 1024,	 /* some directory entries: one has at most 280 bytes */
	XATTR_BYTES = 64 * 1024, /* XATTR_SIZE_MAX and XATTR_LIST_MAX */
	LINKS_BYTES = 64 * 1024, /* to begin with */
	MOVE_BYTES = 0x7ffff000, /* what one sendfile() moves at most */
};

/* struct linux_dirent64, as getdents64(2) fills it in. */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* A file with more names than one, and the path of its first copy below the tmpfs. */
struct linked {
	uint64_t ino;
	uint32_t major, minor;
	uint32_t len; /* of this record, a multiple of 8 */
	char path[];
};

struct copy {
	struct child *c;
	const char *what, *path; /* "mounts[6]" and where, for messages */
	int top;		 /* the tmpfs */
	char below[4096];	 /* where we are in it: "sub/file" */
	struct text at;		 /* `below` */
	char *links;		 /* struct linked, one behind the other */
	size_t links_len, links_room;
	int depth;
};

static _Noreturn void fail(const struct copy *k, long code, const char *attempt)
{
	child_fail(k->c, (int)code, "%s: tmpcopyup: %s '%s' of '%s'", k->what, attempt, k->below,
		k->path);
}

static void look(const struct copy *k, int fd, const char *name, struct statx *st)
{
	const unsigned wanted = STATX_BASIC_STATS;
	long r = sys(statx, fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, wanted, st);

	if (r < 0)
		fail(k, r, "look at");
}

/* --- what a file is like ------------------------------------------------------------------------
 */

/* A file system that has not heard of some kind of them keeps none of it (tmpfs: user.* by 6.6). */
static void copy_xattrs(const struct copy *k, int from, int to)
{
	static char names[XATTR_BYTES], value[XATTR_BYTES];
	long len = sys(flistxattr, from, names, sizeof(names));

	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		long n = sys(fgetxattr, from, name, value, sizeof(value));
		long r = n < 0 ? n : sys(fsetxattr, to, name, value, n, 0);
		if (r < 0 && r != -EOPNOTSUPP && r != -ENODATA)
			fail(k, r, "keep the extended attributes of");
	}
}

/* Owner before mode and attributes: a change of owner takes set-id bits and capabilities away. */
static void copy_attributes(const struct copy *k, const struct statx *st, int from, int to)
{
	const struct statx_timestamp *a = &st->stx_atime, *m = &st->stx_mtime;
	const int64_t times[4] = { a->tv_sec, a->tv_nsec, m->tv_sec, m->tv_nsec };
	long r = sys(fchown, to, st->stx_uid, st->stx_gid);

	if (r >= 0)
		r = sys(fchmod, to, st->stx_mode & 07777);
	if (r < 0)
		fail(k, r, "keep the owner and mode of");
	copy_xattrs(k, from, to);
	r = sys(utimensat, to, NULL, times, 0);
	if (r < 0)
		fail(k, r, "keep the times of");
}

/* Of a symlink, device, FIFO or socket: by its name, in a directory that only we can reach. */
static void copy_attributes_at(
	const struct copy *k, const struct statx *st, int to, const char *name)
{
	const struct statx_timestamp *a = &st->stx_atime, *m = &st->stx_mtime;
	const int64_t times[4] = { a->tv_sec, a->tv_nsec, m->tv_sec, m->tv_nsec };
	long r = sys(fchownat, to, name, st->stx_uid, st->stx_gid, AT_SYMLINK_NOFOLLOW);

	if (r >= 0 && !S_ISLNK(st->stx_mode))
		r = sys(fchmodat, to, name, st->stx_mode & 07777);
	if (r >= 0)
		r = sys(utimensat, to, name, times, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		fail(k, r, "keep the owner, mode and times of");
}

/* --- hard links ---------------------------------------------------------------------------------
 */

static struct linked *find_linked(const struct copy *k, const struct statx *st)
{
	for (size_t at = 0; at < k->links_len;) {
		struct linked *l = (struct linked *)(void *)(k->links + at);
		if (l->ino == st->stx_ino && l->major == st->stx_dev_major &&
			l->minor == st->stx_dev_minor)
			return l;
		at += l->len;
	}
	return NULL;
}

static void remember_linked(struct copy *k, const struct statx *st)
{
	size_t len = (sizeof(struct linked) + k->at.len + 1 + 7) & ~(size_t)7;
	long at = (long)k->links;

	if (k->links_len + len > k->links_room) {
		size_t room = k->links_room ? 2 * k->links_room : LINKS_BYTES;
		if (k->links)
			at = sys(mremap, k->links, k->links_room, room, 1 /* MREMAP_MAYMOVE */);
		else /* PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS */
			at = sys(mmap, 0, room, 3, 0x22, -1, 0);
		if (at < 0)
			fail(k, at, "remember the names of");
		k->links = (char *)at; // NOLINT(performance-no-int-to-ptr)
		k->links_room = room;
	}
	struct linked *l = (struct linked *)(void *)(k->links + k->links_len);
	*l = (struct linked){ st->stx_ino, st->stx_dev_major, st->stx_dev_minor, (uint32_t)len };
	memcpy(l->path, k->below, k->at.len + 1);
	k->links_len += len;
}

/* Another name of what is there already; else it is remembered for those to come. */
static bool copy_link(struct copy *k, const struct statx *st, int to, const char *name)
{
	if (S_ISDIR(st->stx_mode) || st->stx_nlink < 2)
		return false;
	const struct linked *l = find_linked(k, st);
	if (!l) {
		remember_linked(k, st);
		return false;
	}
	long r = sys(linkat, k->top, l->path, to, name, 0);
	if (r < 0)
		fail(k, r, "link");
	return true;
}

/* --- what a file holds --------------------------------------------------------------------------
 */

static void copy_file(const struct copy *k, int from, int to, const char *name)
{
	struct statx st = { 0 };
	/* It may be a FIFO or a device by now: not to wait for it, nor to get a terminal. */
	long in =
		sys(openat, from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	long out =
		sys(openat, to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	long r = in < 0 ? in : out < 0 ? out : 1;

	if (r < 0)
		fail(k, r, "open");
	look(k, (int)in, "", &st);
	if (!S_ISREG(st.stx_mode))
		fail(k, -EAGAIN, "copy");
	while (r > 0 || r == -EINTR)
		r = sys(sendfile, out, in, NULL, MOVE_BYTES);
	if (r < 0)
		fail(k, r, "copy");
	copy_attributes(k, &st, (int)in, (int)out);
	sys(close, in);
	sys(close, out);
}

static void copy_other(
	const struct copy *k, const struct statx *st, int from, int to, const char *name)
{
	static char target[4096]; /* there is one at a time, and each level has its stack */
	long r;

	if (S_ISLNK(st->stx_mode)) {
		r = sys(readlinkat, from, name, target, sizeof(target) - 1);
		target[r > 0 ? r : 0] = '\0';
		if (r >= 0)
			r = sys(symlinkat, target, to, name);
	} else {
		unsigned long major = st->stx_rdev_major, minor = st->stx_rdev_minor;
		r = sys(mknodat, to, name, st->stx_mode,
			(minor & 0xff) | (major << 8) | ((minor & ~0xffUL) << 12));
	}
	if (r < 0)
		fail(k, r, "copy");
	copy_attributes_at(k, st, to, name);
}

static void copy_directory(struct copy *k, int from, int to);

static void copy_subdirectory(
	struct copy *k, const struct statx *st, int from, int to, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	long r = sys(mkdirat, to, name, 0700);
	long out = r < 0 ? r : sys(openat, to, name, flags);
	long in = out < 0 ? out : sys(openat, from, name, flags);

	if (in < 0)
		fail(k, in, "open");
	if (!(st->stx_attributes & STATX_ATTR_MOUNT_ROOT))
		copy_directory(k, (int)in, (int)out);
	copy_attributes(k, st, (int)in, (int)out);
	sys(close, in);
	sys(close, out);
}

static void copy_entry(struct copy *k, int from, int to, const char *name)
{
	size_t len = k->at.len;
	struct statx st = { 0 };

	text_add(&k->at, len ? "/" : "");
	text_add(&k->at, name);
	if (k->at.len + 1 >= k->at.room)
		fail(k, -ENAMETOOLONG, "copy");
	look(k, from, name, &st);
	if (S_ISDIR(st.stx_mode))
		copy_subdirectory(k, &st, from, to, name);
	else if (copy_link(k, &st, to, name))
		;
	else if (S_ISREG(st.stx_mode))
		copy_file(k, from, to, name);
	else
		copy_other(k, &st, from, to, name);
	k->at.len = len;
	k->below[len] = '\0';
}

static void copy_directory(struct copy *k, int from, int to)
{
	_Alignas(8) char entries[ENTRIES_BYTES] = { 0 };
	long n;

	if (++k->depth > DEPTH_MAX)
		fail(k, -ENAMETOOLONG, "go down into");
	while ((n = sys(getdents64, from, entries, sizeof(entries))) > 0)
		for (const char *at = entries; at < entries + n;) {
			const struct entry *e = (const struct entry *)(const void *)at;
			if (!text_equal(e->name, ".") && !text_equal(e->name, ".."))
				copy_entry(k, from, to, e->name);
			at += e->len;
		}
	if (n < 0)
		fail(k, n, "read");
	k->depth--;
}

void copy_up(struct child *c, const char *what, const char *path, int from, int to, bool with_root)
{
	static struct copy k; /* one at a time; too large for the stack */
	struct statx st = { 0 };

	k = (struct copy){ .c = c, .what = what, .path = path, .top = to };
	k.at = (struct text){ k.below, 0, sizeof(k.below) };
	long in = sys(openat, from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long out = in < 0 ? in : sys(openat, to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out < 0)
		fail(&k, out, "open");
	look(&k, (int)in, "", &st);
	copy_directory(&k, (int)in, (int)out);
	if (with_root)
		copy_attributes(&k, &st, (int)in, (int)out);
	if (k.links)
		sys(munmap, k.links, k.links_room);
	sys(close, in);
	sys(close, out);
}
