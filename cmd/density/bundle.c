/* Bundles, as `cow run` would make them. */
#include "cmd/density/bundle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cow/wishes.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

struct words {
	struct wish_words wishes;
};

static const struct option_row options[] = {
	WISH_CONTAINER_ROWS(struct words, wishes),
	WISH_ROWS(struct words, wishes),
	WISH_IMAGE_ROWS(struct words, wishes),
	{ 0 },
};

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static int parse(char *const *list, struct words *ret, struct err *e)
{
	size_t n = count(list);
	bool help = false;
	int r = options_parse(options, (int)n, (char **)list, ret, &help, e);

	if (r >= 0 && (help || (size_t)r != n))
		return err_say(
			e, ERR_USAGE, "'%s' is no option of a container", list[help ? 0 : r]);
	return r < 0 ? r : 0;
}

/* What a program of ours does beside the container, or mounts do that are not in a config.json. */
static int check(const struct launch_options *o, struct err *e)
{
	const char *what = o->network || o->network_of ? "--net"
			   : o->derive.n_uids	       ? "--userns"
						       : NULL;

	return what ? err_say(e, ERR_USAGE, "option %s: a bundle cannot have it so", what) : 0;
}

static int derive(
	const struct bundle_wish *w, const struct words *words, struct spec *ret, struct err *e)
{
	automatic(wishes) struct wishes wishes = { 0 };
	struct launch_options o = { .derive = { .args = (const char *const *)w->command,
					    .n_args = count(w->command) } };
	autofd int rootfs = open(w->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (rootfs < 0)
		return err_set(e, errno, "open '%s'", w->rootfs);
	int r = wishes_read(&words->wishes, &wishes, &o, e);
	if (r == 0)
		r = check(&o, e);
	o.derive.read_only = true;
	o.derive.rootfs = w->rootfs;
	return r < 0 ? r : launch_derive(&o, w->image, w->name, rootfs, ret, e);
}

/* With a version that all runtimes know, and without device rules. */
static void write_config(struct spec *s, struct str *text)
{
	static char oldest[] = "1.0.0";
	struct resources *r = &s->linux_.resources;
	char *version = s->version;
	size_t n_devices = r->n_devices;

	s->version = oldest;
	r->n_devices = 0;
	json_write(spec_fields, s, JSON_COMPACT, text);
	s->version = version;
	r->n_devices = n_devices;
}

int bundle_config(const struct bundle_wish *w, char **ret, struct err *e)
{
	automatic(spec) struct spec spec = { 0 };
	automatic(str) struct str text = { 0 };
	struct words words = { 0 };
	int r = parse(w->options, &words, e);

	if (r == 0)
		r = derive(w, &words, &spec, e);
	options_done(options, &words);
	if (r < 0)
		return err_while(e, "options of the experiment");
	write_config(&spec, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write config.json");
	*ret = take(text.data);
	return 0;
}
