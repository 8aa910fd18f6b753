/* Published ports as people write them: [IP:]HOSTPORT:PORT[/tcp|udp], IPv6 addresses in brackets. */
#ifndef SPEC_PORTS_H
#define SPEC_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "spec/base/err.h"

enum { PORT_ADDRESS_MAX = 46, PORT_TEXT_MAX = 80 };

struct port {
	char address[PORT_ADDRESS_MAX]; /* of the host; "": all of them */
	bool six;			/* it is one of IPv6 */
	uint16_t outside, inside;
	bool udp;
};

/* LIMIT: one port, no range of them; and none that the host chooses. */
int port_parse(const char *text, struct port *ret, struct err *e);

/* The same as text, whole: "127.0.0.1:8080:80/tcp". Returns `out`. */
char *port_text(const struct port *port, char out[PORT_TEXT_MAX]);

/* They want the same port of the host. */
bool port_collides(const struct port *a, const struct port *b);

#endif
