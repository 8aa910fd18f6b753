/* Which network a container gets, as options: --net and --publish. */
#ifndef CMD_COW_NETWORK_H
#define CMD_COW_NETWORK_H

#include "cmd/options.h"
#include "runtime/launch.h"

/* For errors. */
#define NETWORK_VALUES "none|host|user[:WORD,...]|ns:PATH|container:NAME"

struct network_words {
	const char *network;
	struct option_list ports;
};

/* What launch_options borrows of it. */
struct network_choice {
	struct network network;
	struct port *ports;
};

void network_choice_done(struct network_choice *c);

/* `ret` and `words` must outlive `o`. */
int network_read(const struct network_words *words, struct network_choice *ret,
	struct launch_options *o, struct err *e);

/* What a record has as ports, as a list. */
struct port_list {
	char *words;
	char **v;
	size_t n;
};

int port_list_read(const char *ports, struct port_list *ret, struct err *e);
void port_list_done(struct port_list *l);
DEFINE_AUTO(port_list, port_list_done)

#endif
