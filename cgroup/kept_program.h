/*
 * The program of device rules that was loaded last, by its number in the kernel.
 *
 * To load one costs the kernel as much as a namespace, and a few pages, while containers mostly have the
 * same rules: so the next group gets the program that others have, if it is still there. Its file has
 * the instructions themselves, and what the kernel says of the program: a number may be given again.
 */
#ifndef CGROUP_KEPT_PROGRAM_H
#define CGROUP_KEPT_PROGRAM_H

#include "cgroup/devices.h"

/* An fd of the program in the kernel with just these instructions; -ENOENT: none is known. */
int kept_program_open(int dir, const struct device_program *p);

/* Without a place for it the next one costs more, and that is all. */
void kept_program_keep(int dir, const struct device_program *p, int program);

#endif
