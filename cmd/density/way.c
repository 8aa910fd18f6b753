/* The table of ways, and its templates. */
#include "cmd/density/way.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/str.h"

#define OURS                                                                                       \
	.start = { "{cow}", "run", "-d", "--name", "{name}", "--snapshotter", "{way}",             \
		"{options}", "{image}", "{command}" },                                             \
	.stop = { "{cow}", "rm", "-f", "{name}" }, .ours = true

#define BUNDLE(...)                                                                                \
	.start = { __VA_ARGS__, "--root", "{state}", "run", "-d", "--bundle", "{bundle}",          \
		"--pid-file", "{pidfile}", "{name}" },                                             \
	.stop = { __VA_ARGS__, "--root", "{state}", "delete", "-f", "{name}" }, .bundle = true

static const struct way ways[] = {
	{ "overlay", "cow, overlay", OURS },
	{ "btrfs", "cow, btrfs snapshot", OURS },
	{ "reflink", "cow, reflinked copy", OURS },
	{ "copy", "cow, full copy", OURS },
	{ "lvm", "cow, thin volume", OURS },
	{ "zfs", "cow, clone of zfs", OURS },
	{ "cowrun", "cowrun, bundle", BUNDLE("{cowrun}") },
	{ "crun", "crun, bundle", BUNDLE("crun"), .program = "crun" },
	{ "runc", "runc, bundle", BUNDLE("runc"), .program = "runc" },
	{ "podman", "podman",
		.start = { "podman", "run", "-d", "--name", "{name}", "--pidfile", "{pidfile}",
			"{options}", "{image}", "{command}" },
		.stop = { "podman", "rm", "-f", "-t", "0", "{name}" }, .program = "podman" },
	{ "docker", "Docker",
		.start = { "docker", "run", "-d", "--name", "{name}", "{options}", "{image}",
			"{command}" },
		.stop = { "docker", "rm", "-f", "{name}" }, .program = "docker" },
	{ "floor", "bare system calls", .floor = true, .bundle = true },
};

#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

const struct way *way_find(const char *name)
{
	size_t n = strcspn(name, ":");

	for (size_t i = 0; i < N_WAYS; i++)
		if (strncmp(ways[i].name, name, n) == 0 && !ways[i].name[n])
			return &ways[i];
	return NULL;
}

const char *way_names(void)
{
	static char names[256];

	*names = '\0';
	for (size_t i = 0; i < N_WAYS; i++) {
		size_t at = strlen(names);
		snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "", ways[i].name);
	}
	return names;
}

/* A list of words that grows; `failed` is kept, as in struct str. */
struct words {
	char **v;
	size_t n;
	bool failed;
};

/* Takes the word. */
static void add(struct words *w, char *word)
{
	char **v = word ? reallocarray(w->v, w->n + 2, sizeof(*v)) : NULL;

	if (!v) {
		w->failed = true;
		free(word);
		return;
	}
	w->v = v;
	w->v[w->n++] = word;
	w->v[w->n] = NULL;
}

/* With {n} in it replaced, wherever it stands. */
static char *with_number(const char *word, uint64_t n)
{
	automatic(str) struct str text = { 0 };
	const char *at;

	for (; (at = strstr(word, "{n}")); word = at + 3) {
		str_add_bytes(&text, word, (size_t)(at - word));
		str_addf(&text, "%" PRIu64, n);
	}
	str_add(&text, word);
	return str_ok(&text) ? take(text.data) : NULL;
}

/* One row for each {word}: a single word, or a list. */
struct value {
	const char *word, *one;
	const char *const *many;
};

static int add_template(
	struct words *w, const struct value *values, const char *word, uint64_t n, struct err *e)
{
	if (word[0] != '{' || str_equal(word, "{n}")) {
		add(w, with_number(word, n));
		return 0;
	}
	while (values->word && !str_equal(values->word, word))
		values++;
	if (!values->word)
		return err_say(
			e, EINVAL, "a command line of 'engines' has the unknown word '%s'", word);
	if (values->one)
		add(w, strdup(values->one));
	for (size_t i = 0; values->many && values->many[i]; i++)
		add(w, with_number(values->many[i], n));
	return 0;
}

int way_expand(const char *const *words, const struct way_values *v, char ***ret, struct err *e)
{
	const struct value values[] = {
		{ "{way}", v->way, NULL },
		{ "{name}", v->name, NULL },
		{ "{image}", v->image, NULL },
		{ "{bundle}", v->bundle, NULL },
		{ "{rootfs}", v->rootfs, NULL },
		{ "{state}", v->state, NULL },
		{ "{pidfile}", v->pidfile, NULL },
		{ "{cow}", NULL, v->cow },
		{ "{cowrun}", NULL, v->cowrun },
		{ "{options}", NULL, v->options },
		{ "{command}", NULL, v->command },
		{ 0 },
	};
	struct words w = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && words[i]; i++)
		r = add_template(&w, values, words[i], v->n, e);
	if (r == 0 && w.failed)
		r = err_set(e, ENOMEM, "make a command line");
	if (r < 0)
		way_free(w.v);
	else
		*ret = w.v;
	return r;
}

void way_free(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}
