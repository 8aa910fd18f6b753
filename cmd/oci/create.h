/* What `create` and `run` have in common: a bundle, and how to make a container of it. */
#ifndef CMD_OCI_CREATE_H
#define CMD_OCI_CREATE_H

#include "cmd/commands.h"
#include "runtime/container.h"

struct create_words {
	const char *bundle, *config, *pid_file, *console_socket, *pidfd_socket;
	int n_preserve;
	bool no_new_keyring, detach, keep;
};

#define CREATE_ROWS(type)                                                                          \
	{ "bundle", 'b', OPTION_TEXT, offsetof(type, bundle), "DIR",                               \
		"directory that holds config.json (the current one)" },                            \
		{ "config", 'f', OPTION_TEXT, offsetof(type, config), "FILE",                      \
			"read FILE instead of its config.json" },                                  \
		{ "pid-file", 0, OPTION_TEXT, offsetof(type, pid_file), "FILE",                    \
			"write the pid of the container's first process to FILE" },                \
		{ "preserve-fds", 0, OPTION_COUNT, offsetof(type, n_preserve), "N",                \
			"hand on N file descriptors, from 3 on" },                                 \
		{ "console-socket", 0, OPTION_TEXT, offsetof(type, console_socket), "SOCKET",      \
			"send the terminal to who listens on SOCKET" },                            \
		{ "pidfd-socket", 0, OPTION_TEXT, offsetof(type, pidfd_socket), "SOCKET",          \
			"send a pidfd of the first process to who listens" },                      \
		{ "no-new-keyring", 0, OPTION_FLAG, offsetof(type, no_new_keyring), NULL,          \
			"keep the session keyring of the caller" },                                \
	{                                                                                          \
		"no-pivot", 0, OPTION_IGNORED_FLAG, 0, NULL, NULL                                  \
	}

/* A bundle, read and checked. */
struct bundle {
	char *config;
	size_t len;
	struct spec spec;
	const struct checkpoint_options *restore; /* it is not new; NULL */
	int notify; /* the socket where its program says that it is ready; -1: nobody asks */
};

#define BUNDLE_NONE                                                                                \
	{                                                                                          \
		.notify = -1                                                                       \
	}

int bundle_load(const struct create_words *w, struct bundle *ret, struct err *e);
bool bundle_terminal(const struct bundle *b); /* its process is to have one */
void bundle_done(struct bundle *b);
DEFINE_AUTO(bundle, bundle_done)

/* Reserves the id and creates; `b` must outlive `ret`. `screen`: NULL where nobody looks. */
int create_from_bundle(struct context *c, const struct create_words *w, const char *id,
	struct bundle *b, bool waits, const struct screen *screen, struct container *ret,
	struct err *e);

/* Whether process.terminal, --detach (or create) and --console-socket go together. */
int check_console(bool terminal, bool detached, const char *console_socket, struct err *e);

#endif
