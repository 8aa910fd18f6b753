/* cowrun list: all containers. */
#include "cmd/oci/commands.h"
#include "cmd/table.h"
#include "runtime/status.h"
#include "spec/base/log.h"

struct list_words {
	bool quiet;
	int format;
};

static const struct option_row options[] = {
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct list_words, quiet), NULL, "ids alone" },
	{ "format", 'f', OPTION_CHOICE, offsetof(struct list_words, format), "table|json",
		"how to print them (table)" },
	{ 0 },
};

struct states {
	struct state_doc *v;
	size_t n;
};

static void states_done(struct states *s)
{
	for (size_t i = 0; i < s->n; i++)
		state_done(&s->v[i]);
	free(s->v);
	*s = (struct states){ 0 };
}
DEFINE_AUTO(states, states_done)

/* One that vanishes meanwhile is left out; no container's damage hides the others, but it is told:
 * as stopped is how such a one is shown, whatever may live in it. */
static int read_all(const struct home *h, struct states *ret, struct err *e)
{
	char **ids;
	size_t n;
	int r = record_list(h, &ids, &n, e);

	if (r < 0)
		return r;
	ret->v = calloc(n + 1, sizeof(*ret->v));
	for (size_t i = 0; ret->v && i < n; i++) {
		struct err why;
		int seen = container_state(h, ids[i], &ret->v[ret->n], &why);
		if (seen == -ERR_DAMAGED)
			log_warn("%s", why.text);
		if (seen == 0 || seen == -ERR_DAMAGED)
			ret->n++;
	}
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	return ret->v ? 0 : err_set(e, ENOMEM, "list the containers");
}

static int print_table(const struct states *s, struct err *e)
{
	static const struct table_column columns[] = { { "ID", TABLE_LEFT, 0 },
		{ "PID", TABLE_LEFT, 0 }, { "STATUS", TABLE_LEFT, 0 }, { "BUNDLE", TABLE_LEFT, 0 },
		{ "CREATED", TABLE_LEFT, 0 }, { "OWNER", TABLE_LEFT, 0 }, { 0 } };
	automatic(table) struct table t = { .columns = columns };

	for (size_t i = 0; i < s->n; i++) {
		const struct state_doc *d = &s->v[i];
		table_add(&t, d->id);
		table_addf(&t, "%d", d->pid);
		table_add(&t, enum_name_of(state_status_names, d->status));
		table_add(&t, d->bundle);
		table_add(&t, d->created);
		table_add(&t, d->owner);
	}
	return table_print(&t, stdout, 0, e);
}

static int print_json(const struct states *s, struct err *e)
{
	automatic(str) struct str text = { 0 };

	state_list_write(s->v, s->n, JSON_COMPACT, &text);
	return !str_ok(&text) || puts(text.data) < 0 ? err_set(e, EIO, "print the list") : 0;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct list_words *w = data;
	automatic(states) struct states s = { 0 };

	(void)argc, (void)argv;
	int r = command_open_home(c, false, e);
	/* The default one is made by the first container; another was perhaps not meant. */
	if (r == 0 && c->home.fd < 0 && c->root != c->usual_root)
		return err_set(e, ENOENT, "open the state root '%s'", c->root);
	if (r == 0)
		r = read_all(&c->home, &s, e);
	if (r == 0 && w->quiet)
		for (size_t i = 0; i < s.n; i++)
			puts(s.v[i].id);
	else if (r == 0 && w->format == LISTING_JSON)
		r = print_json(&s, e);
	else if (r == 0)
		r = print_table(&s, e);
	return r;
}

const struct command list_command = {
	.name = "list",
	.arguments = "[options]",
	.summary = "Lists the containers.",
	.options = options,
	.options_size = sizeof(struct list_words),
	.run = run,
};
