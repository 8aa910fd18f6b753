/* What trials stand on. */
#include "cmd/density/stage.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/snapshot.h"
#include "overlay/stack.h"
#include "spec/base/fd.h"
#include "spec/base/libexec.h"
#include "spec/base/str.h"

/* Beside us in a build directory; bin/ from libexec/cowrun/ where it is installed. */
static int find_program(const char *name, char out[PATH_MAX], struct err *e)
{
	static const char *const places[] = { "", "../../bin/" };
	char here[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);

	if (n < 0)
		return err_set(e, errno, "find the program '%s'", name);
	here[n] = '\0';
	*strrchr(here, '/') = '\0';
	for (size_t i = 0; i < 2; i++) {
		if (snprintf(out, PATH_MAX, "%s/%s%s", here, places[i], name) < PATH_MAX &&
			access(out, X_OK) == 0)
			return 0;
	}
	return err_say(e, ENOENT, "find the program '%s': it is not beside '%s'", name, here);
}

bool stage_has_program(const char *program)
{
	const char *at = getenv("PATH");
	char path[PATH_MAX];

	while (at && *at) {
		size_t n = strcspn(at, ":");
		snprintf(path, sizeof(path), "%.*s/%s", (int)n, at, program);
		if (access(path, X_OK) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

/* A list of borrowed words with a NULL behind it. */
static const char **words_of(char *const *words, size_t n)
{
	const char **v = calloc(n + 1, sizeof(*v));

	for (size_t i = 0; v && i < n; i++)
		v[i] = words[i];
	return v;
}

static int check_snapshotter(const struct stage *s, const char *name, struct err *e)
{
	const struct snapshotter *snapshotter;
	int r = snapshotter_find(name, &snapshotter, e);

	return r < 0 ? r : snapshotter_check(snapshotter, name, &s->store, e);
}

/* The programs, snapshotters and engines that the ways need. */
static int check_ways(const struct stage *s, struct err *e)
{
	const struct experiment *x = s->experiment;

	for (size_t i = 0; i < x->n_ways; i++) {
		const struct way *way = way_find(x->ways[i]);
		const struct engine *engine = experiment_engine(x, x->ways[i]);
		const char *program = engine ? engine->start[0] : way->program;
		if (program && program[0] != '{' && !strchr(program, '/') &&
			!stage_has_program(program))
			return err_say(e, ENOENT,
				"the way '%s' needs the program '%s', which is not installed",
				x->ways[i], program);
		int r = way && way->ours && !way->together ? check_snapshotter(s, x->ways[i], e)
							   : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether any way wants the image's files mounted. */
static bool needs_rootfs(const struct experiment *x)
{
	for (size_t i = 0; i < x->n_ways; i++) {
		const struct way *way = way_find(x->ways[i]);
		const struct engine *engine = experiment_engine(x, x->ways[i]);
		if (engine ? engine->bundle : way->bundle || way->rootfs)
			return true;
	}
	return false;
}

/*
 * Mounts of our own: the image's files at `rootfs`, and cgroup v2 where other runtimes look for it
 * (crun refuses a hybrid hierarchy). They end with us.
 */
static int mount_all(struct stage *s, struct err *e)
{
	autofd int view = -1;
	struct stat st;

	/* First, since the store's directories are those of the namespace that they were opened in. */
	int r = stack_view(&s->store, &s->image, &view, e);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, errno, "make a mount namespace");
	if (mkdir(s->rootfs, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", s->rootfs);
	if (move_mount(view, "", AT_FDCWD, s->rootfs, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno, "mount the image on '%s'", s->rootfs);
	s->is_mounted = true;
	if (stat("/sys/fs/cgroup/cgroup.controllers", &st) < 0 &&
		mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		return err_set(e, errno, "mount cgroup2 on '/sys/fs/cgroup'");
	return 0;
}

static int make_words(struct stage *s, struct err *e)
{
	const struct experiment *x = s->experiment;

	s->command = words_of(x->command, x->n_command);
	s->options = words_of(x->options, x->n_options);
	if (!s->command || !s->options)
		return err_set(e, ENOMEM, "make command lines");
	int r = find_program("cow", s->cow_path, e);
	if (r == 0)
		r = find_program("cowrun", s->cowrun_path, e);
	if (r == 0)
		r = libexec_find("cow-floor", s->floor_path, e);
	const char *const cow[] = { s->cow_path, "--root", s->context->root, "--store",
		s->context->store, NULL };
	memcpy(s->cow, cow, sizeof(cow));
	s->cowrun[0] = s->cowrun_path;
	s->cowrun[1] = NULL;
	return r;
}

static int make_scratch(struct stage *s, const char *results, struct err *e)
{
	s->scratch = str_format("%s/stage", results);
	s->rootfs = str_format("%s/stage/rootfs", results);
	if (!s->scratch || !s->rootfs)
		return err_set(e, ENOMEM, "make '%s/stage'", results);
	if (mkdir(s->scratch, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", s->scratch);
	return 0;
}

/* Of these results alone, and found again by whoever goes on with them. */
static int make_run(struct stage *s, const char *results, struct err *e)
{
	autofree char *root = realpath(s->context->root, NULL);
	struct home home = { .fd = -1 };
	struct stat st;

	if (!root)
		return err_set(e, errno, "find the state root '%s'", s->context->root);
	if (stat(results, &st) < 0)
		return err_set(e, errno, "find '%s'", results);
	s->run = str_format("%s-density-%jx-%jx", root, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	s->state = s->run ? str_format("%s/state", s->run) : NULL;
	if (!s->state)
		return err_set(e, ENOMEM, "make a directory beside '%s'", root);
	int r = home_open(s->run, true, true, &home, e);
	if (r < 0)
		return r;
	r = mkdirat(home.fd, "state", 0700) < 0 && errno != EEXIST
		    ? err_set(e, errno, "make '%s'", s->state)
		    : 0;
	home_done(&home);
	return r;
}

int stage_open(struct context *c, const struct experiment *x, const char *results,
	struct stage *ret, struct err *e)
{
	automatic(stage) struct stage s = {
		.context = c, .experiment = x, .store = STORE_NONE, .lock = -1
	};

	int r = store_open(c->store, STORE_READ, &s.store, e);
	if (r == -ENOENT)
		return err_say(e, ERR_NO_IMAGE, "no image '%s': there is no store '%s'", x->image,
			c->store);
	if (r == 0)
		r = store_lock(&s.store, STORE_SHARED, &s.lock, e);
	if (r == 0)
		r = image_find(&s.store, x->image, &s.image, e);
	if (r == 0)
		r = check_ways(&s, e);
	if (r == 0)
		r = make_scratch(&s, results, e);
	if (r == 0)
		r = make_run(&s, results, e);
	if (r == 0 && needs_rootfs(x))
		r = mount_all(&s, e);
	/* Whatever became of it: what is made is the caller's to clear. */
	*ret = s;
	s = (struct stage){ .store = STORE_NONE, .lock = -1 };
	return r < 0 ? r : make_words(ret, e);
}

struct way_values stage_values(const struct stage *s, const char *way, uint64_t n)
{
	return (struct way_values){
		.way = way,
		.image = s->experiment->image,
		.rootfs = s->rootfs,
		.state = s->state,
		.floor = s->floor_path,
		.cow = s->cow,
		.cowrun = s->cowrun,
		.options = s->options,
		.command = s->command,
		.n = n,
	};
}

/* Which fd_remove_tree() takes by the directory that it is in. */
void stage_remove(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	autofree char *parent = strndup(path, (size_t)(name - path));
	autofd int dir = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct err ignored;

	if (dir >= 0)
		fd_remove_tree(dir, name, &ignored);
}

void stage_clear(struct stage *s)
{
	if (s->is_mounted)
		umount2(s->rootfs, MNT_DETACH);
	s->is_mounted = false;
	if (s->scratch)
		stage_remove(s->scratch);
	if (s->run)
		stage_remove(s->run);
}

void stage_done(struct stage *s)
{
	if (s->is_mounted)
		umount2(s->rootfs, MNT_DETACH);
	if (s->rootfs)
		rmdir(s->rootfs);
	if (s->lock >= 0)
		close(s->lock);
	image_done(&s->image);
	store_done(&s->store);
	free(s->scratch);
	free(s->rootfs);
	free(s->run);
	free(s->state);
	free(s->command);
	free(s->options);
	*s = (struct stage){ .store = STORE_NONE, .lock = -1 };
}
