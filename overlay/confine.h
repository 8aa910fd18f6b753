/*
 * What the importing program gives up before it reads foreign bytes, so that a hole in a parser
 * gives as little as can be had cheaply:
 *
 * - all capabilities but those that unpacking needs: to give files away, to set modes, file
 *   capabilities and overlay's attributes, to make device nodes, and to read the user's archive;
 * - new privileges by exec, core dumps, being traced;
 * - the network: it moves into an empty network namespace.
 *
 * What the kernel or a surrounding container does not allow to give up is kept, silently: this is a
 * second line, the first one is in overlay/tree.h and overlay/member.h.
 */
#ifndef OVERLAY_CONFINE_H
#define OVERLAY_CONFINE_H

void confine_import(void);

#endif
