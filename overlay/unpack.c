/*
 * A layer's tar into a directory.
 *
 * A file costs open, write, futimens and close: it is made with its own mode (the umask is 0), and
 * only an owner, a set-id bit or an attribute costs more. O_EXCL and O_NOFOLLOW mean that nothing
 * that is there already is ever written through, be it a symlink or a hard link to another file:
 * it is taken away, and the name made anew. Directories are made for us alone (0700) and get what
 * the tar says at the end (overlay/finish.c).
 */
#include "overlay/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "overlay/body.h"
#include "overlay/finish.h"
#include "overlay/member.h"
#include "overlay/recorder.h"
#include "overlay/tree.h"
#include "spec/base/fd.h"

struct unpacking {
	struct tar *tar;
	const struct unpack_options *options;
	struct pending pending;
	struct tree tree;
	struct unpack_result *result;
	struct member name;
	struct tar_member member;
	struct body body;
	int parent; /* the member's, borrowed of the tree */
};

static int failed(const struct unpacking *u, int code, const char *what, struct err *e)
{
	struct member_text shown;

	return err_set(e, code, "%s '%s'", what, member_show(u->member.path, &shown));
}

static int refused(const struct unpacking *u, int code, const char *why, struct err *e)
{
	struct member_text shown;

	return err_say(e, code, "member '%s': %s", member_show(u->member.path, &shown), why);
}

/* The kernel's word for an owner that the user namespace has no id for is "invalid argument". */
static int unattributed(
	const struct unpacking *u, int code, const struct attributes *a, struct err *e)
{
	struct member_text shown;

	return code == EINVAL && u->options->form == FORM_USER
		       ? attributes_unmapped(a, member_show(u->member.path, &shown), e)
		       : failed(u, code, "set attributes of", e);
}

/* Makers return an fd, 0 where there is none, or -errno; -EEXIST when the name is taken. */

static int make_file(struct unpacking *u)
{
	int fd = openat(u->parent, u->name.base,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, u->member.mode & 0777);

	return fd < 0 ? -errno : fd;
}

