/* A configuration that many containers have in common. */
#include "runtime/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int pattern_begin(struct pattern *m, struct err *e)
{
	unsigned long long random;

	/* Whatever else is asked for does not hold it by chance. */
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_set(e, errno, "name a pattern");
	snprintf(m->name, sizeof(m->name), "cowrun-pattern-%016llx", random);
	return 0;
}

int pattern_write(struct pattern *m, struct err *e)
{
	const char *at;

	json_write(spec_fields, &m->spec, JSON_INDENTED, &m->config);
	if (!str_ok(&m->config))
		return err_set(e, ENOMEM, "write the configuration");
	at = m->config.data;
	for (m->n_places = 0; (at = strstr(at, m->name)); at += strlen(m->name)) {
		if (m->n_places == PATTERN_PLACES)
			return err_set(e, E2BIG, "write the configuration");
		m->places[m->n_places++] = (size_t)(at - m->config.data);
	}
	return 0;
}

void pattern_done(struct pattern *m)
{
	spec_done(&m->spec);
	str_done(&m->config);
	*m = (struct pattern){ 0 };
}

/* Names are such that JSON has them as they are. */
static void fill_config(const struct pattern *m, const char *name, struct str *config)
{
	size_t done = 0;

	for (size_t i = 0; i < m->n_places; i++) {
		str_add_bytes(config, m->config.data + done, m->places[i] - done);
		str_add(config, name);
		done = m->places[i] + strlen(m->name);
	}
	str_add_bytes(config, m->config.data + done, m->config.len - done);
}

static char *named(const struct pattern *m, const char *text, const char *name)
{
	const char *at = strstr(text, m->name);

	return at ? str_format("%.*s%s%s", (int)(at - text), text, name, at + strlen(m->name))
		  : strdup(text);
}

/* HOSTNAME alone has it in there, where nobody has asked for another. */
static bool fill_env(const struct pattern *m, const char *name, struct patterned *c)
{
	const struct process_spec *p = m->spec.process;

	c->env = calloc(p->n_env + 1, sizeof(*c->env));
	if (!c->env)
		return false;
	memcpy(c->env, p->env, p->n_env * sizeof(*c->env));
	for (size_t i = 0; i < p->n_env; i++)
		if (!c->named && strstr(p->env[i], m->name)) {
			c->env[i] = c->named = named(m, p->env[i], name);
			if (!c->named)
				return false;
		}
	return true;
}

struct patterned *pattern_fill(const struct pattern *m, const char *name)
{
	struct patterned *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (m->spec.hostname)
		c->hostname = named(m, m->spec.hostname, name);
	fill_config(m, name, &c->config);
	if (!fill_env(m, name, c) || (m->spec.hostname && !c->hostname) || !str_ok(&c->config)) {
		patterned_free(c);
		return NULL;
	}
	c->spec = m->spec;
	c->spec.hostname = c->hostname;
	c->spec.process = &c->process;
	c->process = *m->spec.process;
	c->process.env = c->env;
	return c;
}

void patterned_free(struct patterned *c)
{
	if (!c)
		return;
	free(c->hostname);
	free(c->named);
	free(c->env);
	str_done(&c->config);
	free(c);
}
