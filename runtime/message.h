/* The parent's side of the channel of a birth (runtime/init/channel.h): its messages, as bytes and fds. */
#ifndef RUNTIME_MESSAGE_H
#define RUNTIME_MESSAGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/draft.h"
#include "runtime/init/channel.h"

/* With up to CHANNEL_FDS_PER_MESSAGE fds beside its header. -errno. */
int message_send(int socket, enum channel_type type, const void *payload, size_t len,
	const int *fds, size_t n_fds);
int message_send_plan(int socket, const struct draft *d);

/*
 * Whether the plan may lie in the fresh socket before the child is born, which then finds it at
 * once: two wake-ups less. The buffer (net.core.wmem_default, usually 208 KiB) counts whole pages
 * and headers, so twice the length and two pages must fit, or we would wait for a reader that is
 * not there.
 */
bool message_plan_fits(int socket, const struct draft *d);

/* The code of a failure as a result. It is another process's word: what is no code of ours is EPROTO. */
int message_failure_code(const struct failure *f);

/* What may come beside a header: an fd, and who sent it (SO_PASSCRED). */
struct message_beside {
	int fd;
	pid_t sender;
};

/* A header. As fd_read_full(); -EPROTO: with more fds than one, which are closed. */
ssize_t message_receive(int fd, struct channel_header *header, struct message_beside *ret);

#endif
