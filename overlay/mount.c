/*
 * One overlay mount from directory fds.
 *
 * What the kernels take: since 6.13 upperdir, workdir and lowerdir+ as fds, O_PATH ones too; from
 * 6.7 lowerdir+ as strings; from 6.5 overlay knows fsconfig(2) itself; before, an older interface
 * of one option string stands behind it. "lowerdir" with colons is understood by all of them, so it
 * is the one other way, with numbers below /proc/self/fd for names; data-only ones follow "::" there
 * (6.5).
 */
#include "overlay/mount.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "overlay/mapped.h"
#include "spec/base/own.h"

/*
 * Written out since a kernel can be built with other defaults. A layer's xattrs were sanitised when
 * it was unpacked; with these, what slipped through is refused and not followed, but where stubs of
 * our own have to be.
 */
static const struct {
	const char *key, *value;
	bool with_upper;  /* means nothing, or is refused, without one */
	const char *deep; /* the value where stubs lie deep */
} overlay_options[] = {
	{ "source", "overlay", false, "overlay" },
	{ "index", "off", true, "off" },
	{ "redirect_dir", "nofollow", false, "on" },
	{ "metacopy", "off", false, "on" },
	{ "xino", "auto", false, "auto" },
};

/* fsconfig(2)'s log is read as lines of "e ", "w " or "i " and a text; the last error tells most.
 */
