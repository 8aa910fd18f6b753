/* Mount options: the table of words, and what a list of them comes to. */
#include "spec/mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "spec/fields.h"

const struct field mount_fields[] = {
	FIELD(struct mount_spec, "destination", FIELD_STRING, destination, .must = true),
	FIELD(struct mount_spec, "type", FIELD_STRING, type),
	FIELD(struct mount_spec, "source", FIELD_STRING, source),
	FIELD_LIST(struct mount_spec, "options", FIELD_STRING, options, n_options),
	FIELD_LIST(struct mount_spec, "uidMappings", FIELD_OBJECT, uid_maps, n_uid_maps,
		.inside = id_map_fields, .size = sizeof(struct id_map)),
	FIELD_LIST(struct mount_spec, "gidMappings", FIELD_OBJECT, gid_maps, n_gid_maps,
		.inside = id_map_fields, .size = sizeof(struct id_map)),
	{ 0 },
};

void mount_spec_done(struct mount_spec *m)
{
	json_free(mount_fields, m);
}

/*
 * In strcmp()'s order, since words are found by halving. Rows that do nothing are words we must
 * know: the kernel's default ("norelatime": relatime is what a mount has without any word), how
 * chatty it is, and inode versions, which file systems keep or not without being asked (5.17).
 */
