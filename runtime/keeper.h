/*
 * The keeper of a container's network: cow-keeper, a program of its own.
 *
 * It is the first process of a pid namespace, in which the network program (runtime/network.h) runs
 * as its child: when it ends, whatever ended it, the kernel kills what the program has become, a
 * daemon in a namespace below included. It ends itself when the container's first process does. So
 * there is one process to name in the record, and nothing to look for.
 *
 * argv: cow-keeper PROGRAM [ARGUMENT ...], the program's path, name and arguments; its directory is
 * the record's, its standard output and error the program's.
 */
#ifndef RUNTIME_KEEPER_H
#define RUNTIME_KEEPER_H

#define KEEPER_PROGRAM "cow-keeper"
#define KEEPER_MOUNT_POINT "netns" /* beside the record: a file that the namespace is bound to */
#define KEEPER_READY '1'	   /* slirp4netns's own word */

enum keeper_fd {
	KEEPER_PIDFD = 3, /* of the container's first process */
	KEEPER_NAMESPACE, /* the network namespace */
	/* A stream socket: a byte that lets it begin, when the record names it; KEEPER_READY in
	 * return when the network is up; its end when that failed. The program has it too. */
	KEEPER_LINE,
	KEEPER_FDS,
};

#endif
