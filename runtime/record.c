/* The record of a container. */
#include "runtime/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "spec/base/date.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/str.h"
#include "spec/id.h"

#define RECORD_BYTES_MAX (1u << 20)
#define END_OF_9999 253402300799 /* as a time: years of four digits are all that we write */

enum key_kind { KEY_TEXT, KEY_UNSIGNED, KEY_FLAG, KEY_PROCESS, KEY_TIME, KEY_EXIT };

static const struct record_key {
	const char *name;
	enum key_kind kind;
	size_t offset;
} record_keys[] = {
	{ "id", KEY_TEXT, offsetof(struct record, id) },
	{ "bundle", KEY_TEXT, offsetof(struct record, bundle) },
	{ "created", KEY_TIME, offsetof(struct record, created) },
	{ "cgroup", KEY_TEXT, offsetof(struct record, cgroup) },
	{ "cgroup-made", KEY_UNSIGNED, offsetof(struct record, cgroup_made) },
	{ "unit", KEY_TEXT, offsetof(struct record, unit) },
	{ "unit-of-user", KEY_FLAG, offsetof(struct record, unit_of_user) },
	{ "resctrl", KEY_TEXT, offsetof(struct record, resctrl) },
	{ "init", KEY_PROCESS, offsetof(struct record, init) },
	{ "waits", KEY_FLAG, offsetof(struct record, waits) },
	{ "no-keyring", KEY_FLAG, offsetof(struct record, no_keyring) },
	{ "no-poststop", KEY_FLAG, offsetof(struct record, no_poststop) },
	{ "shares-pids", KEY_FLAG, offsetof(struct record, shares_pids) },
	{ "started", KEY_FLAG, offsetof(struct record, started) },
	{ "image", KEY_TEXT, offsetof(struct record, image) },
	{ "store", KEY_TEXT, offsetof(struct record, store) },
	{ "snapshotter", KEY_TEXT, offsetof(struct record, snapshotter) },
	{ "command", KEY_TEXT, offsetof(struct record, command) },
	{ "network", KEY_TEXT, offsetof(struct record, network) },
	{ "ports", KEY_TEXT, offsetof(struct record, ports) },
	{ "network-keeper", KEY_PROCESS, offsetof(struct record, network_keeper) },
	{ "monitor", KEY_PROCESS, offsetof(struct record, monitor) },
	{ "template", KEY_FLAG, offsetof(struct record, is_template) },
	{ "fork-wait", KEY_UNSIGNED, offsetof(struct record, fork_wait) },
	{ "forked-from", KEY_TEXT, offsetof(struct record, forked_from) },
	{ "remove-at-exit", KEY_FLAG, offsetof(struct record, remove_at_exit) },
	{ "exit", KEY_EXIT, 0 },
	{ "oom", KEY_TEXT, offsetof(struct record, oom) },
};

