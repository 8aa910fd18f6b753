/* Changes of an image's config in the words of a Dockerfile. */
#include "spec/image_change.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\n"

struct words {
	char **v;
	size_t n;
};

static void words_done(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	*w = (struct words){ 0 };
}
DEFINE_AUTO(words, words_done)

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "change the image's configuration");
}

/* Takes the word, which may be NULL: no memory for it. The list ends with a NULL, as those of JSON. */
static int push(char ***v, size_t *n, char *word)
{
	char **more = word ? reallocarray(*v, *n + 2, sizeof(*more)) : NULL;

	if (!more) {
		free(word);
		return -ENOMEM;
	}
	more[(*n)++] = word;
	more[*n] = NULL;
	*v = more;
	return 0;
}

static void replace_list(char ***v, size_t *n, struct words *by)
{
	struct words before = { *v, *n };

	words_done(&before);
	*v = by->v;
	*n = by->n;
	*by = (struct words){ 0 };
}

static int replace_text(char **text, const char *by, struct err *e)
{
	char *copy = strdup(by);

	if (!copy)
		return no_memory(e);
	free(*text);
	*text = copy;
	return 0;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* One word, without its quotes; a backslash takes the meaning of what is behind it. */
static int read_word(const char **at, struct words *ret, struct err *e)
{
	automatic(str) struct str word = { 0 };
	char quote = 0;
	const char *p = *at;

	str_add(&word, "");
	for (; *p && (quote || !strchr(BLANKS, *p)); p++) {
		if (*p == quote)
			quote = 0;
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else if (*p == '\\' && quote != '\'' && p[1])
			str_add_bytes(&word, ++p, 1);
		else
			str_add_bytes(&word, p, 1);
	}
	if (quote)
		return err_say(e, EINVAL, "a quote is not closed");
	*at = p;
	if (!str_ok(&word) || push(&ret->v, &ret->n, strdup(word.data)) < 0)
		return no_memory(e);
	return 0;
}

static int read_words(const char *text, struct words *ret, struct err *e)
{
	int r = 0;

	for (text += strspn(text, BLANKS); r == 0 && *text; text += strspn(text, BLANKS))
		r = read_word(&text, ret, e);
	return r;
}

static const struct field list_fields[] = {
	FIELD_LIST(struct words, "list", FIELD_STRING, v, n),
	{ 0 },
};

/* Whether it is a JSON list of strings; Docker takes what is none for a shell's line. */
static bool read_json(const char *text, struct words *ret)
{
	autofree char *object = *text == '[' ? str_format("{\"list\": %s}", text) : NULL;
	struct err ignored;

	return object && json_read("list", object, strlen(object), list_fields, ret,
				 &json_usual_limits, &ignored) == 0;
}

static int read_command(const char *text, struct words *ret, struct err *e)
{
	if (read_json(text, ret))
		return 0;
	const char *shell[] = { "/bin/sh", "-c", text };
	for (size_t i = 0; i < sizeof(shell) / sizeof(shell[0]); i++)
		if (push(&ret->v, &ret->n, strdup(shell[i])) < 0)
			return no_memory(e);
	return 0;
}

/* NAME=VALUE ..., or NAME and all that follows. */
static int read_pairs(const char *text, struct words *ret, struct err *e)
{
	size_t n = strcspn(text, BLANKS "=");
	const char *rest = text + n + strspn(text + n, BLANKS);

	if (text[n] != '=' && text[n]) {
		char *pair = str_format("%.*s=%s", (int)n, text, rest);
		return push(&ret->v, &ret->n, pair) < 0 ? no_memory(e) : 0;
	}
	int r = read_words(text, ret, e);
	for (size_t i = 0; r == 0 && i < ret->n; i++)
		if (!strchr(ret->v[i], '=') || ret->v[i][0] == '=')
			r = err_say(e, EINVAL, "'%s' is not NAME=VALUE", ret->v[i]);
	return r;
}

/* --- instructions -------------------------------------------------------------------------------
 */

static int set_cmd(const char *text, struct image_process *c, struct err *e)
{
	automatic(words) struct words w = { 0 };
	int r = read_command(text, &w, e);

	if (r == 0)
		replace_list(&c->cmd, &c->n_cmd, &w);
	return r;
}

static int set_entrypoint(const char *text, struct image_process *c, struct err *e)
{
	automatic(words) struct words w = { 0 }, none = { 0 };
	int r = read_command(text, &w, e);

	if (r < 0)
		return r;
	replace_list(&c->entrypoint, &c->n_entrypoint, &w);
	replace_list(&c->cmd, &c->n_cmd, &none);
	return 0;
}

static int set_env(const char *text, struct image_process *c, struct err *e)
{
	automatic(words) struct words w = { 0 };
	int r = read_pairs(text, &w, e);

	for (size_t i = 0; r == 0 && i < w.n; i++) {
		size_t n = strcspn(w.v[i], "=") + 1, j = 0;
		while (j < c->n_env && strncmp(c->env[j], w.v[i], n) != 0)
			j++;
		if (j < c->n_env)
			r = replace_text(&c->env[j], w.v[i], e);
		else if (push(&c->env, &c->n_env, strdup(w.v[i])) < 0)
			r = no_memory(e);
	}
	return r;
}

static int set_label(struct image_process *c, const char *key, const char *value, struct err *e)
{
	size_t i = 0;

	while (i < c->n_labels && strcmp(c->labels[i].key, key) != 0)
		i++;
	if (i < c->n_labels)
		return replace_text(&c->labels[i].value, value, e);
	struct string_pair *more = reallocarray(c->labels, i + 2, sizeof(*more));
	if (!more)
		return no_memory(e);
	c->labels = more;
	more[i] = (struct string_pair){ strdup(key), strdup(value) };
	c->n_labels++;
	return more[i].key && more[i].value ? 0 : no_memory(e);
}

static int set_labels(const char *text, struct image_process *c, struct err *e)
{
	automatic(words) struct words w = { 0 };
	int r = read_pairs(text, &w, e);

	for (size_t i = 0; r == 0 && i < w.n; i++) {
		char *equals = strchr(w.v[i], '=');
		*equals = '\0';
		r = set_label(c, w.v[i], equals + 1, e);
	}
	return r;
}

/* Each once. */
static int add_keys(char ***v, size_t *n, const struct words *w, const char *suffix, struct err *e)
{
	for (size_t i = 0; i < w->n; i++) {
		char *key = str_format("%s%s", w->v[i], strchr(w->v[i], '/') ? "" : suffix);
		size_t j = 0;
		while (key && j < *n && strcmp((*v)[j], key) != 0)
			j++;
		if (key && j < *n)
			free(key);
		else if (push(v, n, key) < 0)
			return no_memory(e);
	}
	return 0;
}

/* "80", "80/udp", "8000-8010/tcp". */
static bool is_port(const char *word)
{
	size_t n = strspn(word, "0123456789-");

	return n > 0 && word[0] != '-' &&
	       (!word[n] || strcmp(word + n, "/tcp") == 0 || strcmp(word + n, "/udp") == 0 ||
		       strcmp(word + n, "/sctp") == 0);
}

static int set_expose(const char *text, struct image_process *c, struct err *e)
{
	automatic(words) struct words w = { 0 };
	int r = read_words(text, &w, e);

	for (size_t i = 0; r == 0 && i < w.n; i++)
		if (!is_port(w.v[i]))
			r = err_say(e, EINVAL, "'%s' is no port", w.v[i]);
	return r < 0 ? r : add_keys(&c->exposed_ports, &c->n_exposed_ports, &w, "/tcp", e);
}

static int set_volume(const char *text, struct image_process *c, struct err *e)
{
	automatic(words) struct words w = { 0 };
	int r = read_json(text, &w) ? 0 : read_words(text, &w, e);

	for (size_t i = 0; r == 0 && i < w.n; i++)
		if (w.v[i][0] != '/')
			r = err_say(e, EINVAL, "'%s' is not an absolute path", w.v[i]);
	return r < 0 ? r : add_keys(&c->volumes, &c->n_volumes, &w, "", e);
}

/* The one word that there may be, the caller's; NULL: an error. */
static char *only_word(const char *text, struct err *e)
{
	automatic(words) struct words w = { 0 };
	int r = read_words(text, &w, e);

	if (r == 0 && w.n != 1)
		err_say(e, EINVAL, "it takes one word");
	return r == 0 && w.n == 1 ? take(w.v[0]) : NULL;
}

static int set_word(const char *text, char **into, struct err *e)
{
	char *word = only_word(text, e);

	if (!word)
		return -e->code;
	free(*into);
	*into = word;
	return 0;
}

static int set_user(const char *text, struct image_process *c, struct err *e)
{
	return set_word(text, &c->user, e);
}

static int set_stop_signal(const char *text, struct image_process *c, struct err *e)
{
	return set_word(text, &c->stop_signal, e);
}

static int set_workdir(const char *text, struct image_process *c, struct err *e)
{
	autofree char *word = only_word(text, e);
	const char *before = c->working_dir && *c->working_dir ? c->working_dir : "/";

	if (!word)
		return -e->code;
	if (word[0] == '/')
		return replace_text(&c->working_dir, word, e);
	autofree char *joined =
		str_format("%s%s%s", before, before[strlen(before) - 1] == '/' ? "" : "/", word);
	return joined ? replace_text(&c->working_dir, joined, e) : no_memory(e);
}

static int set_on_build(const char *text, struct image_process *c, struct err *e)
{
	return push(&c->on_build, &c->n_on_build, strdup(text)) < 0 ? no_memory(e) : 0;
}

static const struct {
	const char *name;
	int (*set)(const char *text, struct image_process *c, struct err *e);
} instructions[] = {
	{ "CMD", set_cmd },
	{ "ENTRYPOINT", set_entrypoint },
	{ "ENV", set_env },
	{ "EXPOSE", set_expose },
	{ "LABEL", set_labels },
	{ "ONBUILD", set_on_build },
	{ "STOPSIGNAL", set_stop_signal },
	{ "USER", set_user },
	{ "VOLUME", set_volume },
	{ "WORKDIR", set_workdir },
};

/* "CMD=..." too, which `docker import` takes. */
int image_change(const char *text, struct image_process *config, struct err *e)
{
	const char *word = text + strspn(text, BLANKS);
	size_t n = strcspn(word, BLANKS "=");
	const char *rest = word + n + strspn(word + n, BLANKS "=");

	for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
		if (strlen(instructions[i].name) != n ||
			strncasecmp(word, instructions[i].name, n) != 0)
			continue;
		if (!*rest)
			return err_say(e, EINVAL, "change '%s': nothing is said", text);
		int r = instructions[i].set(rest, config, e);
		return r < 0 ? err_while(e, "change '%s'", text) : 0;
	}
	return err_say(e, EINVAL,
		"change '%s': '%.*s' is none of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, "
		"STOPSIGNAL, USER, VOLUME, WORKDIR",
		text, (int)n, word);
}
