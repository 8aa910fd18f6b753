/*
 * A web server that is slow to start: it makes a table of the least prime factor of each number below
 * 16 million (64 MiB), and then takes numbers to pieces by it.
 *
 *	server ADDRESS
 *
 * ADDRESS is a port, or the path of a Unix socket. GET /N is N's factors, one connection after the
 * other. As a template it makes the table once, and each fork has it, page for page.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/template/cow_template.h"

#define NUMBERS (16u << 20)

static uint32_t *make_factors(void)
{
	uint32_t *factors = calloc(NUMBERS, sizeof(*factors));

	if (!factors)
		return NULL;
	for (uint32_t n = 2; n < NUMBERS; n++) {
		if (factors[n])
			continue;
		factors[n] = n;
		for (uint64_t k = (uint64_t)n * n; k < NUMBERS; k += n)
			if (!factors[k])
				factors[k] = n;
	}
	return factors;
}

static int listen_at(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(address)) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int is_path = *address == '/', one = 1;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", address);
	int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(
		fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)); /* with others on the same port */
	if (is_path)
		unlink(address);
	int r = is_path ? bind(fd, (struct sockaddr *)&un, sizeof(un))
			: bind(fd, (struct sockaddr *)&in, sizeof(in));
	return r || listen(fd, 512) ? -1 : fd;
}

/* "60" -> "2 2 3 5" */
static void factorize(const uint32_t *factors, const char *number, char *text, size_t size)
{
	unsigned long n = strtoul(number, NULL, 10);
	size_t at = 0;

	if (n < 2 || n >= NUMBERS) {
		snprintf(text, size, "from 2 to %u\n", NUMBERS - 1);
		return;
	}
	for (; n > 1; n /= factors[n])
		at += (size_t)snprintf(text + at, size - at, "%s%u", at ? " " : "", factors[n]);
	snprintf(text + at, size - at, "\n");
}

static void answer(const uint32_t *factors, int fd)
{
	char request[1024] = "", body[256], reply[512];
	ssize_t n = read(fd, request, sizeof(request) - 1);

	if (n > 5 && strncmp(request, "GET /", 5) == 0) {
		factorize(factors, request + 5, body, sizeof(body));
		int size = snprintf(reply, sizeof(reply),
			"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
			strlen(body), body);
		if (write(fd, reply, (size_t)size) < 0)
			perror("write");
	}
	close(fd);
}

int main(int argc, char **argv)
{
	const uint32_t *factors = make_factors();
	struct cow_fork self = { .argc = argc, .argv = argv };

	/* In a template the call does not return; it does in each fork, with the fork's arguments. */
	cow_template_ready(&self);
	if (!factors || self.argc != 2)
		return 1;
	int listener = listen_at(self.argv[1]);
	if (listener < 0) {
		perror(self.argv[1]);
		return 1;
	}
	puts("serving");
	fflush(stdout);
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
		answer(factors, fd);
	perror("accept");
	return 1;
}
