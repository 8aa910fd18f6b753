/* Whose groups we are: /proc/PID/cgroup and stat, from ourselves to the first process. */
#include "cgroup/kin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup/knob.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define CGROUP_TEXT_MAX (1 << 20)
#define GENERATIONS_MAX 1000

void kin_done(struct kin *k)
{
	free(k->v);
	*k = (struct kin){ 0 };
}

bool kin_has(const struct kin *k, dev_t dev, ino_t ino)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].ino == ino && k->v[i].dev == dev)
			return true;
	return false;
}

static int add(struct kin *k, dev_t dev, ino_t ino)
{
	if (kin_has(k, dev, ino))
		return 0;
	if (k->n == k->room) {
		size_t room = k->room ? k->room * 2 : 16;
		struct kin_group *v = reallocarray(k->v, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		k->v = v;
		k->room = room;
	}
	k->v[k->n++] = (struct kin_group){ dev, ino };
	return 0;
}

/* The group of that path and all above it, but the root. What lies outside of our view ends it. */
static int add_path(struct kin *k, int root, char *path)
{
	for (char *slash = path; *slash == '/' && slash[1];) {
		struct stat st;
		char *end = slash + 1 + strcspn(slash + 1, "/"), kept = *end;
		*end = '\0';
		bool seen = !str_equal(slash + 1, "..") && fstatat(root, path + 1, &st, 0) == 0;
		*end = kept;
		int r = seen ? add(k, st.st_dev, st.st_ino) : 0;
		if (r < 0 || !seen)
			return r;
		slash = end;
	}
	return 0;
}

/* The line of v2, without its newline: into `text`, which is the file. NULL: none. */
static char *path_of(char *text)
{
	char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");

	if (!line)
		return NULL;
	line += *line == '\n' ? 4 : 3;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int add_group_of(struct kin *k, int root, int proc, pid_t pid)
{
	char name[24];
	autofree char *text = NULL;
	struct err ignored;
	size_t n;

	snprintf(name, sizeof(name), "%d/cgroup", (int)pid);
	int r = fd_read_file(proc, name, CGROUP_TEXT_MAX, &text, &n, &ignored);
	char *path = r < 0 ? NULL : path_of(text);
	return r == -ENOMEM ? r : path ? add_path(k, root, path) : 0;
}

/* 0: none, or none that we see. */
static pid_t parent_of(int proc, pid_t pid)
{
	char name[24], text[1024];

	snprintf(name, sizeof(name), "%d/stat", (int)pid);
	knob_read(proc, name, text, sizeof(text));
	/* PID (NAME) STATE PARENT: the name may hold anything. */
	const char *at = strrchr(text, ')');
	return at && strlen(at) > 4 ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

int kin_find(int root, struct kin *ret, struct err *e)
{
	automatic(kin) struct kin k = { 0 };
	autofd int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pid_t pid = proc < 0 ? 0 : getpid();

	for (unsigned i = 0; pid > 0 && i < GENERATIONS_MAX; i++) {
		if (add_group_of(&k, root, proc, pid) < 0)
			return err_set(e, ENOMEM, "find the groups that we live in");
		pid = parent_of(proc, pid);
	}
	*ret = k;
	k = (struct kin){ 0 };
	return 0;
}