/* One that is there stays, with what is in it; its attributes come at the end. */
static int make_directory(struct unpacking *u)
{
	struct stat st;

	if (mkdirat(u->parent, u->name.base, 0700) == 0)
		return 0;
	if (errno != EEXIST || fstatat(u->parent, u->name.base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -EEXIST;
}

static int make_symlink(struct unpacking *u)
{
	return symlinkat(u->member.link, u->parent, u->name.base) < 0 ? -errno : 0;
}

/*
 * The target is looked up in the same root and linked without following it, so that it is always
 * something of this layer; the kernel refuses directories. Owner and mode are the target's own: to
 * apply the link's would be a chmod of another file (CVE-2021-32760).
 */
static int make_hardlink(struct unpacking *u)
{
	struct member target;
	struct err ignored;

	if (member_parse(u->member.link, &target, &ignored) < 0 || target.meaning != MEMBER_PLAIN)
		return -EPERM;
	autofd int dir = fd_open_in_root(
		u->tree.root, target.parent[0] ? target.parent : ".", O_PATH | O_DIRECTORY);
	if (dir < 0)
		return dir;
	return linkat(dir, target.base, u->parent, u->name.base, 0) < 0 ? -errno : 0;
}

static int make_node(struct unpacking *u)
{
	static const mode_t types[] = {
		[TAR_CHAR] = S_IFCHR, [TAR_BLOCK] = S_IFBLK, [TAR_FIFO] = S_IFIFO
	};
	const struct tar_member *m = &u->member;

	return mknodat(u->parent, u->name.base, types[m->kind] | (m->mode & 0777), m->device) < 0
		       ? -errno
		       : 0;
}

static int (*const makers[])(struct unpacking *u) = {
	[TAR_FILE] = make_file,
	[TAR_DIRECTORY] = make_directory,
	[TAR_SYMLINK] = make_symlink,
	[TAR_HARDLINK] = make_hardlink,
	[TAR_CHAR] = make_node,
	[TAR_BLOCK] = make_node,
	[TAR_FIFO] = make_node,
};

/* A hard link to itself, by whatever name, would be taken away before it can be made. */
static bool links_to_itself(const struct unpacking *u)
{
	struct member target;
	struct stat a, b;
	struct err ignored;

	if (u->member.kind != TAR_HARDLINK || member_parse(u->member.link, &target, &ignored) < 0 ||
		target.meaning != MEMBER_PLAIN)
		return false;
	autofd int dir = fd_open_in_root(
		u->tree.root, target.parent[0] ? target.parent : ".", O_PATH | O_DIRECTORY);
	return dir >= 0 && fstatat(dir, target.base, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(u->parent, u->name.base, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int make(struct unpacking *u, struct err *e)
{
	int made = makers[u->member.kind](u);

	if (made == -EEXIST) {
		if (links_to_itself(u))
			return 0;
		int r = tree_clear(&u->tree, u->parent, u->tree.parent_real, u->name.base);
		made = r < 0 ? r : makers[u->member.kind](u);
	}
	if (made == -ENOENT && u->member.kind == TAR_HARDLINK)
		return refused(u, ENOENT, "a hard link to what is not in this layer", e);
	return made < 0 ? failed(u, -made, "create", e) : made;
}

static bool is_shared(const struct unpacking *u, const struct str *xattrs)
{
	return u->member.size >= (xattrs->len ? SHARED_MIN_WITH_XATTRS : SHARED_MIN);
}

static int pack_xattrs(const struct unpacking *u, struct str *ret, struct err *e)
{
	struct member_text shown;

	return attributes_pack(u->tar, ret, e) < 0
		       ? err_while(e, "member '%s'", member_show(u->member.path, &shown))
		       : 0;
}

static int fill_file(struct unpacking *u, int *fd, struct err *e)
{
	struct attributes a = attributes_of(&u->member);
	automatic(str) struct str xattrs = { 0 };
	const struct sharing_file file = { .dir = u->parent,
		.name = u->name.base,
		.mode = u->member.mode & 0777,
		.size = u->member.size };

	int r = pack_xattrs(u, &xattrs, e);
	if (r < 0)
		return r;
	bool shared = is_shared(u, &xattrs);
	if (u->member.size)
		recorder_file(u->options->recorder, u->tree.parent_real, u->name.base,
			!shared || !u->options->sharing);
	r = body_fill(&u->body, u->tar, &file, shared, fd, e);
	if (r < 0 && e->code)
		return r;
	if (r == -ERR_DAMAGED)
		return refused(u, ERR_DAMAGED, "its content is not of its size", e);
	if (r < 0)
		return failed(u, -r, "write", e);
	r = attributes_apply(*fd, &a, true, xattrs.data, xattrs.len);
	return r < 0 ? unattributed(u, -r, &a, e) : 0;
}

static int add_directory(struct unpacking *u, struct err *e)
{
	struct attributes a = attributes_of(&u->member);
	automatic(str) struct str xattrs = { 0 };

	int r = pack_xattrs(u, &xattrs, e);
	return r < 0 ? r
		     : pending_add_dir(&u->pending, u->name.parent, u->name.base, &a, &xattrs, e);
}

static int check_member(struct unpacking *u, struct err *e)
{
	const struct tar_member *m = &u->member;
	struct member_text shown;

	if (u->name.meaning == MEMBER_ROOT && m->kind != TAR_DIRECTORY)
		return refused(u, EPERM, "the root of a layer must be a directory", e);
	if (m->kind == TAR_CHAR && m->device == makedev(0, 0) && u->name.meaning == MEMBER_PLAIN)
		return refused(u, EPERM, "a character device 0:0 would be a whiteout", e);
	if (m->size > u->options->bytes - u->result->size)
		return err_say(e, EFBIG,
			"member '%s': with it, files have more than the %" PRIu64 " MiB allowed",
			member_show(m->path, &shown), u->options->bytes >> 20);
	u->result->size += m->size;
	return 0;
}

/* A file, link, node or directory with a name of its own. */
static int unpack_plain(struct unpacking *u, struct err *e)
{
	struct attributes a = attributes_of(&u->member);
	bool is_device = u->member.kind == TAR_CHAR || u->member.kind == TAR_BLOCK;

	int r = tree_parent(&u->tree, u->name.parent, &u->parent, e);
	if (r < 0 || (is_device && u->options->form == FORM_USER))
		return r;
	int made = make(u, e);
	if (made < 0)
		return made;
	switch (u->member.kind) {
	case TAR_FILE: {
		autofd int fd = made;
		return fill_file(u, &fd, e);
	}
	case TAR_DIRECTORY:
		return add_directory(u, e);
	case TAR_HARDLINK:
		return 0;
	case TAR_SYMLINK:
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		break;
	}
	r = attributes_apply_at(u->parent, u->name.base, &a, u->member.kind == TAR_SYMLINK);
	return r < 0 ? unattributed(u, -r, &a, e) : 0;
}

static int unpack_member(struct unpacking *u, struct err *e)
{
	int r = member_parse(u->member.path, &u->name, e);
	if (r == 0)
		r = check_member(u, e);
	if (r < 0)
		return r;
	switch (u->name.meaning) {
	case MEMBER_IGNORED:
		return 0;
	case MEMBER_ROOT:
		return add_directory(u, e);
	case MEMBER_WHITEOUT:
		return pending_add_whiteout(&u->pending, u->name.parent, u->name.base, e);
	case MEMBER_OPAQUE:
		return pending_add_whiteout(&u->pending, u->name.parent, "", e);
	case MEMBER_PLAIN:
		break;
	}
	return unpack_plain(u, e);
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

static int unpack_all(struct unpacking *u, struct err *e)
{
	struct member_text shown;
	int r;

	while ((r = tar_next(u->tar, &u->member, e)) > 0) {
		u->result->entries++;
		if (u->result->entries + u->pending.n_dirs > u->options->entries)
			return err_say(e, EFBIG,
				"member '%s': with it, more than the %" PRIu64 " files allowed",
				member_show(u->member.path, &shown), u->options->entries);
		if (is_later(&u->member.mtime, &u->result->newest))
			u->result->newest = u->member.mtime;
		r = unpack_member(u, e);
		if (r < 0)
			return r;
	}
	return r;
}

int unpack(struct tar *tar, int dir, const struct unpack_options *options,
	struct unpack_result *ret, struct err *e)
{
	automatic(unpack_result) struct unpack_result result = { 0 };
	struct unpacking u = { .tar = tar,
		.options = options,
		.result = &result,
		.body = { .sharing = options->sharing,
			.recorder = options->recorder,
			.skeleton = options->skeleton } };

	u.tree = (struct tree){
		.root = dir,
		.form = options->form,
		.pending = &u.pending,
		.recorder = options->recorder,
		.parent = -1,
	};
	/* Implicit until the tar names it. */
	int r = pending_add_implicit(&u.pending, "", "", e);
	if (r == 0)
		r = unpack_all(&u, e);
	if (r == 0)
		r = finish_tree(&u.tree, e);
	if (r == 0)
		r = pending_list_implicit(&u.pending, &result.implicit, e);
	body_done(&u.body);
	tree_done(&u.tree);
	pending_done(&u.pending);
	if (r < 0)
		return r;
	*ret = result;
	result = (struct unpack_result){ 0 };
	return 0;
}

void unpack_result_done(struct unpack_result *result)
{
	str_done(&result->implicit);
	*result = (struct unpack_result){ 0 };
}
