/* The programs that make a network, and their command lines. Pure, but for the search. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/keeper.h"
#include "runtime/network.h"
#include "runtime/search.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

/* Nothing of the container's own loopback leads to the host's (-T, -U), nor the other way round. A
 * program that is started by root would look for another user, and then cannot enter. */
static const char *const pasta_arguments[] = { "--config-net", "--quiet", "--address",
	NETWORK_ADDRESS, "--netmask", "24", "--gateway", NETWORK_ROUTER, "--dns-forward",
	NETWORK_RESOLVER, "--ns-ifname", NETWORK_DEVICE, "--tcp-ns", "none", "--udp-ns", "none",
	"--netns-only", "--runas", "0", NULL };
static const char *const pasta_last[] = { "--netns", "./" KEEPER_MOUNT_POINT, NULL };

/* Its addresses are these by itself. */
static const char *const slirp_arguments[] = { "--configure", "--ready-fd", "5", "--mtu", "65520",
	"--enable-sandbox", "--enable-seccomp", "--enable-ipv6", "--netns-type", "path",
	"--api-socket", NETWORK_SOCKET, NULL };
static const char *const slirp_last[] = { "./" KEEPER_MOUNT_POINT, NETWORK_DEVICE, NULL };

const struct network_program network_programs[] = {
	{ "pasta", "passt", pasta_arguments, pasta_last, "--no-map-gw", "--tcp-ports",
		"--udp-ports" },
	{ "slirp4netns", "slirp4netns", slirp_arguments, slirp_last, "--disable-host-loopback",
		NULL, NULL },
	{ 0 },
};

int network_find(const char *name, struct network *ret, struct err *e)
{
	const struct network_program *known = NULL;

	for (const struct network_program *p = network_programs; p->name; p++) {
		if (name && strcmp(p->name, name) != 0)
			continue;
		known = p;
		if (search_program(p->name, ret->path)) {
			ret->program = p;
			return 0;
		}
	}
	if (name && known)
		return err_say(e, ENOENT, "network: '%s' is not installed (package %s)", name,
			known->package);
	return err_say(e, ENOENT,
		"network: neither 'pasta' (package passt) nor 'slirp4netns' (package slirp4netns) is installed");
}

static bool add(char **argv, size_t *n, char *word)
{
	argv[*n] = word;
	return argv[(*n)++];
}

static bool add_list(char **argv, size_t *n, const char *const *list)
{
	for (; *list; list++)
		if (!add(argv, n, strdup(*list)))
			return false;
	return true;
}

/* "127.0.0.1/8080:80": its own spelling. "none" is said where nothing is published: else it would
 * be all that the container listens at. */
static bool add_ports(char **argv, size_t *n, const struct network *net, bool udp)
{
	const char *option = udp ? net->program->udp : net->program->tcp;
	size_t before = *n;

	for (size_t i = 0; i < net->n_ports; i++) {
		const struct port *p = &net->ports[i];
		if (p->udp != udp)
			continue;
		if (!add(argv, n, strdup(option)) ||
			!add(argv, n,
				str_format("%s%s%u:%u", p->address, *p->address ? "/" : "",
					p->outside, p->inside)))
			return false;
	}
	return *n > before || (add(argv, n, strdup(option)) && add(argv, n, strdup("none")));
}

char **network_command(const struct network *n)
{
	const struct network_program *p = n->program;
	char **argv = calloc(40 + 2 * n->n_ports, sizeof(*argv));
	size_t i = 0;

	if (argv && add(argv, &i, strdup(p->name)) && add_list(argv, &i, p->arguments) &&
		(n->host_loopback || add(argv, &i, strdup(p->no_host_loopback))) &&
		(!p->tcp || (add_ports(argv, &i, n, false) && add_ports(argv, &i, n, true))) &&
		add_list(argv, &i, p->last))
		return argv;
	network_command_free(argv);
	return NULL;
}

void network_command_free(char **argv)
{
	for (char **word = argv; word && *word; word++)
		free(*word);
	free(argv);
}