static int kernel_says(int fs, int code, const char *what, struct err *e)
{
	char line[512], text[512] = "";
	ssize_t n;

	while ((n = read(fs, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == 'e' && line[1] == ' ')
			snprintf(text, sizeof(text), "%s", line + 2);
	}
	if (text[0] == '\0')
		return err_set(e, code, "%s", what);
	const char *reason = strncmp(text, "overlay: ", 9) == 0 ? text + 9 : text;
	return err_say(e, code, "%s: the kernel says '%s'", what, reason);
}

static int open_overlay(struct err *e)
{
	int fs = fsopen("overlay", FSOPEN_CLOEXEC);

	if (fs < 0 && errno == ENODEV)
		return err_say(e, ENODEV,
			"mount overlay: this kernel has no overlay file system (modprobe overlay)");
	return fs < 0 ? err_set(e, errno, "mount overlay") : fs;
}

static int set_options(int fs, const struct overlay_dirs *dirs, struct err *e)
{
	bool has_upper = dirs->upper >= 0;

	for (size_t i = 0; i < sizeof(overlay_options) / sizeof(overlay_options[0]); i++) {
		if (overlay_options[i].with_upper && !has_upper)
			continue;
		const char *value = dirs->deep ? overlay_options[i].deep : overlay_options[i].value;
		if (fsconfig(fs, FSCONFIG_SET_STRING, overlay_options[i].key, value, 0) < 0) {
			char what[80];
			snprintf(what, sizeof(what), "mount overlay: option '%s=%s'",
				overlay_options[i].key, value);
			return kernel_says(fs, errno, what, e);
		}
	}
	if (has_upper && fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return kernel_says(fs, errno, "mount overlay: option 'volatile'", e);
	if (dirs->form == FORM_USER && fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return kernel_says(fs, errno, "mount overlay: option 'userxattr'", e);
	return 0;
}

static int make_mount(int fs, const struct overlay_dirs *dirs, int *ret_fd, struct err *e)
{
	unsigned int flags = MOUNT_ATTR_NODEV | (dirs->upper >= 0 ? 0 : MOUNT_ATTR_RDONLY);

	int r = set_options(fs, dirs, e);
	if (r < 0)
		return r;
	if (dirs->ids && (r = mapped_become(dirs->ids)) < 0)
		return err_set(e, -r, "mount overlay: become root of the user namespace");
	bool failed = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0;
	int code = errno;
	if (dirs->ids)
		mapped_leave();
	if (failed)
		return kernel_says(fs, code, "mount overlay", e);
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, flags);
	if (fd < 0)
		return kernel_says(fs, errno, "mount overlay", e);
	*ret_fd = fd;
	return 0;
}

/* The new form takes the topmost layer first. */
static int set_fds(int fs, const struct overlay_dirs *dirs)
{
	for (size_t i = dirs->n_lowers; i-- > 0;)
		if (fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, dirs->lowers[i]) < 0)
			return -errno;
	if (dirs->objects && fsconfig(fs, FSCONFIG_SET_FD, "datadir+", NULL, *dirs->objects) < 0)
		return -errno;
	if (dirs->upper < 0)
		return 0;
	if (fsconfig(fs, FSCONFIG_SET_FD, "upperdir", NULL, dirs->upper) < 0 ||
		fsconfig(fs, FSCONFIG_SET_FD, "workdir", NULL, dirs->work) < 0)
		return -errno;
	return 0;
}

/* Values are limited to 255 bytes: hence numbers alone, and /proc/self/fd as current directory. */
static int set_names(int fs, const struct overlay_dirs *dirs)
{
	char lowers[256] = "", number[16];
	size_t len = 0;

	for (size_t i = dirs->n_lowers; i-- > 0;) {
		int n = snprintf(lowers + len, sizeof(lowers) - len, "%s%d", len ? ":" : "",
			dirs->lowers[i]);
		len += (size_t)n;
		if (len >= sizeof(lowers))
			return -E2BIG;
	}
	if (dirs->objects) {
		int n = snprintf(lowers + len, sizeof(lowers) - len, "::%d", *dirs->objects);
		if (len + (size_t)n >= sizeof(lowers))
			return -E2BIG;
	}
	if (fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", lowers, 0) < 0)
		return -errno;
	if (dirs->upper < 0)
		return 0;
	snprintf(number, sizeof(number), "%d", dirs->upper);
	if (fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", number, 0) < 0)
		return -errno;
	snprintf(number, sizeof(number), "%d", dirs->work);
	return fsconfig(fs, FSCONFIG_SET_STRING, "workdir", number, 0) < 0 ? -errno : 0;
}

/* Before 6.5 the names are looked up at FSCONFIG_CMD_CREATE, so that is in this directory too. */
static int mount_in_fd_directory(
	int fs, const struct overlay_dirs *dirs, int *ret_fd, struct err *e)
{
	if (chdir("/proc/self/fd") < 0)
		return err_set(e, errno, "mount overlay: enter '/proc/self/fd'");
	int r = set_names(fs, dirs);
	if (r == -E2BIG)
		return err_say(e, E2BIG,
			"mount overlay: %zu layers are too many for this kernel (6.13 takes 500)",
			dirs->n_lowers);
	if (r < 0)
		return kernel_says(fs, -r, "mount overlay: set its directories", e);
	return make_mount(fs, dirs, ret_fd, e);
}

int overlay_mount_by_name(const struct overlay_dirs *dirs, int *ret_fd, struct err *e)
{
	autofd int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (here < 0)
		return err_set(e, errno, "mount overlay: open the current directory");
	autofd int fs = open_overlay(e);
	if (fs < 0)
		return fs;
	int r = mount_in_fd_directory(fs, dirs, ret_fd, e);
	if (fchdir(here) < 0 && r == 0)
		return err_set(e, errno, "mount overlay: return to the current directory");
	return r;
}

static int mount_once(const struct overlay_dirs *dirs, int *ret_fd, struct err *e)
{
	autofd int fs = open_overlay(e);

	if (fs < 0)
		return fs;
	/*
	 * Refused before 6.13, in words that changed (EOPNOTSUPP in 6.1, EBADF in 6.12). If it is
	 * refused for a reason of its own, that comes up again by name.
	 */
	if (set_fds(fs, dirs) < 0)
		return overlay_mount_by_name(dirs, ret_fd, e);
	return make_mount(fs, dirs, ret_fd, e);
}

/* A data-only lower without metacopy=on is refused before 6.16. */
int overlay_mount(struct overlay_dirs *dirs, int *ret_fd, struct err *e)
{
	bool stubs = dirs->objects && !dirs->deep && dirs->form == FORM_TRUSTED;

	int r = mount_once(dirs, ret_fd, e);
	if (r != -EINVAL || !stubs)
		return r;
	dirs->deep = true;
	return mount_once(dirs, ret_fd, e);
}
