/* A container frozen into files, by CRIU. */
#include "runtime/checkpoint.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/criu.h"
#include "runtime/status.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

/* The id of the mount that a file of that process is from; -1. */
static long mount_id(pid_t pid, int fd)
{
	autofree char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	autofd int file = open(path, O_RDONLY | O_CLOEXEC);
	text = calloc(1, 4096);
	if (file < 0 || !text || fd_read_full(file, text, 4095) <= 0)
		return -1;
	const char *at = strstr(text, "mnt_id:");
	return at ? strtol(at + strlen("mnt_id:"), NULL, 10) : -1;
}

/*
 * The standard streams, as CRIU names them: it asks for a pipe by the text of its link, and for a
 * file of mounts that are not the container's by mount and inode, which have to be announced.
 */
static int describe_streams(pid_t pid, struct criu_words *w, struct str *out, struct err *e)
{
	str_add(out, "[");
	for (int fd = 0; fd < 3; fd++) {
		char path[64], link[4096];
		struct stat st;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		if (n < 0 && errno != ENOENT)
			return err_set(e, errno, "look at '%s'", path);
		link[n > 0 ? n : 0] = '\0';
		if (n > 0 && stat(path, &st) == 0 && *link == '/') {
			snprintf(link, sizeof(link), "file[%lx:%llx]", mount_id(pid, fd),
				(unsigned long long)st.st_ino);
			criu_add(w, "--external");
			criu_add(w, "%s", link);
		}
		str_add(out, fd ? ", " : "");
		json_write_string(link, out);
	}
	str_add(out, "]\n");
	return str_ok(out) ? 0 : err_set(e, ENOMEM, "write '" CHECKPOINT_DESCRIPTORS "'");
}

/* What comes from the host, and is to come from there again. */
static int add_external_mounts(
	const struct spec *spec, pid_t pid, struct criu_words *w, struct err *e)
{
	int r = criu_add_binds(w, spec, false, e);

	if (r < 0)
		return r;
	/* A masked file has the host's /dev/null over it, a masked directory a tmpfs of its own. */
	for (size_t i = 0; i < spec->linux_.n_masked_paths; i++) {
		const char *masked = spec->linux_.masked_paths[i];
		autofree char *path = str_format("/proc/%d/root%s", (int)pid, masked);
		struct stat st;
		if (!path || lstat(path, &st) < 0 || !S_ISCHR(st.st_mode))
			continue;
		criu_add(w, "--external");
		criu_add(w, "mnt[%s]:%s", masked, masked);
	}
	return 0;
}

/* A network namespace that somebody else made is his to bring back. */
static int add_external_network(
	const struct spec *spec, pid_t pid, struct criu_words *w, struct err *e)
{
	const struct namespace_spec *net = spec_namespace(spec, CLONE_NEWNET);
	char path[64];
	struct stat st;

	if (!net || !namespace_is_joined(net))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &st) < 0)
		return err_set(e, errno, "look at '%s'", path);
	criu_add(w, "--external");
	criu_add(w, "net[%llu]:extRootNetNS", (unsigned long long)st.st_ino);
	return 0;
}

static int make_directory(const char *path, struct err *e)
{
	if (path && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", path);
	return 0;
}

static int dump(const struct record *record, const struct spec *spec,
	const struct checkpoint_options *o, struct err *e)
{
	const struct criu_process p = { .cgroup = -1, .status_fd = o->status_fd };
	automatic(criu_words) struct criu_words w = { 0 };
	automatic(str) struct str streams = { 0 };
	pid_t pid = record->init.pid;

	criu_begin(&w, o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP, o);
	criu_add(&w, "--tree");
	criu_add(&w, "%d", (int)pid);
	criu_add(&w, "--root");
	criu_add(&w, "%s%s%s", *spec->root->path == '/' ? "" : record->bundle,
		*spec->root->path == '/' ? "" : "/", spec->root->path);
	int r = make_directory(o->image, e);
	if (r == 0)
		r = make_directory(o->work, e);
	if (r == 0)
		r = describe_streams(pid, &w, &streams, e);
	if (r == 0)
		r = add_external_mounts(spec, pid, &w, e);
	if (r == 0)
		r = add_external_network(spec, pid, &w, e);
	if (r == 0)
		r = criu_run(&w, o, &p, e);
	if (r < 0 || o->pre_dump)
		return r;
	autofree char *path = str_format("%s/" CHECKPOINT_DESCRIPTORS, o->image);
	return path ? fd_replace_file(AT_FDCWD, path, streams.data, streams.len, 0600, e)
		    : err_set(e, ENOMEM, "write '" CHECKPOINT_DESCRIPTORS "'");
}

int container_checkpoint(
	const struct home *h, const char *id, const struct checkpoint_options *o, struct err *e)
{
	automatic(record) struct record record = { 0 };
	automatic(spec) struct spec spec = { 0 };
	char text[STATUS_WORDS_MAX];
	autofd int dir = -1;
	int r = record_lock(h, id, &dir, e);

	if (r == 0)
		r = record_read(h, id, &record, e);
	if (r < 0)
		return r;
	if (container_status(h, &record) != STATE_RUNNING)
		return err_say(e, ERR_NOT_RUNNING, "cannot checkpoint container '%s': %s", id,
			status_words(h, &record, true, text));
	r = container_spec(h, id, &spec, e);
	if (r < 0)
		return r;
	if (record.store || spec.process->terminal)
		return err_say(e, EOPNOTSUPP,
			"cannot checkpoint container '%s': it %s, which could not be given back",
			id, record.store ? "is of an image" : "has a terminal");
	r = dump(&record, &spec, o, e);
	if (r < 0)
		return err_while(e, "checkpoint container '%s'", id);
	return o->leave_running || o->pre_dump ? 0 : container_delete_locked(h, &record, e);
}
