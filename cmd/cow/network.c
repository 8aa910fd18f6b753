/* --net and --publish. */
#include "cmd/cow/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/libexec.h"
#include "runtime/keeper.h"
#include "spec/base/own.h"
#include "spec/base/str.h"
#include "spec/id.h"

enum mode { MODE_NONE, MODE_HOST, MODE_USER, MODE_PATH, MODE_CONTAINER };

/* How docker and podman spell it too, where they mean the same. */
static const struct mode_row {
	const char *name;
	enum mode mode;
	const char *program; /* that one of user mode */
	bool value;	     /* ":" and something must follow */
} modes[] = {
	{ "none", MODE_NONE, NULL, false },
	{ "host", MODE_HOST, NULL, false },
	{ "user", MODE_USER, NULL, false },
	{ "pasta", MODE_USER, "pasta", false },
	{ "slirp4netns", MODE_USER, "slirp4netns", false },
	{ "ns", MODE_PATH, NULL, true },
	{ "container", MODE_CONTAINER, NULL, true },
};

/* Behind "user:", with commas between. */
static const struct user_word {
	const char *name;
	const char *program;
	bool host_loopback;
} user_words[] = {
	{ "pasta", "pasta", false },
	{ "slirp4netns", "slirp4netns", false },
	{ "host-loopback", NULL, true },
	{ "allow_host_loopback=true", NULL, true },
	{ "--map-gw", NULL, true },
};

static int read_user_words(const char *text, const char *program, struct network *n, struct err *e)
{
	autofree char *copy = strdup(text ? text : "");
	char *rest = copy;

	if (!copy)
		return err_set(e, ENOMEM, "option --net");
	for (char *word; text && (word = strsep(&rest, ","));) {
		const struct user_word *known = NULL;
		for (size_t i = 0; i < sizeof(user_words) / sizeof(user_words[0]); i++)
			if (strcmp(user_words[i].name, word) == 0)
				known = &user_words[i];
		if (!known)
			return err_say(e, ERR_USAGE,
				"option --net: '%s' is neither pasta, slirp4netns nor host-loopback",
				word);
		program = known->program ? known->program : program;
		n->host_loopback |= known->host_loopback;
	}
	return network_find(program, n, e);
}

static int read_ports(const struct option_list *list, struct network_choice *c, struct err *e)
{
	char text[PORT_TEXT_MAX];

	c->ports = calloc(list->n + 1, sizeof(*c->ports));
	if (!c->ports)
		return err_set(e, ENOMEM, "option --publish");
	c->network.ports = c->ports;
	for (size_t i = 0; i < list->n; i++) {
		if (port_parse(list->v[i], &c->ports[i], e) < 0)
			return err_while(e, "option --publish");
		for (size_t j = 0; j < i; j++)
			if (port_collides(&c->ports[i], &c->ports[j]))
				return err_say(e, ERR_USAGE,
					"option --publish: '%s' and '%s' are the same port of the host",
					port_text(&c->ports[j], text), list->v[i]);
		c->network.n_ports++;
	}
	return 0;
}

static int read_user(const struct network_words *w, const char *rest, const char *program,
	struct network_choice *c, struct launch_options *o, struct err *e)
{
	int r = read_ports(&w->ports, c, e);

	if (r == 0)
		r = read_user_words(rest, program, &c->network, e);
	if (r == 0)
		r = libexec_find(KEEPER_PROGRAM, c->network.keeper, e);
	o->network = &c->network;
	return r;
}

static const struct mode_row *find_mode(const char *word)
{
	size_t n = strcspn(word, ":");

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strlen(modes[i].name) == n && strncmp(modes[i].name, word, n) == 0)
			return &modes[i];
	return NULL;
}

static int read_joined(enum mode mode, const char *which, struct launch_options *o, struct err *e)
{
	if (mode == MODE_CONTAINER) {
		o->network_of = which;
		return id_check(which, e);
	}
	if (*which != '/')
		return err_say(e, ERR_USAGE, "option --net: '%s' is not an absolute path", which);
	o->derive.network = DERIVE_NETWORK_JOINED;
	o->derive.network_path = which;
	return 0;
}

/* Ports alone ask for a network that they lead through. */
int network_read(const struct network_words *words, struct network_choice *ret,
	struct launch_options *o, struct err *e)
{
	const char *word = words->network ? words->network : words->ports.n ? "user" : "none";
	const struct mode_row *m = find_mode(word);
	const char *colon = strchr(word, ':'), *rest = colon ? colon + 1 : NULL;

	if (!m || (m->value && (!rest || !*rest)) || (rest && !m->value && m->mode != MODE_USER))
		return err_say(e, ERR_USAGE, "option --net: '%s' is not " NETWORK_VALUES, word);
	if (m->mode == MODE_USER)
		return read_user(words, rest, m->program, ret, o, e);
	if (words->ports.n)
		return err_say(e, ERR_USAGE,
			"option --publish: no port can lead into network '%s' (hint: --net user)",
			word);
	if (m->mode == MODE_HOST)
		o->derive.network = DERIVE_NETWORK_HOST;
	return rest ? read_joined(m->mode, rest, o, e) : 0;
}

void network_choice_done(struct network_choice *c)
{
	free(c->ports);
}

int port_list_read(const char *ports, struct port_list *ret, struct err *e)
{
	struct port_list l = { .words = strdup(ports ? ports : "") };
	char *rest = l.words;

	l.v = l.words ? calloc(strlen(l.words) / 2 + 2, sizeof(*l.v)) : NULL;
	if (!l.v) {
		port_list_done(&l);
		return err_set(e, ENOMEM, "list the ports");
	}
	for (char *word; ports && (word = strsep(&rest, " "));)
		l.v[l.n++] = word;
	*ret = l;
	return 0;
}

void port_list_done(struct port_list *l)
{
	free(l->v);
	free(l->words);
}
