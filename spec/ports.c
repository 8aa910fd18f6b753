/* Published ports. */
#include "spec/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/own.h"
#include "spec/base/str.h"

static bool read_number(const char *text, uint16_t *ret)
{
	uint64_t n;

	if (!text || !str_to_u64(text, UINT16_MAX, &n) || !n)
		return false;
	*ret = (uint16_t)n;
	return true;
}

/* "tcp" where nothing is said. */
static bool read_protocol(char *text, bool *ret_udp)
{
	char *slash = strchr(text, '/');

	*ret_udp = slash && strcmp(slash, "/udp") == 0;
	if (slash && !*ret_udp && strcmp(slash, "/tcp") != 0)
		return false;
	if (slash)
		*slash = '\0';
	return true;
}

/* One of IPv6 has brackets around it, which are taken off. */
static bool read_address(char *text, struct port *ret)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t n = strlen(text);

	ret->six = n > 2 && text[0] == '[' && text[n - 1] == ']';
	if (ret->six) {
		text[n - 1] = '\0';
		text++;
		n -= 2;
	}
	if (n >= sizeof(ret->address) || inet_pton(ret->six ? AF_INET6 : AF_INET, text, bytes) != 1)
		return false;
	memcpy(ret->address, text, n + 1);
	return true;
}

/* From the back: an address of IPv6 has colons too. */
int port_parse(const char *text, struct port *ret, struct err *e)
{
	struct port p = { 0 };
	autofree char *copy = strdup(text);

	if (!copy)
		return err_set(e, ENOMEM, "port '%.200s'", text);
	if (!read_protocol(copy, &p.udp))
		return err_say(e, EINVAL, "port '%.200s': neither /tcp nor /udp", text);
	char *inside = strrchr(copy, ':');
	if (!inside)
		return err_say(e, EINVAL, "port '%.200s': not [IP:]HOSTPORT:PORT[/tcp|udp]", text);
	*inside++ = '\0';
	char *outside = strrchr(copy, ':');
	if (outside)
		*outside++ = '\0';
	if (!read_number(outside ? outside : copy, &p.outside) || !read_number(inside, &p.inside))
		return err_say(
			e, EINVAL, "port '%.200s': a port is a number from 1 to 65535", text);
	if (outside && !read_address(copy, &p))
		return err_say(e, EINVAL, "port '%.200s': '%.80s' is no IP address", text, copy);
	*ret = p;
	return 0;
}

char *port_text(const struct port *port, char out[PORT_TEXT_MAX])
{
	const char *open = port->six ? "[" : "", *close = port->six ? "]" : "";

	snprintf(out, PORT_TEXT_MAX, "%s%s%s%s%u:%u/%s", open, port->address, close,
		*port->address ? ":" : "", port->outside, port->inside, port->udp ? "udp" : "tcp");
	return out;
}

bool port_collides(const struct port *a, const struct port *b)
{
	bool same_place = !*a->address || !*b->address || strcmp(a->address, b->address) == 0;

	return a->outside == b->outside && a->udp == b->udp && same_place;
}
