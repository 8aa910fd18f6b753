/* A container's own account files. */
#include "runtime/account.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

/* NULL: as if there were none. */
static char *read_account_file(int root, const char *path, size_t *ret_len)
{
	autofd int fd = fd_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > USER_FILE_MAX)
		return NULL;
	char *text = malloc((size_t)st.st_size + 1);
	ssize_t n = text ? fd_read_full(fd, text, (size_t)st.st_size) : -1;
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	*ret_len = (size_t)n;
	return text;
}

int account_resolve(int root, const char *text, struct user *ret, struct err *e)
{
	struct accounts accounts = { 0 };
	autofree char *passwd = read_account_file(root, "etc/passwd", &accounts.passwd_len);
	autofree char *group = read_account_file(root, "etc/group", &accounts.group_len);

	accounts.passwd = passwd;
	accounts.group = group;
	return user_resolve(text, &accounts, ret, e);
}

char *account_home_entry(int root, uint32_t uid)
{
	struct accounts accounts = { 0 };
	automatic(user) struct user user = { 0 };
	autofree char *passwd = read_account_file(root, "etc/passwd", &accounts.passwd_len);
	struct err ignored;
	char number[16];

	accounts.passwd = passwd;
	snprintf(number, sizeof(number), "%u", uid);
	user_resolve(number, &accounts, &user, &ignored);
	return str_format("HOME=%s", user.home ? user.home : "/");
}
