/* tar by libarchive, as a reader of bytes. */
#include "overlay/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "overlay/headers.h"
#include "overlay/member.h"

#define PATH_BYTES_MAX 4095
#define ID_MAX 4294967294u /* 2^32-1 means "leave as it is" to chown */

struct tar {
	struct archive *archive;
	struct archive_entry *entry; /* the archive's */
	tar_source *source;
	void *from;
	struct headers *headers; /* what we make of the same bytes */
	struct err refused;	 /* theirs; code 0: none */
};

static la_ssize_t read_source(struct archive *a, void *data, const void **ret)
{
	struct tar *t = data;
	ssize_t n = t->source(t->from, ret);

	if (n > 0 && headers_pass(t->headers, *ret, (size_t)n, &t->refused) < 0)
		n = -EINVAL;
	if (n < 0) {
		archive_set_error(a, (int)-n, "read failed");
		return ARCHIVE_FATAL;
	}
	return n;
}

/* Ours is said where there is one: libarchive's reason is a failed reading then. */
static int damaged(const struct tar *t, struct err *e)
{
	char text[200];
	const char *said = archive_error_string(t->archive);

	if (t->refused.code) {
		*e = t->refused;
		return -e->code;
	}
	strncpy(text, said ? said : "it cannot be read", sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[strcspn(text, "\n")] = '\0';
	text[0] = (char)tolower((unsigned char)text[0]);
	return err_say(e, ERR_DAMAGED, "damaged tar: %s", text);
}

int tar_open(tar_source *source, void *from, struct tar **ret, struct err *e)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (t) {
		t->archive = archive_read_new();
		t->headers = headers_begin();
	}
	if (!t || !t->archive || !t->headers) {
		tar_free(t);
		return err_set(e, ENOMEM, "read tar");
	}
	t->source = source;
	t->from = from;
	if (archive_read_support_format_tar(t->archive) != ARCHIVE_OK ||
		archive_read_open(t->archive, t, NULL, read_source, NULL) != ARCHIVE_OK) {
		int r = damaged(t, e);
		tar_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

/* libarchive's type of a member, ours, and whether it names a device. */
static const struct {
	__LA_MODE_T type;
	enum tar_kind kind;
} kinds[] = {
	{ AE_IFREG, TAR_FILE },
	{ AE_IFDIR, TAR_DIRECTORY },
	{ AE_IFLNK, TAR_SYMLINK },
	{ AE_IFCHR, TAR_CHAR },
	{ AE_IFBLK, TAR_BLOCK },
	{ AE_IFIFO, TAR_FIFO },
};

static int find_kind(struct archive_entry *entry, struct tar_member *m, struct err *e)
{
	m->link = archive_entry_hardlink(entry);
	if (m->link) {
		m->kind = TAR_HARDLINK;
		return 0;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].type != archive_entry_filetype(entry))
			continue;
		m->kind = kinds[i].kind;
		if (m->kind == TAR_SYMLINK)
			m->link = archive_entry_symlink(entry);
		if (m->kind == TAR_SYMLINK && !m->link)
			m->link = "";
		return 0;
	}
	return err_say(e, ERR_DAMAGED, "damaged tar: '%.200s' is of no known kind", m->path);
}

static int convert(struct archive_entry *entry, struct tar_member *ret, struct err *e)
{
	struct tar_member m = { .path = archive_entry_pathname(entry) };
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);

	if (!m.path)
		return err_say(e, ERR_DAMAGED, "damaged tar: a member has no name");
	if (strlen(m.path) > PATH_BYTES_MAX)
		return err_say(
			e, ENAMETOOLONG, "damaged tar: the name '%.80s...' is too long", m.path);
	int r = find_kind(entry, &m, e);
	if (r < 0)
		return r;
	if (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX)
		return err_say(e, ERANGE, "'%.200s' belongs to user %jd and group %jd", m.path,
			(intmax_t)uid, (intmax_t)gid);
	m.mode = archive_entry_perm(entry) & 07777;
	m.uid = (uid_t)uid;
	m.gid = (gid_t)gid;
	m.size = m.kind == TAR_FILE ? (uint64_t)archive_entry_size(entry) : 0;
	m.mtime.tv_sec = archive_entry_mtime(entry);
	m.mtime.tv_nsec = archive_entry_mtime_nsec(entry);
	if (m.kind == TAR_CHAR || m.kind == TAR_BLOCK)
		m.device = makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
	if (m.kind == TAR_FILE && archive_entry_size(entry) < 0)
		return err_say(e, ERR_DAMAGED, "damaged tar: '%.200s' has a negative size", m.path);
	*ret = m;
	return 0;
}

/*
 * Names are bytes here: nobody calls setlocale(). pax names that are not ASCII cannot be converted
 * to the C locale then; libarchive says so, and gives them as they are. (Its hdrcharset=BINARY is
 * for writing only.) Any other warning means that it guessed; two programs that guess differently
 * see two archives in one.
 */
static bool is_about_charset(const struct tar *t)
{
	const char *said = archive_error_string(t->archive);

	return said && strstr(said, " can't be converted from ");
}

int tar_next(struct tar *t, struct tar_member *ret, struct err *e)
{
	int r = archive_read_next_header(t->archive, &t->entry);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && !(r == ARCHIVE_WARN && is_about_charset(t)))
		return damaged(t, e);
	if (headers_lost(t->headers))
		return err_say(e, ERR_DAMAGED, "damaged tar: a header's checksum is wrong");
	archive_entry_xattr_reset(t->entry);
	r = convert(t->entry, ret, e);
	return r < 0 ? r : 1;
}

bool tar_next_xattr(struct tar *t, const char **ret_name, const void **ret_value, size_t *ret_n)
{
	return archive_entry_xattr_next(t->entry, ret_name, ret_value, ret_n) == ARCHIVE_OK;
}

int tar_read(struct tar *t, const void **ret, size_t *ret_n, uint64_t *ret_offset, struct err *e)
{
	la_int64_t offset;
	int r = archive_read_data_block(t->archive, ret, ret_n, &offset);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK || offset < 0)
		return damaged(t, e);
	*ret_offset = (uint64_t)offset;
	return 1;
}

uint64_t tar_position(const struct tar *t)
{
	return (uint64_t)archive_filter_bytes(t->archive, 0);
}

void tar_free(struct tar *t)
{
	if (!t)
		return;
	archive_read_free(t->archive);
	headers_free(t->headers);
	free(t);
}
