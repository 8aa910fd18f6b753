/*
 * The conversation with a template: what the parent's side (runtime/template.c) says to the stub, and
 * the stub to it.
 *
 * A template listens on a Unix socket of SOCK_SEQPACKET, ROOT/NAME/template, which it inherits as
 * TEMPLATE_FD. Each message is one packet. It accepts once its program has said that it is ready; so
 * whoever connects before that waits for his answer, and reads an end of file if it never gets there.
 *
 *	parent                                       stub
 *	HELLO                                     -> (when it is ready)
 *	                                          <- READY { report }, or REFUSED { failure }
 *	FORK { namespaces } with the channel's end
 *	and the fd of a cgroup                    -> forks: the fork speaks over its channel
 *	                                             (runtime/init/channel.h), or the stub says FAILED there
 *	                                          <- FORKED: the helper is gone, and the fork the reaper's child
 */
#ifndef RUNTIME_TEMPLATE_PROTOCOL_H
#define RUNTIME_TEMPLATE_PROTOCOL_H

#include <stdint.h>

#include "runtime/init/channel.h"
#include "runtime/template/freeze.h"

#define TEMPLATE_SOCKET "template"	       /* beside the record */
#define TEMPLATE_FD 3			       /* where the template finds it */
#define TEMPLATE_VARIABLE "COW_TEMPLATE_FD"    /* and what tells it so: "3" */
#define TEMPLATE_FREEZE "COW_TEMPLATE_FREEZE"  /* "always", "never"; anything else is auto */
#define TEMPLATE_DIRECTORY "/run/cow-template" /* where the stub lies in a template's root */

enum template_type {
	TEMPLATE_HELLO = 1,
	TEMPLATE_FORK,
	TEMPLATE_READY,
	TEMPLATE_REFUSED,
	TEMPLATE_FORKED,
};

/* What does not fit into it is not known to the other side. */
struct template_report {
	uint64_t forks; /* made since it is ready */
	struct freeze_report freeze;
};

struct template_message {
	uint32_t type;
	uint32_t unused;
	union {
		uint64_t namespaces; /* FORK: CLONE_NEWPID or nothing; the fork makes the others */
		struct template_report report; /* READY */
		struct failure failure;	       /* REFUSED */
	};
};

#endif
