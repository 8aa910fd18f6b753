/* Volumes outside of the store. */
#include "overlay/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

/*
 * Commands are words with blanks between. $place is where volumes are, $volume one of them in full
 * ("group/cowrun-1f"), $leaf its last part, $base the one that a snapshot is taken of.
 *
 * LIMIT: 10 GiB for a container's files by LVM, all in all. Thin: what is not written takes none.
 */
static const struct kind {
	const char *name;
	const char *what, *is; /* what it must be, for messages; what `look` says of one */
	const char *device;    /* there is none without device-mapper */
	const char *file_system, *option, *source;
	const char *look, *make, *format, *settle, *snapshot, *activate, *exists, *remove;
} kinds[] = {
	{
		.name = "lvm",
		.what = "thin pool",
		.is = "thin-pool",
		.device = "/dev/mapper/control",
		.file_system = "ext4",
		.option = "noinit_itable", /* the kernel would fill each snapshot's tables */
		.source = "/dev/$volume",
		.look = "lvs --noheadings -o segtype $place",
		.make = "lvcreate -qq -y -V 10g -T $place -n $leaf",
		.format = "mkfs.ext4 -q -m 0 -O ^has_journal -E lazy_itable_init=1 /dev/$volume",
		.settle = "lvchange -qq -an $volume",
		.snapshot = "lvcreate -qq -y -s -kn -n $leaf $base",
		.activate = "lvchange -qq -ay -K $volume",
		.exists = "lvs -qq $volume",
		.remove = "lvremove -qq -f $volume",
	},
	{
		.name = "zfs",
		.what = "dataset",
		.is = "filesystem",
		.device = "/dev/zfs",
		.file_system = "zfs",
		.source = "$volume",
		.look = "zfs get -H -o value type $place",
		.make = "zfs create -o mountpoint=legacy -o acltype=posixacl -o xattr=sa $volume",
		.settle = "zfs snapshot $volume@base",
		.snapshot = "zfs clone -o mountpoint=legacy $base@base $volume",
		.exists = "zfs list $volume",
		.remove = "zfs destroy -r $volume",
	},
};

/* What the words of a command stand for. */
struct words {
	const char *place, *volume, *base;
};

static const struct kind *kind_of(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == n && strncmp(kinds[i].name, name, n) == 0)
			return &kinds[i];
	return NULL;
}

/* --- programs ----------------------------------------------------------------------------------- */

/* Not by PATH, which may be a user's, and without sbin. */
static bool find_program(const char *name, char out[64])
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		"/usr/bin", "/sbin", "/bin" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (snprintf(out, 64, "%s/%s", dirs[i], name) < 64 && access(out, X_OK) == 0)
			return true;
	return false;
}

static char *fill_in(const char *text, const struct words *w)
{
	const struct {
		const char *name, *value;
	} all[] = { { "$place", w->place }, { "$volume", w->volume }, { "$base", w->base },
		{ "$leaf", w->volume ? strrchr(w->volume, '/') + 1 : NULL } };
	automatic(str) struct str out = { 0 };

	while (*text) {
		size_t n = 1, i = 0;
		while (i < 4 && !(all[i].value && str_starts(text, all[i].name)))
			i++;
		if (i < 4) {
			n = strlen(all[i].name);
			str_add(&out, all[i].value);
		} else {
			str_add_bytes(&out, text, 1);
		}
		text += n;
	}
	return str_ok(&out) ? take(out.data) : NULL;
}