const struct mount_option mount_options[] = {
	{ .name = "acl" },
	{ "async", .superblock_clear = "sync" },
	{ "atime", .clear = MOUNT_ATTR_NOATIME },
	{ "bind", .bits = MOUNT_BIND },
	{ .name = "defaults" },
	{ "dev", .clear = MOUNT_ATTR_NODEV },
	{ "diratime", .clear = MOUNT_ATTR_NODIRATIME },
	{ "dirsync", .superblock = "dirsync" },
	{ "exec", .clear = MOUNT_ATTR_NOEXEC },
	{ "idmap", .bits = MOUNT_IDMAP },
	{ .name = "iversion" },
	{ "lazytime", .superblock = "lazytime" },
	{ .name = "loud" },
	{ "mand", .superblock = "mand" },
	{ "noatime", .set = MOUNT_ATTR_NOATIME, .clear = MOUNT_ATTR__ATIME },
	{ "nodev", .set = MOUNT_ATTR_NODEV },
	{ "nodiratime", .set = MOUNT_ATTR_NODIRATIME },
	{ "noexec", .set = MOUNT_ATTR_NOEXEC },
	{ .name = "noiversion" },
	{ "nolazytime", .superblock_clear = "lazytime" },
	{ "nomand", .superblock_clear = "mand" },
	{ .name = "norelatime" },
	{ "nostrictatime", .clear = MOUNT_ATTR_STRICTATIME },
	{ "nosuid", .set = MOUNT_ATTR_NOSUID },
	{ "nosymfollow", .set = MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", .propagation = MS_PRIVATE },
	{ "ratime", .rclear = MOUNT_ATTR_NOATIME },
	{ "rbind", .bits = MOUNT_RBIND },
	{ "rdev", .rclear = MOUNT_ATTR_NODEV },
	{ "rdiratime", .rclear = MOUNT_ATTR_NODIRATIME },
	{ "relatime", .clear = MOUNT_ATTR__ATIME },
	{ "remount", .bits = MOUNT_REMOUNT },
	{ "rexec", .rclear = MOUNT_ATTR_NOEXEC },
	{ "ridmap", .bits = MOUNT_RIDMAP },
	{ "rnoatime", .rset = MOUNT_ATTR_NOATIME, .rclear = MOUNT_ATTR__ATIME },
	{ "rnodev", .rset = MOUNT_ATTR_NODEV },
	{ "rnodiratime", .rset = MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", .rset = MOUNT_ATTR_NOEXEC },
	{ .name = "rnorelatime" },
	{ "rnostrictatime", .rclear = MOUNT_ATTR_STRICTATIME },
	{ "rnosuid", .rset = MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", .rset = MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", .set = MOUNT_ATTR_RDONLY, .superblock = "ro" },
	{ "rprivate", .propagation = MS_REC | MS_PRIVATE },
	{ "rrelatime", .rclear = MOUNT_ATTR__ATIME },
	{ "rro", .rset = MOUNT_ATTR_RDONLY },
	{ "rrw", .rclear = MOUNT_ATTR_RDONLY },
	{ "rshared", .propagation = MS_REC | MS_SHARED },
	{ "rslave", .propagation = MS_REC | MS_SLAVE },
	{ "rstrictatime", .rset = MOUNT_ATTR_STRICTATIME, .rclear = MOUNT_ATTR__ATIME },
	{ "rsuid", .rclear = MOUNT_ATTR_NOSUID },
	{ "rsymfollow", .rclear = MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", .propagation = MS_REC | MS_UNBINDABLE },
	{ "rw", .clear = MOUNT_ATTR_RDONLY, .superblock_clear = "ro" },
	{ "shared", .propagation = MS_SHARED },
	{ .name = "silent" },
	{ "slave", .propagation = MS_SLAVE },
	{ "strictatime", .set = MOUNT_ATTR_STRICTATIME, .clear = MOUNT_ATTR__ATIME },
	{ "suid", .clear = MOUNT_ATTR_NOSUID },
	{ "symfollow", .clear = MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", .superblock = "sync" },
	{ "tmpcopyup", .bits = MOUNT_TMPCOPYUP },
	{ "unbindable", .propagation = MS_UNBINDABLE },
	{ 0 },
};

enum { N_OPTIONS = sizeof(mount_options) / sizeof(mount_options[0]) - 1 };

#define ATIME (MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME)
/* What a user namespace may not take off a mount of the host, beside ATIME. */
#define LOCKABLE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int by_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct mount_option *)row)->name);
}

/* Configs have some forty words: six comparisons for each instead of forty. */
const struct mount_option *mount_option_find(const char *name)
{
	return bsearch(name, mount_options, N_OPTIONS, sizeof(mount_options[0]), by_name);
}

/* A word's bits win over those of the words before it. */
static void merge(uint64_t *set, uint64_t *clear, uint64_t word_set, uint64_t word_clear)
{
	*set = (*set & ~word_clear) | word_set;
	*clear = (*clear & ~word_set) | word_clear;
}

/* Atime is one value of three, not bits: mount_setattr() wants it cleared whole before it is set.
 */
static void complete_atime(uint64_t set, uint64_t *clear)
{
	if ((set | *clear) & MOUNT_ATTR__ATIME)
		*clear |= MOUNT_ATTR__ATIME;
}

static int add_propagation(
	const struct mount_spec *m, struct mount_flags *f, uint64_t propagation, struct err *e)
{
	if (f->n_propagation == sizeof(f->propagation) / sizeof(f->propagation[0]))
		return err_say(e, EINVAL, "mount on '%s': more than %zu propagation options",
			m->destination, f->n_propagation);
	f->propagation[f->n_propagation++] = propagation;
	return 0;
}

/* Superblock flags by their row, to keep what is left of them until all words were read. */
struct superblock_flags {
	const char *v[8];
	size_t n;
};

static void drop_superblock(struct superblock_flags *s, const char *flag)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_equal(s->v[i], flag))
			s->v[i] = s->v[--s->n];
}

/* Words that choose how times are kept; those that only take a choice back do not. */
static bool chooses_atime(const struct mount_option *o)
{
	return o->set & ATIME || o->clear == MOUNT_ATTR__ATIME;
}

static int merge_option(const struct mount_spec *m, const struct mount_option *o,
	struct mount_flags *f, struct superblock_flags *superblock, struct err *e)
{
	merge(&f->attr_set, &f->attr_clear, o->set, o->clear);
	merge(&f->rec_set, &f->rec_clear, o->rset, o->rclear);
	f->bits |= o->bits;
	f->has_flags |= o->set || o->clear || o->superblock || o->superblock_clear;
	f->has_atime |= chooses_atime(o);
	if (o->superblock) {
		drop_superblock(superblock, o->superblock); /* a word twice is one flag */
		superblock->v[superblock->n++] = o->superblock;
	}
	if (o->superblock_clear)
		drop_superblock(superblock, o->superblock_clear);
	return o->propagation ? add_propagation(m, f, o->propagation, e) : 0;
}

static void add_superblock(const struct mount_spec *m, struct mount_flags *f,
	const struct superblock_flags *superblock)
{
	bool has_backing = m->source && m->source[0] == '/' && !(f->bits & MOUNT_REMOUNT);

	if (f->bits & (MOUNT_BIND | MOUNT_RBIND))
		return;
	for (size_t i = 0; i < superblock->n; i++)
		if (has_backing || !str_equal(superblock->v[i], "ro"))
			f->data[f->n_data++] = superblock->v[i];
}

/*
 * A bind with any flag has the flags that were named and no others, whatever its source has: that
 * is what mount(2) does with MS_REMOUNT | MS_BIND, and so what all runtimes do. Times differ: those
 * of the source stay unless others are chosen.
 */
static void complete_bind(struct mount_flags *f)
{
	f->asked_clear = f->attr_clear & LOCKABLE;
	if (f->has_flags)
		f->attr_clear = (LOCKABLE | MOUNT_ATTR_NOSYMFOLLOW) & ~f->attr_set;
	if (f->has_atime)
		f->attr_clear |= ATIME;
	else
		f->attr_set &= ~ATIME;
}

int mount_flags_parse(const struct mount_spec *m, struct mount_flags *ret, struct err *e)
{
	automatic(mount_flags) struct mount_flags f = { 0 };
	struct superblock_flags superblock = { 0 };

	/* Every word is at most one word of data: one allocation, with the NULL at the end. */
	f.data = calloc(m->n_options + 1, sizeof(*f.data));
	if (!f.data)
		return err_set(e, ENOMEM, "mount on '%s'", m->destination);
	for (size_t i = 0; i < m->n_options; i++) {
		const struct mount_option *o = mount_option_find(m->options[i]);
		int r = 0;
		if (o)
			r = merge_option(m, o, &f, &superblock, e);
		else if (*m->options[i])
			f.data[f.n_data++] = m->options[i];
		if (r < 0)
			return r;
	}
	if (mount_flags_is_bind(&f))
		complete_bind(&f);
	complete_atime(f.attr_set, &f.attr_clear);
	complete_atime(f.rec_set, &f.rec_clear);
	/* What holds for all below holds for the mount itself. */
	merge(&f.attr_set, &f.attr_clear, f.rec_set, f.rec_clear);
	add_superblock(m, &f, &superblock);
	*ret = f;
	f = (struct mount_flags){ 0 };
	return 0;
}

void mount_clean_path(const char *path, char out[PATH_MAX])
{
	size_t n = 0;

	while (*path) {
		path += strspn(path, "/");
		size_t len = strcspn(path, "/");
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			while (n && out[--n] != '/')
				;
		} else if (len && !(len == 1 && path[0] == '.')) {
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
	}
	out[n] = '\0';
}

bool mount_flags_is_bind(const struct mount_flags *f)
{
	return f->bits & (MOUNT_BIND | MOUNT_RBIND) && !(f->bits & MOUNT_REMOUNT);
}

/*
 * In a user namespace the kernel locks what a mount of the host has (MNT_LOCK_*): it stays where
 * nothing was said about it, and cannot be taken back.
 */
int mount_flags_keep_locked(struct mount_flags *f, uint64_t source, const char *what, struct err *e)
{
	static const struct {
		uint64_t flag;
		const char *name;
	} names[] = { { MOUNT_ATTR_RDONLY, "ro" }, { MOUNT_ATTR_NOSUID, "nosuid" },
		{ MOUNT_ATTR_NODEV, "nodev" }, { MOUNT_ATTR_NOEXEC, "noexec" } };
	uint64_t asked = f->asked_clear | (f->rec_clear & LOCKABLE);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (source & asked & names[i].flag)
			return err_say(e, EPERM,
				"%s: the source is mounted '%s', which cannot be taken back in a "
				"user namespace: operation not permitted",
				what, names[i].name);
	uint64_t atime = f->attr_set & ATIME;
	if (f->has_atime && atime != (source & ATIME))
		return err_say(e, EPERM,
			"%s: the source's way to keep access times cannot be changed in a user "
			"namespace: operation not permitted",
			what);
	f->attr_clear &= ~(source & LOCKABLE);
	return 0;
}

void mount_flags_done(struct mount_flags *f)
{
	free(f->data);
	*f = (struct mount_flags){ 0 };
}
