/* Processes by their pid namespace. */
#include "runtime/residents.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "spec/base/str.h"

static bool namespace_of(int proc, const char *pid, ino_t *ret)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "%.16s/ns/pid", pid);
	if (fstatat(proc, path, &st, 0) < 0)
		return false;
	*ret = st.st_ino;
	return true;
}

static int add(pid_t **pids, size_t *n, pid_t pid)
{
	pid_t *more = reallocarray(*pids, *n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*pids = more;
	more[(*n)++] = pid;
	return 0;
}

static int search(DIR *dir, ino_t wanted, pid_t **pids, size_t *n)
{
	int r = 0;

	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		uint64_t pid;
		ino_t ns;
		if (str_to_u64(d->d_name, INT32_MAX, &pid) &&
			namespace_of(dirfd(dir), d->d_name, &ns) && ns == wanted)
			r = add(pids, n, (pid_t)pid);
	}
	return r;
}

int residents_list(const struct record *record, pid_t **ret, size_t *ret_n, struct err *e)
{
	autofree pid_t *pids = NULL;
	char first[16];
	size_t n = 0;
	ino_t ns;
	int r = 0;

	snprintf(first, sizeof(first), "%d", (int)record->init.pid);
	DIR *proc = opendir("/proc");
	if (!proc)
		return err_set(e, errno, "open '/proc'");
	/* What has its number may be another process since: its namespace would be another's. */
	bool known = namespace_of(dirfd(proc), first, &ns) && mark_is_alive(&record->init);
	if (known && !record->shares_pids)
		r = search(proc, ns, &pids, &n);
	else if (mark_is_alive(&record->init))
		r = add(&pids, &n, record->init.pid);
	closedir(proc);
	if (r < 0)
		return err_set(e, -r, "list the processes of '%s'", record->id);
	*ret = take(pids);
	*ret_n = n;
	return 0;
}