/* With what it says, on either stream, in `said`. Its status, or -errno. */
static int spawn(char **argv, char said[512])
{
	/* Where nobody answers for udev, LVM makes the nodes of devices itself if it is told so. */
	const char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
				    "/sbin:/bin",
		"LC_ALL=C", access("/run/udev/control", F_OK) < 0 ? "DM_DISABLE_UDEV=1" : NULL,
		NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	autofd int from = ends[0], to = ends[1];
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, to, 1);
	posix_spawn_file_actions_adddup2(&actions, to, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3); /* LVM counts what it inherits */
	int r = posix_spawn(&pid, argv[0], &actions, &attr, argv, (char *const *)env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (r != 0)
		return -r;
	own_close(&to);
	to = -1;
	ssize_t n = fd_read_full(from, said, 511);
	said[n > 0 ? n : 0] = '\0';
	for (char rest[512]; n == 511 && read(from, rest, sizeof(rest)) > 0;)
		;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The first line of what it said, without the blanks around it. */
static char *first_line(char *said)
{
	said += strspn(said, " \t\n");
	said[strcspn(said, "\n")] = '\0';
	for (size_t n = strlen(said); n && said[n - 1] == ' ';)
		said[--n] = '\0';
	return said;
}

/* What it answers stands behind its warnings. */
static char *last_line(char *said)
{
	size_t n = strlen(said);

	while (n && strchr(" \n", said[n - 1]))
		said[--n] = '\0';
	char *newline = strrchr(said, '\n');
	return first_line(newline ? newline + 1 : said);
}

/* `said` is NULL, or takes 512 bytes. */
static int perform(const char *command, const struct words *w, char *said, struct err *e)
{
	char own[512], program[64];
	char *argv[20];
	size_t n = 0;
	autofree char *line = fill_in(command, w);

	if (!line)
		return err_set(e, ENOMEM, "run '%s'", command);
	for (char *save = NULL, *word = strtok_r(line, " ", &save); word && n + 1 < 20;
		word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	argv[n] = NULL;
	if (!find_program(argv[0], program))
		return err_say(e, ENOTSUP, "there is no program '%s'", argv[0]);
	const char *name = argv[0];
	argv[0] = program;
	said = said ? said : own;
	int r = spawn(argv, said);
	if (r < 0)
		return err_set(e, -r, "run '%s'", name);
	if (r > 0)
		return err_say(e, EIO, "%s: %s", name, first_line(said));
	return 0;
}

/* --- volumes ------------------------------------------------------------------------------------ */

/* It becomes words of a command: no option, no path of a file, no blank. */
static bool is_place(const char *place)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.+-/";

	if (place[strspn(place, allowed)] || strlen(place) > 180)
		return false;
	for (const char *part = place;; part++) {
		if (!*part || strchr("-./", *part))
			return false;
		if (!(part = strchr(part, '/')))
			return true;
	}
}

int volume_probe(const char *name, const char *place, struct err *e)
{
	const struct kind *kind = kind_of(name, strlen(name));
	const struct words words = { .place = place };
	char program[64], said[512];

	if (!kind)
		return err_say(e, EINVAL, "no volumes of kind '%s'", name);
	autofree char *tool = strndup(kind->look, strcspn(kind->look, " "));

	if (!tool || !find_program(tool, program))
		return err_say(e, ENOTSUP, "there is no program '%s'", tool ? tool : kind->look);
	if (access(kind->device, F_OK) < 0)
		return err_say(e, ENOTSUP, "this kernel has no '%s'", kind->device);
	if (!place)
		return 0;
	if (!is_place(place) || (strcmp(name, "lvm") == 0 && !strchr(place, '/')))
		return err_say(e, EINVAL, "'%s' is no name of a %s", place, kind->what);
	int r = perform(kind->look, &words, said, e);
	const char *is = r == 0 ? last_line(said) : NULL;
	if (is && strcmp(is, kind->is) != 0)
		r = err_say(e, ENOTSUP, "'%s' is a %.40s, not a %s", place, is, kind->what);
	return r < 0 ? err_while(e, "%s '%s'", kind->what, place) : 0;
}

/* "lvm:group/cowrun-1f" of what `dir` names, taken apart in `text`; NULL, and *ret_r, if not. */
static const struct kind *read_link(
	int dir, const char *name, char text[256], const char **ret_volume, int *ret_r)
{
	ssize_t n = readlinkat(dir, name, text, 255);

	*ret_r = n < 0 ? -errno : -EINVAL;
	text[n < 0 ? 0 : n] = '\0';
	const char *colon = strchr(text, ':');
	const struct kind *kind = colon ? kind_of(text, (size_t)(colon - text)) : NULL;
	if (!kind || !is_place(colon + 1) || !strchr(colon, '/'))
		return NULL;
	*ret_volume = colon + 1;
	return kind;
}

static const struct kind *find(int dir, char text[256], const char **ret_volume, struct err *e)
{
	int r;
	const struct kind *kind = read_link(dir, VOLUME_LINK, text, ret_volume, &r);

	if (!kind)
		err_set(e, -r, "find its volume");
	return kind;
}

/* A number for a name: ids of containers can have what the names of volumes cannot. */
static int name_one(int dir, const char *kind, const char *place, struct err *e)
{
	char text[256];
	uint64_t number;
	const char *slash = strcmp(kind, "lvm") == 0 ? strrchr(place, '/') : NULL;
	int n = slash ? (int)(slash - place) : (int)strlen(place);

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return err_set(e, errno, "name a volume");
	snprintf(text, sizeof(text), "%s:%.*s/cowrun-%" PRIx64, kind, n, place, number);
	return symlinkat(text, dir, VOLUME_LINK) < 0 ? err_set(e, errno, "name its volume") : 0;
}

int volume_make(int dir, const char *name, const char *place, struct err *e)
{
	struct words words = { .place = place };
	char text[256];

	int r = name_one(dir, name, place, e);
	if (r < 0)
		return r;
	const struct kind *kind = find(dir, text, &words.volume, e);
	if (!kind)
		return -e->code;
	r = perform(kind->make, &words, NULL, e);
	if (r == 0 && kind->format)
		r = perform(kind->format, &words, NULL, e);
	return r;
}

int volume_settle(int dir, struct err *e)
{
	struct words words = { 0 };
	char text[256];
	const struct kind *kind = find(dir, text, &words.volume, e);

	return kind ? perform(kind->settle, &words, NULL, e) : -e->code;
}

int volume_snapshot(int dir, int base, const char *name, const char *place, struct err *e)
{
	struct words words = { .place = place };
	char text[256], base_text[256];

	int r = name_one(dir, name, place, e);
	if (r < 0)
		return r;
	const struct kind *kind = find(dir, text, &words.volume, e);
	if (!kind || !find(base, base_text, &words.base, e))
		return -e->code;
	return perform(kind->snapshot, &words, NULL, e);
}

static int mount_source(
	const struct kind *kind, const char *source, bool read_only, int *ret_fd, struct err *e)
{
	unsigned int flags = MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0);
	autofd int fs = fsopen(kind->file_system, FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0 ||
		(kind->option && fsconfig(fs, FSCONFIG_SET_FLAG, kind->option, NULL, 0) < 0) ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(e, errno, "mount '%s'", source);
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, flags);
	if (fd < 0)
		return err_set(e, errno, "mount '%s'", source);
	*ret_fd = fd;
	return 0;
}

int volume_mount(int dir, bool again, bool read_only, int *ret_fd, struct err *e)
{
	struct words words = { 0 };
	char text[256];
	const struct kind *kind = find(dir, text, &words.volume, e);

	if (!kind)
		return -e->code;
	int r = again && kind->activate ? perform(kind->activate, &words, NULL, e) : 0;
	if (r < 0)
		return r;
	autofree char *source = fill_in(kind->source, &words);
	return source ? mount_source(kind, source, read_only, ret_fd, e)
		      : err_set(e, ENOMEM, "mount '%s'", words.volume);
}

/* One that was never made, or that somebody else removes at this moment, is gone too. */
int volume_remove(int dir, const char *name)
{
	struct words words = { 0 };
	struct err ignored;
	char text[256];
	int r;
	const struct kind *kind = read_link(dir, name, text, &words.volume, &r);

	if (!kind)
		return r;
	if (perform(kind->remove, &words, NULL, &ignored) == 0)
		return 0;
	r = perform(kind->exists, &words, NULL, &ignored);
	return r == -EIO ? 0 : -EBUSY;
}
