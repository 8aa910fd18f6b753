/* The last part of an unpack: whiteouts, opaque directories, and directories' attributes. */
#ifndef OVERLAY_FINISH_H
#define OVERLAY_FINISH_H

#include "overlay/tree.h"

int finish_tree(struct tree *tree, struct err *e);

#endif
