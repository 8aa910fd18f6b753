/* Options of containers, as wishes of a launch. */
#include "cmd/cow/wishes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"
#include "spec/id.h"

void wishes_done(struct wishes *d)
{
	for (size_t i = 0; i < d->n_env; i++)
		free(d->env[i]);
	for (size_t i = 0; i < d->n_volumes; i++)
		mount_spec_done(&d->volumes[i]);
	free(d->env);
	free(d->volumes);
	free(d->seccomp.text);
	limits_done(&d->limits);
	network_choice_done(&d->network);
	*d = (struct wishes){ 0 };
}

/* `-e NAME` alone hands on ours, if there is one. */
static int read_env(const struct option_list *list, struct wishes *d, struct err *e)
{
	d->env = calloc(list->n + 1, sizeof(*d->env));
	for (size_t i = 0; d->env && i < list->n; i++) {
		const char *word = list->v[i], *ours = strchr(word, '=') ? NULL : getenv(word);
		if (!strchr(word, '=') && !ours)
			continue;
		d->env[d->n_env] = ours ? str_format("%s=%s", word, ours) : strdup(word);
		if (!d->env[d->n_env++])
			return err_set(e, ENOMEM, "read the command line");
	}
	return d->env ? 0 : err_set(e, ENOMEM, "read the command line");
}

static int read_volumes(const struct option_list *list, struct wishes *d, struct err *e)
{
	d->volumes = calloc(list->n + 1, sizeof(*d->volumes));
	for (size_t i = 0; d->volumes && i < list->n; i++) {
		int r = derive_volume_parse(list->v[i], &d->volumes[i], e);
		if (r < 0)
			return r;
		d->n_volumes++;
	}
	return d->volumes ? 0 : err_set(e, ENOMEM, "read the command line");
}

/* As docker and podman spell it. That nothing gains privileges is so without the word. */
static int read_security(
	const struct option_list *list, struct derive_options *o, struct wishes *d, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		const char *word = list->v[i], *file = word + strlen("seccomp=");
		if (strcmp(word, "no-new-privileges") == 0)
			continue;
		if (!str_starts(word, "seccomp=") || !*file)
			return err_say(e, ERR_USAGE,
				"option --security-opt: '%s' is neither seccomp=FILE, "
				"seccomp=unconfined nor no-new-privileges",
				word);
		o->no_seccomp = strcmp(file, "unconfined") == 0;
		o->seccomp = NULL;
		if (o->no_seccomp)
			continue;
		free(d->seccomp.text);
		d->seccomp.text = NULL;
		r = fd_read_file(AT_FDCWD, file, json_usual_limits.bytes, &d->seccomp.text,
			&d->seccomp.len, e);
		o->seccomp = &d->seccomp;
		o->seccomp_file = file;
	}
	return r < 0 ? err_while(e, "option --security-opt") : 0;
}

/*
 * Ids that nobody has, 65536 of them: the upper half is left alone by distributions and by systemd
 * (UIDS-GIDS.md), and no file has one, as mounts map them.
 */
static int read_userns(const char *word, struct wishes *d, struct launch_options *o, struct err *e)
{
	enum { SIZE = 1 << 16, BLOCKS = (1 << 15) - 1 };
	uint16_t random;

	if (!word)
		return 0;
	if (strcmp(word, "auto") != 0)
		return err_say(e, ERR_USAGE, "option --userns: '%s' is not auto", word);
	if (o->inside) /* an ordinary user's has one in any case */
		return 0;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_set(e, errno, "option --userns: draw ids");
	d->ids = (struct id_map){ 0, (1u << 31) + random % BLOCKS * SIZE, SIZE };
	o->derive.uids = o->derive.gids = &d->ids;
	o->derive.n_uids = o->derive.n_gids = 1;
	o->derive.ids_of_host = true;
	return 0;
}

int wishes_read(
	const struct wish_words *w, struct wishes *d, struct launch_options *o, struct err *e)
{
	int r = w->name ? id_check(w->name, e) : 0;

	if (r == 0)
		r = read_env(&w->env, d, e);
	if (r == 0)
		r = read_volumes(&w->volumes, d, e);
	if (r == 0)
		r = limits_read(&w->limits, &d->limits, o, e);
	if (r == 0)
		r = network_read(&w->network, &d->network, o, e);
	if (r == 0)
		r = read_security(&w->security, &o->derive, d, e);
	if (r == 0)
		r = read_userns(w->userns, d, o, e);
	o->name = w->name;
	o->snapshotter = w->snapshotter ? w->snapshotter : getenv("COW_SNAPSHOTTER");
	o->user = w->user;
	o->remove_at_exit = w->remove;
	o->derive.env = (const char *const *)d->env;
	o->derive.n_env = d->n_env;
	o->derive.volumes = d->volumes;
	o->derive.n_volumes = d->n_volumes;
	o->derive.entrypoint = w->entrypoint;
	o->derive.workdir = w->workdir;
	o->derive.hostname = w->hostname;
	o->derive.read_only = w->read_only;
	return r;
}

void wishes_own(struct launch_options *o, const struct rootless *own)
{
	o->inside = own->uids.n;
	o->derive.uids = own->uids.v;
	o->derive.n_uids = own->uids.n;
	o->derive.gids = own->gids.v;
	o->derive.n_gids = own->gids.n;
}

int wishes_add_env(struct wishes *w, struct launch_options *o, const char *entry, struct err *e)
{
	char **v = realloc(w->env, (w->n_env + 2) * sizeof(*v));

	if (!v)
		return err_set(e, ENOMEM, "read the command line");
	w->env = v;
	v[w->n_env] = strdup(entry);
	if (!v[w->n_env++])
		return err_set(e, ENOMEM, "read the command line");
	o->derive.env = (const char *const *)v;
	o->derive.n_env = w->n_env;
	return 0;
}

int wishes_add_volume(struct wishes *w, struct launch_options *o, const char *text, struct err *e)
{
	struct mount_spec *v = realloc(w->volumes, (w->n_volumes + 1) * sizeof(*v));

	if (!v)
		return err_set(e, ENOMEM, "read the command line");
	w->volumes = v;
	int r = derive_volume_parse(text, &v[w->n_volumes], e);
	if (r < 0)
		return r;
	o->derive.volumes = v;
	o->derive.n_volumes = ++w->n_volumes;
	return 0;
}
