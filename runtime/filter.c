/* Seccomp filters: found among those kept, or compiled, shortened and kept. */
#include "runtime/filter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/optimizer.h"
#include "runtime/seccomp.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"

#define DIRECTORY ".seccomp"
#define KEY_NAME DIRECTORY "/%016llx"

enum {
	KEPT_MAX = 64,		  /* filters; the oldest goes for the next */
	KEPT_BYTES_MAX = 8 << 20, /* of one file */
};

/* What a filter depends on beside its text. The format of the file is in it by our commit. */
static const char stamp[] = COWRUN_VERSION "-" COWRUN_COMMIT
#ifdef __x86_64__
					   " x86_64 "
#else
					   " aarch64 "
#endif
	;

/* A file: this, the stamp and libseccomp's version, the text, blanks to eight bytes, the code. */
struct kept {
	char magic[8];
	uint64_t sum; /* of all that follows */
	uint32_t key_len, n, flags, spare;
};

#define MAGIC "cowBPF1\n"

/* Not against an adversary: it gives names, and sums that tell damage. Eight bytes at a time, since
 * every start does it. */
static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const char *at = data;
	uint64_t word;

	h ^= len * 0x9e3779b97f4a7c15u;
	for (; len; at += sizeof(word)) {
		size_t n = len < sizeof(word) ? len : sizeof(word);
		word = 0;
		memcpy(&word, at, n);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		len -= n;
	}
	return h;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* stamp, version, '\0', text */
static void make_key(const struct json_text *section, struct str *key)
{
	str_add_bytes(key, stamp, sizeof(stamp) - 1);
	str_add_bytes(key, seccomp_library, strlen(seccomp_library) + 1);
	str_add_bytes(key, section->text, section->len);
}

static int open_kept(const struct home *h, const char *name, size_t *ret_size)
{
	autofd int fd = fd_open_beneath(h->fd, name, O_RDONLY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022 ||
		st.st_size < (off_t)sizeof(struct kept) || st.st_size > KEPT_BYTES_MAX)
		return -EPERM;
	*ret_size = (size_t)st.st_size;
	return take_fd(&fd);
}

/* Where the code begins in a file's bytes, when they are whole and of this very key; -errno. */
static ssize_t find_code(const char *data, size_t size, const struct str *key, struct kept *head)
{
	size_t code = sizeof(*head) + padded(key->len);

	memcpy(head, data, sizeof(*head));
	if (memcmp(head->magic, MAGIC, sizeof(head->magic)) != 0 || head->key_len != key->len ||
		head->n == 0 || head->n > FILTER_MAX ||
		size != code + head->n * sizeof(struct sock_filter) ||
		memcmp(data + sizeof(*head), key->data, key->len) != 0)
		return -ENOENT;
	if (head->sum != mix(0, data + offsetof(struct kept, key_len),
				 size - offsetof(struct kept, key_len)))
		return -EBADMSG;
	return (ssize_t)code;
}

static int find(const struct home *h, const char *name, const struct str *key, struct filter *ret)
{
	struct kept head;
	size_t size = 0;

	autofd int fd = open_kept(h, name, &size);
	if (fd < 0)
		return fd;
	autofree char *data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	if (fd_read_full(fd, data, size) != (ssize_t)size)
		return -EIO;
	ssize_t code = find_code(data, size, key, &head);
	if (code < 0)
		return (int)code;
	ret->code = (const struct sock_filter *)(const void *)(data + code);
	ret->memory = take(data);
	ret->n = head.n;
	ret->flags = head.flags;
	return 0;
}

/* Makes room for one more: the file that was written first goes, temporary ones of the killed as
 * well. */
static void thin_out(int dir)
{
	char oldest[NAME_MAX + 1] = "";
	struct timespec since = { 0 };
	struct stat st;
	size_t n = 0;

	autofd int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	if (!list)
		return;
	copy = -1;
	for (struct dirent *d; (d = readdir(list));) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
			fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n++ && (st.st_mtim.tv_sec > since.tv_sec ||
				   (st.st_mtim.tv_sec == since.tv_sec &&
					   st.st_mtim.tv_nsec >= since.tv_nsec)))
			continue;
		since = st.st_mtim;
		snprintf(oldest, sizeof(oldest), "%s", d->d_name);
	}
	closedir(list);
	if (n >= KEPT_MAX && fd_remove_tree(dir, oldest, &(struct err){ 0 }) < 0)
		log_debug("remove the seccomp filter '%s'", oldest);
}

static void pack(const struct str *key, const struct filter *f, struct str *out)
{
	static const char zeros[8];
	struct kept head = {
		.magic = MAGIC, .key_len = (uint32_t)key->len, .n = f->n, .flags = f->flags
	};

	str_add_bytes(out, &head, sizeof(head));
	str_add_bytes(out, key->data, key->len);
	str_add_bytes(out, zeros, padded(key->len) - key->len);
	str_add_bytes(out, f->code, f->n * sizeof(struct sock_filter));
	if (!str_ok(out))
		return;
	head.sum = mix(0, out->data + offsetof(struct kept, key_len),
		out->len - offsetof(struct kept, key_len));
	memcpy(out->data, &head, sizeof(head));
}

/* Without a place for it there is one start that costs more, and no error. */
static void keep(
	const struct home *h, const char *name, const struct str *key, const struct filter *f)
{
	automatic(str) struct str data = { 0 };
	struct err e;

	if (mkdirat(h->fd, DIRECTORY, 0700) < 0 && errno != EEXIST)
		return;
	autofd int dir = fd_open_beneath(h->fd, DIRECTORY, O_RDONLY | O_DIRECTORY);
	pack(key, f, &data);
	if (dir < 0 || !str_ok(&data))
		return;
	thin_out(dir);
	if (fd_replace_file(dir, name + sizeof(DIRECTORY), data.data, data.len, 0600, &e) < 0)
		log_debug("keep a seccomp filter: %s", e.text);
}

static int compile(const struct json_text *section, struct filter *ret, struct err *e)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	int r = seccomp_read(section, &s, e);

	if (r == 0 && s.default_action)
		r = seccomp_compile(&s, ret, e);
	if (r == 0)
		ret->n = (uint32_t)optimizer_shorten(ret->memory, ret->n);
	return r;
}

int filter_take(
	const struct home *h, const struct json_text *section, struct filter *ret, struct err *e)
{
	automatic(filter) struct filter f = { 0 };
	automatic(str) struct str key = { 0 };
	char name[sizeof(DIRECTORY) + 17];

	if (!section->text)
		return 0;
	make_key(section, &key);
	if (!str_ok(&key))
		return err_set(e, ENOMEM, "make the seccomp filter");
	snprintf(name, sizeof(name), KEY_NAME, (unsigned long long)mix(0, key.data, key.len));
	int r = find(h, name, &key, &f);
	if (r < 0) {
		if (r != -ENOENT)
			log_debug("the kept seccomp filter '%s' is not used: %s", name,
				err_reason(-r));
		r = compile(section, &f, e);
		if (r == 0 && f.n)
			keep(h, name, &key, &f);
	}
	if (r < 0)
		return r;
	log_debug("seccomp filter flags: %u", f.flags);
	*ret = f;
	f = (struct filter){ 0 };
	return 0;
}

void filter_done(struct filter *f)
{
	free(f->memory);
	*f = (struct filter){ 0 };
}
