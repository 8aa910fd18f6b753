/*
 * What somebody wants of a container, as options in the spelling of docker and podman: one table of
 * rows for `run`, `fork` and `template create`.
 */
#ifndef CMD_COW_WISHES_H
#define CMD_COW_WISHES_H

#include "cmd/cow/limits.h"
#include "cmd/cow/network.h"
#include "runtime/rootless.h"

struct wish_words {
	const char *name, *workdir, *user, *hostname, *entrypoint, *snapshotter, *userns;
	struct option_list env, volumes, security;
	struct limit_words limits;
	struct network_words network;
	bool remove, read_only;
};

#define WISH_ROW(type, words, name, letter, kind, member, value, help)                             \
	{                                                                                          \
		name, letter, kind, offsetof(type, words.member), value, help                      \
	}

/* `words`: the member of `type` that is a struct wish_words. */
#define WISH_ROWS(type, words)                                                                     \
	WISH_ROW(type, words, "env", 'e', OPTION_LIST, env, "NAME[=VALUE]",                        \
		"one more of its environment"),                                                    \
		WISH_ROW(type, words, "workdir", 'w', OPTION_TEXT, workdir, "DIR",                 \
			"its working directory"),                                                  \
		WISH_ROW(type, words, "user", 'u', OPTION_TEXT, user, "USER[:GROUP]",              \
			"who it is, by name or number"),                                           \
		WISH_ROW(type, words, "volume", 'v', OPTION_LIST, volumes, "SRC:DST[:OPTIONS]",    \
			"a directory or file of the host"),                                        \
		LIMIT_ROWS(type, words.limits),                                                    \
		WISH_ROW(type, words, "hostname", 0, OPTION_TEXT, hostname, "NAME",                \
			"its host name; else the container's name"),                               \
		WISH_ROW(type, words, "read-only", 0, OPTION_FLAG, read_only, NULL,                \
			"its root file system is not to be written to"),                           \
		WISH_ROW(type, words, "security-opt", 0, OPTION_LIST, security, "seccomp=FILE",    \
			"another seccomp profile; seccomp=unconfined: none"),                      \
		WISH_ROW(type, words, "net", 0, OPTION_TEXT, network.network, "NETWORK",           \
			"none (loopback alone), host, user, ns:PATH, container:NAME"),             \
		WISH_ROW(                                                                          \
			type, words, "network", 0, OPTION_TEXT, network.network, "NETWORK", NULL), \
		WISH_ROW(type, words, "publish", 'p', OPTION_LIST, network.ports,                  \
			"[IP:]PORT:PORT[/udp]", "a port of the host that leads to one of it")

/* Of what is no template. */
#define WISH_CONTAINER_ROWS(type, words)                                                           \
	WISH_ROW(type, words, "rm", 0, OPTION_FLAG, remove, NULL,                                  \
		"remove the container when it has ended"),                                         \
		WISH_ROW(type, words, "name", 0, OPTION_TEXT, name, "NAME",                        \
			"of the container; else one is made")

/* Of what is made of an image. */
#define WISH_IMAGE_ROWS(type, words)                                                               \
	WISH_ROW(type, words, "snapshotter", 0, OPTION_TEXT, snapshotter, "WAY",                   \
		"of its files: overlay, btrfs, reflink, copy, lvm:..., zfs:..."),                  \
		WISH_ROW(type, words, "entrypoint", 0, OPTION_TEXT, entrypoint, "PROGRAM",         \
			"instead of the image's"),                                                 \
		WISH_ROW(type, words, "userns", 0, OPTION_TEXT, userns, "auto",                    \
			"a user namespace with ids of its own, without privilege outside")

/* What launch_options borrows of them and the command line does not hold. */
struct wishes {
	char **env;
	struct mount_spec *volumes;
	struct json_text seccomp;
	struct limits limits;
	struct network_choice network;
	struct id_map ids;
	size_t n_env, n_volumes;
};

void wishes_done(struct wishes *w);
DEFINE_AUTO(wishes, wishes_done)

/* `words` and `ret` must outlive `o`. */
int wishes_read(const struct wish_words *words, struct wishes *ret, struct launch_options *o,
	struct err *e);

/* Whose ids it gets: an ordinary user's, as rootless_enter() found them. */
void wishes_own(struct launch_options *o, const struct rootless *own);

/* One entry more of the environment, or one mount: the wishes' then. */
int wishes_add_env(struct wishes *w, struct launch_options *o, const char *entry, struct err *e);
int wishes_add_volume(struct wishes *w, struct launch_options *o, const char *text, struct err *e);

#endif
