/* Kernel parameters that belong to a container. */
#include "spec/sysctl.h"

#include <linux/sched.h>
#include <string.h>

#include "spec/base/str.h"

static const struct namespaced {
	const char *path; /* with a slash at its end: all below */
	int type;
} namespaced[] = {
	{ "net/", CLONE_NEWNET },
	{ "fs/mqueue/", CLONE_NEWIPC },
	{ "kernel/msgmax", CLONE_NEWIPC },
	{ "kernel/msgmnb", CLONE_NEWIPC },
	{ "kernel/msgmni", CLONE_NEWIPC },
	{ "kernel/sem", CLONE_NEWIPC },
	{ "kernel/shmall", CLONE_NEWIPC },
	{ "kernel/shmmax", CLONE_NEWIPC },
	{ "kernel/shmmni", CLONE_NEWIPC },
	{ "kernel/shm_rmid_forced", CLONE_NEWIPC },
	{ "kernel/hostname", CLONE_NEWUTS },
	{ "kernel/domainname", CLONE_NEWUTS },
	{ "user/", CLONE_NEWUSER },
	{ 0 },
};

static bool is_key_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-.", c));
}

bool sysctl_path(const char *key, char ret_path[SYSCTL_PATH_MAX])
{
	/* As sysctl(8) reads it: the first separator says which one separates. */
	const char *first = strpbrk(key, "./");
	char separator = first ? *first : '.';
	size_t n = 0, begin = 0;

	for (;; key++) {
		bool ends = *key == separator || *key == '\0';
		if (ends && (n == begin || (n - begin <= 2 && ret_path[begin] == '.')))
			return false; /* "", ".", ".." and the like */
		if ((!ends && !is_key_byte(*key)) || n + (*key != '\0') >= SYSCTL_PATH_MAX)
			return false;
		ret_path[n++] = *key == separator ? '/' : *key;
		if (*key == separator)
			begin = n;
		if (*key == '\0')
			return true;
	}
}

int sysctl_namespace(const char *path)
{
	for (const struct namespaced *row = namespaced; row->path; row++) {
		size_t n = strlen(row->path);
		if (row->path[n - 1] == '/' ? str_starts(path, row->path)
					    : strcmp(path, row->path) == 0)
			return row->type;
	}
	return 0;
}
