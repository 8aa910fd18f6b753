/* A wish for a network, as the container's configuration has it. */
#include "runtime/wiring.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/launch.h"
#include "spec/base/fd.h"

static int join_container(const struct home *h, const char *name, struct wiring *w, struct err *e)
{
	automatic(record) struct record record = { 0 };
	char path[64];
	size_t len;
	struct err ignored;
	int r = record_read(h, name, &record, e);

	if (r < 0)
		return err_while(e, "network");
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)record.init.pid);
	w->joined = mark_is_alive(&record.init) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (w->joined < 0 || !mark_is_alive(&record.init))
		return err_say(e, ERR_NOT_RUNNING, "network: container '%s' is not running", name);
	snprintf(w->path, sizeof(w->path), "/proc/self/fd/%d", w->joined);
	autofree char *file = str_format("%s/" RECORD_RESOLVER, name);
	if (!file)
		return err_set(e, ENOMEM, "network");
	fd_read_file(h->fd, file, 1 << 16, &w->names, &len, &ignored);
	return 0;
}

/* What the container is to know of names lies beside its record, and is bound from there. */
static int write_names(
	const struct home *h, const struct container *c, struct wiring *w, struct err *e)
{
	autofree char *root = realpath(h->path, NULL);

	if (!w->names)
		return 0;
	w->resolver = root ? str_format("%s/%s/" RECORD_RESOLVER, root, c->id) : NULL;
	if (!w->resolver)
		return err_set(e, root ? ENOMEM : errno, "write '" RECORD_RESOLVER "'");
	int r = fd_replace_file(c->dir, RECORD_RESOLVER, w->names, strlen(w->names), 0644, e);
	/* Whatever our umask is: it is for all users in there. */
	return r == 0 && fchmodat(c->dir, RECORD_RESOLVER, 0644, 0) < 0
		       ? err_set(e, errno, "write '" RECORD_RESOLVER "'")
		       : r;
}

static int note_user_network(const struct container *c, const struct network *n, struct err *e)
{
	automatic(str) struct str ports = { 0 };
	char text[PORT_TEXT_MAX];

	for (size_t i = 0; i < n->n_ports; i++)
		str_addf(&ports, "%s%s", i ? " " : "", port_text(&n->ports[i], text));
	if (n->n_ports && !str_ok(&ports))
		return err_set(e, ENOMEM, "record the ports");
	int r = n->n_ports ? record_add(c->journal, "ports", "%s", e, ports.data) : 0;
	return r < 0 ? r : record_add(c->journal, "network", "%s", e, n->program->name);
}

static int note_network(const struct container *c, const struct launch_options *o, struct err *e)
{
	if (o->network)
		return note_user_network(c, o->network, e);
	if (o->network_of)
		return record_add(c->journal, "network", "container:%s", e, o->network_of);
	return o->derive.network == DERIVE_NETWORK_HOST
		       ? record_add(c->journal, "network", "%s", e, "host")
		       : record_add(c->journal, "network", "ns:%s", e, o->derive.network_path);
}

int wiring_make(const struct home *h, const struct container *c, const struct launch_options *o,
	struct wiring *w, struct err *e)
{
	int r = 0;

	if (!o->network && !o->network_of && o->derive.network == DERIVE_NETWORK_NONE)
		return 0;
	if (o->network_of)
		r = join_container(h, o->network_of, w, e);
	else if (!(w->names = network_resolver(o->network)))
		r = err_set(e, ENOMEM, "write '" RECORD_RESOLVER "'");
	if (r == 0)
		r = note_network(c, o, e);
	return r < 0 ? r : write_names(h, c, w, e);
}

void wiring_done(struct wiring *w)
{
	own_close(&w->joined);
	free(w->resolver);
	free(w->names);
}
