/* Whom we trust, and who we are. */
#include "cmd/registry/trust.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/fd.h"

#define FILE_MAX (1u << 20)

static const char *const usual[] = { "/etc/containers/certs.d", "/etc/docker/certs.d" };

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len > n && strcmp(name + len - n, end) == 0;
}

static int add_file(const char *path, struct str *all, struct err *e)
{
	autofree char *text = NULL;
	size_t len;

	int r = fd_read_file(AT_FDCWD, path, FILE_MAX, &text, &len, e);
	if (r < 0)
		return err_while(e, "certificates");
	if (!strstr(text, "-----BEGIN "))
		return err_say(e, EINVAL, "certificates: '%s' holds none in PEM", path);
	str_add_bytes(all, text, len);
	str_add(all, "\n");
	return 0;
}

static int add_name(
	const char *dir, const char *name, struct str *all, struct http_options *o, struct err *e)
{
	autofree char *path = str_format("%s/%s", dir, name);

	if (!path)
		return err_set(e, ENOMEM, "read certificates");
	if (ends_in(name, ".crt"))
		return add_file(path, all, e);
	if (!ends_in(name, ".cert") || o->certificate)
		return 0;
	o->key = str_format("%.*s.key", (int)(strlen(path) - strlen(".cert")), path);
	o->certificate = take(path);
	return o->key ? 0 : err_set(e, ENOMEM, "read certificates");
}

/* One that is not there is no error, unless it was asked for. */
static int add_dir(
	const char *dir, bool must, struct str *all, struct http_options *o, struct err *e)
{
	struct dirent **names;
	int r = 0;

	int n = scandir(dir, &names, NULL, alphasort);
	if (n < 0)
		return must ? err_set(e, errno, "certificates: open '%s'", dir) : 0;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = add_name(dir, names[i]->d_name, all, o, e);
		free(names[i]);
	}
	free(names);
	return r;
}

/* libcurl takes a text instead of the machine's file, so that is in it. */
static int join(const struct str *first, const struct str *second, char **ret, struct err *e)
{
	automatic(str) struct str all = { 0 };
	const char *usual_file = http_authorities();
	struct err ignored;

	if (first->len + second->len == 0)
		return 0;
	if (usual_file)
		(void)add_file(usual_file, &all, &ignored);
	str_add_bytes(&all, first->data, first->len);
	str_add_bytes(&all, second->data, second->len);
	if (all.failed || first->failed || second->failed)
		return err_set(e, ENOMEM, "read certificates");
	*ret = take(all.data);
	return 0;
}

int trust_load(const char *host, const char *file, const char *dir, struct http_options *ret,
	struct err *e)
{
	automatic(str) struct str asked = { 0 }, own = { 0 };
	const struct str none = { 0 };
	char path[PATH_MAX];
	int r = file ? add_file(file, &asked, e) : 0;

	if (r == 0 && dir)
		r = add_dir(dir, true, &own, ret, e);
	for (size_t i = 0; r == 0 && !dir && i < sizeof(usual) / sizeof(usual[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", usual[i], host);
		r = add_dir(path, false, &own, ret, e);
	}
	if (r == 0)
		r = join(&asked, &none, &ret->authority, e);
	if (r == 0 && own.len)
		r = join(&asked, &own, &ret->authorities, e);
	return r;
}

void trust_done(struct http_options *options)
{
	free(options->authority);
	free(options->authorities);
	free(options->certificate);
	free(options->key);
	*options = (struct http_options){ 0 };
}