/* As mkdir -p: engines name a root two levels below what exists. */
static int make_directories(const char *path)
{
	autofree char *prefix = strdup(path);

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	if (!prefix || errno != ENOENT)
		return -errno;
	for (char *at = strchr(prefix + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(prefix, 0700) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int home_open(const char *path, bool create, bool usual, struct home *ret, struct err *e)
{
	struct stat st;

	int r = create ? make_directories(path) : 0;
	if (r < 0)
		return err_set(e, -r, "make the state root '%s'", path);
	autofd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (usual ? O_NOFOLLOW : 0));
	if (fd < 0 && errno == ENOENT && !create) {
		*ret = (struct home){ .fd = -1, .path = path };
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open the state root '%s'", path);
	/* Whoever can write here decides what `delete` kills and removes. */
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return err_say(e, EPERM,
			"open the state root '%s': it is not ours alone to write (owner %u, mode %03o)",
			path, st.st_uid, st.st_mode & 0777);
	*ret = (struct home){ .fd = take_fd(&fd), .path = path };
	return 0;
}

void home_done(struct home *h)
{
	own_close(&h->fd);
	h->fd = -1;
}

/*
 * Numbers are read strictly: what is not as we wrote it is damage, and no number of somebody else's
 * process. The parts of a value are cut apart in place.
 */
static int read_process(char *value, struct process_mark *into)
{
	char *space = strchr(value, ' ');
	uint64_t pid, start;

	if (!space)
		return -EPROTO;
	*space = '\0';
	if (!str_to_u64(value, INT32_MAX, &pid) || !pid ||
		!str_to_u64(space + 1, UINT64_MAX, &start))
		return -EPROTO;
	*into = (struct process_mark){ .pid = (pid_t)pid, .start = start };
	return 0;
}

/* Seconds and nanoseconds since 1970 (nine digits): told in people's terms when somebody asks. */
static int read_time(char *value, struct timespec *into)
{
	char *dot = strchr(value, '.');
	uint64_t seconds;

	if (!dot || strspn(dot + 1, "0123456789") != 9 || dot[10])
		return -EPROTO;
	*dot = '\0';
	if (!str_to_u64(value, END_OF_9999, &seconds))
		return -EPROTO;
	*into = (struct timespec){ .tv_sec = (time_t)seconds,
		.tv_nsec = strtol(dot + 1, NULL, 10) };
	return 0;
}

/* "<status> <when>" */
static int read_exit(char *value, struct record *r)
{
	char *space = strchr(value, ' ');
	uint64_t status;

	if (!space)
		return -EPROTO;
	*space = '\0';
	if (!str_to_u64(value, INT32_MAX, &status) || read_time(space + 1, &r->ended_at) < 0)
		return -EPROTO;
	r->exit_status = (int)status;
	r->ended = true;
	return 0;
}

static int read_value(const struct record_key *key, char *value, struct record *r)
{
	void *at = (char *)r + key->offset;
	uint64_t n;

	switch (key->kind) {
	case KEY_TEXT:
		free(*(char **)at);
		*(char **)at = NULL;
		if (!*value) /* takes back what an earlier line says */
			return 0;
		*(char **)at = strdup(value);
		return *(char **)at ? 0 : -ENOMEM;
	case KEY_UNSIGNED:
		if (!str_to_u64(value, UINT32_MAX, &n))
			return -EPROTO;
		*(unsigned *)at = (unsigned)n;
		return 0;
	case KEY_FLAG:
		*(bool *)at = true;
		return 0;
	case KEY_PROCESS:
		return read_process(value, at);
	case KEY_TIME:
		return read_time(value, at);
	case KEY_EXIT:
		return read_exit(value, r);
	}
	return 0;
}

static int read_line(char *line, struct record *r)
{
	char *space = strchr(line, ' '), *value = line + strlen(line);

	if (space) {
		*space = '\0';
		value = space + 1;
	}
	for (size_t i = 0; i < sizeof(record_keys) / sizeof(record_keys[0]); i++)
		if (strcmp(record_keys[i].name, line) == 0)
			return read_value(&record_keys[i], value, r);
	return 0; /* of a later version */
}

/* -EPROTO for what we did not write, with the place. */
static int parse(char *text, size_t len, const char *id, struct record *r, struct err *e)
{
	unsigned n = 1;

	if (!len)
		return err_say(e, EPROTO, "it is empty");
	if (strlen(text) != len)
		return err_say(e, EPROTO, "it has a byte 0 at %zu", strlen(text));
	/* What has no newline behind it was never written whole. */
	char *line = text;
	for (char *end; (end = strchr(line, '\n')); line = end + 1, n++) {
		*end = '\0';
		int bad = read_line(line, r);
		if (bad < 0)
			return err_say(
				e, -bad, "line %u: '%.20s' is not as it was written", n, line);
	}
	r->cut = *line;
	if (!r->id)
		return err_say(e, EPROTO, "its first line is cut off");
	return strcmp(r->id, id) == 0 ? 0 : err_say(e, EPROTO, "it is of '%.60s'", r->id);
}

/* In another root perhaps: so which one, and whether it has any. */
static int missing(const struct home *h, const char *id, struct err *e)
{
	char **ids = NULL;
	size_t n = 0;
	struct err ignored;

	if (h->fd < 0)
		return err_say(e, ERR_NO_CONTAINER,
			"container '%s' does not exist: there is no state root '%s'", id, h->path);
	record_list(h, &ids, &n, &ignored);
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	if (!n)
		return err_say(e, ERR_NO_CONTAINER,
			"container '%s' does not exist (in '%s', which has none)", id, h->path);
	return err_say(e, ERR_NO_CONTAINER,
		"container '%s' does not exist (in '%s', which has %zu other%s)", id, h->path, n,
		n > 1 ? "s" : "");
}

/* We have not what it takes to look: that tells nothing of the record. */
static bool is_shortage(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOMEM;
}

int record_open(const struct home *h, const char *id, int flags, struct err *e)
{
	int dir = h->fd < 0 ? -1 : openat(h->fd, id, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir >= 0)
		return dir;
	if (h->fd >= 0 && is_shortage(errno))
		return err_set(e, errno, "open the record of container '%s'", id);
	return missing(h, id, e);
}

int record_read(const struct home *h, const char *id, struct record *ret, struct err *e)
{
	automatic(record) struct record r = { 0 };
	autofree char *text = NULL;
	struct err why;
	size_t len;

	int bad = id_check(id, e);
	autofd int dir = bad < 0 ? bad : record_open(h, id, O_PATH, e);
	if (dir < 0)
		return dir;
	bad = fd_read_file(dir, RECORD_FILE, RECORD_BYTES_MAX, &text, &len, &why);
	if (is_shortage(-bad))
		return err_set(e, -bad, "read the record of container '%s'", id);
	if (bad == 0)
		bad = parse(text, len, id, &r, &why);
	else /* and no word of files: engines take "no such file" for the container's program */
		err_say(&why, -bad, "it %s", bad == -ENOENT ? "is missing" : "cannot be read");
	if (bad == 0) {
		*ret = r;
		r = (struct record){ 0 };
		return 0;
	}
	*ret = (struct record){ .id = strdup(id) };
	return err_say(e, ERR_DAMAGED,
		"the record of container '%s' is damaged: %.200s (hint: delete --force)", id,
		why.text);
}

int record_read_open(int journal, const char *id, struct record *ret, struct err *e)
{
	automatic(record) struct record r = { 0 };
	autofree char *text = calloc(1, RECORD_BYTES_MAX + 1);

	if (!text)
		return err_set(e, ENOMEM, "read the record of '%s'", id);
	ssize_t n = fd_read_full(journal, text, RECORD_BYTES_MAX);
	if (n < 0)
		return err_set(e, (int)-n, "read the record of '%s'", id);
	int bad = parse(text, (size_t)n, id, &r, e);
	if (bad < 0)
		return err_while(e, "read the record of '%s'", id);
	*ret = r;
	r = (struct record){ 0 };
	return 0;
}

void record_done(struct record *r)
{
	for (size_t i = 0; i < sizeof(record_keys) / sizeof(record_keys[0]); i++)
		if (record_keys[i].kind == KEY_TEXT)
			free(*(char **)((char *)r + record_keys[i].offset));
	*r = (struct record){ 0 };
}

int record_add(int journal, const char *key, const char *format, struct err *e, ...)
{
	automatic(str) struct str line = { 0 };
	va_list args;

	str_addf(&line, "%s ", key);
	va_start(args, e);
	autofree char *value = NULL;
	if (vasprintf(&value, format, args) < 0)
		value = NULL;
	va_end(args);
	/* A line is a line, whatever a path or a command holds. */
	for (char *c = value; c && *c; c++)
		if (*c == '\n')
			*c = ' ';
	log_debug("record: %s %s", key, value ? value : "");
	str_add(&line, value ? value : "");
	str_add(&line, "\n");
	int r = value && str_ok(&line) ? fd_write_all(journal, line.data, line.len) : -ENOMEM;
	return r < 0 ? err_set(e, -r, "write '%s' to the record", key) : 0;
}

int record_open_journal(int dir, struct err *e)
{
	int fd = openat(
		dir, RECORD_FILE, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? err_set(e, errno, "open the record") : fd;
}

/* 1: locked, but somebody removed it while we waited, and its name may mean another one by now. */
static int lock(int dir, const char *id, struct err *e)
{
	struct stat st;

	while (flock(dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "lock container '%s'", id);
	return fstat(dir, &st) == 0 && st.st_nlink == 0;
}

int record_make(const struct home *h, const char *id, int *ret_dir, int *ret_journal, struct err *e)
{
	int r = id_check(id, e);

	if (r < 0)
		return r;
	if (mkdirat(h->fd, id, 0700) < 0) {
		if (errno == EEXIST)
			return err_say(e, EEXIST, "container '%s' already exists", id);
		return err_set(e, errno, "make '%s/%s'", h->path, id);
	}
	autofd int dir = openat(h->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		r = err_set(e, errno, "open '%s/%s'", h->path, id);
	else
		r = lock(dir, id, e);
	if (r > 0)
		return err_say(e, ENOENT, "container '%s' was deleted while it was made", id);
	/* Between mkdirat() and openat() somebody may have deleted it, and made another. */
	autofd int journal =
		r < 0 ? -1
		      : openat(dir, RECORD_FILE,
				O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				0600);
	if (r == 0 && journal < 0 && errno == EEXIST)
		return err_say(e, EEXIST, "container '%s' already exists", id);
	if (r == 0 && journal < 0)
		r = err_set(e, errno, "make the record");
	if (r == 0)
		r = record_add(journal, "id", "%s", e, id);
	if (r < 0) {
		struct err ignored;
		record_remove(h, id, &ignored);
		return r;
	}
	*ret_dir = take_fd(&dir);
	*ret_journal = take_fd(&journal);
	return 0;
}

int record_lock(const struct home *h, const char *id, int *ret_dir, struct err *e)
{
	int r = id_check(id, e);

	if (r < 0)
		return r;
	for (;;) {
		autofd int dir = record_open(h, id, O_RDONLY, e);
		if (dir < 0)
			return dir;
		r = lock(dir, id, e);
		if (r == 0)
			*ret_dir = take_fd(&dir);
		if (r <= 0)
			return r;
	}
}

bool record_is_locked(const struct home *h, const char *id)
{
	autofd int dir = openat(h->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Closing it gives up what we got. */
	return dir >= 0 && flock(dir, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void record_unlock(int dir)
{
	flock(dir, LOCK_UN);
}

int record_relock(int dir, const char *id, bool *ret_removed, struct err *e)
{
	int r = lock(dir, id, e);

	if (r >= 0)
		*ret_removed = r > 0;
	return r < 0 ? r : 0;
}

int record_remove(const struct home *h, const char *id, struct err *e)
{
	static const char *const files[] = { RECORD_CONFIG, RECORD_SOCKET, RECORD_FILE };

	log_debug("record: '%s/%s' is removed", h->path, id);
	/* The usual case without reading the directory. */
	autofd int dir = openat(h->fd, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	for (size_t i = 0; dir >= 0 && i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(dir, files[i], 0);
	if (unlinkat(h->fd, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return fd_remove_tree(h->fd, id, e);
}

char *record_time_text(const struct timespec *at)
{
	char text[DATE_TEXT_MAX];

	return strdup(date_text(at, true, text));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int record_list(const struct home *h, char ***ret_ids, size_t *ret_n, struct err *e)
{
	char **ids = NULL;
	size_t n = 0;

	*ret_ids = NULL;
	*ret_n = 0;
	if (h->fd < 0)
		return 0;
	int fd = openat(h->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int r = err_set(e, errno, "read the state root '%s'", h->path);
		own_close(&fd);
		return r;
	}
	for (struct dirent *d; (d = readdir(dir));) {
		struct err ignored;
		if ((d->d_type != DT_DIR && d->d_type != DT_UNKNOWN) ||
			id_check(d->d_name, &ignored) < 0)
			continue;
		char **more = realloc(ids, (n + 1) * sizeof(*ids));
		char *id = strdup(d->d_name);
		if (more)
			ids = more;
		if (more && id)
			ids[n++] = id;
	}
	closedir(dir);
	if (n)
		qsort(ids, n, sizeof(*ids), by_name);
	*ret_ids = ids;
	*ret_n = n;
	return 0;
}
