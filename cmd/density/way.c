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

#define FORKS(frozen)                                                                              \
	.before = { "{cow}", "template", "create", "--freeze", frozen, "{options}", "{template}",  \
		"{image}", "{command}" },                                                          \
	.start = { "{cow}", "fork", "-n", "{all}", "--name", "{names}", "{options}",               \
		"{template}" },                                                                    \
	.stop = { "{cow}", "rm", "-f", "{name}" }, .after = { "{cow}", "rm", "-f", "{template}" }, \
	.ours = true, .together = true

/* It writes no pid down. */
static const char docker_run[] = "pid=$1; shift; docker run -d --name \"$0\" \"$@\" >/dev/null && "
				 "docker inspect -f '{{.State.Pid}}' \"$0\" >\"$pid\"";

static const struct way ways[] = {
	{ "overlay", "cow, overlay", OURS },
	{ "many", "cow, by one command",
		.start = { "{cow}", "run", "-d", "-n", "{all}", "--name", "{names}", "{options}",
			"{image}", "{command}" },
		.stop = { "{cow}", "rm", "-f", "{name}" }, .ours = true, .together = true },
	{ "fork", "cow, forks of a template", FORKS("auto") },
	{ "frozen-fork", "cow, forks of a frozen template", FORKS("always") },
	{ "plain-fork", "cow, forks of a template that is not frozen", FORKS("never") },
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
		.start = { "sh", "-c", docker_run, "{name}", "{pidfile}", "{options}", "{image}",
			"{command}" },
		.stop = { "docker", "rm", "-f", "{name}" }, .program = "docker" },
	{ "floor", "bare system calls",
		.start = { "{floor}", "{rootfs}", "{pidfile}", "{command}" }, .floor = true,
		.rootfs = true },
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

/* With {n} and {i} in it replaced, wherever they stand. */
static char *with_numbers(const char *word, const struct way_values *v)
{
	automatic(str) struct str text = { 0 };

	for (; *word; word++) {
		bool n = strncmp(word, "{n}", 3) == 0, i = strncmp(word, "{i}", 3) == 0;
		if (n || i) {
			str_addf(&text, "%" PRIu64, n ? v->n : v->i);
			word += 2;
		} else {
			str_add_bytes(&text, word, 1);
		}
	}
	str_add(&text, "");
	return str_ok(&text) ? take(text.data) : NULL;
}

/* One row for each {word}: a single word, or a list. */
struct value {
	const char *word, *one;
	const char *const *many;
};

static int add_template(struct words *w, const struct value *values, const char *word,
	const struct way_values *v, struct err *e)
{
	if (word[0] != '{' || str_equal(word, "{n}") || str_equal(word, "{i}")) {
		add(w, with_numbers(word, v));
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
		add(w, with_numbers(values->many[i], v));
	return 0;
}

int way_expand(const char *const *words, const struct way_values *v, char ***ret, struct err *e)
{
	const struct value values[] = {
		{ "{way}", v->way, NULL },
		{ "{name}", v->name, NULL },
		{ "{names}", v->names, NULL },
		{ "{all}", v->all, NULL },
		{ "{template}", v->template, NULL },
		{ "{image}", v->image, NULL },
		{ "{bundle}", v->bundle, NULL },
		{ "{rootfs}", v->rootfs, NULL },
		{ "{state}", v->state, NULL },
		{ "{pidfile}", v->pidfile, NULL },
		{ "{floor}", v->floor, NULL },
		{ "{cow}", NULL, v->cow },
		{ "{cowrun}", NULL, v->cowrun },
		{ "{options}", NULL, v->options },
		{ "{command}", NULL, v->command },
		{ 0 },
	};
	struct words w = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && words[i]; i++)
		r = add_template(&w, values, words[i], v, e);
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
