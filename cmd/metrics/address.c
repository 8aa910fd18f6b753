/* Where to listen. */
#include "cmd/metrics/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "spec/base/str.h"

bool address_is_local(const struct sockaddr_storage *at)
{
	const struct sockaddr_in *four = (const void *)at;
	const struct sockaddr_in6 *six = (const void *)at;

	switch (at->ss_family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
	default:
		return false;
	}
}

/* "[::1]" and the like are without their brackets here. */
static bool parse_host(const char *host, bool bracketed, struct address *ret)
{
	struct sockaddr_in *four = (void *)&ret->at;
	struct sockaddr_in6 *six = (void *)&ret->at;

	if (bracketed) {
		six->sin6_family = AF_INET6;
		ret->size = sizeof(*six);
		return inet_pton(AF_INET6, host, &six->sin6_addr) == 1;
	}
	four->sin_family = AF_INET;
	ret->size = sizeof(*four);
	return inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1",
		       &four->sin_addr) == 1;
}

/* The two halves of "HOST:PORT" and "[HOST]:PORT". */
static bool split(const char *text, char host[64], const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (n == 0 || n >= 64)
		return false;
	bool bracketed = text[0] == '[' && text[n - 1] == ']' && n > 2;
	memcpy(host, text + bracketed, n - 2 * bracketed);
	host[n - 2 * bracketed] = '\0';
	*ret_port = colon + 1;
	return true;
}

int address_parse(const char *text, struct address *ret, struct err *e)
{
	struct address a = { 0 };
	const char *port_text;
	char host[64];
	uint64_t port;

	if (str_starts(text, "unix:")) {
		a.path = text + strlen("unix:");
		if (!*a.path)
			return err_say(e, ERR_USAGE, "address '%s': no path", text);
		*ret = a;
		return 0;
	}
	if (!split(text, host, &port_text) || !str_to_u64(port_text, 65535, &port) ||
		!parse_host(host, text[0] == '[', &a))
		return err_say(e, ERR_USAGE,
			"address '%s': neither unix:PATH nor a loopback address and a port "
			"(127.0.0.1:9477)",
			text);
	if (!address_is_local(&a.at))
		return err_say(e, ERR_USAGE,
			"address '%s': not of the loopback device, and whoever reaches it needs no "
			"password (hint: put a proxy with one in front)",
			text);
	struct sockaddr_in *four = (void *)&a.at;
	struct sockaddr_in6 *six = (void *)&a.at;
	*(a.at.ss_family == AF_INET ? &four->sin_port : &six->sin6_port) = htons((uint16_t)port);
	*ret = a;
	return 0;
}

const char *address_text(const struct sockaddr_storage *at, char out[64])
{
	const struct sockaddr_in *four = (const void *)at;
	const struct sockaddr_in6 *six = (const void *)at;
	char host[INET6_ADDRSTRLEN] = "?";

	if (at->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(out, 64, "[%s]:%u", host, ntohs(six->sin6_port));
	} else {
		inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		snprintf(out, 64, "%s:%u", host, ntohs(four->sin_port));
	}
	return out;
}

bool address_is_host(const char *header)
{
	struct address a = { 0 };
	char host[64];
	size_t n = header ? strlen(header) : 0;

	if (n == 0 || n >= sizeof(host))
		return false;
	/* A port, digits, may be behind it. */
	size_t end = n;
	while (end && header[end - 1] >= '0' && header[end - 1] <= '9')
		end--;
	n = end && end < n && header[end - 1] == ':' ? end - 1 : n;
	bool bracketed = header[0] == '[' && n > 2 && header[n - 1] == ']';
	memcpy(host, header + bracketed, n - 2 * bracketed);
	host[n - 2 * bracketed] = '\0';
	if (strcasecmp(host, "localhost") == 0)
		return true;
	return parse_host(host, bracketed, &a) && address_is_local(&a.at);
}
